"""The second engine's links: an external-id map of JSON texts, keyed by digests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from tests.second_engine.values import Plain


@dataclass(slots=True, kw_only=True)
class Bond:
    """Two records that belong together, and what was agreed last."""

    lane: str
    ids: tuple[str, str]
    agreed: dict[str, tuple[Plain, Plain]] = field(default_factory=dict)
    """Line to the values of both sides."""
    heard: int = 0
    """How many webhooks had come when it was settled last."""
    over: bool = False
    """Whether one of the two is gone: the other is left alone, and never taken for a new one."""


class LinkTable:
    """Every bond ever made."""

    def __init__(self, text: str = "{}") -> None:
        self._entries: dict[str, str] = json.loads(text)

    def find(self, lane: str, side: int, record_id: str) -> Bond | None:
        """The bond of a record in a lane, over or not."""
        entry = self._entries.get(_key(lane, side, record_id))
        if entry is None:
            return None
        told = json.loads(entry)
        if "left" in told:
            return self.find(lane, 0, told["left"])
        agreed = {line: (left, right) for line, (left, right) in told["agreed"].items()}
        return Bond(lane=lane, ids=(told["ids"][0], told["ids"][1]), agreed=agreed, **told["more"])

    def save(self, bond: Bond) -> None:
        """Keep a bond as it is now."""
        more = {"heard": bond.heard, "over": bond.over}
        told: Mapping[str, object] = {"ids": bond.ids, "agreed": bond.agreed, "more": more}
        self._entries[_key(bond.lane, 0, bond.ids[0])] = json.dumps(told)
        self._entries[_key(bond.lane, 1, bond.ids[1])] = json.dumps({"left": bond.ids[0]})

    def to_text(self) -> str:
        """The whole table; `LinkTable(text)` has the same bonds."""
        return json.dumps(self._entries)


def _key(lane: str, side: int, record_id: str) -> str:
    return sha256(f"{lane}\n{side}\n{record_id}".encode()).hexdigest()[:32]
