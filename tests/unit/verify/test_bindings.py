"""Tests of `talkqa.verify.bindings`, and that the reference engine reads the same bindings alike."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.flow import EntityRef, Flow, RuleKind
from talkqa.model.record import FieldValue, Record
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.settings import ConditionBinding, Presence, Settings, Wanted
from talkqa.sandbox.rules import holds, read_rules
from talkqa.verify.bindings import (
    Bound,
    binding_of,
    bound_conditions,
    bound_facet,
    promises_every,
    unbound_conditions,
)
from tests.fakes.flows import BAKER, SHOP, make_flow, make_rule

WORDS = "When a loaf is sold"
REMARK = ConditionBinding(text="when  a LOAF is sold", remark=True)
BOUND = ConditionBinding(text=WORDS, holds={"state": "sold"}, fails={"state": "stale"})
NARROW = ConditionBinding(text=WORDS, entity="bakery customer", holds={"status": "gone"})
PATTERN = ConditionBinding(pattern="when a l.+ is (?:sold|given away)", holds={"state": "out"})
SCHEMA = EntitySchema(
    name="Customer",
    fields=tuple(FieldSchema(path=path, type=FieldType.STRING) for path in ("State", "phone", "tags")),
)


def restricted(*more: object, **also: object) -> Flow:
    return make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, RuleKind.PROPERTIES, *more, **also)  # type: ignore[arg-type]


def found(flow: Flow, *bindings: ConditionBinding) -> ConditionBinding | None:
    (rule,) = flow.rules_of(RuleKind.CONDITION)
    return binding_of(rule, flow, Settings(conditions=bindings))


def test_a_binding_for_the_entity_goes_before_one_for_any() -> None:
    """As the reference engine reads them; words and names are compared folded."""
    flow = restricted()
    assert found(flow, BOUND, NARROW) is NARROW
    assert found(flow, BOUND) is BOUND
    assert found(flow, ConditionBinding(text=WORDS)) is None
    assert found(flow, ConditionBinding(text=WORDS, entity="Bakery Order", holds={"a": 1})) is None


def test_a_pattern_explains_words_as_a_whole_and_words_go_before_it() -> None:
    """A part of them would say nothing about the rest."""
    flow = restricted()
    assert found(flow, PATTERN) is PATTERN
    assert found(flow, PATTERN, BOUND) is BOUND
    assert found(flow, ConditionBinding(pattern="when a loaf", holds={"a": 1})) is None
    assert found(restricted(condition=f"When a l{'o' * 300}f is sold"), PATTERN) is None


def test_a_binding_of_a_facet_explains_no_condition() -> None:
    """Not even one whose words are blank."""
    facet = ConditionBinding(facet=True, entity=BAKER.name, holds={"a": 1})
    assert found(restricted(condition=""), facet) is None


def test_a_remark_beside_a_condition_lets_everything_in() -> None:
    """Sections of one pair are alternatives."""
    second = make_rule(RuleKind.CONDITION, BAKER, SHOP, condition="When it rains", line=2)
    flow = restricted(rules=(second,))
    rain = ConditionBinding(text="When it rains", holds={"a": 1})
    assert unbound_conditions(flow, Settings(conditions=(rain,))) == (WORDS,)
    both = bound_conditions(flow, Settings(conditions=(BOUND, rain)), SCHEMA)
    assert [bound.text for bound in both] == [WORDS, "When it rains"]
    with_remark = Settings(conditions=(REMARK, rain))
    assert promises_every(flow, with_remark)
    assert bound_conditions(flow, with_remark, SCHEMA) == ()
    assert unbound_conditions(flow, Settings(conditions=(REMARK,))) == ()


def test_a_condition_beside_an_every_sentence_restricts_nothing() -> None:
    """And needs no binding."""
    flow = make_flow(RuleKind.EVERY, RuleKind.CONDITION)
    assert unbound_conditions(flow, Settings()) == ()
    assert bound_conditions(flow, Settings(conditions=(BOUND,)), SCHEMA) == ()


def test_a_bound_condition_has_the_words_of_the_document_and_the_fields_of_the_schema() -> None:
    """A pattern has no words of its own to be found by."""
    (bound,) = bound_conditions(restricted(), Settings(conditions=(PATTERN,)), SCHEMA)
    assert (bound.text, dict(bound.wanted), bound.paths) == (WORDS, {"State": "out"}, {"State"})


def test_a_record_is_written_with_values_that_make_it_so() -> None:
    """The first of several; nothing where it must be empty; whatever is drawn where any value will do."""
    wanted: Mapping[str, Wanted] = {"State": ("won", "closed"), "phone": Presence.EMPTY, "tags": Presence.FILLED}
    bound = Bound(text="", wanted=wanted, unwanted={"State": "open"})
    assert bound.holds == {"State": "won", "phone": None}
    assert bound.fails == {"State": "open"}


def test_a_facet_is_bound_by_its_whole_name() -> None:
    """One facet of an entity is not another one."""
    person = EntityRef(system="Bakery", entity="Customer", facet="human data")
    binding = ConditionBinding(facet=True, entity="bakery customer (HUMAN data)", holds={"state": "p"})
    settings = Settings(conditions=(binding,))
    bound = bound_facet(person, settings, SCHEMA)
    assert bound is not None
    assert (bound.text, dict(bound.wanted)) == ("human data", {"State": "p"})
    assert bound_facet(BAKER, settings, SCHEMA) is None
    assert bound_facet(EntityRef(system="Bakery", entity="Customer", facet="firms"), settings, SCHEMA) is None


def meets(wanted: Wanted, value: FieldValue, path: str = "State") -> bool:
    record = Record(system="Bakery", entity="Customer", id="1", values={path: value}, modified=None)
    return Bound(text="", wanted={path: wanted}, unwanted={}).met_by(record, SCHEMA)


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("won", "won", True),
        ("won", "lost", False),
        ("won", None, False),
        (("won", "closed"), "closed", True),
        (("won", "closed"), "open", False),
        (Presence.FILLED, "x", True),
        (Presence.FILLED, "", False),
        (Presence.FILLED, 0, True),
        (Presence.EMPTY, None, True),
        (Presence.EMPTY, (None,), True),
        (Presence.EMPTY, False, False),
    ],
)
def test_judge_and_engine_agree_on_what_a_record_holds(wanted: Wanted, value: FieldValue, *, expected: bool) -> None:
    """Each with code of its own."""
    assert meets(wanted, value) is expected
    assert holds({"state": wanted}, {"State": value}) is expected


@given(
    wanted=st.one_of(
        st.sampled_from(Presence),
        st.sampled_from(["a", "b"]),
        st.lists(st.sampled_from(["a", "b"]), min_size=1).map(tuple),
    ),
    value=st.sampled_from(["a", "b", "", None]),
)
def test_judge_and_engine_never_differ_over_texts(wanted: Wanted, value: FieldValue) -> None:
    """Where they did, a correct engine would be accused."""
    assert meets(wanted, value) is holds({"State": wanted}, {"State": value})


@given(values=st.dictionaries(st.sampled_from(["State", "phone"]), st.sampled_from(["a", "b", None]), max_size=2))
def test_what_excludes_a_record_is_never_met_by_it(values: dict[str, FieldValue]) -> None:
    """Whatever else the record has."""
    bound = Bound(text="", wanted={"State": "a", "phone": Presence.FILLED}, unwanted={})
    record = Record(
        system="Bakery", entity="Customer", id="1", values={"phone": "b", "State": "a"} | values, modified=None
    )
    if bound.excludes(values, SCHEMA):
        assert not bound.met_by(record, SCHEMA)


BINDINGS = (BOUND, NARROW, PATTERN, REMARK)


@given(st.lists(st.sampled_from(range(len(BINDINGS))), unique=True))
def test_judge_and_engine_choose_the_same_binding(listed: list[int]) -> None:
    """In whatever order they are listed."""
    flow, settings = restricted(), Settings(conditions=tuple(BINDINGS[index] for index in listed))
    rules = read_rules(flow, settings.conditions, ())
    assert rules.every is promises_every(flow, settings)
    assert rules.unbound is bool(unbound_conditions(flow, settings))
    chosen = bound_conditions(flow, settings, SCHEMA)
    if chosen:
        assert rules.predicates == tuple({p.casefold(): w for p, w in one.wanted.items()} for one in chosen)
