"""Tests of `talkqa.verify.routes`."""

import pytest

from talkqa.model.flow import EntityRef, Flow, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Settings
from talkqa.verify.routes import (
    Route,
    connection_binding,
    connections,
    maker_of_pairs,
    membership,
    rightful_copies,
    route_of,
    taker_of_targets,
    unrestricted_sibling,
    usable_merge_rows,
)
from tests.fakes.flows import BAKER, SHOP, make_flow, make_merge

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


def ref(name: str, system: str = "Web Shop") -> EntityRef:
    return EntityRef(system=system, entity=name)


def bind(source: EntityRef, connected: EntityRef, path: str = "customer") -> ConnectionBinding:
    return ConnectionBinding(source=source.name, connected=connected.name, path=path)


def restricted(*kinds: RuleKind, **more: object) -> Flow:
    return make_flow(*kinds, RuleKind.TWO_WAY, RuleKind.PROPERTIES, **more)


def route(flow: Flow, *others: Flow, settings: Settings | None = None) -> Route:
    return route_of(flow, (flow, *others), settings or Settings(), SOURCE, TARGET)


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


@pytest.mark.parametrize(
    ("kinds", "taken"),
    [
        ((RuleKind.EVERY,), True),
        ((RuleKind.LINK_REQUIRED, RuleKind.CREATE_UNMATCHED), True),
        ((RuleKind.CONDITION,), True),
        ((RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON), False),
        ((RuleKind.CREATE_IF_CONNECTED,), False),
    ],
)
def test_a_reverse_flow_that_takes_every_target_leaves_none_to_be_merged_with(
    kinds: tuple[RuleKind, ...], taken: bool
) -> None:
    """What a test writes is linked to a record of the engine's own before anything can match it."""
    flow = restricted(RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, merge=(make_merge("name", "title"),))
    reverse = make_flow(*kinds, RuleKind.TWO_WAY, source=SHOP, target=BAKER)
    assert (taker_of_targets(flow, (flow, reverse), Settings()) is reverse) is taken
    assert (route(flow, reverse) is Route.MERGE) is not taken


GUESTS = EntityRef(system="Bakery", entity="Customer", facet="guests")


@pytest.mark.parametrize(
    ("flow", "back", "expected"),
    [
        (restricted(RuleKind.LINK_REQUIRED), (RuleKind.EVERY,), Route.REVERSE),
        (restricted(RuleKind.LINK_REQUIRED), (RuleKind.LINK_REQUIRED, RuleKind.CREATE_UNMATCHED), Route.REVERSE),
        (restricted(RuleKind.CREATE_IF_CONNECTED), (RuleKind.EVERY,), Route.REVERSE),
        (restricted(RuleKind.LINK_REQUIRED), (RuleKind.CONDITION,), Route.NONE),
        (restricted(RuleKind.LINK_REQUIRED), (RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON), Route.NONE),
        (restricted(RuleKind.LINK_REQUIRED, RuleKind.CONDITION), (RuleKind.EVERY,), Route.NONE),
        (restricted(RuleKind.LINK_REQUIRED, source=GUESTS), (RuleKind.EVERY,), Route.NONE),
        (restricted(RuleKind.LINK_REQUIRED, target=BAKER), (RuleKind.EVERY,), Route.NONE),
    ],
)
def test_a_reverse_flow_that_lets_every_record_in_makes_pairs(
    flow: Flow, back: tuple[RuleKind, ...], expected: Route
) -> None:
    """Of what belongs to the flow for certain: no condition or facet leaves that open."""
    reverse = make_flow(*back, RuleKind.TWO_WAY, source=flow.target, target=BAKER)
    assert route(flow, reverse) is expected
    assert (maker_of_pairs(flow, (flow, reverse), Settings()) is reverse) is (expected is Route.REVERSE)


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


