"""Records that match, nearly match, or do not match: who is merged with whom, and who must not be."""

from pathlib import Path

import pytest

from talkqa.model.check import Check
from talkqa.model.flow import Flow, RuleKind
from talkqa.model.result import CheckFinished, Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.verify.test_engines import ROWS, try_out
from tests.unit.verify.test_scenarios import MAPPING, Outcomes, run

MERGING = ("merged", "unmatched", "near-miss", "shared-criterion")
NOTHING = "near-miss/nothing-in-any-criterion"


def of_merging(check: Check) -> bool:
    return check.name in MERGING


def told(outcomes: Outcomes, *outcome: Outcome) -> dict[str, str]:
    """Check to reason, of those that ended so."""
    return {n: r.reason for n, r in outcomes.results.items() if r.outcome in outcome}


@pytest.mark.parametrize("name", ["merging", "linking"])
@pytest.mark.parametrize("way", ["", "matches-loosely", "keeps-target", "newest-first", "slow-batches"])
def test_an_engine_that_tells_strangers_apart_is_not_accused(name: str, way: str, tmp_path: Path) -> None:
    """The exact match is merged, strangers are not, and of near misses it is told what became of them."""
    outcomes = try_out(name, tmp_path, way, only=of_merging)
    assert told(outcomes, Outcome.FAILED, Outcome.LATE, Outcome.UNDECIDED, Outcome.ERROR) == {}
    passed = set(told(outcomes, Outcome.PASSED))
    assert passed == {"merged/name~title", "unmatched/name~title/beginning", "unmatched/name~title/end"}


@pytest.mark.parametrize("name", ["merging", "linking"])
@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("merges-by-beginning", "unmatched/name~title/beginning"),
        ("merges-by-end", "unmatched/name~title/end"),
        ("merges-on-nothing", NOTHING),
    ],
)
def test_a_merge_of_strangers_is_seen_by_the_check_that_has_such_strangers(
    name: str, fault: str, broken: str, tmp_path: Path
) -> None:
    """And by no other: their positive witness passes."""
    outcomes = try_out(name, tmp_path, fault, only=of_merging)
    assert told(outcomes, Outcome.FAILED) == {broken: "merged-wrongly"}
    assert "merged/name~title" in told(outcomes, Outcome.PASSED)


def test_a_stranger_that_another_record_was_merged_with_shows_nothing_and_is_no_pass(tmp_path: Path) -> None:
    """The record that should have been left alone was taken by somebody before."""
    outcomes = try_out("merging", tmp_path, "merges-wrongly", only=lambda c: c.name == "unmatched")
    assert set(told(outcomes, Outcome.FAILED).values()) <= {"value-of-another-record", "merged-wrongly"}
    assert told(outcomes, Outcome.PASSED) == {}


def test_of_two_that_match_each_created_anew_is_no_merge(tmp_path: Path) -> None:
    """Nor is one merged and created as well."""
    both = try_out("merging", tmp_path, "no-merge", only=lambda c: c.name == "shared-criterion")
    assert told(both, Outcome.FAILED) == {"shared-criterion/name~title": "not-merged"}
    extra = try_out("merging", tmp_path, "merges-and-creates", only=lambda c: c.name == "shared-criterion")
    assert told(extra, Outcome.FAILED) == {"shared-criterion/name~title": "duplicate"}


PHONES = tuple(
    SystemSchema(
        name=system,
        entities=(
            EntitySchema(
                name=entity,
                fields=(
                    FieldSchema(path="name", type=FieldType.STRING, max_length=60),
                    FieldSchema(path="email", type=FieldType.EMAIL, max_length=60),
                    FieldSchema(path="phone", type=phone, max_length=60),
                ),
                name_field="name",
            ),
        ),
    )
    for system, entity, phone in (
        ("Bakery", "Customer", FieldType.PHONE),
        ("Web Shop", "Account", FieldType.STRING),
    )
)


def by_email(*ways: str, tmp_path: Path) -> Outcomes:
    flow = make_flow(
        RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.TWO_WAY, RuleKind.PROPERTIES,
        rows=(make_row("email", "email"), make_row("phone", "phone")), merge=(make_merge("email", "email"),),
    )  # fmt: skip
    return run(flow, tmp_path, *ways, mapping={"email": "email", "phone": "phone"}, schemas=PHONES)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["", "keeps-target", "slow-batches"])
