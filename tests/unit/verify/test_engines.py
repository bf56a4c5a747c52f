"""Engines that are right in unusual ways are never accused; engines that are wrong are, each by the fitting check."""

from pathlib import Path

import pytest

from talkqa.model.check import Depth
from talkqa.model.flow import Flow, RuleKind
from talkqa.model.result import Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import ConditionBinding
from tests.fakes.engine import WAYS
from tests.fakes.flows import BAKER, SHOP, make_flow, make_merge, make_row, make_rule
from tests.unit.verify.test_scenarios import MAPPING, Outcomes, empty_flow, failed, filled_flow, run

ROWS = tuple(make_row(s, t) for s, t in MAPPING.items())
CONDITION = "When a loaf is sold"
SOLD = ConditionBinding(text=CONDITION, holds={"remark": "sold"}, fails={"remark": "stale"})


def merging_flow(*rows: object) -> Flow:
    """Creates where nothing matches, else merges by name."""
    return make_flow(
        RuleKind.EVERY, RuleKind.MERGE_ON, RuleKind.TWO_WAY, RuleKind.PROPERTIES,
        rows=rows, merge=(make_merge("name", "title"),),
    )  # fmt: skip


def linking_flow() -> Flow:
    """Merges by name, and creates nothing."""
    return make_flow(
        RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.TWO_WAY, RuleKind.PROPERTIES,
        rows=ROWS, merge=(make_merge("name", "title"),),
    )  # fmt: skip


def selling_flow() -> Flow:
    """Travels while a condition holds."""
    return make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, RuleKind.PROPERTIES, rows=ROWS, condition=CONDITION)


FLOWS = {
    "empty": empty_flow(),
    "filled": filled_flow(),
    "merging": merging_flow(*ROWS),
    "merging-empty": merging_flow(),
    "linking": linking_flow(),
    "selling": selling_flow(),
}
SETTINGS = {"selling": {"conditions": (SOLD,)}}
CONDITIONS = {"selling": ("remark", "sold")}


def try_out(name: str, tmp_path: Path, *ways: str, **more: object) -> Outcomes:
    """A flow of these against an engine of these ways."""
    return run(FLOWS[name], tmp_path, *ways, condition=CONDITIONS.get(name), **{**SETTINGS.get(name, {}), **more})


def accused(outcomes: Outcomes) -> dict[str, str]:
    words = outcomes.words()
    return {n: words[n] for n, r in outcomes.results.items() if r.outcome not in {Outcome.PASSED, Outcome.OBSERVED}}


@pytest.mark.parametrize("way", ["", *sorted(WAYS)])
@pytest.mark.parametrize("name", FLOWS)
def test_an_engine_that_is_right_in_an_unusual_way_is_never_accused(name: str, way: str, tmp_path: Path) -> None:
    """Nothing fails, is late, breaks or stays open, whatever the documents leave to the engine."""
    outcomes = try_out(name, tmp_path, way, depth=Depth.DEEP)
    told = {n: w for n, w in accused(outcomes).items() if not w.startswith("not_runnable")}
    assert told == {}
    assert outcomes.of("created").outcome is Outcome.PASSED
    left = [r for system, entity in zip(outcomes.systems, ("Customer", "Account"), strict=True)
            for r in system.living(entity)]  # fmt: skip
    assert left == []


BROKEN = (
    ("relinks", "empty", "edited-in-source"),
    ("relinks", "filled", "edited-in-source"),
    ("loses-second-update", "empty", "edited-in-source"),
    ("loses-second-update", "filled", "edited-in-source"),
    ("reverts", "filled", "quiet"),
    ("reverts", "empty", "quiet"),
    ("reverts", "filled", "edited-in-source"),
    ("wrong-record", "filled", "edited-in-source"),
    ("wrong-record", "empty", "edited-in-source"),
    ("duplicates-after-edit", "filled", "created"),
    ("duplicates-after-edit", "empty", "created"),
    ("deletes-after-edit", "filled", "created"),
    ("deletes-after-edit", "empty", "edited-in-source"),
    ("only-the-first", "empty", "created"),
    ("truncates-long", "filled", "value"),
    ("merges-wrongly", "merging", "merged"),
    ("merges-and-creates", "merging", "merged"),
    ("merges-and-creates", "linking", "created"),
    ("no-merge", "merging", "merged"),
    ("no-merge", "linking", "merged"),
    ("late-unlinked", "linking", "unlinked-stays-out"),
    ("unlinked-travel", "linking", "unlinked-stays-out"),
    ("condition-ignored", "selling", "condition-fails"),
    ("late-unlinked", "selling", "condition-fails"),
    ("duplicates", "merging", "created"),
)


@pytest.mark.parametrize(("fault", "name", "check"), BROKEN, ids=[f"{f}-{n}-{c}" for f, n, c in BROKEN])
def test_an_engine_that_is_wrong_is_accused(fault: str, name: str, check: str, tmp_path: Path) -> None:
    """By the check whose promise it breaks, and with a sentence that says what was seen."""
    outcomes = try_out(name, tmp_path, fault, depth=Depth.DEEP)
    assert check in failed(outcomes), outcomes.words()
    assert all(r.reason != "harness-bug" for r in outcomes.results.values()), outcomes.words()


