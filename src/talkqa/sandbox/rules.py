"""What the sentences of a flow allow for one source record.

Used by the engine's admission of records. Pure: links and connections are answered by whoever asks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from talkqa.model.flow import EntityRef, Flow, RuleKind
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.settings import ConditionBinding, ConnectionBinding
from talkqa.sandbox.conversion import is_empty, to_text


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
    predicates: tuple[Mapping[str, Scalar], ...]
    """Property values that make one of the conditions true."""
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


def holds(predicate: Mapping[str, Scalar], values: Mapping[str, FieldValue]) -> bool:
    """Whether a record has all these property values; letter case of paths does not matter."""
    folded = {path.casefold(): value for path, value in values.items()}
    return all(_is_value(folded.get(path.casefold()), wanted) for path, wanted in predicate.items())


def _is_value(value: FieldValue, wanted: Scalar) -> bool:
    if is_empty(value) or is_empty(wanted):
        return is_empty(value) and is_empty(wanted)
    items = value if isinstance(value, tuple) else (value,)
    return any(to_text(item) == to_text(wanted) for item in items)


def _binding(text: str, source: EntityRef, conditions: Sequence[ConditionBinding]) -> ConditionBinding | None:
    """The binding of a condition's words; one for this entity goes before one for any."""
    fitting = [b for b in conditions if _folded(b.text) == _folded(text)]
    fitting = [b for b in fitting if b.entity is None or _names(b.entity, source)]
    return min(fitting, key=lambda b: b.entity is None, default=None)


def _names(name: str, ref: EntityRef) -> bool:
    plain = f"{ref.system} {ref.entity}".strip()
    return _folded(name) in (_folded(ref.name), _folded(plain))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