def test_a_merge_is_seen_by_a_number_where_all_else_is_the_criterion(way: str, tmp_path: Path) -> None:
    """The texts of both are equal from the start, so that a telephone number has to show it."""
    outcomes = by_email(way, tmp_path=tmp_path)
    assert told(outcomes, Outcome.FAILED, Outcome.LATE, Outcome.ERROR) == {}
    assert "merged/email~email" in told(outcomes, Outcome.PASSED)


@pytest.mark.parametrize("fault", ["dead", "slow"])
def test_that_the_criterion_is_equal_is_no_late_arrival(fault: str, tmp_path: Path) -> None:
    """The harness wrote it into both records itself."""
    reasons = told(by_email(fault, tmp_path=tmp_path), Outcome.LATE)
    assert reasons["merged/email~email"] == ("engine-slow" if fault == "slow" else "engine-silent")


def near(way: str, difference: str, tmp_path: Path, name: str = "merging") -> CheckFinished:
    outcomes = try_out(name, tmp_path, *way.split(), only=lambda c: c.name == "near-miss" and difference in c.id)
    return outcomes.of("near-miss")


def test_a_near_miss_that_was_merged_and_created_as_well_fails(tmp_path: Path) -> None:
    """No document says which of the two it is; both it cannot be."""
    seen = near("matches-loosely merges-and-creates", "letter-case", tmp_path)
    assert (seen.outcome, seen.reason) == (Outcome.FAILED, "second-target")


def test_a_near_miss_of_a_record_that_a_third_one_got_into_fails(tmp_path: Path) -> None:
    """A value of a record that has nothing to do with either."""
    seen = near("merges-wrongly", "surrounding-blanks", tmp_path)
    assert (seen.outcome, seen.reason) == (Outcome.FAILED, "value-of-another-record")


@pytest.mark.parametrize("name", ["merging", "linking"])
def test_what_was_seen_of_a_near_miss_can_be_adopted(name: str, tmp_path: Path) -> None:
    """In the words that decisions know; whether nothing matches nothing is no question of nearness."""
    merged = near("matches-loosely", "letter-case", tmp_path, name)
    assert (merged.reason, merged.observed) == ("near-miss-seen", "merged")
    assert near("", "nothing-in-any-criterion", tmp_path, name).observed == ""


def two_criteria() -> Flow:
    """Merges by name or by town."""
    return make_flow(
        RuleKind.EVERY, RuleKind.MERGE_ON, RuleKind.TWO_WAY, RuleKind.PROPERTIES,
        rows=ROWS, merge=(make_merge("name", "title"), make_merge("CITY", "town")),
    )  # fmt: skip


def test_one_of_two_criteria_is_enough_while_the_other_differs(tmp_path: Path) -> None:
    """The rows of the table are alternatives, and paths are found however they are spelled."""
    outcomes = run(two_criteria(), tmp_path, only=of_merging)
    merged = {n: r for n, r in outcomes.results.items() if r.name == "merged"}
    assert {r.outcome for r in merged.values()} == {Outcome.PASSED}, outcomes.words()
    by_name = merged["merged/name~title"]
    assert any("while 'CITY' differ" in o.text for o in by_name.observations)


def test_a_required_criterion_cannot_be_empty(tmp_path: Path) -> None:
    """That is told, and nothing is written."""
    fields = {
        p: FieldSchema(path=p, type=FieldType.STRING, max_length=60, required=p == "title") for p in MAPPING.values()
    }
    own = tuple(FieldSchema(path=p, type=FieldType.STRING, max_length=60) for p in MAPPING)
    schemas = (
        SystemSchema(name="Bakery", entities=(EntitySchema(name="Customer", fields=own, name_field="name"),)),
        SystemSchema(name="Web Shop", entities=(EntitySchema(name="Account", fields=tuple(fields.values())),)),
    )
    outcomes = run(two_criteria(), tmp_path, schemas=schemas, only=lambda c: "nothing-in" in c.id)
    seen = outcomes.of(NOTHING)
    assert (seen.outcome, seen.reason) == (Outcome.NOT_RUNNABLE, "cannot-be-emptied")
