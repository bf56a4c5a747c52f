"""A door before each emulated system that asks for credentials of every kind, and says secrets wherever it can.

Put into a sandbox by `install`: accounts come from talkqa.toml, tokens from the door. What it hands out is drawn from a
seed, so that whoever looks for it afterwards, in another process too, knows all of it.
"""

import base64
import json
import random
import string
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from talkqa.config import read_settings
from talkqa.model.account import Account
from talkqa.model.settings import Settings
from talkqa.runner import grounds
from talkqa.runner.connections import Connections, find_account
from talkqa.runner.options import VIRTUAL_EPOCH
from talkqa.sandbox.world import SandboxWorld
from talkqa.systems.tokens import Token, TokenStore
from talkqa.transport.live import read_mark

KINDS: dict[str, str] = {
    "Ash": 'kind = "none"',
    "Beech": 'kind = "basic", username = "tester", password = "env:BEECH_PASSWORD"',
    "Cedar": 'kind = "bearer", token = "env:CEDAR_TOKEN"',
    "Doum": 'kind = "api-key", header = "X-Door", token = "env:DOUM_TOKEN"',
    "Elm": 'kind = "api-key", query = "door", token = "env:ELM_TOKEN"',
    "Fir": 'kind = "client-credentials", client_id = "app", client_secret = "env:FIR_SECRET"',
    "Gum": 'kind = "jwt-bearer", client_id = "app", username = "tester", private_key = "env:GUM_KEY"',
    "Holly": 'kind = "refresh-token", client_id = "app", client_secret = "env:HOLLY_SECRET", '
    'refresh_token = "env:HOLLY_REFRESH"',
    "Iroko": 'kind = "authorization-code", client_id = "app", client_secret = "env:IROKO_SECRET"',
    "Juniper": 'kind = "basic", username = "nobody", password = "env:JUNIPER_PASSWORD"',
}
"""System to its auth; of Juniper there is an account and no world."""
WORLDS = (("Ash", "Beech"), ("Cedar", "Doum"), ("Elm", "Fir"), ("Holly", "Gum"), ("Iroko", "Ash"))
VARIABLES = (
    *("BEECH_PASSWORD", "CEDAR_TOKEN", "DOUM_TOKEN", "ELM_TOKEN", "FIR_SECRET", "HOLLY_SECRET", "HOLLY_REFRESH"),
    *("IROKO_SECRET", "JUNIPER_PASSWORD"),
)
MEMBERS = ("apiKey", "access_token", "client_secret", "Password", "session_id", "refreshToken", "pwd", "X-Auth-Token")
LIFE_S = 10
"""How long a token is good: a run needs several."""
_TOKENS, _MEMBERS, _COOKIES, _PLACES, _SAID = 24, 100, 24, 24, 24
_HEAD = 9
_AWKWARD = "+/=%&é\"' "


def _draws(name: str, number: int) -> random.Random:
    return random.Random(f"{name}/{number}")  # noqa: S311 - they only have to look like secrets


def _plain(name: str, number: int) -> str:
    """One that a header may carry as it is."""
    draw = _draws(name, number)
    body = "".join(draw.choices(string.ascii_letters + string.digits + "-._~", k=draw.randint(20, 40)))
    return f"Q{body}{number:02}" + ("=" if number % 3 == 0 else "")


def _awkward(name: str, number: int) -> str:
    """One that each notation has to escape in its own way."""
    draw = _draws(name, number)
    head, tail = ("".join(draw.choices(string.ascii_letters + string.digits, k=_HEAD)) for _ in "ab")
    return f"{head}{_AWKWARD[number % len(_AWKWARD)]}{tail}{number:02}"


@cache
def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(kind, form, serialization.NoEncryption()).decode()


def environment() -> dict[str, str]:
    """The variables that talkqa.toml names."""
    header_safe = {"CEDAR_TOKEN", "DOUM_TOKEN"}
    values = {name: (_plain if name in header_safe else _awkward)(name, n) for n, name in enumerate(VARIABLES)}
    return {**values, "GUM_KEY": _key()}


