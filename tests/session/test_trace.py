

def test_neighbouring_counters_are_all_told() -> None:
    """Two statistics that stand side by side and rise together are one entry of the journal, and two in the record."""
    session = Session(load("pmd/charge-fails.toml"))
    counters = [row["counters"] for row in follow(session) if row["type"] == "fault"][0]
    assert counters["thp_fault_fallback"] == counters["thp_fault_fallback_charge"] == 1
