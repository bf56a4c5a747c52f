"""Situations in which a careless harness accuses a correct engine: documents that say more together than each alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from talkqa.model.result import Outcome
from talkqa.model.settings import ConditionBinding, Presence, SandboxSettings, Settings, Wanted
from tests.functional.invented import NAMES, document, read_invented, section
from tests.harness import WorldRun, run_world
from tests.unit.documents.samples import Flow

ACCUSED = (Outcome.FAILED, Outcome.LATE, Outcome.ERROR)
EVERY = "every"
WHEN = "When a person is a member, it will be synchronized with a Globex Contact."
ROWS = (*NAMES, ("kind", "kind", '"string"'))
FLOW = "acme.person--globex.contact"


def bind(holds: Mapping[str, Wanted], fails: Mapping[str, Wanted], **how: object) -> ConditionBinding:
    how = how or {"text": "when a person is a member"}
    return ConditionBinding(holds=holds, fails=fails, **how)  # type: ignore[arg-type]


MEMBER = bind({"kind": "member"}, {"kind": "guest"})


def run(
    folder: Path,
    documents: dict[str, str],
    *faults: str,
    bindings: tuple[ConditionBinding, ...] = (),
    tested: tuple[str, ...] = (),
    slug: str = "acme/globex",
) -> WorldRun:
    settings = Settings(conditions=bindings, sandbox=SandboxSettings(faults=faults))
    world = read_invented(folder, documents, settings, tested)[slug]
    return run_world(world, settings, folder, root=folder)


def outcomes(told: WorldRun, *names: str) -> set[tuple[str, str]]:
    return {(str(r.outcome), r.reason) for r in told.results.values() if r.name in names}


def both(*sentences: str) -> str:
    """One document that says several things of one pair, a section each."""
    return document("Acme", "Globex", *(section("Acme Person", "Globex Contact", s, rows=ROWS) for s in sentences))


ONE = {"both": both(EVERY, WHEN)}
TWO = {"every": both(EVERY), "when": both(WHEN)}


@pytest.mark.parametrize("documents", [ONE, TWO], ids=["in one document", "in two documents"])
@pytest.mark.parametrize("bindings", [(), (MEMBER,)], ids=["unbound", "bound"])
def test_an_every_beside_a_when_lets_every_record_in(
    documents: dict[str, str], bindings: tuple[ConditionBinding, ...], tmp_path: Path
) -> None:
    """Nothing has to stay out then, and nobody is accused for a guest that travels."""
    told = run(tmp_path, documents, bindings=bindings)
    assert told.told(*ACCUSED) == []
    assert outcomes(told, "created") == {("passed", told.results[f"{FLOW}/created"].reason)}
    assert not [r for r in told.results.values() if r.name == "condition-fails"]


def test_a_when_alone_keeps_records_out_and_an_engine_that_ignores_it_is_accused(tmp_path: Path) -> None:
    """So that the silence of the other tests means something."""
    documents = {"when": both(WHEN)}
    correct = run(tmp_path, documents, bindings=(MEMBER,))
    assert correct.told(*ACCUSED) == []
    assert {outcome for outcome, _ in outcomes(correct, "condition-holds", "condition-fails")} == {"passed"}
    broken = run(tmp_path, documents, f"condition-ignored:{FLOW}", bindings=(MEMBER,))
    assert outcomes(broken, "condition-fails") == {("failed", "travelled-though-forbidden")}


def test_an_every_in_a_document_that_is_declared_alone_takes_the_negative_back(tmp_path: Path) -> None:
    """The engine runs it, so every record is let in; the tested document's other promises stand."""
    told = run(tmp_path, TWO, bindings=(MEMBER,), tested=("when",))
    assert told.told(*ACCUSED) == []
    assert outcomes(told, "condition-fails") == {("not_runnable", "promised-elsewhere")}
    assert "every.rst" in next(r.message for r in told.results.values() if r.name == "condition-fails")
    assert {outcome for outcome, _ in outcomes(told, "condition-holds", "edited-in-source")} == {"passed"}


REVERSE = {
    "there": document("Acme", "Globex", section("Acme Person", "Globex Contact", rows=NAMES)),
    "back": document(
        "Globex",
        "Acme",
        section("Globex Contact", "Acme Person", rows=[("title", "name", '"string"'), ("title", "nick", '"string"')]),
    ),
}


@pytest.mark.parametrize("slug", ["acme/globex", "globex/acme"])
def test_reverse_documents_in_one_world_explain_each_other(slug: str, tmp_path: Path) -> None:
    """A new name goes to the title, and back into the nick: by the other document."""
    told = run(tmp_path, REVERSE, slug=slug)
    assert told.told(*ACCUSED) == []
    assert {outcome for outcome, _ in outcomes(told, "created")} == {"passed"}


