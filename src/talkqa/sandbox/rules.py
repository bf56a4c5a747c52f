"""What the sentences of a flow allow for one source record.

Used by the engine's admission of records. Pure: links and connections are answered by whoever asks.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from talkqa.model.flow import EntityRef, Flow, RuleKind
from talkqa.model.record import FieldValue
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Presence, Wanted
from talkqa.sandbox.conversion import is_empty, to_text

_LONGEST = 300
"""Words of a condition that a pattern is tried on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A way in which a source record can be connected to another one."""

    entity: str
    """Of the source's own system."""
    path: str
    held_by_source: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What may be done for an unlinked source record."""

    link: bool
    """To a target record that matches."""
    create: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRules:
    """The sentences of one flow, with what binds them."""

    every: bool
    predicates: tuple[Mapping[str, Wanted], ...]
    """What makes one of the conditions true."""
    facet: Mapping[str, Wanted]
    """What makes a record one of the flow's own facet; empty where it has none, or nothing binds it."""
    unbound: bool
    """Whether a condition has no binding and nothing else lets the records in."""
    link_required: bool
    creates_unmatched: bool
    merges: bool
    criteria: tuple[tuple[str, str], ...]
    """Source path and target path of each merge criterion."""
    connections: tuple[Connection, ...]

    def permit(self, values: Mapping[str, FieldValue], connected: Callable[[Connection], bool]) -> Permit:
        """What the sentences allow for a source record, sections taken as alternatives.

        Args:
            values: of the source record.
            connected: answers whether it is connected that way to a record that is synchronised.
        """
        if not holds(self.facet, values):
            return Permit(link=False, create=False)
        if self.every or any(holds(predicate, values) for predicate in self.predicates):
            return Permit(link=True, create=True)
        waits_for_link = self.link_required or not self.predicates
        create = (waits_for_link and self.creates_unmatched) or any(map(connected, self.connections))
        return Permit(link=waits_for_link or create, create=create)

    @property
    def conditional(self) -> bool:
        """Whether a condition keeps records out."""
        return bool(self.predicates) and not self.every


def read_rules(
    flow: Flow, conditions: Sequence[ConditionBinding], connections: Sequence[ConnectionBinding]
) -> FlowRules:
    """The rules of a flow; editors' remarks restrict nothing."""
    bindings = [_binding(rule.condition or "", flow.source, conditions) for rule in flow.rules_of(RuleKind.CONDITION)]
    every = flow.has(RuleKind.EVERY) or any(binding is not None and binding.remark for binding in bindings)
    return FlowRules(
        every=every,
        predicates=tuple(dict(b.holds) for b in bindings if b is not None and not b.remark),
        facet=_facet(flow.source, conditions),
        unbound=not every and any(binding is None for binding in bindings),
        link_required=flow.has(RuleKind.LINK_REQUIRED),
        creates_unmatched=flow.has(RuleKind.CREATE_UNMATCHED),
        merges=flow.has(RuleKind.MERGE_ON) or flow.has(RuleKind.MERGE_EXISTING) or bool(flow.merge),
        criteria=tuple((row.source, row.target) for row in flow.merge),
        connections=tuple(
            Connection(entity=entity.entity, path=binding.path, held_by_source=binding.held_by == "source")
            for rule in flow.rules_of(RuleKind.CREATE_IF_CONNECTED)
            for entity in rule.connected
            for binding in connections
            if _names(binding.source, flow.source) and _names(binding.connected, entity)
        ),
    )


def holds(predicate: Mapping[str, Wanted], values: Mapping[str, FieldValue]) -> bool:
    """Whether a record has all these property values; letter case of paths does not matter."""
    folded = {path.casefold(): value for path, value in values.items()}
    return all(_is_value(folded.get(path.casefold()), wanted) for path, wanted in predicate.items())


def _is_value(value: FieldValue, wanted: Wanted) -> bool:
    match wanted:
        case Presence.EMPTY:
            return is_empty(value)
        case Presence.FILLED:
            return not is_empty(value)
        case tuple():
            return any(_is_value(value, one) for one in wanted)
    if is_empty(value) or is_empty(wanted):
        return is_empty(value) and is_empty(wanted)
    items = value if isinstance(value, tuple) else (value,)
    return any(to_text(item) == to_text(wanted) for item in items)


def _binding(text: str, source: EntityRef, conditions: Sequence[ConditionBinding]) -> ConditionBinding | None:
    """The binding of a condition: one for this entity goes before one for any, its words before a pattern."""
    written = [b for b in conditions if not (b.facet or b.pattern) and _folded(b.text) == _folded(text)]
    matched = [b for b in conditions if b.pattern and _matches(b.pattern, " ".join(text.split()))]
    fitting = [b for b in (*written, *matched) if b.entity is None or _names(b.entity, source)]
    return next((b for b in fitting if b.entity is not None), fitting[0] if fitting else None)


def _matches(pattern: str, words: str) -> bool:
    return len(words) <= _LONGEST and re.compile(pattern, re.IGNORECASE).fullmatch(words) is not None


def _facet(source: EntityRef, conditions: Sequence[ConditionBinding]) -> Mapping[str, Wanted]:
    """What a record of the facet has; nothing is asked of one that no binding names."""
    named = [b.holds for b in conditions if b.facet and _folded(b.entity or "") == _folded(source.name)]
    return dict(named[0]) if named and source.facet is not None else {}


def _names(name: str, ref: EntityRef) -> bool:
    plain = f"{ref.system} {ref.entity}".strip()
    return _folded(name) in (_folded(ref.name), _folded(plain))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
