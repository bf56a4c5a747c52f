"""What is secret in a run, as far as it is known: grows while the run goes on, and masks whatever is written.

One for the results and logs of a run, fed by `transport.listening`; one for each recorded system, within
`transport.masking`. Accounts tell what is configured; requests, sign-ins and cookies tell what was fetched.
"""

import base64
import binascii
import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from talkqa.model.account import Account
from talkqa.model.result import Event
from talkqa.redaction.apply import redact_event, redact_text
from talkqa.redaction.rules import DEFAULT_RULES, Rules, is_secret_name

OPEN_PARAMETERS = frozenset({"grant_type", "response_type", "scope", "token_type_hint"})
"""Parameters of a sign-in that are no secret."""
OPEN_MEMBERS = frozenset({"token_type", "scope", "expires_in", "error", "error_description", "issued_at"})
"""Members of a sign-in's answer that are no secret; descriptions of errors are masked like any text."""

_LEAST_LEARNT = 8
"""Characters from which a credential is masked wherever its value stands; a shorter one may be an everyday word."""
_TOKENS = re.compile(r"(?i).*(?:token|secret|assertion|code|verifier)|id|sid|signature|password")
"""Names under which a sign-in sends or answers what nobody may see."""
_SCHEMED = re.compile(r"(?i)(?:Bearer|Basic|OAuth|SSWS|Token)\s+(\S+)")


class Secrets:
    """Learns what is secret and masks it; any thread may do either."""

    def __init__(self, rules: Rules = DEFAULT_RULES, accounts: Iterable[Account] = ()) -> None:
        """Begin with what is known.

        Args:
            rules: Names and values that are secrets.
            accounts: Whose credentials are secret too.
        """
        self._rules = rules
        self._changing = threading.Lock()
        self._last = ""  # the credential seen last: nearly every request carries it again
        for account in accounts:
            self.learn_account(account)

    @property
    def rules(self) -> Rules:
        """What is known to be secret by now."""
        return self._rules

    def text(self, text: str) -> str:
        """A text of any kind with what is secret masked."""
        return redact_text(text, self._rules)

    def event(self, event: Event) -> Event:
        """An event with what is secret masked."""
        return redact_event(event, self._rules)

    def learn_account(self, account: Account) -> None:
        """Mask an account's credentials, and what stands under the names by which it sends them."""
        self.learn_names((account.auth.query, account.auth.header))
        self.learn_values(account.auth.secrets)

    def learn_names(self, names: Iterable[str]) -> None:
        """Mask what stands under these names from now on; those that are secret anyway need no rule of their own."""
        fresh = frozenset(name for name in names if name and not is_secret_name(name))
        with self._changing:
            if not fresh <= self._rules.names:
                self._rules = Rules(names=self._rules.names | fresh, values=self._rules.values)

    def learn_values(self, values: Iterable[str]) -> None:
        """Mask these values from now on, in every spelling."""
        given = frozenset(value for value in values if value)
        if given <= self._rules.values:
            return
        with self._changing:
            self._rules = Rules(names=self._rules.names, values=self._rules.values | given)

    def learn_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Remember what a request is signed with."""
        for name, value in headers:
            if value == self._last or not self._rules.hides(name):
                continue
            if name.lower() == "cookie":
                self._learn_long(pair.partition("=")[2].strip() for pair in value.split(";"))
                continue
            schemed = _SCHEMED.fullmatch(value.strip())
            credential = schemed[1] if schemed else value.strip()
            self._learn_long((credential, *_basic_parts(credential)))
            self._last = value

    def learn_parameters(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Remember what the parameters of a URL sign a request with."""
        self._learn_long(value for name, value in pairs if self._rules.hides(name))

    def learn_cookies(self, cookies: Iterable[str]) -> None:
        """Remember the values that an answer's Set-Cookie headers set."""
        self._learn_long(cookie.partition(";")[0].partition("=")[2].strip() for cookie in cookies)

    def learn_sign_in(self, sent: str, answered: str) -> None:
        """Remember what a sign-in sent to get in, and the tokens that it was answered.

        Args:
            sent: Body of the request, a form or JSON.
            answered: Body of the answer; empty where none came.
        """
        told = _parse(sent)
        pairs = told.items() if isinstance(told, Mapping) else parse_qsl(sent)
        self._learn_named(pairs, OPEN_PARAMETERS)
        told = _parse(answered)
        if isinstance(told, Mapping):
            self._learn_named(told.items(), OPEN_MEMBERS)

    def _learn_named(self, pairs: Iterable[tuple[str, Any]], known: frozenset[str]) -> None:
        self._learn_long(
            value
            for name, value in pairs
            if isinstance(value, str) and name not in known and name != "client_id" and _TOKENS.fullmatch(name)
        )

    def _learn_long(self, values: Iterable[str]) -> None:
        self.learn_values(value for value in values if len(value) >= _LEAST_LEARNT)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _basic_parts(credential: str) -> tuple[str, ...]:
    """The password of `user:password` in base64, as it stands there and as it was before it was percent-encoded."""
    try:
        decoded = base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, ValueError):
        return ()
    user, colon, password = decoded.partition(":")
    return (password, unquote(password)) if colon and user else ()