JOINED = '["join", "-", ["split", " ", "_."]]'
OTHERWISE = {
    "there": REVERSE["there"],
    "back": document("Globex", "Acme", section("Globex Contact", "Acme Person", rows=[("title", "name", JOINED)])),
}


def test_the_laxer_word_of_two_documents_on_a_pair_of_properties_counts(tmp_path: Path) -> None:
    """One says that a name is copied to the title, the other one that something happens to it on the way back."""
    told = run(tmp_path, OTHERWISE)
    assert told.told(*ACCUSED) == []
    back = f"{FLOW}/edited-in-target/name~title"
    assert told.results[back].outcome is Outcome.PASSED
    broken = run(tmp_path, OTHERWISE, f"property-dead-to-source:{FLOW}:title")
    assert (broken.results[back].outcome, broken.results[back].reason) == (Outcome.FAILED, "edit-not-carried")


def test_what_the_reverse_document_leaves_empty_is_filled_before_anything_is_judged(tmp_path: Path) -> None:
    """No town leads back to a city through this expression; what becomes of a city is seen all the same."""
    rows = (*NAMES[::2], ("city", "town", JOINED))
    merging = Flow(source="Acme Person", target="Globex Contact", select="link", merge=(("name", "title"),), rows=rows)
    documents = {"there": document("Acme", "Globex", merging), "back": MERGING["back"]}
    told = run(tmp_path, documents)
    audit = f"{FLOW}/audit"
    assert told.told(*ACCUSED) == []
    assert told.results[audit].outcome is Outcome.PASSED
    assert "not judged by value: name to title" in told.results[audit].message
    broken = run(tmp_path, documents, f"property-dropped:{FLOW}:town")
    assert (broken.results[audit].outcome, broken.results[audit].reason) == (Outcome.FAILED, "documented-but-different")


HUMAN, FIRM = "Acme Person (human data)", "Acme Person (firm data)"
MERGING = {
    "there": document(
        "Acme",
        "Globex",
        Flow(source="Acme Person", target="Globex Contact", select="link", merge=(("name", "title"),), rows=NAMES),
    ),
    "back": document("Globex", "Acme", section("Globex Contact", "Acme Person")),
}


def test_a_merge_whose_targets_a_reverse_document_takes_is_undecided(tmp_path: Path) -> None:
    """Each contact that a test writes gets a person of its own: no engine can merge another person with it."""
    told = run(tmp_path, MERGING)
    assert told.told(*ACCUSED) == []
    assert {reason for outcome, reason in outcomes(told, "created", "merged") if outcome == "undecided"} == {
        "target-taken"
    }
    assert outcomes(run(tmp_path, {"there": MERGING["there"]}), "created") == {("passed", "no-copies")}


ON_A_PAIR = ("edited-in-source", "edited-in-target", "audit", "quiet")


def test_a_pair_that_no_merge_can_make_is_made_by_the_reverse_document(tmp_path: Path) -> None:
    """A contact that a test writes gets its person by that one; what the merging flow promises of a pair holds then."""
    told = run(tmp_path, MERGING)
    own = [r for r in told.results.values() if r.flow_id == FLOW and r.name in ON_A_PAIR]
    assert {r.name for r in own} == set(ON_A_PAIR)
    assert {(r.name, r.outcome) for r in own} == {(name, Outcome.PASSED) for name in ON_A_PAIR}
    assert outcomes(told, "unlinked-stays-out") == {("undecided", "target-taken")}


@pytest.mark.parametrize(
    ("fault", "name", "verdict"),
    [
        (f"target-edits-dropped:{FLOW}", "edited-in-target", ("late", "edits-silent")),
        (f"property-dead-to-source:{FLOW}:town", "edited-in-target", ("failed", "edit-not-carried")),
        (f"source-edits-dropped:{FLOW}", "edited-in-source", ("late", "edits-silent")),
        (f"property-dead-to-target:{FLOW}:town", "audit", ("failed", "documented-but-different")),
        (f"echo-each-cycle:{FLOW}", "quiet", ("failed", "not-at-rest")),
        (f"precondition-ignored:{FLOW}", "unlinked-stays-out", ("failed", "travelled-though-forbidden")),
        (f"entity-starved:{FLOW}", "edited-in-source", ("failed", "no-counterpart")),
    ],
)
def test_a_fault_shows_on_a_pair_of_the_reverse_document(
    fault: str, name: str, verdict: tuple[str, str], tmp_path: Path
) -> None:
    """So that what passes on such a pair means something; where no edit of a side arrives at all, it is late."""
    told = run(tmp_path, MERGING, fault)
    assert verdict in {(str(r.outcome), r.reason) for r in told.results.values() if (r.flow_id, r.name) == (FLOW, name)}


