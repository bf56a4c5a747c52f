"""Masks secrets in text and events: headers, JSON, forms, URLs and free text.

The runner passes every event through `redact_event` before it is written, the command line every error message through
`redact_text`; nothing else may write what a system said. Masking twice changes nothing more than masking once.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, cast
from urllib.parse import unquote_plus

from talkqa.model.result import Event
from talkqa.redaction.rules import DEFAULT_RULES, MASK, Rules, mask_shapes, may_hold_secrets

_KEPT_FIELDS = frozenset(
    {"check", "flow_id", "name", "place", "node", "reason", "code", "severity", "direction", "method"}
    | {"run", "world", "mode", "clock", "epoch", "version", "digests", "picture_digest", "expires"}
)
"""Fields of events that carry identity or a fixed vocabulary, never text from outside."""

_HEADER_LINE = re.compile(
    r"""(?im)(?P<head>\b(?:(?:proxy-)?authorization|(?:set-)?cookie)"""
    r"""(?:["'][ \t]*:[ \t]*(?P<quote>["'])|[ \t]*[:=][ \t]*(?!["'\s])))"""
    r"""(?P<value>(?(quote)(?:(?!(?P=quote))[^\r\n])+|(?:[^"\r\n]|(?<==)"[^"\r\n]*"?)+))"""
)
"""A header as a line of its own, or as a member of a printed mapping; a cookie's value may hold quoted values."""

_NAME = re.compile(
    r"""(?:(?<![\w%-])|(?<=%3[DdAa]))(?P<name>(?:[\w-]|%(?!3[DdAa]))+)"""
    r"""(?:\\?["'])?(?:[ \t]*(?::|=>?)[ \t]*|(?P<encoded>%3[DdAa]))"""
)
"""The name of a pair with its separator: `name=`, `'name': `, `name%3D`."""
_QUOTED = r"""(?P<open>\\?["'])(?P<inner>.*?)(?:(?<!\\)(?P=open)|\Z)"""
_BARE = r"""[^\s&,;"'<>(){}\[\]]"""
_VALUE = re.compile(rf"{_QUOTED}|{_BARE}+", re.DOTALL)
_ENCODED_VALUE = re.compile(rf"{_QUOTED}|(?:(?!%26|%0[AaDd]){_BARE})+", re.DOTALL)
"""The value where the separator before it was percent-encoded: so is what ends it."""
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_COLON_FOLLOWS = re.compile(r"\s*:")
_LITERALS = frozenset({"null", "true", "false", "None", "True", "False"})
_SCHEMES = frozenset({"bearer", "basic", "oauth", "ssws", "digest", "negotiate"})
_ROUNDS = 6
"""Masking can join what stood apart, so it goes on until nothing changes; a text that never settles is all masked."""
_MASKED_STRING = f'"{MASK}"'


def redact_text(text: str, rules: Rules = DEFAULT_RULES) -> str:
    """Mask the secrets in a text of any kind: a body, a URL, a message.

    Args:
        text: JSON (whole, cut off, or inside other text), a form body, a URL or prose.
        rules: Names and values to mask beyond the usual ones.
    """
    if not may_hold_secrets(text, rules):
        return text
    for _ in range(_ROUNDS):
        masked = _redact_once(text, rules)
        if masked == text:
            return text
        text = masked
    return MASK


def redact_headers(headers: Mapping[str, str], rules: Rules = DEFAULT_RULES) -> dict[str, str]:
    """Mask header values: whole under a secret's name, else whatever in them is a secret."""
    return {
        name: _masked_credentials(value) if rules.hides(name) else redact_text(value, rules)
        for name, value in headers.items()
    }


def redact_event(event: Event, rules: Rules = DEFAULT_RULES) -> Event:
    """Mask the secrets in every text of an event; ids, places and codes stay as they are."""
    return cast("Event", _redact_value(event, rules))


def _redact_value(value: Any, rules: Rules) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return redact_text(value, rules)
    if isinstance(value, tuple):
        return tuple(_redact_value(item, rules) for item in value)
    if isinstance(value, Mapping):
        counts = {name: item for name, item in value.items() if not isinstance(item, str)}
        return {**redact_headers({n: item for n, item in value.items() if n not in counts}, rules), **counts}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: new
            for f in fields(value)
            if f.name not in _KEPT_FIELDS
            for old in (getattr(value, f.name),)
            if (new := _redact_value(old, rules)) != old
        }
        return replace(value, **changed) if changed else value
    return value


def _masked_credentials(value: str) -> str:
    """Keep the scheme of an Authorization header: it helps to see why a request was refused."""
    scheme, blank, rest = value.partition(" ")
    return f"{scheme} {MASK}" if blank and rest and scheme.lower() in _SCHEMES else MASK


def _redact_once(text: str, rules: Rules) -> str:
    if '"' in text and ":" in text:
        whole = _is_json(text)
        text = _redact_json(text, rules)
        if whole:
            return text
    return _redact_plain(text, rules)


def _redact_plain(text: str, rules: Rules) -> str:
    text = mask_shapes(text, rules)
    text = _HEADER_LINE.sub(lambda found: found["head"] + _masked_credentials(found["value"].strip()), text)
    out: list[str] = []
    end = 0
    for found in _NAME.finditer(text):
        if found.start() < end or not rules.hides(unquote_plus(found["name"])):
            continue
        value = (_ENCODED_VALUE if found["encoded"] else _VALUE).match(text, found.end())
        if value and value[0] not in _LITERALS and value[0].lower() not in _SCHEMES:
            quote = value["open"] or ""
            close = quote if quote and len(value[0]) > len(quote) and value[0].endswith(quote) else ""
            out += text[end : found.end()], quote, MASK, close
            end = value.end()
    out.append(text[end:])
    return "".join(out)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _redact_json(text: str, rules: Rules) -> str:
    """Mask member values by name, at any depth, in place: works on cut-off JSON and on JSON within other text.

    A walk over tokens rather than a parse: it keeps the bytes it does not mask, needs no whole document and cannot run
    out of stack.
    """
    out: list[str] = []
    end = 0
    hidden_depth = 0  # levels of nesting inside a secret's value
    pending = False  # a secret's name and its colon were read: the next value is masked
    name: str | None = None  # the last string, where a colon follows
    for found in _JSON_TOKEN.finditer(text):
        piece = found[0]
        out.append(text[end : found.start()])
        end = found.end()
        if piece.startswith('"'):
            is_name = _COLON_FOLLOWS.match(text, end) is not None
            hidden = not is_name and (pending or hidden_depth > 0)
            piece = _masked_string(piece, rules, hidden=hidden)
            name, pending = _decoded(piece) if is_name else None, False
        elif piece == ":":
            pending, name = name is not None and rules.hides(name), None
        elif piece in "{[":
            hidden_depth += 1 if pending or hidden_depth else 0
            pending = False
        elif piece in "}],":
            hidden_depth = max(0, hidden_depth - 1) if piece != "," else hidden_depth
            pending = False
        else:
            hidden = (pending or hidden_depth > 0 or piece in rules.values) and piece not in _LITERALS and piece != MASK
            piece, pending = _MASKED_STRING if hidden else piece, False
        out.append(piece)
    out.append(text[end:])
    return "".join(out)


def _masked_string(token: str, rules: Rules, *, hidden: bool) -> str:
    close = '"' if len(token) > 1 and token.endswith('"') else ""
    if hidden:
        return f'"{MASK}{close}'
    decoded = _decoded(token)
    if decoded is None:  # no JSON string after all; looking inside again could go on for ever
        return f'"{_redact_plain(token[1 : len(token) - len(close)], rules)}{close}'
    masked = redact_text(decoded, rules)
    return token if masked == decoded else json.dumps(masked, ensure_ascii=False)[:-1] + close


def _decoded(token: str) -> str | None:
    """The text of a JSON string, which may be cut off; None where it is no JSON string."""
    closed = token if len(token) > 1 and token.endswith('"') else f'{token}"'
    try:
        return str(json.loads(closed, strict=False))
    except ValueError:
        return None
