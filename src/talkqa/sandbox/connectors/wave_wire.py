"""Wave's wire format as the reference engine reads and writes it.

Used by the engine's connector for Wave; shares nothing with the harness's client. Pure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.connectors.contract import Values

_PLACE = re.compile(r"at [\"']?[\w$]*((?:\.\w+|\[\d+\])+)[\"']?")
_MEMBER = re.compile(r"(?:unknown|required) field [\"'](\w+)|[Ff]ield [\"']?(\w+)[\"']? (?:is not defined|of required)")
_NUMBERS = frozenset({FieldType.DECIMAL, FieldType.INTEGER})
_ITEM_TAXES = "items.taxes.salesTax.id"
_PLURALS: Mapping[str, str] = {"SalesTax": "salesTaxes", "Business": "businesses"}
_SINCE = frozenset({"Customer", "Invoice", "SalesTax"})
_SORTED: Mapping[str, str] = {
    "Customer": "MODIFIED_AT_ASC",
    "Invoice": "MODIFIED_AT_ASC",
    "Product": "MODIFIED_AT_DESC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an operation was refused."""

    code: str
    message: str
    fields: tuple[str, ...]
    """Canonical paths, as far as known."""
    gone: bool = False
    """Whether it is because the record itself is not there."""


class WaveWire:
    """How one entity is asked for, read and written."""

    def __init__(self, schema: EntitySchema) -> None:
        self.schema = schema
        self.single = schema.name[0].lower() + schema.name[1:]
        self.plural = _PLURALS.get(schema.name, f"{self.single}s")
        self.since = schema.name in _SINCE
        self.sort = _SORTED.get(schema.name)
        self.page_size = 50 if schema.name == "Invoice" else 200
        self._read = [f for f in schema.fields if f.type is not FieldType.OPAQUE]
        paths = [f.path for f in self._read] + [_ITEM_TAXES] * (schema.field(_ITEM_TAXES) is not None)
        self.selection = _braces(_tree(paths))
        self._by_input = {".".join(_input_path(f)): f.path for f in schema.fields}

    def values(self, node: Mapping[str, Any]) -> Values:
        """Canonical path to value; the items of a list stand in an order of their own."""
        found: Values = {}
        for field in self._read:
            if field.list_at is None:
                found[field.path] = _neutral(field, _at(node, field.path))
            else:
                inner = field.path[len(field.list_at) + 1 :]
                found[field.path] = tuple(_neutral(field, _at(item, inner)) for item in _items(node, field.list_at))
        return found

    def modified(self, node: Mapping[str, Any]) -> str | None:
        """The stamp of the last change."""
        stamp = _at(node, self.schema.modified_field) if self.schema.modified_field else None
        return stamp if isinstance(stamp, str) else None

    def write(self, values: Mapping[str, FieldValue], node: Mapping[str, Any] | None) -> dict[str, Any]:
        """The input for some properties; objects and lists go out whole, with what the record held before."""
        sent: dict[str, Any] = {}
        lists: dict[str, dict[FieldSchema, FieldValue]] = {}
        fields = {path: self.schema.field(path) for path in values}
        heads = {_input_path(f)[0] for f in fields.values() if f and not f.list_at and len(_input_path(f)) > 1}
        for field in self.schema.fields if node is not None else ():
            steps = _input_path(field)
            if steps[0] in heads and field.updateable and not field.list_at and len(steps) > 1:
                held = _neutral(field, _at(node, field.path))
                if held is not None:
                    _put(sent, steps, _outgoing(field, held))
        for path, value in values.items():
            known = fields[path]
            if known is not None and known.list_at is not None:
                lists.setdefault(known.list_at, {})[known] = value
            else:
                _put(sent, _input_path(known) if known else path.split("."), _outgoing(known, value))
        for list_at, columns in lists.items():
            self._write_list(sent, list_at, columns, node or {})
        return sent

    def at_fault(self, refused: tuple[str, ...], values: Mapping[str, FieldValue]) -> tuple[str, ...]:
        """What was refused, and what was written beside it: a country does not go with a province that was there."""
        beside = [f"{p.removesuffix('province.code')}country.code" for p in refused if p.endswith("province.code")]
        return (*refused, *(path for path in beside if path in values))

    def _write_list(
        self, sent: dict[str, Any], list_at: str, columns: Mapping[FieldSchema, FieldValue], node: Mapping[str, Any]
    ) -> None:
        first = next(iter(columns))
        if _input_path(first)[-1].endswith("Ids"):
            _put(sent, _input_path(first), [one for one in _column(columns[first]) if one is not None])
            return
        items = [self._rewritten(list_at, item) for item in _items(node, list_at)]
        for field, value in columns.items():
            for row, one in enumerate(_column(value)):
                if row == len(items):
                    items.append({})
                _put(items[row], _input_path(field)[1:], _outgoing(field, one))
        _put(sent, list_at.split("."), items)

    def _rewritten(self, list_at: str, item: Mapping[str, Any]) -> dict[str, Any]:
        sent: dict[str, Any] = {}
        for field in self._read:
            held = _neutral(field, _at(item, field.path[len(list_at) + 1 :])) if field.list_at == list_at else None
            if field.updateable and held is not None:
                _put(sent, _input_path(field)[1:], _outgoing(field, held))
        if "taxes" in item:
            sent["taxes"] = [{"salesTaxId": tax["salesTax"]["id"]} for tax in item["taxes"] or ()]
        return sent

    def canonical(self, steps: Iterable[str]) -> str:
        """The path of a field that an error names by its place in the input."""
        path = ".".join(step for step in steps if not step.isdecimal())
        return self._by_input.get(path, path)

    def refusal(self, body: Mapping[str, Any], name: str) -> Refusal | None:
        """What an answer has against an operation; None where it was done."""
        errors = body.get("errors") or []
        if errors:
            return self._of_request(errors)
        told = (body.get("data") or {}).get(name) or {}
        if told.get("didSucceed"):
            return None
        problems = told.get("inputErrors") or []
        steps = [list(p.get("path") or [])[1:] for p in problems]
        return Refusal(
            code=str(problems[0].get("code")) if problems else "",
            message="; ".join(str(p.get("message")) for p in problems) or "it did not succeed",
            fields=tuple(dict.fromkeys(self.canonical(one) for one in steps if one)),
            gone=any(p.get("code") == "NOT_FOUND" and s == ["id"] for p, s in zip(problems, steps, strict=True)),
        )

    def _of_request(self, errors: list[Mapping[str, Any]]) -> Refusal:
        codes = [str((error.get("extensions") or {}).get("code") or "") for error in errors]
        named = []
        for error in errors:
            message = str(error.get("message"))
            place, member = _PLACE.search(message), _MEMBER.search(message)
            steps = [s for s in re.split(r"[.\[\]]", place.group(1)) if s] if place else []
            steps += [next(filter(None, member.groups()))] if member else []
            if steps:
                named.append(self.canonical(steps))
        return Refusal(
            code=codes[0],
            message="; ".join(str(error.get("message")) for error in errors),
            fields=tuple(dict.fromkeys(named)),
            gone="NOT_FOUND" in codes,
        )


