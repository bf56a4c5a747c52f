"""What may be kept of records that are not ours: id, stamp and a keyed hash, and what of them this run itself wrote.

Used where evidence is built and by observers. The key lives as long as the world, so a hash tells that two versions are
equal and nothing else.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from talkqa.model.record import Exchange, Record
from talkqa.model.schema import SystemSchema

FOREIGN = "talkqa_foreign"
"""Member that holds the keyed hash of what was left out."""

Recognise = Callable[[Mapping[str, object]], bool]
"""Whether a record is ours or holds something that this run wrote."""


class Reduction:
    """Cuts what is said of foreign records."""

    def __init__(
        self, schemas: Mapping[str, SystemSchema], key: bytes, recognises: Recognise, wrote: Callable[[str], str]
    ) -> None:
        """Prepare.

        Args:
            schemas: Of the systems; they name ids and stamps.
            key: Of the hashes.
            recognises: Whether a record is ours.
            wrote: What of a text this run wrote; empty where that is nothing.
        """
        entities = [entity for schema in schemas.values() for entity in schema.entities]
        self._ids = frozenset(_last(entity.id_field) for entity in entities)
        self._stamps = frozenset(_last(entity.modified_field) for entity in entities if entity.modified_field)
        self._created = frozenset(_last(entity.created_field) for entity in entities if entity.created_field)
        self._key = key
        self._recognises = recognises
        self._wrote = wrote

    def id_of(self, body: Mapping[str, object]) -> str | None:
        """The id of a record as its system wrote it; None for what has none."""
        for name in self._ids:
            found = body.get(name)
            if isinstance(found, str | int) and not isinstance(found, bool):
                return str(found)
        inner = next(iter(body.values())) if len(body) == 1 else None
        return self.id_of(inner) if isinstance(inner, Mapping) else None

    def excerpt(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Of a foreign record what this run wrote into it, and when it was created; nothing where that is nothing."""
        kept = self._written(body)
        return {**self._named(body, self._created), **kept} if kept else {}

    def exchange(self, exchange: Exchange) -> Exchange:
        """An exchange without the bodies of foreign records; what is no JSON, or cut off, cannot be told apart."""
        said = exchange.response_body
        if not said or not 200 <= exchange.status < 300:
            return exchange
        try:
            body = json.loads(said)
        except (ValueError, RecursionError):
            left = f"({len(said)} characters that cannot be taken apart were not kept; {self._seal(said)})"
            return replace(exchange, response_body=left)
        reduced = self._reduced(body)
        if reduced == body:
            return exchange
        return replace(exchange, response_body=json.dumps(reduced, ensure_ascii=False))

    def record(self, record: Record) -> Record:
        """A foreign record without its values."""
        values = dict(record.values)
        return replace(record, values={FOREIGN: self._seal(json.dumps(values, sort_keys=True, default=str))})

    def shown(self, record: Record) -> Mapping[str, Any]:
        """The values of a record that may be shown."""
        if self._recognises({min(self._ids, default="id"): record.id, **record.values}):
            return record.values
        return {**self.excerpt(record.values), **self.record(record).values}

    def _reduced(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._reduced(one) for one in value]
        if not isinstance(value, dict):
            return value
        if self._is_record(value) and not self._recognises(value):
            kept = {**self._named(value, self._ids | self._stamps), **self.excerpt(value)}
            return {**kept, FOREIGN: self._seal(json.dumps(value, sort_keys=True, ensure_ascii=False))}
        return {name: self._reduced(one) for name, one in value.items()}

    def _is_record(self, value: Mapping[str, Any]) -> bool:
        return any(isinstance(value.get(name), str | int) for name in self._ids)

    def _written(self, body: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in body.items():
            if isinstance(value, str):
                ours = self._wrote(value)
                kept.update({name: ours} if ours else {})
            elif isinstance(value, dict):
                inner = self._written(value)
                kept.update({name: inner} if inner else {})
        return kept

    def _named(self, body: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
        return {name: body[name] for name in body if _last(name) in names and not isinstance(body[name], dict | list)}

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def leaves_of(body: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from leaves_of(value)
    elif isinstance(body, list | tuple):
        for value in body:
            yield from leaves_of(value)


def _last(path: str) -> str:
    return path.rpartition(".")[2]
