"""A descriptor that was made of something else, as text: what is known as TOML, what is not as comments to fill in.

Used by the importers. What `render_draft` writes is what `read_descriptor` reads; only what differs from a default is
written. Names and texts come from files of others: they are escaped, never taken as TOML.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from talkqa.model.rest import Caller, ErrorShape, Find, Paging, RestApi, RestAuth, RestEntity, Since, Write
from talkqa.model.schema import EntitySchema, FieldSchema, SystemSchema

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WRITES = {(True, True): "both", (True, False): "create", (False, True): "update", (False, False): "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be found, or was guessed."""

    message: str
    """What a person should look up, in one line."""
    entity: str = ""
    """Empty for the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A system as far as it could be read."""

    schema: SystemSchema
    source: str
    """What it was made of."""
    gaps: tuple[Gap, ...]


def render_draft(draft: Draft) -> str:
    """The text of a descriptor."""
    lines = [*_system(draft)]
    for entity in draft.schema.entities:
        lines += ["", *_entity(entity, [gap.message for gap in draft.gaps if gap.entity == entity.name])]
    return "\n".join(lines) + "\n"


def _system(draft: Draft) -> Iterator[str]:
    schema = draft.schema
    yield f"# Made of {_comment(draft.source)}. It is yours now: correct it, and answer what is to fill in."
    yield f"system = {_value(schema.name)}"
    yield f"source = {_value(draft.source)}"
    if not schema.knows_users:
        yield "knows_users = false"
    if schema.stamp_granularity_s != 1.0:
        yield f"stamp_granularity_s = {schema.stamp_granularity_s!r}"
    yield from _to_fill_in(gap.message for gap in draft.gaps if not gap.entity)
    api = schema.rest or RestApi()
    yield "\n[rest]"
    default = RestApi()
    for key in ("url", "datetimes", "dates", "decimals", "references", "reference_key", "ids", "ok"):
        if getattr(api, key) != getattr(default, key):
            yield f"{key} = {_value(getattr(api, key))}"
    if api.headers:
        yield f"headers = {_value(dict(api.headers))}"
    if api.caller is not None:
        yield f"caller = {_value(_differing(api.caller, Caller(path='')))}"
    yield f"auth = {_value({'kinds': list(api.auth.kinds), **_differing(api.auth, RestAuth(kinds=api.auth.kinds))})}"
    errors = _differing(api.errors, ErrorShape())
    if errors:
        yield f"errors = {_value(errors)}"


def _entity(entity: EntitySchema, gaps: list[str]) -> Iterator[str]:
    name = _key(entity.name)
    yield f"[entities.{name}]"
    yield from _to_fill_in(gaps)
    for key in ("id_field", "modified_field", "modified_by_field", "created_field", "name_field", "caution"):
        value = getattr(entity, key)
        if value and not (key == "id_field" and value == "id"):
            yield f"{key} = {_value(value)}"
    able = {"create": entity.createable, "update": entity.updateable, "delete": entity.deletable}
    operations = [operation for operation, can in able.items() if can]
    if len(operations) < len(able):
        yield f"operations = {_value(operations)}"
    if entity.archive is not None:
        yield f"archive = {_value(dict([entity.archive]))}"
    rest = entity.rest or RestEntity()
    yield f"\n[entities.{name}.rest]"
    yield from _rest(rest)
    yield f"\n[entities.{name}.fields]"
    forms = dict(rest.forms)
    for field in entity.fields:
        yield f"{_value(field.path)} = {_value(_field(field, forms.get(field.path)))}"


def _rest(rest: RestEntity) -> Iterator[str]:
    default = RestEntity()
    yield f"path = {_value(rest.path)}"
    for key in ("item", "get", "records", "record", "deleted", "bare_tombstones", "conditional"):
        if getattr(rest, key) != getattr(default, key):
            yield f"{key} = {_value(getattr(rest, key))}"
    parts: dict[str, dict[str, Any]] = {
        "paging": _differing(rest.paging, Paging()),
        "since": _differing(rest.since, Since(param="")) if rest.since else {},
        "order": dict(rest.order),
        "find": _find(rest.find),
        "create": _differing(rest.create, default.create),
        "update": _differing(rest.update, default.update),
        "delete": _differing(rest.delete, default.delete),
        "headers": dict(rest.headers),
    }
    for key, part in parts.items():
        if part:
            yield f"{key} = {_value(part)}"


def _find(find: Find) -> dict[str, Any]:
    found: dict[str, Any] = {"filters": dict(find.filters)} if find.filters else {}
    if find.search:
        found["search"] = find.search
    if find.where is not None:
        found["where"] = list(find.where)
    return found


def _field(field: FieldSchema, form: str | None) -> dict[str, Any]:
    default = FieldSchema(path="", type=field.type)
    keys: dict[str, Any] = {"type": field.type.value}
    for key in ("list_at", "max_length", "scale"):
        if getattr(field, key) is not None:
            keys[key] = getattr(field, key)
    write = _WRITES[field.createable, field.updateable]
    if write != "both":
        keys["write"] = write
    if field.required:
        keys["required"] = True
    if field.nullable is field.required:  # the default of a descriptor is their difference
        keys["nullable"] = field.nullable
    for key in ("references", "picklist"):
        if getattr(field, key):
            keys[key] = list(getattr(field, key))
    for key in ("restricted", "unique", "requires", "unconfirmed"):
        if getattr(field, key) != getattr(default, key):
            keys[key] = getattr(field, key)
    return keys if form is None else {**keys, "form": form}


def _differing(value: RestAuth | ErrorShape | Paging | Since | Write | Caller, default: Any) -> dict[str, Any]:
    """The keys whose values are not the default's."""
    return {
        item.name: getattr(value, item.name)
        for item in fields(value)
        if getattr(value, item.name) != getattr(default, item.name)
    }


def _to_fill_in(messages: Iterable[str]) -> Iterator[str]:
    for message in messages:
        yield f"# to fill in: {_comment(message)}"


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A value as TOML; a tuple of texts as a dotted path where that is one."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, tuple) and all(isinstance(part, str) and part and "." not in part for part in value):
        return _value(".".join(value))
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    if isinstance(value, str):
        plain = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
        return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
