"""Tests of `talkqa.verify.routes`."""

import pytest

from talkqa.model.flow import EntityRef, Flow, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Settings
from talkqa.verify.routes import (
    Route,
    binding_of,
    condition_bindings,
    connection_binding,
    connections,
    promises_every,
    rightful_copies,
    route_of,
    unbound_conditions,
    usable_merge_rows,
)
from tests.fakes.flows import BAKER, SHOP, make_flow, make_merge, make_rule

ORDER = EntityRef(system="Bakery", entity="Order")
BRANCH = EntityRef(system="Bakery", entity="Branch")
SOURCE = EntitySchema(name="Customer", fields=(FieldSchema(path="name", type=FieldType.STRING),))
TARGET = EntitySchema(
    name="Account",
    fields=(
        FieldSchema(path="title", type=FieldType.STRING),
        FieldSchema(path="number", type=FieldType.STRING, createable=False),
        FieldSchema(path="ref", type=FieldType.REFERENCE),
    ),
)
WORDS = "When a loaf is sold"
REMARK = ConditionBinding(text="when  a LOAF is sold", remark=True)
BOUND = ConditionBinding(text=WORDS, holds={"state": "sold"}, fails={"state": "stale"})
NARROW = ConditionBinding(text=WORDS, entity="bakery customer", holds={"status": "gone"})


def ref(name: str, system: str = "Web Shop") -> EntityRef:
    return EntityRef(system=system, entity=name)


def bind(source: EntityRef, connected: EntityRef, path: str = "customer") -> ConnectionBinding:
    return ConnectionBinding(source=source.name, connected=connected.name, path=path)


def restricted(*kinds: RuleKind, **more: object) -> Flow:
    return make_flow(*kinds, RuleKind.TWO_WAY, RuleKind.PROPERTIES, **more)


def route(flow: Flow, *others: Flow, settings: Settings | None = None) -> Route:
    return route_of(flow, (flow, *others), settings or Settings(), SOURCE, TARGET)


def test_a_binding_for_the_entity_goes_before_one_for_any() -> None:
    """As the reference engine reads them; words and names are compared folded."""
    flow = restricted(RuleKind.CONDITION)
    (rule,) = flow.rules_of(RuleKind.CONDITION)
    assert binding_of(rule, flow, Settings(conditions=(BOUND, NARROW))) is NARROW
    assert binding_of(rule, flow, Settings(conditions=(BOUND,))) is BOUND
    assert binding_of(rule, flow, Settings(conditions=(ConditionBinding(text=WORDS),))) is None
    other = ConditionBinding(text=WORDS, entity="Bakery Order", holds={"a": 1})
    assert binding_of(rule, flow, Settings(conditions=(other,))) is None


def test_a_remark_beside_a_condition_lets_everything_in() -> None:
    """Sections of one pair are alternatives."""
    second = make_rule(RuleKind.CONDITION, BAKER, SHOP, condition="When it rains", line=2)
    flow = restricted(RuleKind.CONDITION, rules=(second,))
    rain = ConditionBinding(text="When it rains", holds={"a": 1})
    assert unbound_conditions(flow, Settings(conditions=(rain,))) == (WORDS,)
    assert condition_bindings(flow, Settings(conditions=(BOUND, rain))) == (BOUND, rain)
    with_remark = Settings(conditions=(REMARK, rain))
    assert promises_every(flow, with_remark)
    assert condition_bindings(flow, with_remark) == ()
    assert unbound_conditions(flow, Settings(conditions=(REMARK,))) == ()


def test_a_condition_beside_an_every_sentence_restricts_nothing() -> None:
    """And needs no binding."""
    flow = restricted(RuleKind.EVERY, RuleKind.CONDITION)
    assert unbound_conditions(flow, Settings()) == ()
    assert condition_bindings(flow, Settings(conditions=(BOUND,))) == ()


@pytest.mark.parametrize(
    ("kinds", "merge", "expected"),
    [
        ((RuleKind.EVERY, RuleKind.LINK_REQUIRED), (), Route.CREATE),
        ((RuleKind.LINK_REQUIRED, RuleKind.CREATE_UNMATCHED), (), Route.CREATE),
        ((RuleKind.CONDITION,), (), Route.CREATE),
        ((RuleKind.LINK_REQUIRED,), (), Route.NONE),
        ((RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON), (make_merge("name", "title"),), Route.MERGE),
        ((RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON), (make_merge("name", "number"),), Route.NONE),
        ((RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON), (make_merge("name", "ref"),), Route.NONE),
        ((RuleKind.CREATE_IF_CONNECTED,), (), Route.NONE),
    ],
)
def test_the_way_into_a_link_follows_from_the_sentences(
    kinds: tuple[RuleKind, ...], merge: tuple[object, ...], expected: Route
) -> None:
    """Created at once where some sentence says so, else connected, else merged."""
    assert route(restricted(*kinds, merge=merge)) is expected  # type: ignore[arg-type]


