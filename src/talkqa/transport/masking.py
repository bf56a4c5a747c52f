"""What a recording may hold of a request and its answer: no secret, no host, few headers.

Knows the secrets handed in, and learns those that requests are signed with and that sign-ins answer.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

from talkqa.redaction.rules import MASK, Rules
from talkqa.redaction.secrets import OPEN_MEMBERS, OPEN_PARAMETERS, Secrets
from talkqa.transport.listening import learn_request

_KEPT_HEADERS = frozenset({"content-type", "date", "etag", "last-modified", "link", "location", "retry-after"})
"""Of an answer, in lower case: what clients read. What tells of limits was for the recorded run alone."""
_ADDRESS_MEMBERS = frozenset({"instance_url", "api_domain", "base_url"})
_LONGEST = 120
"""Characters of a parameter that are written out."""
_PARAMETER = re.compile(r"[\w.-]{1,40}")
"""Name of a parameter of a sign-in; what is none may be a secret by itself."""
_READABLE = "*$/:,'()"
"""What stands in a query as it is."""


class Masking:
    """Masks what one system was asked and answered."""

    def __init__(self, rules: Rules, origin: str) -> None:
        """Begin with what is known.

        Args:
            rules: Names and values that are secrets.
            origin: Scheme and host that stand for the system's own.
        """
        self.secrets = Secrets(rules)
        self._origin = origin
        self._host = origin.partition("://")[2]
        self._hosts: dict[str, re.Pattern[str]] = {}

    @property
    def rules(self) -> Rules:
        """What is known to be secret by now."""
        return self.secrets.rules

    def learn_request(self, request: httpx.Request) -> None:
        """Remember what a request is signed with, and which host it goes to."""
        self.learn_origin(request.url)
        learn_request(self.secrets, request)

    def learn_origin(self, url: httpx.URL) -> None:
        """Let the stand-in take the place of a host wherever it is written, whoever is named in front of it."""
        host = url.netloc.decode("ascii", "replace")
        if host and host not in self._hosts:
            address = rf"(?P<scheme>{re.escape(url.scheme)}:(?:\\?/){{2}}(?:[^\s/@\"'<>]*@)?)?"
            self._hosts[host] = re.compile(rf"(?i)(?<![\w.-]){address}(?<![\w.-]){re.escape(host)}(?![\w.:-]*[\w-])")

    def text(self, text: str) -> str:
        """A body, a message or a header without secrets and hosts."""
        text = self.secrets.text(text)
        for host, pattern in self._hosts.items():
            if host.lower() in text.lower():
                text = pattern.sub(lambda found: self._origin if found["scheme"] else self._host, text)
        return text

    def url(self, url: httpx.URL) -> str:
        """Path and query: parameters that sign the request left out, the rest in alphabetical order."""
        path = self.text(url.raw_path.partition(b"?")[0].decode("ascii", "replace")) or "/"
        query = url.query.decode("ascii", "replace")
        pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if not self.rules.hides(pair[0])]
        kept = urlencode([(name, _shortened(self.text(value))) for name, value in sorted(pairs)], safe=_READABLE)
        return f"{path}?{kept}" if kept else path

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of an answer that are kept."""
        return {name: self.text(value) for name, value in headers.items() if name.lower() in _KEPT_HEADERS}

    def sign_in_request(self, body: str, content_type: str) -> str:
        """What a sign-in sent: the names of its parameters, and the values of those that are no secret."""
        told = _parse(body)
        if "json" in content_type and isinstance(told, Mapping):
            return json.dumps({name: self._open(name, value, OPEN_PARAMETERS) for name, value in told.items()})
        pairs = parse_qsl(body, keep_blank_values=True) if "form" in content_type else []
        if body and not all(_PARAMETER.fullmatch(name) for name, _ in pairs or [("", "")]):
            return MASK
        return urlencode([(n, self._open(n, v, OPEN_PARAMETERS)) for n, v in pairs], safe="*")

    def sign_in_url(self, url: httpx.URL) -> str:
        """Where a sign-in went; of its parameters the names alone."""
        path, _, query = self.url(url).partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        kept = urlencode([(name, self._open(name, value, OPEN_PARAMETERS)) for name, value in pairs], safe="*")
        return f"{path}?{kept}" if kept else path

    def sign_in_answer(self, body: str) -> str:
        """What a sign-in was answered: every text masked but those that are known to be none."""
        told = _parse(body)
        if not isinstance(told, Mapping):
            return MASK if body else ""
        return json.dumps(
            {
                name: self._origin if name in _ADDRESS_MEMBERS else self._open(name, value, OPEN_MEMBERS)
                for name, value in told.items()
            }
        )

    def _open(self, name: str, value: Any, known: frozenset[str]) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if name not in known:
            return value if isinstance(value, int) and name.startswith("expires") else MASK
        return self.text(value) if isinstance(value, str) else value if isinstance(value, int | float) else MASK


def _shortened(value: str) -> str:
    """A long value by its beginning and its digest: lists of a hundred fields fill a cassette, unread."""
    if len(value) <= _LONGEST or MASK in value:
        return value
    return f"{value[: _LONGEST // 2]}...{hashlib.sha256(value.encode()).hexdigest()[:16]}"


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
