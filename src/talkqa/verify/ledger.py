"""The ledger of a world: what was written into its systems, on disk before the request.

JSON lines, appended alone: `intend` before a write, `confirm` once the id is known, `adopt` for what the engine made of
a probe, `removed` when a record is gone, `void` when nothing came of an intent. What is not closed is for `sweep`.
"""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from talkqa.model.record import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One record that a run wrote or caused."""

    token: int
    """Position in the ledger; a parent's is lower than its children's."""
    system: str
    entity: str
    record_id: str | None
    """None where the answer to the write never came: the record may exist or not."""
    check: str
    """The check it was written for."""
    key: str = ""
    """From what its sentinels are drawn; empty for adopted records."""
    proof: tuple[str, Scalar] | None = None
    """Property and value by which it is recognised where its id never came; None where nothing can show it."""
    why: str = ""
    """For adopted records: what proves that the engine made it of a record of ours."""


class _State:
    """The open entries that a sequence of lines leaves."""

    def __init__(self) -> None:
        self.open: dict[int, LedgerEntry] = {}
        self.tokens: dict[tuple[str, str, str], int] = {}
        self.last = 0
        self.places: dict[str, tuple[str, str]] = {}

    def apply(self, line: Mapping[str, Any]) -> None:
        """Take one line of the ledger; an operation of a newer version is left alone."""
        match line["op"]:
            case "intend":
                self._add(line, record_id=None)
            case "adopt":
                self._add(line, record_id=line["id"])
            case "confirm" if entry := self.open.get(line["token"]):
                adopted = self.tokens.get((entry.system, entry.entity, line["id"]))
                self.open.pop(-1 if adopted is None else adopted, None)  # seen before its own answer came
                self.open[entry.token] = replace(entry, record_id=line["id"])
                self.tokens[entry.system, entry.entity, line["id"]] = entry.token
            case "void":
                self.open.pop(line["token"], None)
            case "place":
                self.places[line["system"]] = (line["url"], line["organisation"])
            case "removed":
                token = self.tokens.pop((line["system"], line["entity"], line["id"]), None)
                self.open.pop(-1 if token is None else token, None)

    def _add(self, line: Mapping[str, Any], *, record_id: str | None) -> None:
        entry = LedgerEntry(
            token=line["token"],
            system=line["system"],
            entity=line["entity"],
            record_id=record_id,
            check=line["check"],
            key=line.get("key", ""),
            proof=(line["proof"][0], line["proof"][1]) if line.get("proof") else None,
            why=line.get("why", ""),
        )
        self.last = max(self.last, entry.token)
        self.open[entry.token] = entry
        if record_id is not None:
            self.tokens[entry.system, entry.entity, record_id] = entry.token

    def entries(self) -> tuple[LedgerEntry, ...]:
        return tuple(sorted(self.open.values(), key=lambda entry: -entry.token))


class Ledger:
    """Writes one ledger; goes on with what a file already holds."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        """Open the ledger.

        Args:
            path: the file; its folder is made.
            durable: whether each line must survive the machine, not only the process: for systems that are not ours.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._durable = durable
        self._state = _State()
        torn = False
        if path.exists():
            text = path.read_bytes()
            torn = bool(text) and not text.endswith(b"\n")
            self._state = _read(text)
        self._file: io.FileIO = path.open("ab", buffering=0)
        if torn:
            self._file.write(b"\n")

    def note_place(self, system: str, url: str, organisation: str) -> None:
        """Note where a system is: the ids of this ledger mean nothing elsewhere."""
        self._write({"op": "place", "system": system, "url": url, "organisation": organisation}, keep=True)

    def intend(self, system: str, entity: str, check: str, key: str, proof: tuple[str, Scalar] | None = None) -> int:
        """Note that a record is about to be created; returns the token by which to confirm it."""
        token = self._state.last + 1
        line = {"op": "intend", "token": token, "system": system, "entity": entity, "check": check, "key": key}
        self._write({**line, "proof": proof} if proof else line, keep=True)
        return token

    def confirm(self, token: int, record_id: str) -> None:
        """Note the id that the system gave."""
        self._write({"op": "confirm", "token": token, "id": record_id}, keep=True)

    def void(self, token: int) -> None:
        """Note that nothing came of an intent: the system refused it, or a search by sentinel found nothing."""
        self._write({"op": "void", "token": token}, keep=False)

    def adopt(self, system: str, entity: str, record_id: str, check: str, why: str) -> None:
        """Note a record that the engine made of a probe; one already known is left as it is."""
        if (system, entity, record_id) in self._state.tokens:
            return
        line = {"op": "adopt", "token": self._state.last + 1, "system": system, "entity": entity, "id": record_id}
        self._write({**line, "check": check, "why": why}, keep=True)

    def removed(self, system: str, entity: str, record_id: str) -> None:
        """Note that a record is gone; one that the ledger does not hold is none of its affairs."""
        if (system, entity, record_id) in self._state.tokens:
            self._write({"op": "removed", "system": system, "entity": entity, "id": record_id}, keep=False)

    def settle(self, entry: LedgerEntry) -> None:
        """Close an entry that a sweep has dealt with."""
        self.void(entry.token)

    def holds(self, system: str, entity: str, record_id: str) -> bool:
        """Whether a record is an open entry, and so ours."""
        return (system, entity, record_id) in self._state.tokens

    def open_entries(self) -> tuple[LedgerEntry, ...]:
        """What may still exist, newest first: children before their parents."""
        return self._state.entries()

    def close(self) -> None:
        """Close the file; open entries stay in it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: Mapping[str, Any], *, keep: bool) -> None:
        """Append a line in one write; `keep` lines are those without which a record would be forgotten."""
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        if keep and self._durable:
            os.fsync(self._file.fileno())
        self._state.apply(line)


def read_ledger(path: Path) -> tuple[LedgerEntry, ...]:
    """The open entries of a ledger that another process left, newest first; none where there is no file."""
    return _read(path.read_bytes()).entries() if path.exists() else ()


def read_places(path: Path) -> dict[str, tuple[str, str]]:
    """System to address and organisation, as far as a ledger tells."""
    return _read(path.read_bytes()).places if path.exists() else {}


def _read(text: bytes) -> _State:
    state = _State()
    for line in text.split(b"\n"):
        try:
            parsed = json.loads(line)
        except ValueError:  # blank, or torn when a process was killed: its write was never sent or never answered
            continue
        if isinstance(parsed, dict) and "op" in parsed:
            state.apply(parsed)
    return state
