"""`talkqa login`: a person lets an application into a system, once; its tokens are kept for later runs."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.account import Account
from talkqa.model.errors import ConfigError, TalkqaError
from talkqa.model.protocols import Clock
from talkqa.model.schema import SystemSchema

if TYPE_CHECKING:
    import httpx

    from talkqa.systems.login import Login
    from talkqa.systems.tokens import TokenStore

WAIT_S = 300.0
"""How long the browser is waited for; codes live for minutes."""


def login(
    context: typer.Context,
    system: Annotated[str, typer.Argument(help='The system, as in [accounts."SYSTEM"] of talkqa.toml.')],
    *,
    code: Annotated[
        str | None,
        typer.Option(metavar="URL", help="End a login that was begun here: the address that the browser ended at."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser and wait for it.")] = True,
) -> None:
    """Sign in to a system whose accounts need a person (OAuth 2 authorization code), and keep its tokens.

    Without a browser on this machine: run it with --no-browser, open the address it prints anywhere, and run it again
    with --code and the address that the browser ends at.

    Tokens lie in the user's state folder, for you alone; TALKQA_STATE names another folder.
    """
    import trio  # noqa: PLC0415 - see app.py

    from talkqa.cli.connection import account_of  # noqa: PLC0415 - see app.py
    from talkqa.systems.auth import check_account  # noqa: PLC0415
    from talkqa.systems.login import LOGIN_KINDS, parse_login  # noqa: PLC0415
    from talkqa.systems.registry import find_schema  # noqa: PLC0415
    from talkqa.systems.tokens import TokenStore  # noqa: PLC0415

    call: Call = context.obj
    settings = call.settings()
    account = account_of(system, settings)
    check_account(account)
    schema = find_schema(account.system, settings, root=call.root) or SystemSchema(name=account.system, entities=())
    store = TokenStore.of_user()
    signing_in = SigningIn(account=account, schema=schema, store=store)
    if account.auth.kind not in LOGIN_KINDS:
        print_notice(f"accounts of kind '{account.auth.kind}' need no login")
    elif code is not None:
        begun = parse_login(store.begun(account))
        if begun is None:
            raise ConfigError(
                f"no login to {account.system} was begun here; run `talkqa login '{account.system}'` first"
            )
        trio.run(signing_in.end, begun, code)
    else:
        begun = signing_in.begin()
        address = _ask_person(begun, account, browser=browser)
        if address is None:
            return
        trio.run(signing_in.end, begun, address)
    print_result(trio.run(signing_in.identify))


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningIn:
    """One account, about to be signed in."""

    account: Account
    schema: SystemSchema
    store: "TokenStore"
    inner: "httpx.AsyncBaseTransport | None" = None
    """Sends requests; the network where left out."""

    def begin(self) -> "Login":
        """Make up a login and keep it until it is ended."""
        from talkqa.cli.loopback import free_port  # noqa: PLC0415 - see app.py
        from talkqa.systems.login import begin_login, render_login  # noqa: PLC0415

        begun = begin_login(self.account, self.schema.dialect, port=free_port())
        self.store.begin(self.account, render_login(begun))
        return begun

    async def end(self, begun: "Login", address: str) -> None:
        """Get tokens for the code in an address, and keep them.

        Raises:
            ApiError: where the system gives none.
            ConfigError: where the address does not belong to the login.
        """
        from talkqa.cli.connection import open_connection  # noqa: PLC0415 - see app.py
        from talkqa.systems.connect import known_budget  # noqa: PLC0415
        from talkqa.systems.grants import TokenEndpoint  # noqa: PLC0415
        from talkqa.systems.login import read_code  # noqa: PLC0415

        clock = _clock()
        found = read_code(begun, address)
        async with (
            open_connection(self.account, known_budget(self.schema), clock, self.inner) as http,
            self.store.locked(self.account),
        ):
            endpoint = TokenEndpoint(self.account, http, dialect=self.schema.dialect, stamp=clock.stamp, timeout_s=None)
            self.store.end(self.account)  # a code is good for one attempt
            token = await endpoint.exchange(found, redirect_url=begun.redirect_url, verifier=begun.verifier)
            self.store.write(self.account, token)
        if not token.refresh:
            print_notice("the system gave no refresh token: when this one is over, somebody has to log in again")

    async def identify(self) -> str:
        """Who the account is, in words.

        Raises:
            ApiError: where the system does not tell.
        """
        from talkqa.cli.connection import open_connection  # noqa: PLC0415 - see app.py
        from talkqa.systems.connect import known_budget, make_client  # noqa: PLC0415

        clock = _clock()
        async with open_connection(self.account, known_budget(self.schema), clock, self.inner) as http:
            client = make_client(
                self.schema,
                self.account,
                http,
                clock_now=clock.now,
                timeout_s=None,
                store=self.store,
                stamp=clock.stamp,
            )
            identity = await client.identify()
        who = f" as {name}" if (name := identity.name or identity.user) else "; it does not tell who we are"
        where = f" at {identity.organisation}" if identity.organisation else ""
        return f"signed in to {self.account.system}{where}{who}"


def _ask_person(begun: "Login", account: Account, *, browser: bool) -> str | None:
    """The address that the browser ended at; None where somebody has to come back with it."""
    print_result(f"Open this address and let the application in:\n  {begun.url}")
    if browser and begun.port is not None:
        return _listen(begun)
    again = f"talkqa login '{account.system}' --code URL"
    if sys.stdin.isatty():
        print_notice(f"The browser ends at {begun.redirect_url}?...; that page need not exist.")
        pasted: str = typer.prompt("Its whole address", err=True)
        return pasted
    print_notice(f"The browser ends at {begun.redirect_url}?...; then run, with that whole address:\n  {again}")
    return None


def _listen(begun: "Login") -> str:
    import webbrowser  # noqa: PLC0415 - see app.py
    from functools import partial  # noqa: PLC0415

    import trio  # noqa: PLC0415

    from talkqa.cli.loopback import wait_for_browser  # noqa: PLC0415

    assert begun.port is not None  # noqa: S101 - asked before
    print_notice(f"waiting for the browser for {WAIT_S / 60:g} minutes (Ctrl-C ends it)")
    wait = partial(
        wait_for_browser, begun.port, begun.path, timeout_s=WAIT_S, on_ready=lambda: webbrowser.open(begun.url)
    )
    try:
        target = trio.run(wait)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on port {begun.port} of this machine: {error.strerror or error}; end what listens there, "
            "or run with --no-browser"
        ) from error
    if target is None:
        raise TalkqaError("the browser did not come back in time; try again, or run with --no-browser")
    return target


def _clock() -> Clock:
    from talkqa.verify.clock import TrioClock  # noqa: PLC0415 - see app.py

    return TrioClock(datetime.now(UTC))
