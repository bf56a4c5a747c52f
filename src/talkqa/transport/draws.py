"""Random draws that depend on their key alone, for jitter and faults of the wire: never on order, time or process."""

from hashlib import blake2b

import httpx


def fraction(*key: object) -> float:
    """A number in [0, 1) drawn for a key."""
    drawn = blake2b("\x1f".join(map(str, key)).encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(drawn, "big") / (1 << 56)


def digest_request(request: httpx.Request) -> str:
    """What a request says, as one short text: method, URL and body, but nothing of who signed it."""
    try:
        body = request.content
    except httpx.RequestNotRead:  # a stream: reading it here would leave nothing to send
        body = b""
    said = b"\x1f".join((request.method.encode(), str(request.url).encode("utf-8", "surrogatepass"), body))
    return blake2b(said, digest_size=12).hexdigest()
