"""What a plan says of a rehearsal."""

from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.model.result import CheckFinished, Outcome, RunFinished, SystemUsed
from talkqa.report.plan import Closed, render_plan, why_broken
from talkqa.report.reading import Run, WorldRun
from talkqa.report.usage import describe_purposes, describe_share, unite_usage

WAVE = SystemUsed(
    system="Wave",
    calls=300,
    by_purpose={"sign_in": 1, "write": 2, "confirm": 0, "poll": 297},
    repeated=0,
    busiest_minute=60,
    calls_per_minute=60.0,
    calls_per_day=5000,
    created={"Customer": 3},
    copies={"Product": 1},
)


CHECK = CheckFinished(
    check="c",
    flow_id="f",
    name="created",
    title="t",
    sentence="s",
    place="p",
    outcome=Outcome.ERROR,
    reason="world-refused",
    message="the sandbox has no such fault",
    begin_s=0,
    end_s=0,
)


def make_run(*end_s: float) -> Run:
    """A rehearsal of worlds that took so long."""
    worlds = tuple(
        WorldRun(
            slug=f"crm/w{number}",
            started=None,
            gaps=(),
            checks=(),
            mappings=(),
            latencies=(),
            finished=RunFinished(world="w", interrupted=False, end_s=end, wall_s=0, swept=0, left=()),
            used=(WAVE,),
        )
        for number, end in enumerate(end_s)
    )
    return Run(folder=Path("r"), worlds=worlds, unread=())


@pytest.mark.parametrize(
    ("end_s", "told"),
    [
        (0.0, "1 second"),
        (1.2, "1 second"),
        (59.4, "59 seconds"),
        (59.6, "1 minute"),
        (89, "1 minute"),
        (91, "2 minutes"),
        (600, "10 minutes"),
    ],
)
def test_time_is_told_in_minutes_or_in_seconds_below_one(end_s: float, told: str) -> None:
    assert render_plan(make_run(end_s), {}).splitlines()[0] == f"Crm to W0: 0 checks, {told}"


def test_each_system_is_told_by_purpose_share_and_records() -> None:
    assert render_plan(make_run(60), {}).splitlines()[1:5] == [
        "  Wave: 300 calls (1 sign-in, 2 writes, 297 polls), 6% of the 5000 a day",
        "    at most 60 in a minute; the account allows 60",
        "    creates 3 Customer",
        "    the sync engine makes of them 1 Product",
    ]


def test_what_a_live_run_may_not_create_is_told_with_what_to_write() -> None:
    one = Closed(system="Wave", entity="Product", why="it stays", needed=4, allowed=0)
    other = Closed(system="Wave", entity="Sales tax", why="it stays", needed=9, allowed=2)
    elsewhere = Closed(system="Other", entity="Thing", why="it stays", needed=1, allowed=0)
    text = render_plan(make_run(60), {"crm/w0": (one, other, elsewhere)})
    assert text.splitlines()[5:8] == [
        "    Product: off until the account allows it (it stays); its checks need 4, or are not runnable",
        "    Sales tax: the account allows 2 (it stays); its checks need 9, or are not runnable",
        '      [accounts."Wave"] allow = { Product = 4, "Sales tax" = 9 }',
    ]
    assert "Thing" not in text


def test_what_several_worlds_need_is_allowed_once() -> None:
    """They share what an account allows, so that only the sum can be written there."""
    one = Closed(system="Wave", entity="Product", why="it stays", needed=4, allowed=0)
    text = render_plan(make_run(60, 60), {"crm/w0": (one,), "crm/w1": (replace(one, needed=5),)})
    assert text.count("allow = {") == 1
    assert (
        "  Wave: 600 calls, 12% of the 5000 a day; 10 minutes at 60 a minute\n"
        '      [accounts."Wave"] allow = { Product = 9 }\n'
    ) in text


def test_worlds_are_summed_up_for_each_system() -> None:
    """At the pace of the account; one world is its own sum."""
    text = render_plan(make_run(60, 60), {})
    assert "All 2 worlds together:\n  Wave: 600 calls, 12% of the 5000 a day; 10 minutes at 60 a minute\n" in text
    assert "together" not in render_plan(make_run(60), {})


def test_united_usage_adds_up_and_keeps_the_busiest_minute() -> None:
    (both,) = unite_usage((WAVE, WAVE))
    assert (both.calls, both.busiest_minute, both.created) == (600, 60, {"Customer": 6})
    assert describe_purposes(both.by_purpose) == "2 sign-ins, 4 writes, 594 polls"


@pytest.mark.parametrize(
    ("calls", "limit", "told"),
    [
        (0, 100, "0% of the 100 a day"),
        (1, 5000, "under 1% of the 5000 a day"),
        (50, 5000, "1% of the 5000 a day"),
        (9, None, "no daily limit known"),
    ],
)
def test_a_small_share_is_not_told_to_be_nothing(calls: int, limit: int | None, told: str) -> None:
    assert describe_share(calls, limit) == told


def test_a_world_that_could_not_be_rehearsed_is_told_with_the_reason() -> None:
    (world,) = make_run(0).worlds
    broken = replace(world, checks=(CHECK,), used=())
    assert why_broken(broken) == "the sandbox has no such fault"
    assert render_plan(replace(make_run(0), worlds=(broken,)), {}).splitlines()[0] == (
        "Crm to W0: cannot be rehearsed: the sandbox has no such fault"
    )
    assert why_broken(world) == ""
