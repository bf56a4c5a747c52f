"""An OpenAPI document as it lies in a file: JSON or YAML, read whole, referring to nothing outside itself.

Used by `importers.openapi`. The file is not trusted: its size and depth are bounded, YAML makes no objects, and a
`$ref` to another file or to the network is refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from talkqa.model.errors import ConfigError

MAX_BYTES = 20_000_000
_MAX_REFS = 20
"""How many references may lead to one thing."""
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    method: str
    """In small letters."""
    path: str
    content: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]
    """Its own, and those of the path."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document and its references."""

    content: Mapping[str, Any]

    def resolve(self, value: Any) -> Mapping[str, Any]:
        """What a value says, its `$ref` followed; empty for whatever is no object."""
        for _ in range(_MAX_REFS):
            if not isinstance(value, dict):
                return {}
            ref = value.get("$ref")
            if not isinstance(ref, str):
                return value
            beside = {key: inner for key, inner in value.items() if key != "$ref"}
            found = self._at(ref)
            value = {**found, **beside} if isinstance(found, dict) else {}
        return {}

    def table(self, *keys: str) -> Mapping[str, Any]:
        """The object at a path of keys, its references followed."""
        value: Any = self.content
        for key in keys:
            value = self.resolve(value).get(key)
        return self.resolve(value)

    def operations(self) -> Iterator[Operation]:
        """Every operation of every path, in order."""
        for path, held in self.table("paths").items():
            item = self.resolve(held)
            for method in _METHODS:
                if isinstance(item.get(method), dict):
                    parameters = [*listed(item.get("parameters")), *listed(item[method].get("parameters"))]
                    yield Operation(
                        method=method,
                        path=path,
                        content=item[method],
                        parameters=tuple(self.resolve(one) for one in parameters),
                    )

    def body_of(self, holder: Any) -> tuple[str, Any]:
        """Media type and schema of the JSON that a request or response holds; empty where it holds none."""
        content = self.resolve(holder).get("content")
        for media, held in content.items() if isinstance(content, dict) else ():
            plain = str(media).partition(";")[0].strip().lower()
            if plain == "application/json" or plain.endswith("+json") or plain == "*/*":
                return ("application/json" if plain == "*/*" else plain), self.resolve(held).get("schema")
        return "", None

    def answer_of(self, operation: Operation) -> tuple[str, Any]:
        """Status and schema of what an operation answers when all is well."""
        responses = self.resolve(operation.content.get("responses"))
        wells = sorted((str(status), held) for status, held in responses.items() if str(status).startswith("2"))
        for status, held in wells:
            _, schema = self.body_of(held)
            if schema is not None:
                return status, schema
        return (wells[0][0] if wells else ""), None

    def _at(self, ref: str) -> Any:
        if not ref.startswith("#/"):
            raise ConfigError(f"$ref {ref!r} leads out of the document; bundle it into one file first")
        value: Any = self.content
        for step in ref[2:].split("/"):
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            value = value.get(key) if isinstance(value, dict) else None
        return value


def read_document(path: Path) -> Document:
    """The document in a file.

    Raises:
        ConfigError: where the file cannot be read, is no OpenAPI 3 document, or refers to what lies outside of it.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: is larger than {MAX_BYTES} bytes; import a document of the entities you need")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        content = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: is neither JSON nor YAML: {error}") from error
    version = content.get("openapi") if isinstance(content, dict) else None
    if not str(version).startswith("3."):
        told = (
            "is a Swagger 2.0 document; convert it" if isinstance(content, dict) and "swagger" in content else "is none"
        )
        raise ConfigError(f"{path}: an OpenAPI 3.0 or 3.1 document is needed, and this {told}")
    try:
        _refuse_outside(content)
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply, or holds itself") from error
    return Document(content)


def listed(value: Any) -> list[Any]:
    """A list; empty for whatever is none."""
    return value if isinstance(value, list) else []


def _refuse_outside(content: Any) -> None:
    """Raise for every reference that leads out of the document, whether it is used or not."""
    outside: dict[str, None] = {}
    seen: set[int] = set()

    def walk(value: Any) -> None:
        if id(value) in seen:  # YAML's aliases make one object appear in many places
            return
        if isinstance(value, dict):
            seen.add(id(value))
            ref = value.get("$ref")
            if isinstance(ref, str) and not ref.startswith("#/"):
                outside[ref] = None
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            seen.add(id(value))
            for inner in value:
                walk(inner)

    walk(content)
    if outside:
        told = ", ".join(repr(ref) for ref in list(outside)[:5])
        raise ConfigError(
            f"$ref leads out of the document: {told}{' ...' if len(outside) > 5 else ''}\n"
            "  nothing else is read, neither files nor the network: bundle the document into one file first"
        )


class _PlainLoader(yaml.SafeLoader):
    """YAML as JSON knows it: dates and `no` are texts."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("timestamp", "bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false|True|False)$"), list("tTfF"))
