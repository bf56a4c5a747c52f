"""The property rows of one pair of entities over all flows of a world, as one of the flows sees them.

Used by `flowstate`. A flow and its reverse keep the same records in step, so what one of them says of a property holds
for the other: a property that several feed by the one document is shared in the other one too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from talkqa.checklist.rows import classify_row
from talkqa.model.check import RowClass
from talkqa.model.flow import Flow, PropertyRow, Qualifier, Side
from talkqa.model.schema import EntitySchema
from talkqa.verify.rows import RowJudgement, judge_class

_EQUAL = frozenset({RowClass.PLAIN, RowClass.TRANSFORM, RowClass.LIST, RowClass.HIDDEN_TRANSFORM})
"""Classes that a second source of the same property turns into `shared`."""
_TYPED = frozenset({RowClass.PLAIN, RowClass.LIST})
"""Classes that rest on a declared type alone."""


def unite_rows(flow: Flow, flows: Iterable[Flow]) -> Flow:
    """The flow with the rows of every other flow between the same two entities, turned round where that is its reverse.

    Rows of the flow itself stay as they are and come first where two flows have the same one.
    """
    rows = {(row.source, row.target): row for row in flow.properties}
    for row in _rows_elsewhere(flow, flows):
        rows.setdefault((row.source, row.target), row)
    return replace(flow, properties=tuple(sorted(rows.values(), key=lambda row: (row.source, row.target))))


def judge_rows(
    flow: Flow, flows: Iterable[Flow], source: EntitySchema, target: EntitySchema
) -> dict[tuple[str, str], RowJudgement]:
    """(source, target) of each row of a flow to what may be asked of it, all flows of its two entities considered."""
    flows = tuple(flows)
    whole, led, hidden = unite_rows(flow, flows), _led_elsewhere(flow, flows), _hidden_elsewhere(flow, flows)
    found = {}
    for row in whole.properties:
        judgement = judge_class(whole, row, source, target)
        if (row.source, row.target) in hidden and judgement.row_class in _TYPED:
            judgement = replace(judgement, row_class=RowClass.HIDDEN_TRANSFORM)
        if row.source in led and judgement.row_class in _EQUAL:
            judgement = replace(judgement, row_class=RowClass.SHARED)
        found[(row.source, row.target)] = judgement
    return found


def _rows_elsewhere(flow: Flow, flows: Iterable[Flow]) -> Iterator[PropertyRow]:
    """What other flows say of properties of the same two entities, as this flow sees it."""
    for other in flows:
        if other.id == flow.id:
            continue
        if _ends(other) == _ends(flow):
            yield from other.properties
        elif _is_reverse(flow, other):
            yield from map(_turned, other.properties)


def _hidden_elsewhere(flow: Flow, flows: Iterable[Flow]) -> frozenset[tuple[str, str]]:
    """Source and target of what another flow tells neither type nor usable expression of: the laxer word counts.

    An expression of the flow's own still tells what becomes of a source's value.
    """
    rows = _rows_elsewhere(flow, flows)
    return frozenset((row.source, row.target) for row in rows if classify_row(flow, row) is RowClass.HIDDEN_TRANSFORM)


def _led_elsewhere(flow: Flow, flows: Iterable[Flow]) -> frozenset[str]:
    """Source properties that several target properties feed, by a reverse flow."""
    feeding: defaultdict[str, set[str]] = defaultdict(set)
    for other in flows:
        if _is_reverse(flow, other):
            for row in other.properties:
                feeding[row.target].add(row.source)
    return frozenset(path for path, sources in feeding.items() if len(sources) > 1)


def _turned(row: PropertyRow) -> PropertyRow:
    """A row as the reverse flow sees it; what a transform gives backwards nobody tells."""
    qualifiers = tuple(Qualifier(side=q.side.other, value=q.value, path=q.path) for q in row.qualifiers)
    data_type = row.data_type if row.transform is None else "N/A"
    return replace(
        row, source=row.target, target=row.source, qualifiers=qualifiers, transform=None, data_type=data_type
    )


def _ends(flow: Flow) -> tuple[tuple[str, str, str | None], ...]:
    refs = (flow.entity(side) for side in Side)
    return tuple((ref.system, ref.entity.casefold(), ref.facet) for ref in refs)


def _is_reverse(one: Flow, other: Flow) -> bool:
    return _ends(other) == _ends(one)[::-1] and _ends(one)[0] != _ends(one)[1]
