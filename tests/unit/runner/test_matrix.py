"""What told a fault from the correct engine, and the rates that come of it. Nothing is simulated here."""

from dataclasses import replace

import pytest

from talkqa.model.flow import RuleKind
from talkqa.model.result import CheckFinished, Outcome
from talkqa.model.settings import Weather
from talkqa.runner.experiment import Findings
from talkqa.runner.killrates import KillRates, Rate, rates_json, render_markdown, render_rates
from talkqa.runner.matrix import Scope, Trial, Verdict, choose, experiment_of, judge, sample
from talkqa.sandbox.faults import Fault, SeenAs
from tests.fakes.flows import make_flow

FLOW = make_flow()
(TWO_WAY,) = (rule.text for rule in FLOW.rules_of(RuleKind.TWO_WAY))


def fault(kind: str = "edits-dropped", flow: str = FLOW.id, **changes: object) -> Fault:
    made = Fault(
        id=f"{kind}:{flow}",
        kind=kind,
        flow_id=flow,
        summary="Edits are not carried.",
        sentence=RuleKind.TWO_WAY,
        checks=("edited-in-source", "quiet"),
        weather=Weather(),
        documented=True,
        seen_as=SeenAs.FAILED,
        tells=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def trial(made: Fault | None = None) -> Trial:
    return Trial(fault=made or fault(), world="bakery/web-shop", documents=("specs/bakery.rst",))


def result(name: str, outcome: Outcome, reason: str = "seen", sentence: str = TWO_WAY) -> CheckFinished:
    return CheckFinished(
        check=f"{FLOW.id}/{name}",
        flow_id=FLOW.id,
        name=name,
        title=name,
        sentence=sentence,
        place="specs/bakery.rst:7",
        outcome=outcome,
        reason=reason,
        message="something was seen",
    )


def findings(*results: CheckFinished) -> Findings:
    return Findings(results={one.check: one for one in results}, records=0, writes=0, left=(), end_s=0.0, cpu_s=0.0)


WELL = findings(
    result("created", Outcome.PASSED),
    result("edited-in-source", Outcome.PASSED),
    result("delete-stays", Outcome.OBSERVED),
)


def verdict(*results: CheckFinished, made: Fault | None = None, correct: Findings = WELL) -> Verdict:
    return judge(trial(made), FLOW, correct, findings(*results))


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.LATE])
def test_a_check_that_fails_or_is_late_notices(outcome: Outcome) -> None:
    told = verdict(result("edited-in-source", outcome))
    assert told.killed
    assert [one.name for one in told.declared] == ["edited-in-source"]
    assert told.named


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.UNDECIDED, Outcome.NOT_RUNNABLE, Outcome.OBSERVED])
def test_what_decides_nothing_does_not_notice(outcome: Outcome) -> None:
    """An error of the harness is no kill, and a shrug is none."""
    told = verdict(result("edited-in-source", outcome, "another-reason"))
    assert not told.killed
    assert told.seen == f"edited-in-source {outcome} another-reason"


def test_a_check_that_accuses_the_correct_engine_too_does_not_notice() -> None:
    """It would accuse anything; and it is told."""
    wrong = result("edited-in-source", Outcome.FAILED)
    told = verdict(wrong, correct=findings(wrong))
    assert not told.killed
    assert told.unclean == (wrong.check,)


def test_another_check_may_notice_and_is_not_the_declared_one() -> None:
    told = verdict(result("created", Outcome.FAILED, sentence="Every Customer is synchronized."))
    assert told.killed
    assert told.declared == ()
    assert not told.named


def test_a_declared_check_that_names_another_sentence_does_not_name_the_broken_one() -> None:
    told = verdict(result("edited-in-source", Outcome.FAILED, sentence="Every Customer is synchronized."))
    assert told.declared
    assert not told.named


def test_of_a_policy_no_sentence_can_be_named() -> None:
    assert verdict(
        result("quiet", Outcome.FAILED), made=fault(sentence=None), correct=findings(result("quiet", Outcome.PASSED))
    ).named


def test_another_observation_notices_where_the_fault_declares_it_and_nowhere_else() -> None:
    """By the word for what was seen, or by the reason code."""
    told = replace(result("delete-stays", Outcome.OBSERVED, "delete-seen"), observed="deleted")
    correct = findings(replace(told, observed="stays"))
    policy = fault(sentence=None, checks=("delete-stays",), seen_as=SeenAs.OBSERVED, tells=("deleted", "archived"))
    assert verdict(told, made=policy, correct=correct).killed
    assert verdict(told, made=replace(policy, tells=("delete-seen",)), correct=WELL).killed
    assert not verdict(told, made=policy, correct=findings(told)).killed, "the correct engine does so too"
    assert not verdict(replace(told, observed="renamed"), made=policy, correct=correct).killed, "another departure"
    assert not verdict(told, made=replace(policy, checks=("empty-keeps",)), correct=correct).killed, "another check"
    assert not verdict(told, made=replace(policy, seen_as=SeenAs.FAILED), correct=correct).killed