def to_moment(stamp: str | None) -> datetime | None:
    """A stamp as a moment."""
    return None if stamp is None else datetime.fromisoformat(stamp)


def _input_path(field: FieldSchema) -> list[str]:
    *above, leaf = field.path.split(".")
    if not above:
        return [leaf]
    holder = above[-1]
    if leaf == "code" and holder in ("province", "country"):
        return [*above[:-1], f"{holder}Code"]
    if (holder, leaf) in (("currency", "code"), ("subtype", "value")):
        return above
    if leaf != "id":
        return [*above, leaf]
    if field.list_at == ".".join(above):
        return [*above[:-1], re.sub(r"(?<=x)es$|s$", "", holder) + "Ids"]
    return [*above[:-1], f"{holder}Id"]


def _tree(paths: Iterable[str]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path in paths:
        inner = root
        for step in path.split("."):
            inner = inner.setdefault(step, {})
    return root


def _braces(tree: Mapping[str, Any]) -> str:
    return " ".join(name + ("{" + _braces(inner) + "}" if inner else "") for name, inner in tree.items())


def _at(node: Any, path: str) -> Any:
    for step in path.split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    return node


def _items(node: Mapping[str, Any], list_at: str) -> list[Mapping[str, Any]]:
    held = _at(node, list_at) or []
    return sorted(held, key=lambda item: [str(_at(item, p)) for p in ("product.id", "id", "description", "quantity")])


def _neutral(field: FieldSchema, value: Any) -> Scalar:
    if value is None or value == "" or isinstance(value, dict | list):
        return None
    if field.type in _NUMBERS:
        number = Decimal(str(value).replace(",", ""))
        return int(number) if number == int(number) else float(number)
    found: Scalar = value
    return found


def _outgoing(field: FieldSchema | None, value: FieldValue) -> Any:
    if isinstance(value, tuple):
        return [_outgoing(field, one) for one in value]
    if field is not None and field.type is FieldType.DECIMAL and isinstance(value, int | float):
        return format(Decimal(str(value)), "f")
    return value


def _column(value: FieldValue) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)


def _put(holder: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        holder = holder.setdefault(step, {})
    holder[steps[-1]] = value