NUMBERS = {"credit": "limit", "since": "opened"}


def _numbers(*paths: str) -> tuple[FieldSchema, ...]:
    kinds = (FieldType.DECIMAL, FieldType.DATE)
    return tuple(FieldSchema(path=p, type=kind) for p, kind in zip(paths, kinds, strict=False))


def by_numbers(tmp_path: Path, *ways: str, rows: int = 2, flow: Flow | None = None) -> Outcomes:
    """A flow of which only a number and a date are documented, and travel: its names stay where they are."""
    name = FieldSchema(path="name", type=FieldType.STRING)
    schemas = (
        SystemSchema(
            name="Bakery",
            entities=(EntitySchema(name="Customer", fields=(name, *_numbers("credit", "since")), name_field="name"),),
        ),
        SystemSchema(
            name="Web Shop",
            entities=(EntitySchema(name="Account", fields=(name, *_numbers("limit", "opened")), name_field="name"),),
        ),
    )
    mapping = dict(list(NUMBERS.items())[:rows])
    flow = flow or make_flow(rows=tuple(make_row(s, t) for s, t in mapping.items()))
    return run(flow, tmp_path, *ways, schemas=schemas, mapping=mapping)


def test_records_are_recognised_by_two_numbers_where_no_text_travels(tmp_path: Path) -> None:
    """And everything that the document promises can be shown."""
    outcomes = by_numbers(tmp_path)
    told = {n: w for n, w in accused(outcomes).items() if not w.startswith("not_runnable")}
    assert told == {}
    assert outcomes.of("created").outcome is Outcome.PASSED


def test_a_duplicate_is_seen_by_two_numbers_too(tmp_path: Path) -> None:
    """Equal twice is no chance."""
    created = by_numbers(tmp_path, "duplicates").of("created")
    assert (created.outcome, created.reason) == (Outcome.FAILED, "duplicate"), created.message


def test_a_second_record_with_one_equal_number_is_left_open(tmp_path: Path) -> None:
    """One number may be equal by chance: neither passed nor failed."""
    created = by_numbers(tmp_path, "duplicates", rows=1).of("created")
    assert (created.outcome, created.reason) == (Outcome.UNDECIDED, "perhaps-a-copy"), created.message


def test_a_flow_of_hidden_transforms_alone_accuses_nobody(tmp_path: Path) -> None:
    """Nothing says by what a counterpart could be recognised, so not even a heartbeat could be."""
    rows = tuple(make_row(s, t, "N/A") for s, t in NUMBERS.items())
    outcomes = by_numbers(tmp_path, flow=make_flow(rows=rows))
    assert failed(outcomes) == set()
    assert outcomes.of("created").reason == "not-recognisable"


def test_a_record_that_another_sentence_lets_in_has_not_to_stay_out(tmp_path: Path) -> None:
    """A link is required, and what matches nothing is created: the engine that creates it keeps both."""
    kinds = (RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.CREATE_UNMATCHED, RuleKind.TWO_WAY)
    outcomes = run(make_flow(*kinds, rows=ROWS, merge=(make_merge("name", "title"),)), tmp_path)
    stays = outcomes.of("unlinked-stays-out")
    assert (stays.outcome, stays.reason) == (Outcome.NOT_RUNNABLE, "created-anyway")
    assert failed(outcomes) == set()


def test_of_two_conditions_none_holds_for_a_record_that_must_stay_out(tmp_path: Path) -> None:
    """Either one would let it in, so a correct engine is asked for a record that neither does."""
    gift = make_rule(RuleKind.CONDITION, BAKER, SHOP, condition="When a loaf is given away", line=2)
    flow = make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, rows=ROWS, condition=CONDITION, rules=(gift,))
    given = ConditionBinding(text="When a loaf is given away", holds={"phone": "gift"}, fails={"phone": "no gift"})
    outcomes = run(flow, tmp_path, condition=("remark", "sold"), further=(("phone", "gift"),), conditions=(SOLD, given))
    assert failed(outcomes) == set(), outcomes.words()
    fails = [r for n, r in outcomes.results.items() if n.startswith("condition-fails")]
    assert {r.outcome for r in fails} == {Outcome.PASSED}, outcomes.words()


def test_a_condition_whose_opposite_nothing_names_is_left_open(tmp_path: Path) -> None:
    """`fails` is missing from its binding."""
    half = ConditionBinding(text=CONDITION, holds={"remark": "sold"})
    outcomes = run(FLOWS["selling"], tmp_path, condition=("remark", "sold"), conditions=(half,))
    fails = outcomes.of("condition-fails")
    assert (fails.outcome, fails.reason) == (Outcome.UNDECIDED, "condition-unbound")


def test_a_remark_restricts_nothing(tmp_path: Path) -> None:
    """Its negative is not runnable, and everything travels."""
    remark = ConditionBinding(text=CONDITION, remark=True)
    outcomes = run(FLOWS["selling"], tmp_path, conditions=(remark,))
    fails = outcomes.of("condition-fails")
    assert (fails.outcome, fails.reason) == (Outcome.NOT_RUNNABLE, "condition-remark")
    assert outcomes.of("created").outcome is Outcome.PASSED
