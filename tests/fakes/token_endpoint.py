"""A system with a token endpoint, as an httpx transport: knows who may sign in and which tokens live."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
import trio

from talkqa.model.call import CALL, CallMark, Purpose


class TokenSystem(httpx.AsyncBaseTransport):
    """Gives tokens `access-1`, `access-2`, ... and answers anything else with 200 for a token that lives, else 401.

    With `rotates` a refresh token lives once; with `least_age_s` a living token younger than that is not renewed. The
    path `/forbidden` is answered with 401 to everybody.
    """

    def __init__(
        self,
        stamp: Callable[[], datetime],
        *,
        refresh: str = "refresh-0",
        rotates: bool = True,
        life_s: float | None = 600.0,
        least_age_s: float = 0.0,
        delay_s: float = 0.5,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._stamp = stamp
        self._refresh = refresh
        self._rotates = rotates
        self._life_s = life_s
        self._least_age_s = least_age_s
        self._delay_s = delay_s
        self._extra = extra or {}
        self._issued: datetime | None = None
        self.live: set[str] = set()
        self.forms: list[dict[str, str]] = []
        """Of each request for a token."""
        self.requests: list[httpx.Request] = []
        self.marks: list[CallMark] = []
        """Of each request for a token."""
        self.answers: list[httpx.Response | Exception] = []
        """What the next requests for a token get."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, after a while."""
        await trio.sleep(self._delay_s)
        self.requests.append(request)
        mark = request.extensions[CALL]
        if mark.purpose is not Purpose.SIGN_IN or request.method == "GET":
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            allowed = token in self.live and request.url.path != "/forbidden"
            return httpx.Response(200 if allowed else 401, json={})
        self.marks.append(mark)
        body = b"".join([piece async for piece in request.stream])  # type: ignore[union-attr]
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.forms.append(form)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return self._grant(form)

    def kill(self) -> None:
        """Let every access token die."""
        self.live.clear()

    def _grant(self, form: dict[str, str]) -> httpx.Response:
        answer: dict[str, Any] = dict(self._extra)
        if form["grant_type"] in ("refresh_token", "authorization_code"):
            if form.get("refresh_token", self._refresh) != self._refresh:
                told = "Old refresh token used."
                return httpx.Response(401, json={"error": "unauthorized_client", "error_description": told})
            if self.live and self._issued and (self._stamp() - self._issued).total_seconds() < self._least_age_s:
                return httpx.Response(
                    401, json={"error": "invalid_request", "error_description": "access token not expired"}
                )
            if self._rotates:
                self._refresh = answer["refresh_token"] = f"refresh-{len(self.forms)}"
        token = answer["access_token"] = f"access-{len(self.forms)}"
        self._issued = self._stamp()
        self.live.add(token)
        if self._life_s is not None:
            answer["expires_in"] = str(self._life_s)
        return httpx.Response(200, json=answer)
