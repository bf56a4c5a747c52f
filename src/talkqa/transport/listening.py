"""Learns what is secret from what is said, so that no result and no log repeats a token that was fetched meanwhile.

Stands above whatever carries a client's requests; changes nothing about them.
"""

import httpx

from talkqa.model.call import CallMark, Purpose
from talkqa.redaction.secrets import Secrets
from talkqa.transport.live import mark_of


class ListeningTransport(httpx.AsyncBaseTransport):
    """Passes requests on; tells what signs them, what sign-ins were answered, and which cookies were set."""

    def __init__(self, inner: httpx.AsyncBaseTransport, secrets: Secrets) -> None:
        self._inner = inner
        self._secrets = secrets

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the transport within."""
        learn_request(self._secrets, request)
        response = await self._inner.handle_async_request(request)
        mark = mark_of(request)
        if mark.purpose is Purpose.SIGN_IN:
            await response.aread()
        learn_answer(self._secrets, response, mark)
        return response

    async def aclose(self) -> None:
        """Close the transport within."""
        await self._inner.aclose()


def learn_request(secrets: Secrets, request: httpx.Request) -> None:
    """Learn from a request before it is sent: it may never be answered."""
    secrets.learn_headers(request.headers.items())
    if request.url.query:
        secrets.learn_parameters(request.url.params.multi_items())
    if mark_of(request).purpose is Purpose.SIGN_IN:
        secrets.learn_sign_in(request.content.decode("utf-8", "replace"), "")


def learn_answer(secrets: Secrets, response: httpx.Response, mark: CallMark) -> None:
    """Learn from an answer before anybody makes something of it; that of a sign-in has been read."""
    cookies = response.headers.get_list("set-cookie")
    if cookies:
        secrets.learn_cookies(cookies)
    if mark.purpose is Purpose.SIGN_IN:
        secrets.learn_sign_in("", response.text)
