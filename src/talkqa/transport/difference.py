"""How a request differs from a recorded one, in words for people."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from talkqa.redaction.rules import MASK

_SHOWN = 80
"""Characters of a value that a message shows."""


_ABSENT = object()


def parse_body(text: str) -> Any:
    """A body as JSON; as text where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def body_difference(asked: str, recorded: str) -> str | None:
    """What of a body differs first, as `body field 'a.b': 1 now, 2 recorded`; None where nothing does."""
    if asked == recorded:
        return None
    mine, theirs = parse_body(asked), parse_body(recorded)
    found = _first_difference(mine, theirs, "")
    if found is None:
        return None
    path, one, other = found
    place = f"body field '{path}'" if path else "the body"
    return f"{place}: {_show(one)} now, {_show(other)} recorded"


def extra_members(asked: str, recorded: str) -> Mapping[str, Any] | None:
    """The members that a JSON object has beyond a recorded one, nested ones included; None where more differs.

    Returns:
        Dotted path to value.
    """
    mine, theirs = parse_body(asked), parse_body(recorded)
    extra: dict[str, Any] = {}
    if not isinstance(mine, dict) or not isinstance(theirs, dict) or not _collect_extra(mine, theirs, "", extra):
        return None
    return extra


def flat_members(text: str) -> Mapping[str, Any]:
    """Dotted path to value of a JSON object's members, those of lists left whole; empty for anything else."""
    extra: dict[str, Any] = {}
    parsed = parse_body(text)
    if isinstance(parsed, dict):
        _collect_extra(parsed, {}, "", extra)
    return extra


def url_difference(asked: str, recorded: str) -> str | None:
    """What of path and query differs; None where nothing does."""
    if same_text(asked, recorded):
        return None
    path, _, query = asked.partition("?")
    other_path, _, other_query = recorded.partition("?")
    if not same_text(path, other_path):
        return f"path: {_show(path)} now, {_show(other_path)} recorded"
    mine, theirs = dict(parse_qsl(query, keep_blank_values=True)), dict(parse_qsl(other_query, keep_blank_values=True))
    for name in sorted(mine.keys() | theirs.keys()):
        one, other = mine.get(name, _ABSENT), theirs.get(name, _ABSENT)
        if not same_value(one, other):
            return f"query parameter '{name}': {_show(one)} now, {_show(other)} recorded"
    return f"query: {_show(query)} now, {_show(other_query)} recorded"


def same_text(asked: str, recorded: str) -> bool:
    """Whether texts are equal, where a mask in the recorded one stands for any text."""
    if asked == recorded:
        return True
    if MASK not in recorded:
        return False
    first, *pieces = recorded.split(MASK)
    if (
        not asked.startswith(first)
        or not asked.endswith(pieces[-1])
        or len(asked) < len(recorded) - len(MASK) * len(pieces)
    ):
        return False
    at = len(first)
    for piece in pieces[:-1]:
        at = asked.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return at <= len(asked) - len(pieces[-1])


def same_value(asked: Any, recorded: Any) -> bool:
    """Whether JSON values are equal, a mask standing for any value."""
    return _first_difference(asked, recorded, "") is None


def _first_difference(asked: Any, recorded: Any, path: str) -> tuple[str, Any, Any] | None:
    if recorded == MASK:
        return None
    if isinstance(asked, dict) and isinstance(recorded, dict):
        pairs = [
            (f"{path}.{name}" if path else str(name), asked.get(name, _ABSENT), recorded.get(name, _ABSENT))
            for name in sorted(asked.keys() | recorded.keys())
        ]
        return _first_of(pairs)
    if isinstance(asked, list) and isinstance(recorded, list) and len(asked) == len(recorded):
        return _first_of(
            [(f"{path}[{i}]", one, other) for i, (one, other) in enumerate(zip(asked, recorded, strict=True))]
        )
    if isinstance(asked, str) and isinstance(recorded, str):
        same = same_text(asked, recorded)
    else:
        same = asked == recorded and isinstance(asked, bool) == isinstance(recorded, bool)
    return None if same else (path, asked, recorded)


def _first_of(pairs: list[tuple[str, Any, Any]]) -> tuple[str, Any, Any] | None:
    return next((found for path, one, other in pairs if (found := _first_difference(one, other, path))), None)


def _collect_extra(asked: dict[str, Any], recorded: dict[str, Any], path: str, extra: dict[str, Any]) -> bool:
    """Whether nothing else differs than members that are there beyond the recorded ones."""
    if recorded.keys() - asked.keys():
        return False
    for name, value in asked.items():
        inner = f"{path}.{name}" if path else str(name)
        if name in recorded:
            other = recorded[name]
            if isinstance(value, dict) and isinstance(other, dict):
                if not _collect_extra(value, other, inner, extra):
                    return False
            elif not same_value(value, other):
                return False
        elif isinstance(value, dict) and value:
            _collect_extra(value, {}, inner, extra)
        else:
            extra[inner] = value
    return True


def _show(value: Any) -> str:
    if value is _ABSENT or value is None:
        return "nothing" if value is _ABSENT else "null"
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
