"""How a secret looks after a machine has written it: percent-encoded, escaped, in base64.

Used by `rules`, which masks every spelling of the values it knows, and by `scan`, which looks for what was missed.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

_LEAST_PIECE = 8
"""Characters of base64 that prove something."""
_LEAST_LINE = 16
"""Characters of a line of a longer secret (a key file) that is a secret by itself."""
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_RUN = re.compile("[A-Za-z0-9]+")
_SHORT = 4
"""A value shorter than this is masked as a word of its own alone: it stands in half of all words."""


@lru_cache(maxsize=4096)
def spellings(value: str) -> tuple[tuple[str, str], ...]:
    """A value in every form that it is likely to travel in, as (form, text), without repetition.

    Forms are `plain`, `percent-encoded`, `json`, `html` and `base64`; of base64 there is the part that does not depend
    on what stands before and after the value.
    """
    return tuple((form, text) for text, form in _unique(value))


def mask_value(text: str, value: str, mask: str) -> str:
    """Mask a secret known by value in every spelling, and the whole word of base64 that it stands in."""
    for line in (value, *_lines(value)):
        for form, spelled in sorted(spellings(line), key=lambda each: -len(each[1])):
            if spelled not in text:
                continue
            if form == "base64":
                text = _mask_word(text, spelled, mask)
            elif len(value) < _SHORT:
                text = re.sub(rf"(?<![\w-]){re.escape(spelled)}(?![\w-])", mask, text)
            else:
                text = text.replace(spelled, mask)
    return text


def holds_any(text: str, values: frozenset[str]) -> bool:
    """Whether a text may hold one of some values in any spelling; never says no where it does, however escaped."""
    return any(piece in text for piece in _traces_of(values))


@lru_cache(maxsize=256)
def _traces_of(values: frozenset[str]) -> tuple[str, ...]:
    lines = (line for value in values for line in (value, *_lines(value)))
    return tuple(sorted({piece for line in lines for piece in _traces(line)}))


@lru_cache(maxsize=4096)
def _traces(value: str) -> tuple[str, ...]:
    """Pieces of which one stands in every spelling: no notation writes letters and digits otherwise, but for base64."""
    core = max(_RUN.findall(value), key=len, default="")
    return (core, *_base64_pieces(value)) if core else tuple(text for _, text in spellings(value))


def _mask_word(text: str, piece: str, mask: str) -> str:
    out: list[str] = []
    end = 0
    while (at := text.find(piece, end)) >= 0:
        first, last = at, at + len(piece)
        while first > end and text[first - 1] in _BASE64:
            first -= 1
        while last < len(text) and text[last] in _BASE64:
            last += 1
        out += text[end:first], mask
        end = last
    return "".join((*out, text[end:]))


def _unique(value: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for form, text in _forms(value):
        if text and text not in seen:
            seen.add(text)
            yield text, form


def _forms(value: str) -> Iterator[tuple[str, str]]:
    yield "plain", value
    for encoded in (quote(value, safe=""), quote_plus(value), quote(value), quote(quote(value, safe=""), safe="")):
        yield "percent-encoded", encoded
        yield "percent-encoded", re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield "json", escaped
        yield "json", escaped.replace("/", "\\/")
        yield "json", json.dumps(escaped)[1:-1]
    yield "html", html.escape(value)
    for piece in _base64_pieces(value):
        yield "base64", piece


def _base64_pieces(value: str) -> Iterator[str]:
    """A value may begin at any of three offsets of the encoded text, so there are three pieces."""
    raw = value.encode("utf-8", "surrogatepass")
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        piece = encoded[(offset * 8 + 5) // 6 : len(encoded) - 1]
        if len(piece) >= _LEAST_PIECE:
            yield piece
            yield piece.translate(str.maketrans("+/", "-_"))


def _lines(value: str) -> tuple[str, ...]:
    """The long lines of a secret of several lines; the first and last of a key file are none."""
    if "\n" not in value:
        return ()
    return tuple(
        line for line in map(str.strip, value.splitlines()) if len(line) >= _LEAST_LINE and not line.startswith("-----")
    )
