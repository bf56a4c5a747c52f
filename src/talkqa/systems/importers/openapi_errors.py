"""The shape of an OpenAPI document's error answers.

Used by `importers.openapi`.
"""

from collections.abc import Iterator
from typing import Any

from talkqa.model.rest import ErrorShape, Path
from talkqa.systems.importers import guesses
from talkqa.systems.importers.draft import Gap
from talkqa.systems.importers.fields import merged, type_of
from talkqa.systems.importers.openapi_document import Document

_LISTS = ("errors", "error", "details", "violations", "problems", "issues", "messages")


def read_errors(document: Document, gaps: list[Gap]) -> ErrorShape:
    """Where refusals give their reasons: as most of them that are described do."""
    shapes = [shape for schema in _schemas(document) if (shape := _shape(document, schema)) is not None]
    if not shapes:
        gaps.append(Gap(message="errors: where an answer that refuses gives its reasons (list, message, code, field)"))
        return ErrorShape()
    return max(shapes, key=shapes.count)


def _schemas(document: Document) -> Iterator[Any]:
    for operation in document.operations():
        responses = document.resolve(operation.content.get("responses"))
        for status, held in responses.items():
            if str(status).startswith("4") or str(status) == "default":
                _, schema = document.body_of(held)
                if schema is not None:
                    yield schema


def _shape(document: Document, schema: Any) -> ErrorShape | None:
    """A list of problems, before an object of fields, before a single problem."""
    plain = merged(schema, document.resolve)
    if type_of(plain) == "array":
        return _problem(document, plain.get("items"), "list", ())
    held = plain.get("properties", {})
    single: ErrorShape | None = None
    for name in (*(one for one in _LISTS if one in held), *(one for one in held if one not in _LISTS)):
        inner = merged(held[name], document.resolve)
        if type_of(inner) == "array":
            shape = _problem(document, inner.get("items"), "list", (name,))
            if shape is not None:
                return shape
        elif isinstance(inner.get("additionalProperties"), dict):
            message = guesses.pick(held, guesses.MESSAGES)
            return ErrorShape(kind="fields", items=(name,), message=(message,) if message else ())
        elif type_of(inner) == "object":
            single = single or _nested(document, inner, name)
    return single or _problem(document, plain, "object", ())


def _nested(document: Document, schema: Any, name: str) -> ErrorShape | None:
    inner = _shape(document, schema)
    if inner is None:
        return None
    return ErrorShape(
        kind=inner.kind, items=(name, *inner.items), message=inner.message, code=inner.code, field=inner.field
    )


def _problem(document: Document, schema: Any, kind: str, items: Path) -> ErrorShape | None:
    held = merged(schema, document.resolve).get("properties", {})
    message = guesses.pick(held, guesses.MESSAGES)
    if message is None:
        return None
    rest = [name for name in held if name != message]
    code, named = guesses.pick(rest, guesses.CODES), guesses.pick(rest, guesses.FIELDS)
    field: Path = (named,) if named else ()
    if named and type_of(merged(held[named], document.resolve)) == "object":
        inner = guesses.pick(merged(held[named], document.resolve).get("properties", {}), guesses.FIELDS)
        field = (named, inner) if inner else ()
    return ErrorShape(kind=kind, items=items, message=(message,), code=(code,) if code else (), field=field)
