"""What differs between expected and observed: by property where both are records, by characters otherwise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Two texts: what they share at both ends, and what stands between."""

    before: str
    expected: str
    observed: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One property of an expected and an observed record."""

    path: str
    kind: str
    """`same`, `different`, `wrong type`, `missing` or `extra`."""
    change: Change


def compare_properties(expected: str, observed: str) -> tuple[Difference, ...]:
    """Property by property, differing ones first; empty where the texts are not both JSON objects."""
    left, right = _object(expected), _object(observed)
    if left is None or right is None:
        return ()
    wanted, seen = dict(_flat(left, "")), dict(_flat(right, ""))
    found = [_difference(path, wanted, seen) for path in sorted(wanted.keys() | seen.keys())]
    return tuple(sorted(found, key=lambda difference: (difference.kind == "same", difference.path)))


def compare_texts(expected: str, observed: str) -> Change:
    """Cut off what both texts begin and end with, whole words only."""
    before = _shared(expected, observed)
    rest = len(min(expected, observed, key=len)) - len(before)
    after = _shared(expected[::-1], observed[::-1])[:rest][::-1]
    return Change(
        before=before,
        expected=expected[len(before) : len(expected) - len(after)],
        observed=observed[len(before) : len(observed) - len(after)],
        after=after,
    )


def _shared(left: str, right: str) -> str:
    length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    while 0 < length < max(len(left), len(right)) and left[length - 1].isalnum():
        length -= 1  # a change inside a word marks the whole word: easier to read
    return left[:length]


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _flat(value: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, inner in value.items():
        path = f"{prefix}{name}"
        flat += _flat(inner, f"{path}.") if isinstance(inner, dict) and inner else [(path, inner)]
    return flat


def _difference(path: str, wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> Difference:
    left = json.dumps(wanted[path], ensure_ascii=False) if path in wanted else ""
    right = json.dumps(seen[path], ensure_ascii=False) if path in seen else ""
    if path not in seen:
        kind = "missing"
    elif path not in wanted:
        kind = "extra"
    elif left == right:
        kind = "same"
    else:
        kind = "different" if type(wanted[path]) is type(seen[path]) else "wrong type"
    return Difference(path=path, kind=kind, change=compare_texts(left, right))
