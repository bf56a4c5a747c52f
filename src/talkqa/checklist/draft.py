"""What every rule starts from, and the one place where a check is put together."""

from collections.abc import Mapping
from dataclasses import dataclass

from talkqa.checklist.identity import APPROVED, build_id, join
from talkqa.checklist.phrases import IN_STEP, Phrase, quotable
from talkqa.checklist.rows import classify_rows, lowest_row, names_id
from talkqa.model.check import Check, RowClass, RowKey, Step
from talkqa.model.flow import EntityRef, Flow, MergeRow, PropertyRow, Rule, RuleKind, Side

SOURCE_COLUMN = "source property"
TARGET_COLUMN = "target property"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A parameter that differs between the checks of one title: a column of their outline."""

    column: str
    text: str


Line = tuple[str, Phrase, Mapping[str, str | Cell]]
"""Keyword, phrase and parameters of one step."""


def given(phrase: Phrase, **values: str | Cell) -> Line:
    """A step that says what there is."""
    return "Given", phrase, values


def when(phrase: Phrase, **values: str | Cell) -> Line:
    """A step that does something."""
    return "When", phrase, values


def then(phrase: Phrase, **values: str | Cell) -> Line:
    """A step that looks."""
    return "Then", phrase, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """One flow, with what several of its checks need to know."""

    flow: Flow
    source: str
    """Name of the source entity as steps and titles have it."""
    target: str
    classes: Mapping[RowKey, RowClass]
    lowest: PropertyRow | None
    """The row that stands for all; None where the document lists no properties."""

    def rule(self, *kinds: RuleKind) -> Rule | None:
        """The first sentence of the first of these kinds that the flow has."""
        return next((rule for kind in kinds for rule in self.flow.rules if rule.kind is kind), None)

    def name(self, side: Side) -> str:
        """The entity at one end, in words."""
        return self.source if side is Side.SOURCE else self.target

    @property
    def matching(self) -> tuple[MergeRow, ...]:
        """Merge criteria that compare values; rows that join ids match nothing that a test could write."""
        return tuple(row for row in self.flow.merge if not (names_id(row.source) and names_id(row.target)))


def read_basis(flow: Flow) -> Basis:
    """Work out once what the rules of this flow share."""
    classes = classify_rows(flow)
    return Basis(
        flow=flow,
        source=quotable(flow.source.name),
        target=quotable(flow.target.name),
        classes=classes,
        lowest=lowest_row(flow, classes),
    )


def draw_background(flow: Flow) -> Step:
    """The step with which every scenario of the flow begins."""
    words = IN_STEP.render(source=quotable(flow.source.name), target=quotable(flow.target.name))
    return Step(keyword="Given", text=words)


def draw_check(
    basis: Basis,
    name: str,
    *lines: Line,
    title: str,
    rule: Rule | None,
    sentence: str = "",
    parts: tuple[str, ...] = (),
    row: PropertyRow | MergeRow | None = None,
    tags: tuple[str, ...] = (),
) -> Check:
    """Put a check together; `parts` end its id, `row` is what it is about, `sentence` says the policy in words."""
    key = RowKey(source=row.source, target=row.target) if row is not None else None
    if isinstance(row, PropertyRow) and row.approved:
        tags = (*tags, APPROVED)
    cells = {value.column: value.text for _, _, values in lines for value in values.values() if isinstance(value, Cell)}
    return Check(
        id=build_id(basis.flow.id, name, *parts),
        flow_id=basis.flow.id,
        name=name,
        rule=rule.kind if rule else None,
        sentence=rule.text if rule else sentence,
        title=title,
        steps=_write_steps(lines, as_template=False),
        row=key,
        row_class=basis.classes.get(key) if key is not None and isinstance(row, PropertyRow) else None,
        tags=tags,
        cells=tuple((column, quotable(text)) for column, text in sorted(cells.items(), key=_column_order)),
        template=_write_steps(lines, as_template=True) if cells else (),
    )


def part_of_row(row: PropertyRow | MergeRow) -> str:
    """The part of an id that names a row."""
    return join(row.source, row.target)


def source_cell(row: PropertyRow | MergeRow) -> Cell:
    """The row's source property as a column."""
    return Cell(column=SOURCE_COLUMN, text=row.source)


def target_cell(row: PropertyRow | MergeRow) -> Cell:
    """The row's target property as a column."""
    return Cell(column=TARGET_COLUMN, text=row.target)


def name_entity(entity: EntityRef) -> str:
    """An entity in the words of a step."""
    return quotable(entity.name)


def _column_order(cell: tuple[str, str]) -> int:
    """Source, then target, then whatever else the steps name, in their order."""
    return {SOURCE_COLUMN: 0, TARGET_COLUMN: 1}.get(cell[0], 2)


def _write_steps(lines: tuple[Line, ...], *, as_template: bool) -> tuple[Step, ...]:
    """The steps in words; a keyword that repeats reads `And`."""
    steps: list[Step] = []
    before = ""
    for keyword, phrase, values in lines:
        words = phrase.render(**{name: _word(value, as_template=as_template) for name, value in values.items()})
        steps.append(Step(keyword="And" if keyword == before else keyword, text=words))
        before = keyword
    return tuple(steps)


def _word(value: str | Cell, *, as_template: bool) -> str:
    if isinstance(value, Cell):
        return f"<{value.column}>" if as_template else quotable(value.text)
    return quotable(value)
