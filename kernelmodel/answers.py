# SPDX-License-Identifier: GPL-2.0-only
"""The scenario's answers: which one is due at a question, and whether the state allows it."""

from __future__ import annotations

from kernelmodel.decision import Question
from kernelmodel.machine import Machine
from kernelmodel.scenario.types import Answer, Scenario


class ImpossibleAnswer(Exception):
    """A scripted answer that this state does not allow; ``answer`` knows its place in the scenario."""

    def __init__(self, answer: Answer, message: str) -> None:
        super().__init__(message)
        self.answer = answer
        self.message = message


class Script:
    """All answers of a scenario, numbered through; ``Machine.answered`` keeps which ones were used."""

    def __init__(self, scenario: Scenario, m: Machine) -> None:
        self.m = m
        self.events = scenario.events
        self._first: list[int] = []
        total = 0
        for event in scenario.events:
            self._first.append(total)
            total += len(event.answers)

    def due(self, event: int, question: Question) -> tuple[int, Answer | None]:
        """The event's first unused answer to this site, and its number; (-1, None) if there is none."""
        for n, each in enumerate(self.events[event].answers):
            number = self._first[event] + n
            if each.site == question.site and not self.m.answered.get(number):
                return number, each
        return -1, None

    def use(self, event: int, question: Question, natural: str) -> str:
        """What the scenario answers, used up by this; ``natural`` where it says nothing."""
        number, answer = self.due(event, question)
        if answer is None:
            return natural
        self.m.answered.set(number, 1)
        if answer.outcome not in possible(question):
            text = f"'{answer.site} = {answer.outcome}' can't be here: nature says {natural}"
            raise ImpossibleAnswer(answer, text)
        return answer.outcome

    def unasked(self) -> list[Answer]:
        """Answers that no decision has asked for so far."""
        everything = [answer for event in self.events for answer in event.answers]
        return [answer for number, answer in enumerate(everything) if not self.m.answered.get(number)]


def possible(question: Question) -> tuple[str, ...]:
    """Every answer that a question takes in this state, what-ifs included."""
    return (*question.outcomes, *(question.forcible() if question.forcible else ()))
