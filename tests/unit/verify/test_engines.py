"""Engines that are right in unusual ways are never accused; engines that are wrong are, each by the fitting check."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from talkqa.model.check import Depth
from talkqa.model.flow import Flow, RuleKind
from talkqa.model.record import FieldValue
from talkqa.model.result import CheckFinished, Outcome
from talkqa.model.settings import ConditionBinding
from tests.fakes.client import FakeSystem, _Stored, _Table
from tests.fakes.engine import WAYS
from tests.fakes.flows import make_flow, make_merge, make_row
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
