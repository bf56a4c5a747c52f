"""Campaigns of the correct engine: what they deal out, what they count as wrong, and how a wrong result shrinks."""

from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.config.weather import KINDS
from talkqa.model.flow import EntityRef
from talkqa.model.result import CheckFinished, Outcome
from talkqa.model.settings import Settings, Weather
from talkqa.runner.campaign import (
    WORST,
    draw_weather,
    list_flips,
    plan_campaign,
    run_campaign,
    shrink_experiment,
    unacceptable,
)
from talkqa.runner.experiment import Experiment, Findings, Laboratory
from tests.fakes.flows import make_flow, make_world

WORLDS = (make_world(slug="one/x"), make_world(slug="two/x"))


def result(check: str, outcome: Outcome, reason: str = "seen") -> CheckFinished:
    return CheckFinished(
        check=check,
        flow_id="f",
        name="n",
        title="t",
        sentence="s",
        place="p:1",
        outcome=outcome,
        reason=reason,
        message="m",
    )


def findings(*results: CheckFinished) -> Findings:
    return Findings(results={one.check: one for one in results}, records=3, writes=7, left=(), end_s=9.0, cpu_s=0.1)


class Scripted(Laboratory):
    """A laboratory in which one check fails where others and some weather are at work."""

    def __init__(self, checks: tuple[str, ...], culprits: frozenset[str], sky: frozenset[str]) -> None:
        super().__init__(WORLDS, Settings(), Path())
        self.checks, self.culprits, self.sky = checks, culprits, sky
        self.performed: list[Experiment] = []

    def checks_of(self, experiment: Experiment) -> tuple[str, ...]:
        return experiment.checks or self.checks

    def perform(self, experiment: Experiment) -> Findings:
        self.performed.append(experiment)
        checks = self.checks_of(experiment)
        going_on = {kind for kind in KINDS if getattr(experiment.weather, kind)}
        fails = self.culprits <= set(checks) and self.sky <= going_on
        bad = result("victim", Outcome.FAILED, "duplicate") if fails else result("victim", Outcome.PASSED)
        return findings(*(bad if check == "victim" else result(check, Outcome.PASSED) for check in checks))


def test_each_seed_has_its_own_weather_within_bounds() -> None:
    skies = [draw_weather(seed) for seed in range(300)]
    assert len(set(skies)) > 290
    assert skies == [draw_weather(seed) for seed in range(300)]
    for kind in KINDS:
        drawn = [getattr(sky, kind) for sky in skies]
        assert 0 <= min(drawn) <= max(drawn) <= getattr(WORST, kind)
        assert 0.3 < sum(map(bool, drawn)) / len(drawn) < 0.7, "every second simulation has some of it"


def test_simulations_are_dealt_over_all_worlds_with_one_seed_each() -> None:
    planned = plan_campaign(WORLDS, count=5, first_seed=40, weather=None)
    assert [one.world for one in planned] == ["one/x", "two/x", "one/x", "two/x", "one/x"]
    assert [one.seed for one in planned] == [40, 41, 42, 43, 44]
    assert [one.weather for one in planned] == [draw_weather(seed) for seed in range(40, 45)]


def test_a_simulation_alone_is_the_same_as_among_others() -> None:
    """So that the command printed for it replays it."""
    among = plan_campaign(WORLDS, count=5, first_seed=40, weather=None)[3]
    assert plan_campaign(WORLDS[1:], count=1, first_seed=43, weather=None) == (among,)


def test_every_quirk_is_flipped_away_from_where_it_stands() -> None:
    settings = replace(Settings(), sandbox=replace(Settings().sandbox, quirks={"Salesforce.sandbox": False}))
    laboratory = Laboratory(
        (make_world(make_flow(target=EntityRef(system="Salesforce", entity="Account")), slug="bakery/salesforce"),),
        settings,
        Path(),
    )
    flips = list_flips(laboratory)
    quirks = dict(flip.quirk for flip in flips if flip.quirk)
    assert quirks["Salesforce.idle-writes-stamp"] is False
    assert quirks["Salesforce.small-batches"] is True
    assert quirks["Salesforce.sandbox"] is True, "which the settings had switched off"
    assert "Salesforce.Billing" in {flip.licence for flip in flips}
    planned = plan_campaign((), count=len(flips), first_seed=1, weather=Weather(), flips=flips)
    assert [one.quirks or one.licences_off for one in planned] == [
        (f.quirk,) if f.quirk else (f.licence,) for f in flips
    ]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.LATE, Outcome.ERROR])
def test_no_check_of_a_correct_engine_may_end_so(outcome: Outcome) -> None:
    assert unacceptable(findings(result("a", outcome))) == (result("a", outcome),)


def test_what_is_unproven_must_say_why() -> None:
    told = (
        result("a", Outcome.UNDECIDED, "no-binding"),
        result("b", Outcome.NOT_RUNNABLE, ""),
        result("c", Outcome.PASSED),
    )
    assert [one.check for one in unacceptable(findings(*told))] == ["b"]


def test_a_campaign_counts_outcomes_and_keeps_what_is_wrong_with_its_simulation() -> None:
    laboratory = Scripted(("victim", "other"), frozenset(), frozenset({"lost"}))
    calm = Experiment(world="one/x", seed=1)
    lossy = replace(calm, seed=2, weather=Weather(lost=0.1))
    done: list[str] = []
    tally = run_campaign(
        laboratory,
        (lossy, calm),
        on_done=lambda: done.append("over"),
        on_wrong=lambda experiment, wrong: done.append(f"{experiment.seed} {wrong[0].check}"),
    )
    assert done == ["2 victim", "over", "over"]
    assert tally.simulations == 2
    assert tally.counts["passed", "seen"] == 3
    assert tally.counts["failed", "duplicate"] == 1
    assert [(one.experiment, one.result.check) for one in tally.accusations] == [(lossy, "victim")]


def test_a_wrong_result_shrinks_to_the_checks_and_the_weather_that_it_needs() -> None:
    checks = (*(f"check-{number:02}" for number in range(30)), "victim")
    laboratory = Scripted(checks, frozenset({"check-07", "victim"}), frozenset({"lost", "skew_s"}))
    experiment = Experiment(world="one/x", seed=4, weather=WORST)
    wrong = laboratory.perform(experiment).results["victim"]
    shrunk = shrink_experiment(laboratory, experiment, wrong)
    assert shrunk.experiment.checks == ("check-07", "victim")
    assert shrunk.experiment.weather == Weather(lost=WORST.lost, skew_s=WORST.skew_s)
    assert shrunk.result == wrong
    assert (shrunk.findings.records, shrunk.findings.writes) == (3, 7)
    assert len(laboratory.performed) < 40


def test_a_wrong_result_that_needs_nothing_else_is_left_alone() -> None:
    laboratory = Scripted(("a", "b", "victim"), frozenset({"victim"}), frozenset())
    experiment = Experiment(world="one/x", seed=4, weather=WORST)
    shrunk = shrink_experiment(laboratory, experiment, result("victim", Outcome.FAILED, "duplicate"))
    assert shrunk.experiment.checks == ("victim",)
    assert shrunk.experiment.weather.calm
