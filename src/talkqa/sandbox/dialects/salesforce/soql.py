"""The query language: text in, a query as values out.

A part of SOQL that clients need: fields with parents, COUNT(), FIELDS(), conditions, order, limit and offset.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

from talkqa.sandbox.dialects.salesforce.refusals import refuse

_GRAMMAR = r"""
start: _SELECT columns _FROM NAME [_WHERE condition] [_ORDER _BY ordering ("," ordering)*] [_LIMIT INT] [_OFFSET INT]

columns: COUNT -> count
       | column ("," column)*
column: NAMES -> names
      | FIELDS -> all_fields

?condition: simple
          | simple (_AND simple)+ -> conjunction
          | simple (_OR simple)+ -> disjunction
?simple: "(" condition ")"
       | _NOT simple -> negation
       | NAME OPERATOR literal -> comparison
       | NAME IN listed -> membership
       | NAME NOT_IN listed -> membership
listed: "(" literal ("," literal)* ")"
literal: TEXT -> text
       | DATETIME -> moment
       | DATE -> day
       | NUMBER -> number
       | INT -> number
       | RELATIVE -> relative
       | BOOLEAN -> boolean
       | NULL -> null
ordering: NAME [DIRECTION] [NULLS]

_SELECT.3: /SELECT\b/i
_FROM.3: /FROM\b/i
_WHERE.3: /WHERE\b/i
_ORDER.3: /ORDER\b/i
_BY.3: /BY\b/i
_LIMIT.3: /LIMIT\b/i
_OFFSET.3: /OFFSET\b/i
_AND.3: /AND\b/i
_OR.3: /OR\b/i
_NOT.3: /NOT\b/i
NOT_IN.4: /NOT\s+IN\b/i
IN.3: /IN\b/i
COUNT.5: /COUNT\s*\(\s*\)/i
FIELDS.5: /FIELDS\s*\(\s*(ALL|CUSTOM|STANDARD)\s*\)/i
OPERATOR.3: /<=|>=|!=|<>|=|<|>|LIKE\b/i
DIRECTION.3: /ASC\b|DESC\b/i
NULLS.3: /NULLS\s+(FIRST|LAST)\b/i
BOOLEAN.3: /TRUE\b|FALSE\b/i
NULL.4: /NULL\b/i
RELATIVE.3: /TODAY\b|YESTERDAY\b|TOMORROW\b|(LAST|NEXT)_N_DAYS:[0-9]{1,9}/i
DATETIME.5: /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})/i
DATE.4: /[0-9]{4}-[0-9]{2}-[0-9]{2}/
NUMBER.3: /[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][+-]?[0-9]+)?/
INT.2: /[0-9]{1,9}/
TEXT: /'(\\.|[^'\\])*'/s
NAMES.1: /[A-Za-z_][\w.]*(?![\w.]|\s*\()(\s*,\s*[A-Za-z_][\w.]*(?![\w.]|\s*\())*/
NAME: /[A-Za-z_][\w.]*/

%import common.WS
%ignore WS
"""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value as written."""

    kind: str
    """text, pattern, datetime, date, number, relative, boolean or null."""
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A field and what it is compared with."""

    path: str
    operator: str
    """`=`, `!=`, `<`, `<=`, `>`, `>=`, `LIKE`, `IN` or `NOT IN`."""
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Conditions joined."""

    how: str
    """AND, OR or NOT."""
    parts: tuple["Condition", ...]


Condition = Comparison | Combination


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """One key of the order."""

    path: str
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query."""

    entity: str
    columns: tuple[str, ...]
    """Paths, and `FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`; empty where rows are counted alone."""
    condition: Condition | None
    order: tuple[Ordering, ...]
    limit: int | None
    offset: int | None


def unescape(raw: str, *, pattern: bool = False) -> str:
    """The text between the quotes of a literal; escaped wildcards of a pattern stay escaped.

    Raises:
        ApiFault: for an escape that the language does not have.
    """

    def replace(match: re.Match[str]) -> str:
        sign = match[1]
        if len(sign) == 5:
            return chr(int(sign[1:], 16))
        if sign in "_%" and pattern:
            return match[0]
        if sign == "\\" and pattern:
            return match[0]
        known = _ESCAPES.get(sign)
        if known is None and sign not in "_%":
            raise refuse(400, "MALFORMED_QUERY", f"Illegal string literal: \\{sign} is no escape sequence")
        return sign if known is None else known

    return _ESCAPE.sub(replace, raw)


class _Reader(Transformer[Token, Any]):
    """From the tree to values."""

    def count(self, _items: list[Any]) -> tuple[str, ...]:
        return ()

    def names(self, items: list[Token]) -> tuple[str, ...]:
        return tuple(name.strip() for name in items[0].split(","))

    def all_fields(self, items: list[Token]) -> tuple[str, ...]:
        return ("".join(items[0].split()).upper(),)

    def columns(self, items: list[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(name for names in items for name in names)

    def text(self, items: list[Token]) -> Literal:
        return Literal(kind="text", value=items[0][1:-1])

    def moment(self, items: list[Token]) -> Literal:
        return Literal(kind="datetime", value=str(items[0]))

    def day(self, items: list[Token]) -> Literal:
        return Literal(kind="date", value=str(items[0]))

    def number(self, items: list[Token]) -> Literal:
        return Literal(kind="number", value=float(items[0]))

    def relative(self, items: list[Token]) -> Literal:
        return Literal(kind="relative", value=items[0].upper())

    def boolean(self, items: list[Token]) -> Literal:
        return Literal(kind="boolean", value=items[0].upper() == "TRUE")

    def null(self, _items: list[Token]) -> Literal:
        return Literal(kind="null", value=None)

    def listed(self, items: list[Literal]) -> tuple[Literal, ...]:
        return tuple(items)

    def comparison(self, items: list[Any]) -> Comparison:
        path, operator, literal = items
        operator = {"<>": "!="}.get(operator, operator.upper())
        return Comparison(
            path=str(path), operator=operator, literals=(_read_text(literal, pattern=operator == "LIKE"),)
        )

    def membership(self, items: list[Any]) -> Comparison:
        path, operator, literals = items
        read = tuple(_read_text(literal) for literal in literals)
        return Comparison(path=str(path), operator=" ".join(operator.upper().split()), literals=read)

    def conjunction(self, items: list[Condition]) -> Combination:
        return Combination(how="AND", parts=tuple(items))

    def disjunction(self, items: list[Condition]) -> Combination:
        return Combination(how="OR", parts=tuple(items))

    def negation(self, items: list[Condition]) -> Combination:
        return Combination(how="NOT", parts=tuple(items))

    def ordering(self, items: list[Token | None]) -> Ordering:
        path, direction, nulls = items
        return Ordering(
            path=str(path),
            descending=direction is not None and direction.upper() == "DESC",
            nulls_last=nulls is not None and nulls.upper().endswith("LAST"),
        )

    def start(self, items: list[Any]) -> Query:
        columns, entity, condition, *rest = items
        limit, offset = rest[-2:]
        return Query(
            entity=str(entity),
            columns=columns,
            condition=condition,
            order=tuple(one for one in rest[:-2] if one is not None),
            limit=None if limit is None else int(limit),
            offset=None if offset is None else int(offset),
        )


def _read_text(literal: Literal, *, pattern: bool = False) -> Literal:
    if literal.kind != "text":
        return literal
    return Literal(kind="pattern" if pattern else "text", value=unescape(literal.value, pattern=pattern))


_parse: Callable[[str], Any] | None = None


def _parser() -> Callable[[str], Any]:
    global _parse  # noqa: PLW0603 - made when first needed: a grammar takes a while
    if _parse is None:
        _parse = Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True, transformer=_Reader()).parse
    return _parse


@lru_cache(maxsize=512)
def read_query(text: str) -> Query:
    """The query that a text states.

    Raises:
        ApiFault: where it is none.
    """
    try:
        return cast("Query", _parser()(text))
    except LarkError as error:
        at = getattr(error, "column", None)
        where = f" at column {at}" if isinstance(at, int) and at > 0 else ""
        raise refuse(400, "MALFORMED_QUERY", f"unexpected token{where} in: {text[:200]}") from None
