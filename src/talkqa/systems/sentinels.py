"""Sentinels: values by which a record, and each of its fields, is recognised wherever they turn up.

Used by the record factory and by verify. A value is a pure function of (seed, world, key, field, counter): no state,
so that a run of a subset writes what the whole run writes. Texts are a pronounceable word and a code, since the
duplicate rules of systems block look-alikes; they are short, so that the narrower side of a mapping holds them too.
An edit writes *rich* values instead: longer, and with all that a careless engine spoils.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import prod

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType

_DECIMAL = re.compile(r"-?\d+\.\d*[1-9]")
_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"
_CODE_LETTERS = "bcdfghjkmnpqrstvwxz"
_CODE_DIGITS = "23456789"
_WORD_LENGTH = 8
_CODE_LENGTH = 8
_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606: nobody receives what is sent there
_SHARED = frozenset({"example"})
_FIRST_DAY = date(2001, 1, 1)
_DAYS = (date(2039, 12, 31) - _FIRST_DAY).days
_STEP = 2_654_435_761  # a prime, so that counting in steps of it visits every value of any space we use
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_LEAST_LENGTH = {FieldType.EMAIL: 22, FieldType.URL: 28, FieldType.PHONE: 14}
_RICH_ROOM = 20
"""Characters from which on a rich text goes beyond a word and a code."""
_RICH_LENGTH = 64
"""Longer than texts are cut by mistake, and still readable where it is told."""
_RUN = re.compile(r"[^\W_]{6,}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Sentinels:
    """The sentinels of one world in one run."""

    def __init__(self, seed: int, world: str) -> None:
        self._prefix = f"{seed}\0{world}\0"

    def value(self, field: FieldSchema, key: str, counter: int, *, rich: bool = False) -> Scalar:
        """A value that is valid for the field.

        Args:
            field: Where it will be written.
            key: The record it is for, as a rule the check's id.
            counter: Of the writes to this field; equal arguments give equal values, another counter another value.
            rich: Whether it is to show common damage: a long text with letters of several alphabets and both cases, a
                date whose day could be a month. The code by which it is recognised is the same kind as always.

        Returns:
            None for references, ids and opaque fields, and for restricted picklists whose values are unknown.
        """
        make = (_RICH if rich else _MAKERS).get(field.type)
        return make(field, _Draw(f"{self._prefix}{key}\0{field.path}", counter)) if make else None


def can_hold(field: FieldSchema) -> bool:
    """Whether the field can carry a value that no other field of a run carries."""
    if field.type in {FieldType.STRING, FieldType.TEXT}:
        return field.max_length is None or field.max_length >= 10
    if field.type in _LEAST_LENGTH:
        return field.max_length is None or field.max_length >= _LEAST_LENGTH[field.type]
    if field.type in _NUMBERS:
        whole, scale = _digits(field)
        return whole + scale >= 5
    return field.type in {FieldType.DATE, FieldType.DATETIME}


@lru_cache(maxsize=1 << 16)  # each value is met in many versions of its record
def token_of(value: Scalar) -> tuple[str, ...]:
    """Search tokens by which a value is recognised in another record, even if case-folded, prefixed or joined.

    Args:
        value: As written.

    Returns:
        Lower-case tokens, most telling first; none for booleans, None, short texts and small numbers.
    """
    if value is None or isinstance(value, bool):
        return ()
    if isinstance(value, int | float):
        text = _number_text(value)
        return (text,) if len(text.replace(".", "").replace("-", "")) >= 5 else ()
    folded = value.casefold()
    if _DATE.match(folded):
        moment = folded[:19]
        return (moment, folded[:10]) if "t" in moment and not moment.endswith("t00:00:00") else (folded[:10],)
    runs = [run for run in _RUN.findall(folded) if run not in _SHARED]
    if _DECIMAL.fullmatch(folded) and len(folded) > 5:
        runs.insert(0, folded)  # a number may arrive as text, and a text as a number
    if folded.startswith("+") and folded[1:].isdigit() and len(folded) > 9:
        runs.append(folded[-8:])  # the subscriber number: prefixes are written in many ways
    return tuple(dict.fromkeys(runs))


def is_telling(token: str) -> bool:
    """Whether a token cannot be met by chance: long, with letters and digits; a moment is none, its T apart."""
    telling = token if _DATE.match(token) is None else token.replace("t", "")
    return len(token) >= 6 and any(c.isdigit() for c in telling) and any(c.isalpha() for c in telling)


class _Draw:
    """One deterministic draw: a number of any space, different for each counter, and a word to go with it."""

    def __init__(self, name: str, counter: int) -> None:
        self._base = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest())
        self._counter = counter
        self._name = name

    def number(self, space: int) -> int:
        """From 0 below `space`; distinct for as many counters as there are values."""
        return (self._base + self._counter * _STEP) % space

    def word(self, length: int) -> str:
        """Consonants and vowels in turn, capitalised; another word for another counter."""
        digest = hashlib.blake2b(f"{self._name}\0{self._counter}".encode(), digest_size=16).digest()
        letters = [(_CONSONANTS, _VOWELS)[i % 2] for i in range(length)]
        return "".join(letters[i][digest[i] % len(letters[i])] for i in range(length)).capitalize()

    def code(self, length: int) -> str:
        """A letter, a digit, then both without vowels: neither a word nor a number, and never met by chance."""
        alphabets = (_CODE_LETTERS, _CODE_DIGITS, *(_CODE_DIGITS + _CODE_LETTERS for _ in range(length - 2)))[:length]
        rest = self.number(prod(map(len, alphabets)))
        characters = []
        for alphabet in alphabets:
            rest, index = divmod(rest, len(alphabet))
            characters.append(alphabet[index])
        return "".join(characters)


def _text(field: FieldSchema, draw: _Draw) -> Scalar:
    return _words(draw, field.max_length)


def _words(draw: _Draw, max_length: int | None) -> str:
    room = _WORD_LENGTH + 1 + _CODE_LENGTH if max_length is None else max_length
    word_length = min(_WORD_LENGTH, room - _CODE_LENGTH - 1)
    if word_length < 3:
        return draw.code(max(1, min(room, _CODE_LENGTH + 2)))
    return f"{draw.word(word_length)} {draw.code(_CODE_LENGTH)}"


def _rich_text(field: FieldSchema, draw: _Draw) -> Scalar:
    room = _RICH_LENGTH if field.max_length is None else min(field.max_length, _RICH_LENGTH)
    if room < _RICH_ROOM:
        return _words(draw, room)
    word = draw.word(_WORD_LENGTH)
    # An umlaut is what a wrong encoding garbles, and the Polish letters are what Latin-1 cannot hold.
    start = f"{word[0]}ü{word[2:]} {draw.code(_CODE_LENGTH)} Łódź"
    text = f"{start} Mc{word} i Öst{word[2:4]}ra {word[::-1].capitalize()} {draw.code(3)}"
    return text[:room].rstrip()


def _rich_date(_field: FieldSchema, draw: _Draw) -> Scalar:
    # Day and month are both at most 12 and not the same: a system that takes one for the other gives another date.
    year, rest = divmod(draw.number(39 * 132), 132)
    month, day = divmod(rest, 11)
    return date(2001 + year, month + 1, day + 1 + (day >= month)).isoformat()


def _address(field: FieldSchema, draw: _Draw) -> Scalar:
    room = field.max_length if field.max_length is not None else 255
    if room < (18 if field.type is FieldType.EMAIL else _LEAST_LENGTH[field.type]):
        return _words(draw, room)
    if field.type is FieldType.PHONE:
        return f"+31970{draw.number(90_000_000) + 10_000_000}"  # the Dutch range of machines: nobody is called
    domain = _DOMAINS[draw.number(len(_DOMAINS))]
    word = draw.word(_WORD_LENGTH).lower()
    if field.type is FieldType.EMAIL:
        host = f"{draw.code(min(_CODE_LENGTH, room - len(domain) - 3))}.{domain}"
        return f"{word[: room - len(host) - 1]}@{host}"
    return f"https://{draw.code(_CODE_LENGTH)}.{domain}/{word}"[:room].rstrip("/")


def _digits(field: FieldSchema) -> tuple[int, int]:
    """Digits before and after the decimal point that a sentinel may use."""
    if field.type is FieldType.INTEGER:
        return (min(field.max_length or 9, 9), 0)
    scale = min(2 if field.scale is None else field.scale, 6)
    if field.max_length is None:
        return (6, scale)
    return (max(0, min(field.max_length - (field.scale or 0), 6)), scale)


def _number(field: FieldSchema, draw: _Draw) -> Scalar:
    whole, scale = _digits(field)
    # Numbers of 2 or 3 digits are as a rule shares, degrees and days: they end before 90. 9 digits are below 2**31.
    top = 90 if 2 <= whole <= 3 else int(10**whole)
    if scale == 0:
        low = max(1, top // 10 if whole > 3 else top // 9)
        return low + draw.number(max(1, top - low))
    # A last digit other than 0 shows whether every decimal place is kept.
    units = top * int(10 ** (scale - 1))
    low = units // 10
    tens = low + draw.number(units - low)
    return float(round((tens * 10 + 1 + tens % 9) / 10**scale, scale))


def _date(_field: FieldSchema, draw: _Draw) -> Scalar:
    return (_FIRST_DAY + timedelta(days=draw.number(_DAYS))).isoformat()


def _datetime(_field: FieldSchema, draw: _Draw) -> Scalar:
    first = datetime.combine(_FIRST_DAY, datetime.min.time(), UTC)
    return f"{first + timedelta(seconds=draw.number(_DAYS * 86_400)):%Y-%m-%dT%H:%M:%SZ}"


def _boolean(_field: FieldSchema, draw: _Draw) -> Scalar:
    return draw.number(2) == 1


def _pick(field: FieldSchema, draw: _Draw) -> Scalar:
    if len(field.picklist) >= 2 or (field.picklist and field.restricted):
        return field.picklist[draw.number(len(field.picklist))]
    return None if field.restricted else _words(draw, field.max_length)


_MAKERS: Mapping[FieldType, Callable[[FieldSchema, _Draw], Scalar]] = {
    FieldType.STRING: _text,
    FieldType.TEXT: _text,
    FieldType.EMAIL: _address,
    FieldType.PHONE: _address,
    FieldType.URL: _address,
    FieldType.INTEGER: _number,
    FieldType.DECIMAL: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.PICKLIST: _pick,
}
"""References, ids and opaque fields are missing: nothing that a test invents is valid there."""
_RICH = {**_MAKERS, FieldType.STRING: _rich_text, FieldType.TEXT: _rich_text, FieldType.DATE: _rich_date}


def _number_text(value: float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
