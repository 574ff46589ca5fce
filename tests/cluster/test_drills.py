"""Every drill on three nodes with two databases: what must hold does."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "fault",
    [
        "baseline",
        "drain",
        "kill",
        "rolling",
        "pause",
        "database-restart",
        "redis-flush",
        "shard-move",
        "cut-links",
        "cut-links-one-way",
        "deaf-peers",
        "cut-database",
        "cut-database-answers",
    ],
)
def test_what_must_hold_under_a_fault_does(drill: Callable[..., dict], fault: str) -> None:
    report = drill(fault, "--sleep", "6")
    broken = [one for one in report["invariants"] if not one["holds"]]
    assert not broken, report
    assert report["passed"]
    assert int(report["measured"]["requests"]) > 500
