# SPDX-License-Identifier: GPL-2.0-only
"""The command language: words, prefixes, carets, ``;``, comments, repetition; what holds for every line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tui.talk import ARGUMENTS, WORDS, fails, go, state
from tests.tui.talk import console as new
from tui import commands
from tui.commands import parse, separate, table


@pytest.fixture
def console():
    return new()


@pytest.mark.parametrize(
    ("typed", "name"),
    [("s", "step"), ("n", "next"), ("f", "finish"), ("c", "continue"), ("rs", "reverse-step"), ("rn", "reverse-next"),
     ("rf", "reverse-finish"), ("rc", "reverse-continue"), ("ru", "reverse-until"), ("rev step", "reverse"), ("r", "run"),
     ("b", "break"), ("d", "delete"), ("p", "print"), ("h", "help"), ("q", "quit"), ("bt", "where"), ("w", "where"),
     ("u", "up"), ("l", "list"), ("i events", "info"), ("y", "copy"), ("z", "zoom"), ("!ls", "shell"),
     ("|info vmas | cat", "pipe"), ("ste", "step"), ("cont", "continue"), ("tb", "tbreak"), ("reverse-s", "reverse-step"),
     ("inf events", "info"), ("sav x", "save-scenario"), ("next-c i", "next-change"), ("s5", "step"), ("p/x 1", "print")],
)  # fmt: skip
def test_aliases_and_unique_prefixes(typed, name):
    assert parse(typed)[0].name == name


def test_no_two_commands_share_a_word():
    words = [word for command in table() for word in (command.name, *command.aliases)]
    assert len(words) == len(set(words))


def test_every_command_has_words_for_the_help():
    for command in table():
        assert command.help
        assert command.group
        assert command.usage.startswith((command.name, *command.aliases))


def test_an_ambiguous_prefix_names_the_candidates(console):
    col, words = fails(console, "re 3")
    assert col == 0
    assert "reverse-step" in words
    assert "reload" in words


@pytest.mark.parametrize(
    ("text", "fault", "words"),
    [
        ("stpe", "stpe", "did you mean step?"),
        ("  frob", "frob", "no command frob"),
        ("(", "(", "help lists the commands"),
        ("step 0", "0", "a count is 1"),
        ("step x", "x", "a count is a number"),
        ("step 1000001", "1000001", "a count is 1"),
        ("back 2", "2", "back takes nothing"),
        ("quit now", "now", "quit takes nothing"),
        ("break fallbck", "fallbck", "did you mean fallback?"),
        ("break fallback if order >", "", "ends too early"),
        ("b   fallback if 1 + * 2", "* 2", ""),
        ("break 12 if 1 +* 2", "* 2", ""),
        ("break if 1 +* 2", "* 2", ""),
        ("tbreak fallback hits == x", "x", "hits"),
        ("toggle fallbck", "fallbck", "did you mean fallback?"),
        ("break alloc_anon_folio:999", "alloc_anon_folio:999", "decides nothing at line 999 and below"),
        ('log fallback "x {1 +* 2}"', "* 2}\"", ""),
        ('log   fallback   "x {1 +* 2}"', "* 2}\"", ""),
        ('log 12 "x {1 +* 2}"', "* 2}\"", ""),
        ('log fallbck "x"', 'fallbck "x"', "did you mean fallback?"),
        ("log fallback", "fallback", "log LOC"),
        ("watch i +* 2", "* 2", ""),
        ("until fallbck", "fallbck", "did you mean"),
        ("continue fallbck", "fallbck", "did you mean"),
        ("rev until fallbck", "fallbck", "did you mean"),
        ("rev  stpe", "", "did you mean step?"),
        ("rev goto 3", "goto 3", "goto has no reverse"),
        ("print 1 +* 2", "* 2", ""),
        ("print/x 1 +* 2", "* 2", ""),
        ("print /x   1 +* 2", "* 2", ""),
        ("print/q 1", "/q 1", "formats are"),
        ("p(1 +* 2", "* 2", ""),
        ("print nonsense", "nonsense", "nonsense has no value here"),
        ("print/x nonsense", "nonsense", "nonsense has no value here"),
        ("display 1 +", "", "ends too early"),
        ("undisplay 4", "4", "no display 4"),
        ("walk 1 +* 2", "* 2", ""),
        ("last 1 +* 2", "* 2", ""),
        ("history 1 +* 2", "* 2", ""),
        ("next-change 1 +* 2", "* 2", ""),
        ("previous-change 1 +* 2", "* 2", ""),
        ("delete 7", "7", "no breakpoint 7"),
        ("enable 12 1", "12 1", "no breakpoint 12"),
        ("disable x", "x", "no breakpoint x"),
        ("condition 9 i", "9 i", "no breakpoint 9"),
        ("ignore 9 1", "9 1", "no breakpoint 9"),
        ("edit-break 9 fallback", "9 fallback", "no breakpoint 9"),
        ("goto x", "x", "a stop is N"),
        ("goto +", "+", "a stop is N"),
        ("mark 1a", "1a", "a name is letters"),
        ("mark end", "end", "a name is letters"),
        ("mark a 99", "99", "known from #0 to #0"),
        ("unmark a", "a", "no mark a"),
        ("jump a", "a", "no mark 'a'"),
        ("diff 0 7", "7", "known from #0 to #0"),
        ("diff 0 0 0", "0 0 0", "diff [A [B]]"),
        ("info nothing", "nothing", "breakpoints"),
        ("info event  9", "9", "known from #0 to #0"),
        ("info vmas 9", "9", "takes nothing"),
        ("frame 99", "99", "frames are 0"),
        ("frame x", "x", "frames are 0"),
        ("cpu 9", "9", "CPUs are 0"),
        ("show nonsense", "nonsense", "nothing is called"),
        ("set theme blue", "theme blue", "theme is one of"),
        ("set thp.enbled always", "thp.enbled always", "enabled"),
        ("transcript --width 20", "--width 20", "a width is 40"),
        ("transcript --width 00729999", "--width 00729999", "a width is 40"),
        ("transcript --since 99", "--since 99", "known from"),
        ("transcript --nonsense", "--nonsense", "transcript [-o FILE]"),
        ('transcript -o "x', '-o "x', "quotation"),
        ("source /no/such/file", "/no/such/file", "No such file"),
        ("replay nonsense", "nonsense", ""),
        ("replay " + "x" * 300, "x" * 300, ""),
        ("alias step = next", "step = next", "is a command already"),
        ("alias s = next", "s = next", "is a command already"),
        ("alias x = frob", "frob", "no command frob"),
        ("alias x =", "x =", "alias NAME = COMMAND"),
        ("unalias x", "x", "no alias 'x'"),
        ("help frob", "frob", "no command frob"),
        ("pipe info vmas", "info vmas", "pipe COMMAND"),
        ("pipe step | cat", "step | cat", "step gives no text"),
        ("pipe print 1 +* 2 | cat", "* 2 | cat", ""),
        ("pane nonsense", "nonsense", "pane is one of source"),
        ("layout nonsense", "nonsense", "layout is one of auto"),
        ("copy nonsense", "nonsense", "copy is one of transcript"),
    ],
)  # fmt: skip
def test_errors_point_at_the_fault(console, text, fault, words):
    before = state(console)
    col, message = fails(console, text)
    if fault:
        assert text[col:] == fault
    assert words in message
    assert state(console) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("goto", "goto N"), ("watch", "watch what?"), ("condition", "which breakpoint?"), ("commands", "no breakpoint"),
        ("end", "end stands after commands"), ("print", "print what?"), ("last", "who wrote it last"),
        ("next-change", "of what?"), ("answer NULL", "nothing is asked here"), ("back", "no jump was made"),
        ("forward", "nothing lies ahead"), ("save-scenario", "save-scenario FILE"), ("replay", "replay TOKEN"),
        ("source", "source FILE"), ("!", "!COMMAND"), ("set thp.enabled", "to what?"), ("reverse", "which motion?"),
        ("edit-break", "which breakpoint?"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told(console, text, words):
    before = state(console)
    assert words in fails(console, text)[1]
    assert state(console) == before


def test_the_caret_stands_right_behind_tabs_and_wide_and_hidden_characters(console):
    for text in ("print\t1 +* 2", "  print  1 +* 2", "print 字 2", "print 1\x1b 2"):
        result = console.typed(text)
        assert result.error
        assert result.lines[0].isprintable()
        assert result.lines[1].strip().startswith("^ ")
    line, caret = console.typed("print\t1 +* 2").lines
    assert line[caret.index("^") :] == "* 2"


def test_the_log_holds_the_faulty_line_once(console):
    console.typed("stpe")
    assert console.log == ["(thp) stpe", "      ^ no command stpe; did you mean step?"]


def test_the_log_repeats_the_part_of_a_line_that_is_at_fault(console):
    go(console, "echo a; stpe")
    assert console.log[:2] == ["(thp) echo a; stpe", "a"]
    assert console.log[2:] == ["(thp) stpe", "      ^ no command stpe; did you mean step?"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s; n", ["s", "n"]),
        (" s ;; n ; ", ["s", "n"]),
        (";", [""]),
        ('log fallback "a; b"; s', ['log fallback "a; b"', "s"]),
        ("break /a;b/; s", ["break /a;b/", "s"]),
        ("break /a\\/;b/ if i; s", ["break /a\\/;b/ if i", "s"]),
        ("until /a;b/; s", ["until /a;b/", "s"]),
        ("rev until /a;b/; s", ["rev until /a;b/", "s"]),
        ("edit-break 1 /a;b/; s", ["edit-break 1 /a;b/", "s"]),
        ("print /x 1; print /x 2", ["print /x 1", "print /x 2"]),
        ("p /x 1; p /x 2", ["p /x 1", "p /x 2"]),
        ("!ls; pwd", ["!ls; pwd"]),
        ("s; !ls; pwd", ["s", "!ls; pwd"]),
        ("pipe info vmas | sort; cat", ["pipe info vmas | sort; cat"]),
        ('echo " ; s', ['echo "', "s"]),
    ],
)
def test_semicolons_separate_commands(text, parts):
    assert separate(text) == parts


def test_commands_of_a_line_are_executed_in_order_and_an_error_ends_it(console):
    go(console, "step 2; break fallback; continue; rs")
    assert console.session.step == 9
    go(console, "rs; frob; rs")
    assert console.session.step == 8
    assert not console.queue


def test_nothing_and_comments_say_nothing(console):
    for text in ("", "   ", "# a comment", "  # print 1", ";", " ; ; "):
        result = console.typed(text)
        assert (result.lines, result.error, result.move) == ([], False, None)


def test_an_empty_line_repeats_the_last_motion_and_nothing_else(console):
    go(console, "step 2", "print 1", "")
    assert console.session.step == 4
    go(console, "rs", "mark a", "")
    assert console.session.step == 2
    go(console, "goto 4", "")
    assert console.session.step == 3


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ("step 3", 6),
        ("next", 19),
        ("fallback", 64),
        ("rev step", 8),
        ("next-change step()", 2),
        ("until vma-bounds", 9),
    ],
)
def test_motions_can_be_repeated_by_an_empty_line(console, line, reached):
    if line == "rev step":
        go(console, "goto 10")
    go(console, line, "")
    assert console.session.step == reached


def test_an_empty_line_of_a_file_repeats_nothing(console):
    go(console, "step")
    assert console.execute("", trusted=False).move is None


def test_what_is_typed_is_history_once(console):
    go(console, "step", "step", "print 1  ", "", "step")
    assert console.history == ["step", "print 1", "step"]
    assert go(console, "history") == ["step", "print 1", "step", "history"]


def test_whoever_keeps_lines_is_told_and_may_complain(console):
    kept = []
    console.keep_line = lambda line: kept.append(line) or "no room"
    go(console, "step", "# x")
    assert kept == ["step", "# x"]
    assert console.log.count("no room") == 2


def test_the_log_is_bounded(console, monkeypatch):
    monkeypatch.setattr(commands, "MAX_LOG", 50)
    log = console.log
    for n in range(200):
        go(console, f"echo {n}")
    assert len(console.log) <= 55
    assert console.log[-1] == "199"
    assert console.log is log


def test_lines_of_output_hold_nothing_that_a_terminal_obeys(console):
    assert go(console, "echo \x1b[31mred\x07") == ["\\x1b[31mred\\x07"]
    assert console.log[0].isprintable()


def answered(console, text):
    before = state(console)
    result = console.typed(text)
    assert all(line.isprintable() for line in [*result.lines, *console.log])
    if result.error:
        assert result.lines
        assert result.move is None
        after = state(console)
        assert after[:-1] == before[:-1]
        assert not console.queue
    elif result.move is not None:
        said = console.arrived(result.move(None))
        assert said
        assert all(line.isprintable() for line in console.log)
    return result


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_is_answered(text):
    answered(new(), text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WORDS), ARGUMENTS), min_size=1, max_size=6))
def test_whatever_follows_a_command_is_answered_and_an_error_changes_nothing(lines):
    console = new()
    for word, arguments in lines:
        answered(console, f"{word} {arguments}")
        console.queue.clear()


BREAKS = st.builds(
    lambda place, words, condition: " ".join([place, *words, condition]).strip(),
    st.sampled_from(
        ["fallback", "vma-bounds:outside", "alloc(order=4)", "alloc_anon_folio", "alloc_anon_folio:25", "/order [0-9];/", "end",
         "bug", "blocked", "pte-range(outcome=populated, order=4)", "/a\\/b \"/"]
    ),
    st.permutations(["cpu 0", "hits % 3", "hits == 2", 'log "a; {order:x} \\"b\\""']).map(lambda words: words[:2]).filter(
        lambda words: sum(word.startswith("hits") for word in words) < 2
    ),
    st.sampled_from(["", "if order > 3 && i == 0", "if changed(i)"]),
)  # fmt: skip
WATCHES = st.sampled_from(["i", "i cpu 0 if i > 1", "orders[i] hits == 2", "zone->free_area[4].nr_free", "was(i) if 1"])
EXTRA = st.sampled_from(
    ["", "disable {}", "ignore {} 3", 'commands {}; print i; echo a "b"; # x; end', "commands {}; step 2; end"]
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.one_of(BREAKS.map("break {}".format), WATCHES.map("watch {}".format)), EXTRA), max_size=5),
       st.lists(st.sampled_from(["i", "1 + 2"]), max_size=2), st.integers(0, 2))  # fmt: skip
def test_breakpoints_typed_again_are_the_same(made, displays, shift):
    first = new()
    for line, extra in made:
        go(first, line)
        if extra:
            go(first, *extra.format(max(each.number for each in first.breaks)).split("; "))
    go(first, *(f"display {text}" for text in displays))
    for each in first.breaks:
        again = new()
        go(again, each.command)
        assert [(one.text, one.command) for one in again.breaks] == [(each.text, each.command)]
    second = new()
    for _ in range(shift):
        second.breaks.add("alloc", origin="scenario")
    assert second.restore(first.remembered()) == []
    assert second.breaks.script() == first.breaks.script()
    assert [e.commands for e in second.breaks if not e.origin] == [e.commands for e in first.breaks]
    assert second.displays == first.displays
    assert second.log == []


def test_what_belongs_to_a_lost_breakpoint_is_not_executed(console, tmp_path):
    lines = ["break no_such_function:1", "disable 1", "commands 1", f"save-scenario {tmp_path}/x", "delete", "end",
             "break fallback", "commands 2", "echo hit", "end", "break alloc", "disable 3"]  # fmt: skip
    assert console.restore(lines) == ["break no_such_function:1"]
    assert [(each.text, each.enabled, each.commands) for each in console.breaks] == [
        ("fallback", True, ["echo hit"]),
        ("alloc", False, []),
    ]
    assert not (tmp_path / "x").exists()


def test_only_breakpoints_and_displays_are_restored(console):
    assert console.restore(["delete", "!touch x", "step", "display i", "commands 1", "delete"]) == [
        "delete", "!touch x", "step",
    ]  # fmt: skip
    assert console.collecting is None
    assert console.session.step == 0
    assert console.displays == {1: "i"}


def test_what_changes_is_told_to_whoever_keeps_it(console):
    kept = []
    console.keep = lambda lines: kept.append(lines) or ""
    go(console, "break fallback", "print 1", "display i", "delete")
    assert kept == [["break fallback"], ["break fallback", "display i"], ["display i"]]
    console.keep = lambda lines: "disk full"
    assert "disk full" in go(console, "undisplay")


def test_too_many_waiting_lines_are_dropped_and_told(console, monkeypatch):
    monkeypatch.setattr(commands, "MAX_QUEUE", 5)
    assert "more than 5 lines wait" in fails(console, "echo 1; echo 2; echo 3; echo 4; echo 5; echo 6; echo 7")[1]
    assert not console.queue
