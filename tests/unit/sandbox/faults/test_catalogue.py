"""The public catalogue: every kind is declared beforehand, and listed only where it changes something."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from talkqa.checklist.derive import derive_checks
from talkqa.model.check import NAMES, Depth
from talkqa.model.decision import POLICIES
from talkqa.model.errors import ConfigError
from talkqa.model.flow import Flow, RuleKind, Side
from talkqa.model.settings import ConditionBinding, Weather
from talkqa.runner.worlds import read_schemas
from talkqa.sandbox.faults import KINDS, Fault, SeenAs, list_faults, make_behaviour, read_fault
from tests.fakes.flows import make_merge, make_row
from tests.harness import PROJECT, SPECS, project_settings, read_worlds
from tests.unit.sandbox.kit import LINK_REQUIRED, NAME, NICK, SCHEMAS, V, call, flow, orders, transformed

RULES = (RuleKind.TWO_WAY, RuleKind.PROPERTIES)


@cache
def of_specs() -> Mapping[Fault, Flow]:
    """The faults of specs/, with their flows."""
    settings = project_settings()
    found = {}
    for world in read_worlds([SPECS], settings):
        schemas = read_schemas(world, settings, PROJECT)
        flows = {one.id: one for one in world.flows}
        for fault in list_faults(world.flows, schemas, settings.conditions, settings.connections):
            found[fault] = flows[fault.flow_id]
    return found


def listed(*flows: Flow, conditions: tuple[ConditionBinding, ...] = ()) -> dict[str, list[str]]:
    """Kind to the places of the invented flows where it is listed, as they follow the flow's id."""
    found: dict[str, list[str]] = {}
    for fault in list_faults(flows, SCHEMAS, conditions, ()):
        found.setdefault(fault.kind, []).append(fault.id.partition(fault.flow_id)[2].removeprefix(":"))
    return found


def test_the_catalogue_of_specs_is_large_enough() -> None:
    """At least 25 kinds and 250 faults, on documented flows alone; every kind is at home somewhere."""
    documented = [fault for fault in of_specs() if fault.documented]
    assert len(documented) >= 250
    assert len({fault.kind for fault in documented}) >= 25
    assert {fault.kind for fault in documented} == set(KINDS)
    assert len({fault.flow_id for fault in documented}) == 8
    assert len({fault.flow_id for fault in of_specs() if not fault.documented}) == 28


def test_ids_are_unique_sorted_and_name_kind_and_place() -> None:
    ids = [fault.id for fault in of_specs()]
    assert max(Counter(ids).values()) == 1
    for fault in of_specs():
        assert fault.id.startswith(f"{fault.kind}:{fault.flow_id}")
        kind, aim = read_fault(fault.id)
        assert (kind.name, aim.flow_id) == (fault.kind, fault.flow_id)
    flows = [one for one in of_specs().values() if one.source.system == "Wave"]
    assert flows
    assert [f.id for f in list_faults([flow(NAME)], SCHEMAS, (), ())] == sorted(
        f.id for f in list_faults([flow(NAME)], SCHEMAS, (), ())
    )


def test_every_fault_names_a_check_that_its_flow_really_has() -> None:
    """And the first sentence named is one that the flow has; a policy has none."""
    for fault, its in of_specs().items():
        names = {check.name for check in derive_checks(its, Depth.STANDARD)}
        assert set(fault.checks) & names, fault.id
        assert fault.sentence is None or its.has(fault.sentence), fault.id
        assert (fault.sentence is None) == (KINDS[fault.kind].sentences == ()), fault.id


def test_kinds_are_declared_with_a_sentence_checks_and_how_they_are_seen() -> None:
    for name, kind in KINDS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert kind.summary.endswith(".")
        assert kind.summary[0].isupper()
        assert set(kind.checks) <= set(NAMES), name
        assert kind.checks
    needing = {name for name, kind in KINDS.items() if kind.weather != Weather()}
    assert needing == {"lost-after-429", "lost-after-5xx", "duplicate-on-retry"}


def test_what_no_document_promises_is_observed_in_a_word_that_can_be_adopted() -> None:
    """Then the report tells it, and where a person adopted the policy the check fails."""
    observed = {fault.kind: fault for fault in of_specs() if fault.seen_as is SeenAs.OBSERVED}
    assert {"empty-overwrites", "deletes-spread", "near-miss-merged", "earlier-wins", "conflict-ignored"} <= set(
        observed
    )
    for fault in observed.values():
        known = POLICIES.get(fault.checks[0], ("undocumented-travel", "cut"))
        assert set(fault.tells) <= set(known), fault.kind
        assert fault.tells
    assert not any(fault.tells for fault in of_specs() if fault.seen_as is SeenAs.FAILED)