def test_what_only_joins_two_records_makes_no_copy() -> None:
    """A flow that waits for a link, which nothing in it creates; as the flow under test it still has its one."""
    joining = make_flow(RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.TWO_WAY, source=C, target=B)
    flows = (make_flow(source=A, target=B), make_flow(source=A, target=C), joining)
    assert rightful_copies(flows[0], flows) == {Side.SOURCE: 0, Side.TARGET: 1}
    assert rightful_copies(joining, flows) == {Side.SOURCE: 0, Side.TARGET: 1}


def test_a_record_goes_through_each_entity_once_and_back_to_where_it_began_once() -> None:
    """Engines know what they made, so that a ring of documents does not go on for ever."""
    d = ref("D", "Three")
    ring = tuple(make_flow(source=s, target=t) for s, t in ((A, B), (B, C), (C, A), (B, d), (d, B), (C, B)))
    assert rightful_copies(ring[0], ring) == {Side.SOURCE: 1, Side.TARGET: 1}


def test_the_mirror_of_a_target_is_a_second_copy() -> None:
    """B to B beside A to B: each B has a B of its own."""
    flows = (make_flow(source=A, target=B), make_flow(source=B, target=B))
    assert rightful_copies(flows[0], flows) == {Side.SOURCE: 0, Side.TARGET: 2}


def test_a_chain_over_a_system_that_is_not_tested_counts_as_well() -> None:
    """What comes back over a third system, is no copy that anybody is accused of."""
    far = ref("F", "Four")
    flows = (make_flow(source=A, target=B), make_flow(source=B, target=far), make_flow(source=far, target=A))
    assert rightful_copies(flows[0], flows) == {Side.SOURCE: 1, Side.TARGET: 1}


def test_a_thicket_of_flows_allows_no_number() -> None:
    """Nobody is accused where the count is unknown."""
    entities = [ref(f"E{n}", "One") for n in range(7)]
    flows = tuple(make_flow(source=s, target=t) for s in entities for t in entities if s != t)
    assert rightful_copies(flows[0], flows) is None


HUMAN = EntityRef(system="One", entity="A", facet="human")
FIRM = EntityRef(system="One", entity="A", facet="firm")
ENTITY = EntitySchema(name="A", fields=(FieldSchema(path="kind", type=FieldType.STRING),))
BOUND_FACETS = Settings(
    conditions=(
        ConditionBinding(facet=True, entity="One A (human)", holds={"Kind": "person"}, fails={"Kind": "company"}),
        ConditionBinding(facet=True, entity="One A (firm)", holds={"Kind": ("company", "club")}),
    )
)


def facets() -> tuple[Flow, Flow]:
    return (
        make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, source=HUMAN, target=B),
        make_flow(source=FIRM, target=B),
    )


def test_a_restricted_facet_beside_one_that_takes_all_needs_a_binding() -> None:
    """Nobody knows to which of them a record belongs."""
    flow, other = facets()
    assert membership(flow, (flow, other), Settings(), ENTITY).apart == frozenset()
    assert unrestricted_sibling(flow, (flow, other)) is other


def test_a_bound_facet_says_what_its_records_are_written_with_and_which_flows_do_not_take_them() -> None:
    """So that neither the sibling's records count as copies, nor is the flow untestable."""
    flow, other = facets()
    known = membership(flow, (flow, other), BOUND_FACETS, ENTITY)
    assert known.values == {"kind": "person"}
    assert known.apart == {other.id}
    assert known.paths == {"kind"}
    assert unrestricted_sibling(flow, (flow, other), known.apart) is None
    assert rightful_copies(flow, (flow, other)) == {Side.SOURCE: 0, Side.TARGET: 2}
    assert rightful_copies(flow, (flow, other), known.apart) == {Side.SOURCE: 0, Side.TARGET: 1}


def test_records_of_an_entity_without_facet_are_kept_out_of_the_facets_that_have_a_binding() -> None:
    """By what makes them fail."""
    plain, human = make_flow(RuleKind.CONDITION, source=A, target=B), make_flow(source=HUMAN, target=B)
    known = membership(plain, (plain, human), BOUND_FACETS, ENTITY)
    assert (known.values, known.apart) == ({"kind": "company"}, {human.id})
