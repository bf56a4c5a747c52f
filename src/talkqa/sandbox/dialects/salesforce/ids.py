"""Record ids as the system writes them: a key prefix, characters that mind case, and a checksum of that case."""

from collections.abc import Mapping

from talkqa.sandbox import draws

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "5g"
"""Characters 4 and 5 tell the instance; one instance here."""

_PREFIXES: Mapping[str, str] = {
    "account": "001",
    "contact": "003",
    "division": "02d",
    "invoice": "3tt",
    "opportunity": "006",
    "order": "801",
    "orderitem": "802",
    "organization": "00D",
    "pricebook2": "01s",
    "pricebookentry": "01u",
    "product2": "01t",
    "quote": "0Q0",
    "quotelineitem": "0QL",
    "task": "00T",
    "user": "005",
}


def key_prefix(entity: str) -> str:
    """The first three characters of an entity's ids; drawn where nothing is known of it."""
    folded = entity.casefold()
    return _PREFIXES.get(folded) or "a" + draws.letters(2, ALPHABET, "key prefix", folded)


def make_id(seed: int, entity: str, ordinal: int) -> str:
    """The id of the entity's nth record; later ones are greater."""
    drawn = draws.letters(6, ALPHABET, "id", seed, entity.casefold())
    return expand(f"{key_prefix(entity)}{_POD}{drawn}{_counted(ordinal)}") or ""


def expand(text: object) -> str | None:
    """The 18 characters of an id given in 15 or 18; None where it is none."""
    if not isinstance(text, str) or len(text) not in (15, 18) or not (text.isascii() and text.isalnum()):
        return None
    full = text[:15] + "".join(_checked(text[at : at + 5]) for at in (0, 5, 10))
    return full if len(text) == 15 or text == full else None


def _checked(group: str) -> str:
    return _SUFFIX[sum(1 << at for at, letter in enumerate(group) if letter.isupper())]


def _counted(ordinal: int) -> str:
    """Four characters, another one for each of 14 million records."""
    letters = []
    for _ in range(4):
        ordinal, at = divmod(ordinal, len(ALPHABET))
        letters.append(ALPHABET[at])
    return "".join(reversed(letters))
