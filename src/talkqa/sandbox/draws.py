"""Random draws that depend on their key alone: never on order, time or Python's hash seed.

Used by the emulated systems and the reference engine. Equal keys give equal draws in every process.
"""

from hashlib import blake2b


def digest(*key: object, size_bytes: int = 16) -> bytes:
    """Bytes drawn for a key; parts are joined by a character that no part should hold."""
    return blake2b("\x1f".join(map(str, key)).encode(), digest_size=size_bytes).digest()


def fraction(*key: object) -> float:
    """A number in [0, 1) drawn for a key."""
    return int.from_bytes(digest(*key, size_bytes=7), "big") / (1 << 56)


def index(count: int, *key: object) -> int:
    """An index below `count` drawn for a key."""
    return int(fraction(*key) * count)


def letters(length: int, alphabet: str, *key: object) -> str:
    """That many characters of an alphabet, drawn for a key."""
    number = int.from_bytes(digest(*key, size_bytes=64), "big")
    drawn = []
    for _ in range(length):
        number, at = divmod(number, len(alphabet))
        drawn.append(alphabet[at])
    return "".join(drawn)
