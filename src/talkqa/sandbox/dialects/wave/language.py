"""Documents in GraphQL: parsed, validated and priced once, executed as often as they are asked.

Used by this emulator and by that of described systems. Everything here depends on texts, so that all worlds of a
process share it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

_KEPT = 512
"""Documents kept: clients ask a few dozen different ones."""
_DEFAULT_PAGE = 10
_LIST_WEIGHTS: Mapping[str, int] = {"items": 3, "taxes": 1}
"""How many elements a list without paging is taken for; the real formula is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One document, ready to be executed; `errors` where it is none."""

    document: DocumentNode | None = None
    errors: tuple[GraphQLError, ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of that name, or the only one."""
        return None if self.document is None else get_operation_ast(self.document, name)


class Language:
    """One schema and the documents that were asked of it."""

    def __init__(self, sdl: str) -> None:
        self._schema = build_schema(sdl)
        _teach_scalars(self._schema)
        self.prepare = lru_cache(_KEPT)(self._prepare)

    def _prepare(self, text: str) -> Prepared:
        try:
            document = parse(text, max_tokens=20_000)
        except GraphQLSyntaxError as error:
            return Prepared(errors=(error,))
        errors = tuple(validate(self._schema, document))
        return Prepared(document=document, errors=errors)

    def execute(
        self, document: DocumentNode, root: Mapping[str, Any], variables: Mapping[str, Any], name: str | None
    ) -> ExecutionResult:
        """What a validated document gives, over dicts of values and of functions of (info, **arguments)."""
        return execute_sync(
            self._schema, document, root_value=root, variable_values=dict(variables), operation_name=name
        )


@lru_cache(8)
def language(sdl: str) -> Language:
    """The language of a schema text."""
    return Language(sdl)


def is_mutation(operation: OperationDefinitionNode) -> bool:
    """Whether an operation may change something."""
    return operation.operation is OperationType.MUTATION


def asks_for_schema(operation: OperationDefinitionNode) -> bool:
    """Whether an operation looks at the schema itself."""
    return any(
        isinstance(one, FieldNode) and one.name.value in ("__schema", "__type")
        for one in operation.selection_set.selections
    )


def price(document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any], heavy: int) -> int:
    """How expensive an operation is taken for: objects, times the sizes of the pages that they are on.

    Args:
        document: Holds the fragments.
        operation: What is asked.
        variables: As sent.
        heavy: By how much a list without paging weighs more than usual.
    """
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    return _price(operation.selection_set, fragments, variables, heavy)


def _price(
    selected: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    heavy: int,
) -> int:
    total = 0
    for one in _fields(selected, fragments):
        if one.selection_set is None:
            continue
        name = one.name.value
        inner = _price(one.selection_set, fragments, variables, heavy)
        free = name in ("pageInfo", "edges", "__schema", "__type")
        total += 0 if name.startswith("__") else (inner + (not free)) * _size(one, fragments, variables, heavy)
    return total


def _size(
    one: FieldNode, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any], heavy: int
) -> int:
    weight = _LIST_WEIGHTS.get(one.name.value)
    if weight is not None:
        return weight * heavy
    if one.selection_set is None or all(f.name.value != "edges" for f in _fields(one.selection_set, fragments)):
        return 1
    asked = next((a.value for a in one.arguments or () if a.name.value == "pageSize"), None)
    if isinstance(asked, IntValueNode):
        return int(asked.value)
    given = variables.get(asked.name.value) if isinstance(asked, VariableNode) else None
    return given if isinstance(given, int) else _DEFAULT_PAGE


def _fields(selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    for one in selected.selections:
        if isinstance(one, FieldNode):
            yield one
        elif isinstance(one, InlineFragmentNode):
            yield from _fields(one.selection_set, fragments)
        elif isinstance(one, FragmentSpreadNode) and one.name.value in fragments:
            yield from _fields(fragments[one.name.value].selection_set, fragments)


def _teach_scalars(schema: GraphQLSchema) -> None:
    for name, read in (("Date", _read_date), ("DateTime", _read_moment), ("Decimal", _read_decimal)):
        scalar = schema.type_map[name]
        for hook in ("parse_value", "coerce_input_value"):  # the first is graphql-core 3.2's, the second 3.3's
            setattr(scalar, hook, read)


def _read_date(value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise GraphQLError(f"Date cannot represent value: {value!r}") from None


def _read_moment(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"DateTime cannot represent value: {value!r}") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise GraphQLError(f"Decimal cannot represent value: {value!r}")
    return number
