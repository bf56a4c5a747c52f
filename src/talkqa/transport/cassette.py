"""One system's interactions as a vcr cassette: the only place that knows vcr.

Cassettes are written and read through vcrpy's `Cassette` and load with its own JSON serializer; nothing is patched. A
line holds an interaction, so that a new recording differs in lines. A body written before is told by
digest, and of a record told before what changed.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from vcr.cassette import Cassette
from vcr.record_mode import RecordMode
from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer

from talkqa.model.call import Purpose
from talkqa.transport.packing import Packing
from talkqa.transport.recording import CassetteError, Interaction

META = "talkqa"
"""Key of what belongs to talkqa in the response of an interaction."""
_SHARED_FROM = 200
"""Bodies shorter than this are written each time."""


def write_cassette(path: Path, origin: str, interactions: Iterable[Interaction]) -> str:
    """Write a cassette in one go, in the order given; returns the digest of what was written.

    Args:
        path: The file; its folder exists.
        origin: Scheme and host to write in front of each URL.
        interactions: What was recorded.
    """
    cassette = Cassette(path=str(path), serializer=_Lines, persister=_AtomicPersister, record_mode=RecordMode.ALL)
    written: set[str] = set()
    packing = Packing()
    for one in interactions:
        cassette.append(_request_of(one, origin), _response_of(one, written, packing))
    cassette._save(force=True)  # noqa: SLF001 - vcrpy saves on leaving its context manager alone, which patches httpx
    return digest_text(path.read_text("utf-8"))


def read_cassette(path: Path) -> tuple[Interaction, ...]:
    """The interactions of a cassette, in its order.

    Raises:
        CassetteError: where it is no cassette of talkqa, or torn.
    """
    try:
        cassette = Cassette.load(
            path=str(path), serializer=jsonserializer, persister=_AtomicPersister, record_mode=RecordMode.NONE
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(f"{path.name} is no readable cassette ({error}); record the world again") from error
    bodies: dict[str, str] = {}
    packing = Packing()
    found: list[Interaction] = []
    for number, (request, response) in enumerate(cassette.data, 1):
        try:
            found.append(_interaction_of(request, response, bodies, packing))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CassetteError(
                f"{path.name}: interaction {number} lacks or garbles {error}; record the world again"
            ) from error
    return tuple(found)


def digest_text(text: str) -> str:
    """Digest of a file's text, whatever its line ends are."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")).hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Put a text in the place of a file; whoever reads sees the old one or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="ascii", newline="\n") as file:  # noqa: PTH123 - the handle is open already
            file.write(text)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)  # noqa: PTH105 - atomic on every platform
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


class _Lines:
    """A serializer in vcrpy's sense: JSON with one interaction a line, in ASCII, so that no locale matters."""

    deserialize = staticmethod(jsonserializer.deserialize)

    @staticmethod
    def serialize(cassette: Mapping[str, Any]) -> str:
        lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in cassette["interactions"])
        return f'{{"version":{json.dumps(cassette["version"])},"interactions":[\n{lines}\n]}}\n'


class _AtomicPersister:
    """A persister in vcrpy's sense."""

    @staticmethod
    def load_cassette(cassette_path: str, serializer: Any) -> Any:
        return deserialize(Path(cassette_path).read_text("utf-8"), serializer)

    @staticmethod
    def save_cassette(cassette_path: str, cassette_dict: Mapping[str, Any], serializer: Any) -> None:
        write_atomically(Path(cassette_path), serialize(cassette_dict, serializer))


def _request_of(one: Interaction, origin: str) -> Any:
    headers = {"content-type": [one.request_type]} if one.request_type else {}
    return Request(one.method, f"{origin}{one.url}", one.request_body or None, headers)


def _response_of(one: Interaction, written: set[str], packing: Packing) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "actor": one.actor,
        "purpose": one.purpose.name,
        "ordinal": one.ordinal,
        "asked_s": one.asked_s,
        "answered_s": one.answered_s,
    }
    body = one.body
    digest = _digest_body(body)
    if digest in written:
        meta["same_body"], body = digest, ""
    elif len(body) >= _SHARED_FROM:
        written.add(digest)
        packed = packing.pack(body)
        if packed is not None:
            meta["packed"], body = True, packed
    if one.poll:
        meta["poll"] = one.poll
    if one.gone:
        meta["gone"] = list(one.gone)
    return {
        "status": {"code": one.status, "message": one.error or _phrase(one.status)},
        "headers": {name: [value] for name, value in sorted(one.headers.items())},
        "body": {"string": body},
        META: meta,
    }


def _interaction_of(request: Any, response: Mapping[str, Any], bodies: dict[str, str], packing: Packing) -> Interaction:
    meta = response[META]
    status = int(response["status"]["code"])
    body = bytes(response["body"]["string"]).decode("utf-8", "surrogatepass")
    shared = meta.get("same_body")
    if shared is not None:
        body = bodies[shared]
    elif len(body) >= _SHARED_FROM or meta.get("packed"):
        if meta.get("packed"):
            body = packing.unpack(body)
        else:
            packing.skip(body)
        bodies[_digest_body(body)] = body
    path = request.parsed_uri.path + (f"?{request.parsed_uri.query}" if request.parsed_uri.query else "")
    return Interaction(
        actor=str(meta["actor"]),
        purpose=Purpose[meta["purpose"]],
        ordinal=int(meta["ordinal"]),
        asked_s=float(meta["asked_s"]),
        answered_s=float(meta["answered_s"]),
        method=str(request.method),
        url=path,
        request_body=(request.body or b"").decode("utf-8", "surrogatepass"),
        request_type=str(request.headers.get("content-type", "")),
        status=status,
        headers={str(name): str(values[0]) for name, values in response["headers"].items()},
        body=body,
        error="" if status else str(response["status"]["message"]),
        poll=str(meta.get("poll", "")),
        gone=tuple(str(one) for one in meta.get("gone", ())),
    )


def _digest_body(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