ROLE = ("role", "role", '"string"')
FACETS = {
    "facets": document(
        "Acme",
        "Globex",
        section(HUMAN, "Globex Contact", WHEN, rows=(*ROWS, ROLE)),
        section(FIRM, "Globex Contact", rows=(*ROWS, ROLE)),
    )
}
TOLD_APART = (
    bind({"role": "member", "kind": "person"}, {"role": "guest"}),
    bind({"kind": "person"}, {"kind": "company"}, facet=True, entity=HUMAN),
    bind({"kind": ("company", "club")}, {"kind": "person"}, facet=True, entity=FIRM),
)


def test_two_facets_of_one_pair_are_undecided_until_somebody_tells_them_apart(tmp_path: Path) -> None:
    """A guest that is a human may be taken for a firm, and a firm is let in without condition."""
    told = run(tmp_path, FACETS, bindings=TOLD_APART[:1])
    assert told.told(*ACCUSED) == []
    human = {(str(r.outcome), r.reason) for r in told.results.values() if "human" in r.flow_id}
    assert human == {("undecided", "facet-needs-binding")}


def test_two_facets_that_are_bound_are_tested_each_by_itself(tmp_path: Path) -> None:
    """The human who is no member stays out, although every firm goes in."""
    told = run(tmp_path, FACETS, bindings=TOLD_APART)
    assert told.told(*ACCUSED) == []
    assert {outcome for outcome, _ in outcomes(told, "created", "condition-holds", "condition-fails")} == {"passed"}
    flow = "acme.person.human-data--globex.contact"
    doubled = run(tmp_path, FACETS, f"duplicate-on-create:{flow}", bindings=TOLD_APART)
    created = doubled.results[f"{flow}/created"]
    assert (created.outcome, created.reason) == (Outcome.FAILED, "duplicate")


FILLED = (
    bind({"phone": Presence.FILLED}, {"phone": Presence.EMPTY}),
    bind({"kind": ("member", "friend")}, {"kind": "guest"}),
    ConditionBinding(pattern="when a .* is a member", holds={"kind": "member"}, fails={"kind": "guest"}),
)


@pytest.mark.parametrize("binding", FILLED, ids=["filled or empty", "one of several", "pattern"])
def test_a_predicate_is_met_missed_and_met_after_all(binding: ConditionBinding, tmp_path: Path) -> None:
    """Whatever it asks: records are written for which it holds, and for which it fails."""
    documents = {"when": both(WHEN)}
    told = run(tmp_path, documents, bindings=(binding,))
    assert told.told(*ACCUSED) == []
    assert {outcome for outcome, _ in outcomes(told, "condition-holds", "condition-fails")} == {"passed"}
    broken = run(tmp_path, documents, f"condition-ignored:{FLOW}", bindings=(binding,))
    assert outcomes(broken, "condition-fails") == {("failed", "travelled-though-forbidden")}


def test_a_flow_whose_condition_nothing_binds_is_undecided_and_the_engine_leaves_it_alone(tmp_path: Path) -> None:
    """Neither side guesses what the words mean."""
    told = run(tmp_path, {"when": both(WHEN)})
    assert {(r.outcome, r.reason) for r in told.results.values()} == {(Outcome.UNDECIDED, "condition-unbound")}


SAME_SYSTEM = {
    "acme-acme": document(
        "Acme",
        "Acme",
        section("Acme Person", "Acme Contact", rows=NAMES),
        section("Acme Contact", "Acme Person", rows=[(t, s, d) for s, t, d in NAMES]),
        section("Acme Task", "Acme Task"),
    )
}


def test_one_system_on_both_sides(tmp_path: Path) -> None:
    """A person and its contact, the reverse, and an entity that is mirrored into itself."""
    told = run(tmp_path, SAME_SYSTEM, slug="acme/acme")
    assert told.told(*ACCUSED) == []
    made = {r.flow_id: str(r.outcome) for r in told.results.values() if r.name == "created"}
    assert made["acme.person--acme.contact"] == made["acme.contact--acme.person"] == "passed"


def test_a_duplicate_in_one_system_is_seen(tmp_path: Path) -> None:
    """The record and its counterpart are no copies of each other; a third one is."""
    flow = "acme.person--acme.contact"
    told = run(tmp_path, SAME_SYSTEM, f"duplicate-on-create:{flow}", slug="acme/acme")
    assert (told.results[f"{flow}/created"].outcome, told.results[f"{flow}/created"].reason) == (
        Outcome.FAILED,
        "duplicate",
    )
