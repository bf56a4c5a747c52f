"""What the words of a condition, or a facet, mean in fields of a source entity, as the configuration binds them.

Used by flows, and by steps that write a record for which they hold or fail. The reference engine reads bindings with
code of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from talkqa.model.flow import EntityRef, Flow, Rule, RuleKind
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema
from talkqa.model.settings import ConditionBinding, Presence, Settings, Wanted
from talkqa.verify.compare import compare
from talkqa.verify.travel import spelled

LONGEST_WORDS = 300
"""Words of a condition that a pattern is tried on; longer ones are bound by their text."""


def fold(text: str) -> str:
    """Letter case and white space folded: how words of a condition are compared."""
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A condition or facet of one flow, in properties as its source entity spells them."""

    text: str
    """The words of the document."""
    wanted: Mapping[str, Wanted]
    """What a record must have for it to hold."""
    unwanted: Mapping[str, Wanted]
    """What makes it fail; empty where nobody said."""

    @property
    def holds(self) -> dict[str, Scalar]:
        """Values that a record is written with for it to hold; a drawn one will do where any is wanted."""
        return _written(self.wanted)

    @property
    def fails(self) -> dict[str, Scalar]:
        """Values that a record is written with for it not to hold."""
        return _written(self.unwanted)

    @property
    def paths(self) -> frozenset[str]:
        """Every property that it looks at."""
        return frozenset((*self.wanted, *self.unwanted))

    def met_by(self, record: Record, schema: EntitySchema) -> bool:
        """Whether it holds for a record as a system told it."""
        return all(_is(record.values.get(path), wanted, path, schema) for path, wanted in self.wanted.items())

    def excludes(self, values: Mapping[str, FieldValue], schema: EntitySchema) -> bool:
        """Whether it cannot hold for a record that has these values, whatever else it has."""
        return any(path in values and not _is(values[path], w, path, schema) for path, w in self.wanted.items())


def _written(wanted: Mapping[str, Wanted]) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for path, one in wanted.items():
        if one is Presence.EMPTY:
            found[path] = None
        elif isinstance(one, tuple):
            found[path] = one[0]
        elif not isinstance(one, Presence):
            found[path] = one
    return found


def _is(value: FieldValue, wanted: Wanted, path: str, schema: EntitySchema) -> bool:
    """Whether a property holds what is asked of it."""
    if isinstance(wanted, Presence):
        items = value if isinstance(value, tuple) else (value,)
        return all(item in (None, "") for item in items) is (wanted is Presence.EMPTY)
    field = schema.field(path)
    return any(
        compare(one, value, expected_field=None, actual_field=field, declared=None).equal
        for one in (wanted if isinstance(wanted, tuple) else (wanted,))
    )


def binding_of(rule: Rule, flow: Flow, settings: Settings) -> ConditionBinding | None:
    """The binding that explains a condition of a flow; None where nothing does.

    The one for its own entity goes before one for any, and words go before a pattern.
    """
    fitting = [
        binding
        for binding in settings.conditions
        if not binding.facet
        and (binding.remark or binding.holds)
        and (binding.entity is None or fold(binding.entity) in _names(flow.source))
        and _explains(binding, rule.condition or "")
    ]
    return min(fitting, key=lambda binding: (binding.entity is None, bool(binding.pattern)), default=None)


def _explains(binding: ConditionBinding, words: str) -> bool:
    if not binding.pattern:
        return fold(binding.text) == fold(words)
    plain = " ".join(words.split())
    return len(plain) <= LONGEST_WORDS and re.fullmatch(binding.pattern, plain, re.IGNORECASE) is not None


def _names(ref: EntityRef) -> set[str]:
    """How a binding may name an entity: with its facet, or for all facets."""
    return {fold(ref.name), fold(f"{ref.system} {ref.entity}")}


def promises_every(flow: Flow, settings: Settings) -> bool:
    """Whether no source record stays out: a sentence says so, or a condition is an editor's remark."""
    bindings = (binding_of(rule, flow, settings) for rule in flow.rules_of(RuleKind.CONDITION))
    return flow.has(RuleKind.EVERY) or any(b is not None and b.remark for b in bindings)


def unbound_conditions(flow: Flow, settings: Settings) -> tuple[str, ...]:
    """The conditions of a flow that nothing explains, as the documents have them."""
    if promises_every(flow, settings):
        return ()
    rules = flow.rules_of(RuleKind.CONDITION)
    return tuple(rule.condition or "" for rule in rules if binding_of(rule, flow, settings) is None)


def bound_conditions(flow: Flow, settings: Settings, source: EntitySchema) -> tuple[Bound, ...]:
    """The conditions that restrict a flow: none where every source record is promised anyway."""
    if promises_every(flow, settings):
        return ()
    found = ((rule, binding_of(rule, flow, settings)) for rule in flow.rules_of(RuleKind.CONDITION))
    return tuple(_bound(rule.condition or "", binding, source) for rule, binding in found if binding is not None)


def bound_facet(ref: EntityRef, settings: Settings, schema: EntitySchema) -> Bound | None:
    """What makes a record one of a facet; None where the entity is named without one, or nothing explains it."""
    binding = _facet_binding(ref, settings)
    return _bound(ref.facet or "", binding, schema) if binding is not None else None


def is_bound_facet(ref: EntityRef, settings: Settings) -> bool:
    """Whether it can be told which records belong to the facet."""
    return _facet_binding(ref, settings) is not None


def _facet_binding(ref: EntityRef, settings: Settings) -> ConditionBinding | None:
    if ref.facet is None:
        return None
    return next((b for b in settings.conditions if b.facet and fold(b.entity or "") == fold(ref.name)), None)


def _bound(text: str, binding: ConditionBinding, schema: EntitySchema) -> Bound:
    return Bound(
        text=text,
        wanted={spelled(schema, path): wanted for path, wanted in binding.holds.items()},
        unwanted={spelled(schema, path): wanted for path, wanted in binding.fails.items()},
    )