def test_each_kind_is_tried_in_the_tests_beside_this_one() -> None:
    tried = "".join(
        p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py") if p.name not in __file__
    )
    assert [name for name in KINDS if f'"{name}' not in tried] == []


def test_faults_of_records_are_listed_where_the_sentences_allow_them() -> None:
    plain, merging = (
        listed(flow(NAME)),
        listed(
            flow(NAME, NICK, merge=[make_merge("name", "title")], kinds=(RuleKind.EVERY, RuleKind.MERGE_ON, *RULES))
        ),
    )
    assert not {"no-merge", "near-miss-merged", "merge-on-other-key", "precondition-ignored"} & set(plain)
    assert {"no-merge", "near-miss-merged", "merge-on-other-key"} <= set(merging)
    assert "merge-criterion-dropped" not in merging, "one criterion dropped is no merge at all"
    linked = listed(flow(NAME, kinds=LINK_REQUIRED))
    assert {"precondition-ignored", "precondition-inverted"} <= set(linked)
    assert not {"duplicate-on-create", "wrong-merge", "stops-after"} & set(linked), "nothing is created there"
    bound = (ConditionBinding(text="When a loaf is sold", holds={"status": "Active"}),)
    conditional = listed(flow(NAME, kinds=(RuleKind.CONDITION, *RULES)), conditions=bound)
    assert {"condition-ignored", "condition-inverted"} <= set(conditional)
    assert listed(flow(NAME, kinds=(RuleKind.CONDITION, *RULES))) == {}, "without a binding nothing is synchronised"


def test_faults_of_rows_are_listed_where_they_change_something() -> None:
    rows = (
        NAME,
        make_row("nick", "code"),
        make_row("status", "grade", "N/A"),
        make_row("limit", "credit", '"decimal"'),
        make_row("born", "birthday"),
        make_row("address.city", "town", '"string"', (Side.SOURCE, "NO", "status")),
        transformed("address.street", "street", call("replace", "a", "o", V)),
        transformed("short", "visit", call("string", V)),
    )
    found = listed(flow(*rows))
    assert found["property-dropped"] == ["birthday", "code", "credit", "grade", "street", "title", "town", "visit"]
    assert found["property-truncated"] == ["title", "town"], "eight characters are too few, and N/A promises no value"
    assert found["property-truncated-to-source"] == ["title", "town"]
    assert found["number-rounded"] == ["credit"]
    assert found["time-shifted"] == ["birthday"]
    assert found["transform-ignored"] == ["street"], "a text as text is no other text"
    assert found["qualifier-ignored"] == found["qualifier-inverted"] == ["town"]
    assert "street" not in found["property-dead-to-source"], "nothing leads back through a transform"
    assert found["lost-after-refusal"] == [""]


def test_a_reference_that_the_target_demands_cannot_be_dropped() -> None:
    """The engine fills it from its links whether a row says so or not."""
    found = listed(orders(make_row("number", "subject"), make_row("customerId", "accountId")))
    assert found["property-dropped"] == ["subject"]
    assert found["reference-crossed"] == ["accountId"]


def test_a_text_is_cut_on_its_way_back_where_a_document_says_that_it_comes_back() -> None:
    faults = [fault for fault in of_specs() if fault.kind == "property-truncated-to-source"]
    assert faults
    assert all(fault.documented for fault in faults)
    there = {fault.id for fault in of_specs() if fault.kind == "property-truncated"}
    assert {fault.id.replace("-to-source", "", 1) for fault in faults} <= there


def test_of_an_undocumented_flow_one_row_stands_for_all() -> None:
    faults = [fault for fault in of_specs() if not fault.documented]
    places = Counter((fault.kind, fault.flow_id) for fault in faults)
    assert set(places.values()) == {1}
    assert all(":" in fault.id.partition(fault.flow_id)[2] for fault in faults if fault.kind == "property-dropped")
    assert {"discovered"} <= {name for fault in faults for name in fault.checks}
    assert not any("audit" in fault.checks for fault in faults)


@pytest.mark.parametrize("text", ["engine-ded", "late:soon", "stops-after:a--b:many", ""])
def test_an_unknown_fault_or_argument_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\[sandbox\] faults"):
        make_behaviour((text,))


@pytest.mark.parametrize(
    ("text", "flow_id", "argument"),
    [
        ("late", None, None),
        ("late:30", None, "30"),
        ("late:a--b", "a--b", None),
        ("late:a--b:30", "a--b", "30"),
        ("property-dropped:a--b:x.y", "a--b", "x.y"),
    ],
)
def test_a_fault_is_read_as_kind_flow_and_argument(text: str, flow_id: str | None, argument: str | None) -> None:
    _, aim = read_fault(text)
    assert (aim.flow_id, aim.argument) == (flow_id, argument)
