"""Bodies of a cassette in fewer letters: a record is told by what is otherwise than in one that was told before.

Used by `cassette`. A system tells most records several times (when they are written, read back, polled), and wide ones
with a hundred empty members each. Packing and unpacking go through the bodies of a cassette in the same order, and
remember the last version of each record.
"""

import json
from typing import Any

LIKE = "talkqa_like"
"""Member of a record that holds, beside its id, only what is otherwise than in another version or record: the id of the
latter, as the cassette told it last."""
WITHOUT = "talkqa_without"
"""Names of the members that the other one has and it has not."""
_IDS = ("id", "Id", "ID")
_LEAST_MEMBERS = 6
"""A smaller record is told whole: that is as short, and easier to read."""
_MOST_CHANGED = 0.7
"""Share of changed members from which a record is told whole."""


class Packing:
    """Packs or unpacks the bodies of one cassette, one after the other."""

    def __init__(self) -> None:
        self._last: dict[str, dict[str, Any]] = {}
        self._alike: dict[tuple[str, ...], str] = {}
        """Names of members to the id of the last record that has these."""

    def pack(self, body: str) -> str | None:
        """A body with its records by what changed; None where that is no shorter, or would not give it back exactly."""
        parsed = _parse(body)
        exact = LIKE not in body and _dump(parsed) == body
        packed = self._pack(parsed)
        text = _dump(packed) if exact else body
        return text if len(text) < len(body) else None

    def skip(self, body: str) -> None:
        """Take a body that is told as it is."""
        self._pack(_parse(body))

    def unpack(self, packed: str) -> str:
        """The body that was packed.

        Raises:
            KeyError: where it refers to a record that was not told before, or holds none.
        """
        return _dump(self._unpack(_parse(packed)))

    def _pack(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._pack(one) for one in value]
        if not isinstance(value, dict):
            return value
        name = _id_name(value)
        if name is None:
            return {key: self._pack(inner) for key, inner in value.items()}
        members = tuple(value)
        like = value[name] if value[name] in self._last else self._alike.get(members)
        before = None if like is None else self._last[like]
        self._last[value[name]] = value
        self._alike[members] = value[name]
        if before is None:
            return value
        changed = {key: inner for key, inner in value.items() if key not in before or not _same(before[key], inner)}
        short = {name: value[name], LIKE: like, **changed}
        without = [key for key in before if key not in value]
        if without:
            short[WITHOUT] = without
        if len(changed) > _MOST_CHANGED * len(value) or list(_joined(before, short)) != list(value):
            return value
        return short

    def _unpack(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._unpack(one) for one in value]
        if not isinstance(value, dict):
            return value
        if LIKE in value:
            joined = _joined(self._last[value[LIKE]], value)
            self._last[joined[str(_id_name(joined))]] = joined
            return joined
        name = _id_name(value)
        if name is None:
            return {key: self._unpack(inner) for key, inner in value.items()}
        self._last[value[name]] = value
        return value


def _joined(before: dict[str, Any], short: dict[str, Any]) -> dict[str, Any]:
    """A record from what it was and what changed."""
    without = frozenset(short.get(WITHOUT, ()))
    kept = {key: inner for key, inner in before.items() if key not in without}
    return {**kept, **{key: inner for key, inner in short.items() if key not in (LIKE, WITHOUT)}}


def _id_name(value: dict[str, Any]) -> str | None:
    if len(value) < _LEAST_MEMBERS:
        return None
    return next((name for name in _IDS if isinstance(value.get(name), str)), None)


def _same(one: Any, other: Any) -> bool:
    """Equal in JSON: 1, 1.0 and true are three values."""
    return one == other and _dump(one) == _dump(other)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