def canaries(environ: dict[str, str]) -> dict[str, str]:
    """Name to secret, of all that a run may come across."""
    known = {name: environ[name] for name in VARIABLES}
    known["GUM_KEY"] = environ["GUM_KEY"].splitlines()[5]  # a line of it would be too much
    pools: dict[str, tuple[Callable[[str, int], str], int]] = {
        "token": (_plain, _TOKENS), "member": (_awkward, _MEMBERS), "cookie": (_plain, _COOKIES),
        "place": (_awkward, _PLACES), "said": (_plain, _SAID),
    }  # fmt: skip
    for pool, (draw, size) in pools.items():
        known.update({f"{pool} {n}": draw(pool, n) for n in range(size)})
    known["stored refresh token"], known["stored access token"] = _plain("stored", 0), _plain("stored", 1)
    # Half of a secret is too much too: masking may stop at what its notation means something else by.
    ends = {f"end of {name}": value[_HEAD + 1 :] for name, value in known.items() if value[_HEAD] in _AWKWARD}
    return known | ends


def configuration() -> str:
    """The accounts of talkqa.toml."""
    lines = []
    for system, auth in KINDS.items():
        url = f"http://{system.lower()}.sandbox"
        known = f', token_url = "{url}/oauth/token"' if "client_id" in auth else ""
        lines.append(f'[accounts."{system}"]\nurl = "{url}"\nauth = {{ {auth}{known} }}\n')
    return "\n".join(lines)


class Vault:
    """Hands out what `canaries` names, and remembers what it handed out."""

    def __init__(self) -> None:
        self._next: defaultdict[str, Iterator[int]] = defaultdict(count)
        self.given: set[str] = set()

    def draw(self, pool: str, size: int, make: Callable[[str, int], str]) -> str:
        number = next(self._next[pool]) % size
        self.given.add(f"{pool} {number}")
        return make(pool, number)


class Door(httpx.AsyncBaseTransport):
    """Stands before one system."""

    def __init__(self, inner: httpx.AsyncBaseTransport, account: Account, vault: Vault, known: dict[str, str]) -> None:
        self._inner = inner
        self._account = account
        self._vault = vault
        self._known = known
        self._tokens = {_plain("stored", 1)}
        begun = _plain("stored", 0) if account.auth.kind == "authorization-code" else account.auth.refresh_token
        self._refresh = {begun} - {""}
        self._cookie = ""
        self._asked = count(1)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        number = next(self._asked)
        if request.url.path == "/oauth/token":
            return self._sign_in(request)
        if not self._lets_in(request):
            return self._refuse(request, 401, f"no entry with {request.headers.get('authorization')}")
        broken = self._break(request)
        if broken is not None:
            return broken
        answer = await self._inner.handle_async_request(self._as_user(request))
        await answer.aread()
        return self._decorated(answer, request, number)

    def _break(self, request: httpx.Request) -> httpx.Response | None:
        """What some checks meet instead of an answer: an error that quotes all that it can."""
        check = read_mark(request).actor.rpartition("/")[2]
        if check not in ("quiet", "delete-stays", "empty-keeps"):
            return None
        if check == "quiet":
            return self._refuse(request, 400, f"{request.url} is not to our liking")
        shown = " ".join([*self._seen(request), f"{request.url}", *self._quoted()])
        if check == "delete-stays":
            raise httpx.ReadError(f"the proxy http://ops:{self._said()}@proxy broke off: {shown}", request=request)
        raise RuntimeError(f"the library stumbled: {shown}")

    def _lets_in(self, request: httpx.Request) -> bool:
        auth, headers = self._account.auth, request.headers
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if auth.kind == "none":
            return True
        if auth.kind == "basic":
            return value == base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
        if auth.kind == "bearer":
            return value == auth.token
        if auth.kind == "api-key":
            return auth.token == (headers.get(auth.header) if auth.header else request.url.params.get(auth.query))
        return scheme == "Bearer" and value in self._tokens

    def _as_user(self, request: httpx.Request) -> httpx.Request:
        """The request as the emulator wants it."""
        headers = {k: v for k, v in request.headers.items() if k not in ("authorization", "x-door")}
        pairs = [pair for pair in parse_qsl(request.url.query.decode(), keep_blank_values=True) if pair[0] != "door"]
        url = request.url.copy_with(query=urlencode(pairs).encode() or None)
        inner = httpx.Request(request.method, url, headers={**headers, "authorization": "Bearer harness"})
        inner.stream, inner.extensions = request.stream, request.extensions
        return inner

    def _sign_in(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        if "refresh_token" in form:
            if form["refresh_token"] not in self._refresh:
                return self._refuse(request, 400, f"spent: {form}")
            self._refresh = set()
        token = self._vault.draw("token", _TOKENS, _plain)
        self._tokens = {token}
        told: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_S}
        if "refresh_token" in form:
            told["refresh_token"] = self._vault.draw("token", _TOKENS, _plain)
            self._refresh = {told["refresh_token"]}
        kind = {"content-type": "application/json; charset=utf-8"}
        return httpx.Response(200, headers=kind, content=json.dumps(told).encode(), request=request)

    def _refuse(self, request: httpx.Request, status: int, why: str) -> httpx.Response:
        shown = [why, *self._seen(request), *self._quoted()]
        told = {"error": "refused", "error_description": why, "errors": [{"message": one} for one in shown]}
        kind = {"content-type": "application/json; charset=utf-8"}
        return httpx.Response(status, headers=kind, content=json.dumps(told).encode(), request=request)

    def _seen(self, request: httpx.Request) -> list[str]:
        """What came with the request, in every notation."""
        values = [*request.headers.values(), *dict(request.url.params).values()]
        return [form for value in values if len(value) > 18 for form in spelled(value)]

    def _quoted(self) -> Iterator[str]:
        """What is configured or was handed out, in every notation, and some that only their names can betray."""
        for value in (*self._known.values(), *self._refresh, self._cookie):
            yield from spelled(value)
        yield f"password={self._said()}&x=1"
        yield f'{{"api_key": "{self._said()}"}}'
        yield f"Authorization: Bearer {self._said()}"
        yield f"https://user:{self._said()}@host/path"

    def _said(self) -> str:
        return self._vault.draw("said", _SAID, _plain)

    def _decorated(self, answer: httpx.Response, request: httpx.Request, number: int) -> httpx.Response:
        """The answer with secrets beside what was asked for."""
        headers = [(k, v) for k, v in answer.headers.multi_items() if k not in ("content-length", "content-type")]
        headers.append(("content-type", "application/json; charset=utf-8"))
        self._cookie = self._vault.draw("cookie", _COOKIES, _plain)
        headers.append(("set-cookie", f"session={self._cookie}; Path=/; HttpOnly"))
        place = quote(self._vault.draw("place", _PLACES, _awkward), safe="")
        headers.append(("location", f"https://login.example.com/back?access_token={place}&x=1"))
        content = answer.content
        told = json.loads(content) if content else None
        if isinstance(told, dict):
            names = [MEMBERS[(number + n) % len(MEMBERS)] for n in range(3)]
            drawn = [self._vault.draw("member", _MEMBERS, _awkward) for _ in names]
            told["trace"] = {names[0]: drawn[0], "deep": {names[1]: [drawn[1]], "all": [[{names[2]: drawn[2]}]]}}
            content = json.dumps(told).encode()
        return httpx.Response(answer.status_code, headers=headers, content=content, request=request)


