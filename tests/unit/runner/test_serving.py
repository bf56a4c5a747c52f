"""Served systems answer over sockets, with the engine between them; what cannot be served is refused before."""

import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio

from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.protocols import SystemClient
from talkqa.model.settings import SandboxSettings, Settings
from talkqa.model.world import World
from talkqa.runner.certificate import make_certificate
from talkqa.runner.serving import Place, ServedWorld, serve_worlds
from talkqa.runner.worlds import read_schemas
from talkqa.systems.connect import make_client
from talkqa.transport.network import NetworkTransport, open_http

DOCUMENT = """\
==========================
Cake Shop to Ledger Dataflow
==========================

Cake Shop Customer to Ledger Client
-----------------------------------
Every Cake Shop Customer will be synchronized with a Ledger Client.

The following properties are synchronized between a Cake Shop Customer and a Ledger Client:

.. list-table::
   :header-rows: 1

   * - Cake Shop Customer Property
     - Ledger Client Property
     - Ledger Data Type

   * - name
     - title
     - "string"
"""
QUICK = Settings(sandbox=SandboxSettings(engine_cycle_s=0.1))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of one flow of one row."""
    (tmp_path / "cake.rst").write_text(
        DOCUMENT.replace("==========================\n", f"{'=' * 28}\n"), encoding="utf-8"
    )
    (found,) = group_worlds(read_documents([tmp_path / "cake.rst"], QUICK, root=tmp_path, cache=None).documents)
    return found


Connect = Callable[[Account], SystemClient]
Story = Callable[[tuple[ServedWorld, ...], Connect], Awaitable[None]]


def play(
    worlds: list[World],
    root: Path,
    story: Story,
    *,
    place: Place | None = None,
    settings: Settings = QUICK,
) -> None:
    """Run a story while the worlds are served; it is given what is served, and makes clients."""
    where = place or Place()
    context = ssl.create_default_context(cafile=str(where.certificate.authority)) if where.certificate else None

    async def main() -> None:
        async with AsyncExitStack() as stack:
            stack.enter_context(trio.fail_after(60))
            served = await stack.enter_async_context(serve_worlds(worlds, settings=settings, root=root, place=where))
            schemas = read_schemas(worlds[0], settings, root)

            def connect(account: Account) -> SystemClient:
                http = open_http(NetworkTransport(ssl_context=context))
                stack.push_async_callback(http.aclose)
                return make_client(schemas[account.system], account, http, clock_now=trio.current_time)

            await story(served, connect)

    trio.run(main)


async def arrived(client: SystemClient, entity: str, **values: str) -> None:
    """Returns when a record with these values is there."""
    while True:
        changes = await client.changes(entity, None)
        if any(values.items() <= record.values.items() for record in changes.records):
            return
        await trio.sleep(0.02)


def test_the_engine_carries_what_was_written_over_a_socket(world: World, tmp_path: Path) -> None:
    async def story(served: tuple[ServedWorld, ...], connect: Connect) -> None:
        (one,) = served
        assert one.world is world
        shop, ledger = one.accounts
        assert (shop.system, ledger.system) == ("Cake Shop", "Ledger")
        await connect(shop).create("Customer", {"name": "Ada"})
        await arrived(connect(ledger), "Client", title="Ada")

    play([world], tmp_path, story)


def test_over_tls_whoever_trusts_the_authority_is_served(world: World, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls", ("127.0.0.1",))

    async def story(served: tuple[ServedWorld, ...], connect: Connect) -> None:
        shop = served[0].accounts[0]
        assert shop.url.startswith("https://127.0.0.1:")
        created = await connect(shop).create("Customer", {"name": "Ada"})
        assert created.values["name"] == "Ada"
        async with httpx.AsyncClient(trust_env=False) as stranger:
            with pytest.raises(httpx.ConnectError):
                await stranger.get(shop.url)

    play([world], tmp_path, story, place=Place(certificate=certificate))


def test_two_worlds_keep_systems_of_one_name_apart(world: World, tmp_path: Path) -> None:
    async def story(served: tuple[ServedWorld, ...], connect: Connect) -> None:
        first, second = (one.accounts[0] for one in served)
        assert first.url != second.url
        await connect(first).create("Customer", {"name": "Ada"})
        await arrived(connect(first), "Customer", name="Ada")
        assert (await connect(second).changes("Customer", None)).records == ()

    play([world, world], tmp_path, story)


def test_ports_follow_one_another_and_are_free_again_at_once(world: World, tmp_path: Path) -> None:
    port = _two_free_ports()

    async def story(served: tuple[ServedWorld, ...], connect: Connect) -> None:
        assert [account.url for account in served[0].accounts] == [f"http://127.0.0.1:{port + n}" for n in (0, 1)]
        assert (await connect(served[0].accounts[0]).changes("Customer", None)).records == ()

    for _ in range(2):
        play([world], tmp_path, story, place=Place(port=port))


def test_a_taken_port_is_named_with_what_to_do(world: World, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} of 127\.0\.0\.1 cannot be had.*--port 0"):
            play([world], tmp_path, _nothing, place=Place(port=port))


def test_a_port_beyond_the_last_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="port 65536 of"):
        play([world], tmp_path, _nothing, place=Place(port=65_535))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            SandboxSettings(quirks={"Salesforce.slow": True}),
            "quirk Salesforce.slow: no such system is served.*Cake Shop.",
        ),
        (SandboxSettings(quirks={"ledger.slow": True}), "Ledger has no quirk 'slow'"),
        (SandboxSettings(faults=("no-such",)), "no-such"),
    ],
)
def test_what_would_be_switched_without_effect_is_refused(
    world: World, tmp_path: Path, settings: SandboxSettings, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        play([world], tmp_path, _nothing, settings=replace(QUICK, sandbox=settings))


def test_what_breaks_in_a_system_is_told_and_the_rest_goes_on(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(served: tuple[ServedWorld, ...], connect: Connect) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            with caplog.at_level(logging.ERROR):
                broken = await http.get(f"{served[0].accounts[0].url}/broken")
            assert broken.status_code == 500
            assert (await http.get(served[0].accounts[1].url)).status_code < 500

    from talkqa.sandbox.dialects.rest import RestEmulator

    answer = RestEmulator.answer

    def break_down(self: RestEmulator, request: object) -> object:
        if getattr(request, "path", "") == "/broken":
            raise KeyError("bug")
        return answer(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(RestEmulator, "answer", break_down)
    play([world], tmp_path, story)
    assert "bug" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_a_loopback_address_is_this_machines_own(host: str) -> None:
    assert Place(host=host).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "crm.example"])  # noqa: S104 - compared
def test_any_other_address_can_be_reached(host: str) -> None:
    assert not Place(host=host).is_loopback


def test_urls_are_such_as_clients_can_use() -> None:
    assert Place().url(8800) == "http://127.0.0.1:8800"
    assert Place(host="::1").url(8800) == "http://[::1]:8800"
    assert Place(host="0.0.0.0").url(8800) == f"http://{socket.gethostname()}:8800"  # noqa: S104 - see above


async def _nothing(served: tuple[ServedWorld, ...], connect: Connect) -> None:
    raise AssertionError("served")


def _two_free_ports() -> int:
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except OSError:
                continue