def test_the_experiment_has_the_weather_of_the_fault_and_the_checks_of_its_flow() -> None:
    made = fault(weather=Weather(refused=0.2))
    told = experiment_of(trial(made), Scope(), seed=5)
    assert (told.faults, told.weather, told.flow_id, told.seed) == ((made.id,), made.weather, FLOW.id, 5)
    assert experiment_of(trial(made), Scope(whole=True), seed=5).flow_id is None


CATALOGUE = tuple(
    trial(fault(kind, f"flow-{number}", documented=number % 2 == 0))
    for kind, count in (("dropped", 40), ("echo", 3), ("late", 1))
    for number in range(count)
)


@pytest.mark.parametrize("size", [1, 3, 5, 12, 44, 1000])
def test_a_sample_covers_every_kind_documented_flows_first(size: int) -> None:
    taken = sample(CATALOGUE, size)
    assert {one.fault.kind for one in taken} == {"dropped", "echo", "late"}
    assert len(taken) == min(max(size, 3), len(CATALOGUE))
    left = set(CATALOGUE) - set(taken)
    without = {one.fault.kind for one in taken if not one.fault.documented}
    assert not [one for one in left if one.fault.kind in without and one.fault.documented]
    assert set(taken) <= set(CATALOGUE)
    assert taken == sample(tuple(reversed(CATALOGUE)), size), "whatever the order of the catalogue"


def test_a_choice_restricts_by_whatever_is_given() -> None:
    assert len(choose(CATALOGUE)) == 44
    assert len(choose(CATALOGUE, kinds=("echo",))) == 3
    assert len(choose(CATALOGUE, kinds=("echo", "late"), flows=("flow-0",))) == 2
    assert [one.fault.id for one in choose(CATALOGUE, faults=("late:flow-0",))] == ["late:flow-0"]


def many(kind: str, killed: int, survived: int, *, documented: bool = True, named: bool = True) -> list[Verdict]:
    sentence = TWO_WAY if named else "Every Customer is synchronized."
    made = fault(kind, documented=documented)
    dead = judge(trial(made), FLOW, WELL, findings(result("edited-in-source", Outcome.FAILED, sentence=sentence)))
    alive = judge(trial(made), FLOW, WELL, findings(result("edited-in-source", Outcome.PASSED)))
    return [dead] * killed + [alive] * survived


def shortfalls(*groups: list[Verdict]) -> str:
    return "\n".join(KillRates(verdicts=tuple(one for group in groups for one in group)).shortfalls())


def test_the_measure_holds_at_98_90_and_90_percent() -> None:
    assert shortfalls(many("a", 89, 1), many("b", 9, 1)) == ""
    assert shortfalls(many("a", 90, 0), many("b", 9, 1, named=False)) == ""


def test_each_part_of_the_measure_can_fall_short() -> None:
    assert "97.0% killed on documented flows" in shortfalls(many("a", 97, 3))
    assert "b: 8 of 10 killed" in shortfalls(many("a", 500, 0), many("b", 8, 2))
    assert "80.0% of the kills by the check of the broken sentence" in shortfalls(
        many("a", 80, 0), many("b", 20, 0, named=False)
    )


def test_undocumented_flows_are_counted_apart_and_fall_short_of_nothing() -> None:
    groups = [many("a", 10, 0), many("a", 1, 9, documented=False)]
    assert shortfalls(*groups) == ""
    rates = KillRates(verdicts=tuple(one for group in groups for one in group))
    assert Rate.of(rates.undocumented) == Rate(tried=10, killed=1, declared=1, named=1)
    assert render_rates(rates).splitlines()[1].split() == ["a", "10", "10", "100.0%", "10", "10", "10", "1"]


def test_a_correct_engine_that_is_accused_falls_short() -> None:
    wrong = result("created", Outcome.FAILED)
    told = verdict(result("edited-in-source", Outcome.FAILED), wrong, correct=findings(*WELL.results.values(), wrong))
    assert f"accused by {wrong.check}" in shortfalls([told])


def test_survivors_are_listed_with_what_was_seen() -> None:
    rates = KillRates(verdicts=tuple(many("a", 1, 1)))
    for text in (render_rates(rates), render_markdown(rates, date="2025-06-01", facts=("Seed 0.",))):
        assert f"a:{FLOW.id}" in text
        assert "edited-in-source passed seen" in text


def test_the_table_has_a_row_for_each_kind_and_its_date() -> None:
    text = render_markdown(KillRates(verdicts=tuple(many("a", 2, 0))), date="2025-06-01", facts=("Seed 0.",))
    assert "Made on 2025-06-01." in text
    assert "| `a` | two-way | 2 | 2 | 100.0% | 2 | 2 | 0 | 0 |" in text
    assert "It holds." in text


def test_each_fault_is_an_object_of_the_json_file() -> None:
    (told,) = rates_json(KillRates(verdicts=tuple(many("a", 1, 0))))
    assert told["killed"] is told["by_declared"] is told["sentence_named"] is True
    assert told["by"][0]["sentence"] == TWO_WAY
