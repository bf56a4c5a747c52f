"""Bodies of an emulated REST API beyond its records: envelopes, refusals, descriptions of entities.

Used by the REST emulator.
"""

from typing import Any

from talkqa.model.rest import ErrorShape, Path
from talkqa.model.schema import EntitySchema
from talkqa.sandbox.dialects.emulator import Answer, encode
from talkqa.sandbox.validation import Problem

_STATUS = {"licence_required": 403, "not_found": 404, "unknown_entity": 404, "not_deletable": 405, "duplicate": 409}
_HERE = "<records>"
_HERE_ENCODED = encode(_HERE)


def put(body: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value at a path of nested objects."""
    for key in path[:-1]:
        body = body.setdefault(key, {})
    body[path[-1]] = value


def frame(rest: dict[str, Any], path: Path, content: bytes) -> bytes:
    """JSON that holds encoded content at a path, before whatever else it holds; the content itself for no path."""
    if not path:
        return content
    body: dict[str, Any] = {}
    put(body, path, _HERE)
    for key, value in rest.items():
        if isinstance(body.get(key), dict) and isinstance(value, dict):
            body[key] = {**body[key], **value}
        else:
            body[key] = value
    return encode(body).replace(_HERE_ENCODED, content, 1)


def refuse(shape: ErrorShape, *problems: Problem, status: int | None = None) -> Answer:
    """The error answer; a refusal for several reasons is a 422 unless they agree on something else."""
    statuses = {_STATUS.get(problem.code, 422) for problem in problems}
    status = status or (statuses.pop() if len(statuses) == 1 else 422)
    return Answer(status=status, body=encode(_error_body(shape, problems)))


def _error_body(shape: ErrorShape, problems: tuple[Problem, ...]) -> Any:
    if shape.kind == "fields":
        return _by_field(shape, problems)
    told = [_told(shape, problem) for problem in problems]
    content = told if shape.kind == "list" else told[0]
    if not shape.items:
        return content
    body: dict[str, Any] = {}
    put(body, shape.items, content)
    return body


def _told(shape: ErrorShape, problem: Problem) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in ((shape.code, problem.code), (shape.message, problem.message), (shape.field, problem.field)):
        if path:
            put(body, path, value)
    if problem.licence:
        body["licence"] = problem.licence
    return body


def _by_field(shape: ErrorShape, problems: tuple[Problem, ...]) -> dict[str, Any]:
    named: dict[str, list[str]] = {}
    for problem in problems:
        if problem.field:
            named.setdefault(problem.field, []).append(problem.message)
    body: dict[str, Any] = {}
    if named and shape.items:
        put(body, shape.items, named)
    elif named:
        body.update(named)
    else:
        put(body, shape.message or ("message",), "; ".join(problem.message for problem in problems))
    return body


def describe(schema: EntitySchema) -> dict[str, Any]:
    """An entity as the generic dialect describes it."""
    return {
        "name": schema.name,
        "id_field": schema.id_field,
        "modified_field": schema.modified_field,
        "modified_by_field": schema.modified_by_field,
        "createable": schema.createable,
        "updateable": schema.updateable,
        "deletable": schema.deletable,
        "licence": None if schema.createable else schema.create_requires,
        "fields": [
            {
                "path": field.path,
                "type": field.type.value,
                "list_at": field.list_at,
                "max_length": field.max_length,
                "scale": field.scale,
                "createable": field.createable,
                "updateable": field.updateable,
                "nullable": field.nullable,
                "required": field.required,
                "references": list(field.references),
                "picklist": list(field.picklist),
                "restricted": field.restricted,
                "unique": field.unique,
            }
            for field in schema.fields
        ],
    }
