"""A transport that lets nothing out."""

from typing import NoReturn

import httpx

from talkqa.model.errors import RunError


class BlockedTransport(httpx.AsyncBaseTransport):
    """Refuses every request; stands where a network would be that must not be reached."""

    def __init__(self, why: str) -> None:
        """Block.

        Args:
            why: What forbids requests, as the end of a sentence: `this run replays recordings`.
        """
        self._why = why

    async def handle_async_request(self, request: httpx.Request) -> NoReturn:
        """Raise.

        Raises:
            RunError: naming the request without its query, where secrets may be.
        """
        bare = request.url.copy_with(query=None, fragment=None, userinfo=b"")
        raise RunError(f"{request.method} {bare} must not reach the network: {self._why}")
