"""What a REST API's answers say beyond records: why something was refused, and what an entity looks like.

Used by `talkqa.systems.rest`.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import httpx

from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.rest import ErrorShape, Path, RestApi
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.rest_lists import look_up

_TYPES = {kind.value: kind for kind in FieldType}
_INDEX = re.compile(r"\[\d*\]|(?<=[./])\d+(?:[./]|$)")


def error_of(response: httpx.Response, what: str, api: RestApi, canonical: Callable[[str], str]) -> ApiError:
    """The error that an answer stands for.

    Args:
        response: The answer that refuses.
        what: What was refused, for the message.
        api: Says where the answer gives its reasons.
        canonical: From a field's name to its path.
    """
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    problems = _problems(content, api.errors)
    said = "; ".join(_text(problem, api.errors) for problem in problems)
    status = response.status_code
    message = f"{what} ({status}): {said or 'no reason given'}"
    codes = [look_up(problem, api.errors.code) for problem in problems if api.errors.code]
    code = next((str(one) for one in codes if one), "")
    licence = next((str(problem["licence"]) for problem in problems if problem.get("licence")), None)
    named = [look_up(problem, api.errors.field) for problem in problems if api.errors.field]
    fields = tuple(dict.fromkeys(canonical(_path_of(name)) for name in named if isinstance(name, str) and name))
    if status == 429 or status >= 500:
        return ApiUnavailable(message, status=status, code=code)
    if licence is not None:
        return FeatureMissing(message, licence=licence, status=status, code=code)
    return ApiRefused(message, status=status, code=code, field=fields[0] if fields else None, fields=fields)


def is_gone(error: ApiError, api: RestApi) -> bool:
    """Whether the record does not exist (any more); the generic dialect also tells of entities that do not."""
    if api.describe:
        return error.status == 404 and error.code in {"", "not_found"}
    return error.status in (404, 410)


def told_id(told: Any, response: httpx.Response, id_path: Path, item: str) -> str | None:
    """The id of a new record, from a body that holds little else or from the Location header; None for neither.

    Args:
        told: What the body holds.
        response: The answer to the creation.
        id_path: Of the id in a record.
        item: The template of one record's URL.
    """
    held = look_up(told, id_path) if isinstance(told, dict) else told
    if isinstance(held, str | int) and not isinstance(held, bool):
        return str(held)
    located = response.headers.get("location", "")
    pattern = re.escape(item).replace(r"\{id\}", "([^/?&#]+)")
    found = re.search(f"{pattern}$", located) or re.search(r"([^/?#]+)/?(?:[?#]|$)", located)
    return unquote(found[1]) if found else None


def objects_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _problems(content: Any, shape: ErrorShape) -> list[dict[str, Any]]:
    held = look_up(content, shape.items)
    if shape.kind == "list":
        return objects_of(held)
    if not isinstance(held, dict):
        held = {}
    if shape.kind == "object":
        return [held] if held else []
    by_field = [_put(_put({}, shape.field, name), shape.message, _joined(said)) for name, said in held.items() if said]
    whole = look_up(content, shape.message)
    return by_field or ([_put({}, shape.message, whole)] if isinstance(whole, str) else [])


def _put(problem: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    inner = problem
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    if path:
        inner[path[-1]] = value
    return problem


def _joined(said: Any) -> str:
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said)


def _text(problem: Mapping[str, Any], shape: ErrorShape) -> str:
    message = look_up(problem, shape.message) if shape.message else None
    return str(message or (look_up(problem, shape.code) if shape.code else None) or problem)


def _path_of(name: str) -> str:
    """The dotted path in a field's name, which may be a JSON pointer or hold the places of list items."""
    plain = _INDEX.sub("", name.removeprefix("/"))
    return plain.replace("/", ".").strip(".") or name


def read_description(body: Mapping[str, Any], known: EntitySchema | None) -> EntitySchema:
    """The entity as `describe` tells it; what it does not tell is taken from the schema known before."""
    name = str(body.get("name") or (known.name if known else ""))
    fields = tuple(
        _read_field(one, known.field(str(one.get("path"))) if known else None) for one in objects_of(body.get("fields"))
    )
    licence = body.get("licence")
    return EntitySchema(
        name=name,
        fields=fields,
        id_field=str(body.get("id_field") or (known.id_field if known else "id")),
        modified_field=body.get("modified_field"),
        modified_by_field=body.get("modified_by_field"),
        name_field=known.name_field if known else None,
        createable=bool(body.get("createable", True)),
        updateable=bool(body.get("updateable", True)),
        deletable=bool(body.get("deletable", True)),
        archive=known.archive if known else None,
        requires=known.requires if known else None,
        create_requires=known.create_requires if known and known.create_requires else licence,
    )


def _read_field(told: Mapping[str, Any], known: FieldSchema | None) -> FieldSchema:
    return FieldSchema(
        path=str(told.get("path")),
        type=_TYPES.get(str(told.get("type")), FieldType.OPAQUE),
        list_at=told.get("list_at") or (known.list_at if known else None),
        max_length=told.get("max_length"),
        scale=told.get("scale"),
        createable=bool(told.get("createable", True)),
        updateable=bool(told.get("updateable", True)),
        nullable=bool(told.get("nullable", True)),
        required=bool(told.get("required", False)),
        references=tuple(told.get("references") or ()),
        picklist=tuple(told.get("picklist") or ()),
        restricted=bool(told.get("restricted", False)),
        unique=bool(told.get("unique", False)),
        requires=known.requires if known else None,
        unconfirmed=known.unconfirmed if known else False,
    )