def spelled(value: str) -> Iterator[str]:
    """A value in the notations in which it may be quoted."""
    yield value
    yield quote(value, safe="")
    yield base64.b64encode(f"user:{value}".encode()).decode()
    yield json.dumps({"said": value})


def install(root: Path, store: Path, *, vault: Vault | None = None) -> Callable[[], None]:
    """Put a door before every system of every sandbox of this process.

    Args:
        root: Project whose accounts are asked for.
        store: Folder of a token store.
        vault: Hands out the secrets.

    Returns:
        What takes the doors away again.
    """
    settings, tokens, before = read_settings(root), TokenStore(store), (grounds.SandboxWorld, grounds.Connections)
    iroko = find_account("Iroko", settings)
    stored = Token(
        access=_plain("stored", 1),
        refresh=_plain("stored", 0),
        obtained=VIRTUAL_EPOCH,
        expires=VIRTUAL_EPOCH + timedelta(seconds=LIFE_S),
    )
    tokens.write(iroko, stored)
    guarded = _guarded(settings, vault or Vault())
    grounds.SandboxWorld = guarded  # type: ignore[misc]
    grounds.Connections = partial(Connections, store=tokens)  # type: ignore[misc,assignment]

    def undo() -> None:
        grounds.SandboxWorld, grounds.Connections = before  # type: ignore[misc]

    return undo


def _guarded(settings: Settings, vault: Vault) -> type[SandboxWorld]:
    known = {f"{a.system} {n}": s for a in settings.accounts for n, s in enumerate(a.auth.secrets)}

    class Guarded(SandboxWorld):
        def account(self, system: str, user: str = "harness", *, url: str = "") -> Account:
            return find_account(system, settings) if user == "harness" else super().account(system, user, url=url)

        def transport(self, system: str) -> httpx.AsyncBaseTransport:
            return Door(super().transport(system), find_account(system, settings), vault, known)

    return Guarded