def test_a_remark_makes_a_link_unnecessary() -> None:
    """It stands for an every sentence."""
    flow = restricted(RuleKind.CONDITION, RuleKind.LINK_REQUIRED)
    assert route(flow, settings=Settings(conditions=(REMARK,))) is Route.CREATE


def test_records_of_one_entity_are_not_merged_by_a_test() -> None:
    """Nobody could tell which of the two is meant to be the source."""
    flow = restricted(RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, merge=(make_merge("name", "title"),), target=BAKER)
    assert route_of(flow, (flow,), Settings(), SOURCE, TARGET) is Route.NONE


def test_a_connection_needs_a_binding_and_a_flow_of_its_own() -> None:
    """Into the same system, and not the flow itself."""
    flow = restricted(RuleKind.CREATE_IF_CONNECTED)
    orders = make_flow(source=ORDER, target=ref("Basket"))
    elsewhere = make_flow(source=ORDER, target=ref("Basket", "Ledger"))
    settings = Settings(connections=(bind(BAKER, ORDER),))
    assert connections(flow, (flow, orders), Settings()) == ()
    assert connections(flow, (flow, elsewhere), settings) == ()
    (found,) = connections(flow, (flow, orders), settings)
    assert (found.entity, found.flow, found.binding.path) == (ORDER, orders, "customer")
    assert route(flow, orders, settings=settings) is Route.CONNECT
    assert connection_binding(flow, BRANCH, settings) is None


def test_flows_that_wait_for_each_other_never_make_an_endless_chain() -> None:
    """A ring has no first record; a ring with a way out is left by it."""
    flow = restricted(RuleKind.CREATE_IF_CONNECTED, connected=(ORDER, BRANCH))
    orders = restricted(RuleKind.CREATE_IF_CONNECTED, source=ORDER, target=ref("Basket"), connected=(BAKER, BRANCH))
    branches = make_flow(source=BRANCH, target=ref("Site"))
    bindings = (bind(BAKER, ORDER), bind(ORDER, BAKER), bind(BAKER, BRANCH), bind(ORDER, BRANCH))
    settings = Settings(connections=bindings)
    assert connections(flow, (flow, orders), settings) == ()
    world = (flow, orders, branches)
    for start in (flow, orders):
        seen, at = [], start
        while at.has(RuleKind.CREATE_IF_CONNECTED):
            assert at.id not in seen
            seen.append(at.id)
            at = connections(at, world, settings)[0].flow
        assert at is branches
    assert {c.entity for c in connections(flow, world, settings)} == {BRANCH, ORDER}


def test_criteria_are_usable_where_both_ends_can_be_set() -> None:
    """Ids and read-only properties cannot."""
    rows = (make_merge("name", "title"), make_merge("name", "ref"), make_merge("gone", "title"))
    flow = restricted(RuleKind.MERGE_ON, merge=rows)
    assert [(r.source, r.target) for r in usable_merge_rows(flow, SOURCE, TARGET)] == [("name", "title")]


A, B, C = ref("A", "One"), ref("B", "Two"), ref("C", "Two")


@pytest.mark.parametrize(
    ("pairs", "source", "target"),
    [
        ([(A, B)], 0, 1),
        ([(A, B), (B, A)], 0, 1),  # its own reverse makes nothing of a copy
        ([(A, B), (A, C)], 0, 1),  # another entity is no copy
        ([(A, B), (A, C), (C, B)], 0, 2),  # a chain brings a second one
        ([(A, B), (B, C), (C, A)], 1, 1),  # a ring comes back
        ([(A, B), (A, C), (C, A)], 0, 1),
        ([(A, B), (C, B)], 0, 1),  # fan-in: another source's affair
    ],
)
def test_as_many_copies_are_rightful_as_the_documents_make_together(
    pairs: list[tuple[EntityRef, EntityRef]], source: int, target: int
) -> None:
    """Counted over all flows of the world, from one probe."""
    flows = tuple(make_flow(source=s, target=t) for s, t in pairs)
    assert rightful_copies(flows[0], flows) == {Side.SOURCE: source, Side.TARGET: target}


def test_a_flow_of_an_entity_into_itself_makes_one_record_more() -> None:
    """On both sides, which are one."""
    flow = make_flow(source=A, target=A)
    assert rightful_copies(flow, (flow,)) == {Side.SOURCE: 1, Side.TARGET: 1}


def test_a_thicket_of_flows_allows_no_number() -> None:
    """Nobody is accused where the count is unknown."""
    entities = [ref(f"E{n}", "One") for n in range(7)]
    flows = tuple(make_flow(source=s, target=t) for s in entities for t in entities if s != t)
    assert rightful_copies(flows[0], flows) is None
