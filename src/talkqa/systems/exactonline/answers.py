"""What answers of Exact Online tell beside their rows: limits, rights, named properties, keys.

Used by the client alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from talkqa.systems.edm import is_guid
from talkqa.systems.odata_rows import Rows

_NAMED = re.compile(r"'([^']{1,80})'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one limit leaves, as the headers of the last answer told."""

    limit: int
    remaining: int
    reset_ms: int | None
    """When it starts anew, milliseconds since 1970."""


def key_of_link(row: Mapping[str, Any]) -> str | None:
    """The key in the link of a row that tells nothing else."""
    told = row.get("__metadata")
    link = str(told.get("uri", "")) if isinstance(told, dict) else ""
    key = link.rpartition("(guid'")[2].partition("')")[0]
    return key if is_guid(key) else None


def read_right(answer: httpx.Response) -> bool | None:
    """Whether a right is there, as the answer tells; None where it does not."""
    try:
        told = json.loads(answer.content)
    except ValueError:
        return None
    for name in ("d", "results", "UserHasRights"):
        told = told[0] if isinstance(told, list) and told else told
        told = told.get(name, told) if isinstance(told, dict) else told
    return {"true": True, "false": False}.get(str(told).casefold())


def read_allowance(answer: httpx.Response, prefix: str) -> Allowance | None:
    """What the headers of an answer tell of one limit; None where they do not."""
    told = [answer.headers.get(f"{prefix}-{name}", "") for name in ("Limit", "Remaining", "Reset")]
    limit, remaining, reset = (int(text) if text.isascii() and text.isdecimal() else None for text in told)
    if limit is None or remaining is None:
        return None
    return Allowance(limit=limit, remaining=remaining, reset_ms=reset)


def place_of(url: str) -> str:
    """The endpoint of a URL: what stands behind the division, without key and query."""
    path = url.partition("?")[0].partition("/api/v1/")[2]
    return path.partition("/")[2].partition("(")[0]


def find_named_fields(said: str, rows: Rows) -> tuple[str, ...]:
    """The properties that a message names, in quotes or behind a colon; its words are in the user's language."""
    tails = [line.rpartition(":")[2].strip(" .") for line in re.split(r"[\r\n;]+", said) if ":" in line]
    found = [rows.place(word) for word in _NAMED.findall(said)]
    for tail in tails:
        whole = rows.place(tail.replace(" ", ""))
        found += [whole] if whole is not None else [rows.place(word.strip(",")) for word in tail.split()]
    return tuple(dict.fromkeys(place.field.path for place in found if place is not None))
