"""`talkqa sandbox serve` as people use it: paste what it prints, write over a socket, see the copy, press Ctrl-C."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.runner.worlds import read_schemas
from talkqa.systems.connect import make_client
from talkqa.transport.network import NetworkTransport, open_http
from tests.unit.runner.test_serving import DOCUMENT, arrived


@contextmanager
def serving(project: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command while it serves, and what it printed until then."""
    command = [sys.executable, "-m", "talkqa", "sandbox", "serve", "--port", "0", "--cycle", "0.1", *options]
    with (project / "notices.txt").open("w", encoding="utf-8") as notices:
        process = subprocess.Popen(
            command,
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=notices,
            text=True,
            env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
        )
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "".join(printed).count("auth = ") == 2:
                break
        yield process, "".join(printed)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one document."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "cake.rst").write_text(DOCUMENT, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("tls", [False, True])
def test_paste_write_see_and_stop(project: Path, stop: signal.Signals, tls: bool) -> None:
    with serving(project, *(["--tls"] if tls else [])) as (process, printed):
        (project / "talkqa.toml").write_text(printed, encoding="utf-8")
        assert printed.startswith("# cake-shop/ledger (specs/cake.rst)")
        trio.run(_write_and_see, project, tls)
        begun = time.monotonic()
        process.send_signal(stop)
        assert process.wait(10) == 0
        took_s = time.monotonic() - begun
    notices = (project / "notices.txt").read_text(encoding="utf-8")
    assert took_s < 2
    assert "serving 2 systems of 1 world;" in notices
    assert "Traceback" not in notices
    assert ("authority.pem" in notices) is tls


async def _write_and_see(project: Path, tls: bool) -> None:
    settings = read_settings(project)
    (world,) = group_worlds(read_documents([project / "specs"], settings, root=project, cache=None).documents)
    schemas = read_schemas(world, settings, project)
    authority = project / ".talkqa" / "serving" / "authority.pem"
    context = ssl.create_default_context(cafile=str(authority)) if tls else None
    with trio.fail_after(30):
        async with open_http(NetworkTransport(ssl_context=context)) as http:
            shop, ledger = (
                make_client(schemas[account.system], account, http, clock_now=trio.current_time)
                for account in settings.accounts
            )
            await shop.create("Customer", {"name": "Ada"})
            await arrived(ledger, "Client", title="Ada")
