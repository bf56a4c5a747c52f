"""No sleep decides an absence: engines that leave a record out for different reasons are told apart."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from talkqa.model.errors import ApiRefused
from talkqa.model.record import Scalar
from talkqa.model.result import Cause, CheckFinished, Outcome
from tests.fakes.client import FakeSystem, _Stored
from tests.unit.verify.test_engines import FLOWS, SOLD
from tests.unit.verify.test_scenarios import Outcomes, run


class PickyShop(FakeSystem):
    """Refuses an account of a customer whose loaf was stale once; its own users may not either."""

    refused: set[str]
    """Names of such customers."""

    def insert(self, entity: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        if values.get("title") in self.refused:
            raise ApiRefused("the title is on a list", status=422, code="listed", field="title")
        return super().insert(entity, values, user)


def picky(bakery: FakeSystem, shop: FakeSystem) -> None:
    """Let the shop know of each customer who is written with a stale loaf."""
    assert isinstance(shop, PickyShop)
    shop.refused = set()
    insert = bakery.insert

    def noting(entity: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        if values.get("remark") == "stale":
            shop.refused.add(str(values["name"]))
        return insert(entity, values, user)

    bakery.insert = noting  # type: ignore[method-assign]


def forbidden(tmp_path: Path, *breaks: str, alone: bool = False) -> CheckFinished:
    """The verdict on a record that a condition keeps out, alone or among all other checks of its flow."""
    shop = {"shop_type": PickyShop, "before": picky} if "refused" in breaks else {}
    outcomes: Outcomes = run(
        FLOWS["selling"],
        tmp_path,
        *breaks,
        condition=("remark", "sold"),
        conditions=(SOLD,),
        only=lambda check: not alone or check.name == "condition-fails",
        **shop,  # type: ignore[arg-type]
    )
    return outcomes.of("condition-fails")


ENGINES = {
    # how it leaves the record out: outcome, reason, cause
    "": (Outcome.PASSED, "no-copies", None),
    "slow": (Outcome.LATE, "engine-slow", Cause.ENGINE),
    "puts-off": (Outcome.UNDECIDED, "vacuous", Cause.ENGINE_OR_API),
    "dead": (Outcome.LATE, "engine-silent", Cause.ENGINE),
    "refused": (Outcome.UNDECIDED, "target-refuses", Cause.API),
}


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among others"])
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_that_leave_a_record_out_for_different_reasons_are_told_apart(
    engine: str, alone: bool, tmp_path: Path
) -> None:
    """A correct one, one slower than the patience, one that puts the record off, a dead one, a target that refuses."""
    verdict = forbidden(tmp_path, engine, alone=alone)
    assert (verdict.outcome, verdict.reason, verdict.cause) == ENGINES[engine], verdict.message


def test_the_five_verdicts_differ() -> None:
    """Each of the five is another one."""
    assert len(set(ENGINES.values())) == len(ENGINES)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among others"])
@pytest.mark.parametrize("engine", ["condition-ignored", "late-unlinked"])
def test_an_engine_that_lets_the_record_in_is_accused(engine: str, alone: bool, tmp_path: Path) -> None:
    """At once, or when nobody looks any more who only waits for the next two records."""
    verdict = forbidden(tmp_path, engine, alone=alone)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "travelled-though-forbidden"), verdict.message


def test_an_absence_rests_on_records_that_arrived_around_it(tmp_path: Path) -> None:
    """One written before, three in turn after, one after all that time, and one when the world had come to rest."""
    stayed = forbidden(tmp_path, alone=True)
    outcomes = run(
        FLOWS["selling"],
        tmp_path,
        condition=("remark", "sold"),
        conditions=(SOLD,),
        only=lambda check: check.name == "condition-fails",
    )
    written = [asked for asked in outcomes.systems[0].requests if asked == ("harness", "create", "Customer")]
    assert len(written) >= 1 + 1 + 3 + 1 + 1
    assert "had all arrived" in stayed.message
