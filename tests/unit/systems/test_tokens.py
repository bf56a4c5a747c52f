"""Tokens outlive a run: owner-only, whole or not at all, and never renewed by two jobs at once."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
import trio
import trio.lowlevel
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiUnavailable, ConfigError
from talkqa.systems.tokens import STATE, Token, TokenStore, digest_of
from tests.fakes.virtual import run_virtual

EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)
ACCOUNT = Account(
    system="Exact Online", url="https://start.exactonline.nl", auth=Auth(kind="refresh-token", client_id="app")
)


def token(number: int = 0, *, life_s: float | None = 600.0) -> Token:
    return Token(
        access=f"access-{number}",
        refresh=f"refresh-{number}",
        obtained=EPOCH,
        expires=EPOCH + timedelta(seconds=life_s) if life_s else None,
        base_url="https://na1.example",
        seed="seed",
    )


@given(
    st.builds(
        Token,
        access=st.text(),
        refresh=st.text(),
        obtained=st.datetimes(timezones=st.just(UTC)),
        expires=st.none() | st.datetimes(timezones=st.just(UTC)),
        base_url=st.text(),
        seed=st.text(),
    )
)
@settings(max_examples=30)
def test_what_is_kept_is_read_back(kept: Token) -> None:
    """Whatever a system calls a token."""
    with TemporaryDirectory() as folder:
        store = TokenStore(Path(folder))
        store.write(ACCOUNT, kept)
        assert store.read(ACCOUNT) == kept


def test_where_nobody_signed_in_there_is_no_token(tmp_path: Path) -> None:
    assert TokenStore(tmp_path / "none").read(ACCOUNT) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """And so is the folder."""
    store = TokenStore(tmp_path / "state" / "tokens")
    store.write(ACCOUNT, token())
    assert store.path(ACCOUNT).stat().st_mode & 0o777 == 0o600
    assert store.path(ACCOUNT).parent.stat().st_mode & 0o777 == 0o700


def test_a_token_shows_nothing_of_itself() -> None:
    """Neither in a traceback nor in a log."""
    assert "access-0" not in repr(token())
    assert "refresh-0" not in repr(token())


@pytest.mark.parametrize(
    "other",
    [
        Account(system="Exact", url=ACCOUNT.url, auth=ACCOUNT.auth),
        Account(system=ACCOUNT.system, url="https://start.exactonline.be", auth=ACCOUNT.auth),
        Account(system=ACCOUNT.system, url=ACCOUNT.url, auth=Auth(kind="refresh-token", client_id="other")),
        Account(system=ACCOUNT.system, url=ACCOUNT.url, auth=Auth(kind="authorization-code", client_id="app")),
        Account(system="../../evil", url=ACCOUNT.url),
    ],
)
def test_every_account_has_a_file_of_its_own(tmp_path: Path, other: Account) -> None:
    """Another one for each system, address, application and kind; a name leads nowhere else."""
    store = TokenStore(tmp_path)
    store.write(ACCOUNT, token())
    assert store.read(other) is None
    assert store.path(other).parent == tmp_path


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", json.dumps({"access": 1}).encode(), b'{"access": "a", "refresh": "b"}'],
)
def test_a_broken_file_says_how_to_mend_it(tmp_path: Path, content: bytes) -> None:
    store = TokenStore(tmp_path)
    store.path(ACCOUNT).write_bytes(content)
    with pytest.raises(ConfigError, match="holds no token of Exact Online; delete it and run `talkqa login"):
        store.read(ACCOUNT)


def test_a_stamp_without_a_zone_is_none(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.write(ACCOUNT, token())
    path = store.path(ACCOUNT)
    path.write_text(path.read_text().replace("+00:00", ""))
    with pytest.raises(ConfigError, match="holds no token"):
        store.read(ACCOUNT)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """For reading, writing and locking; nothing is left behind."""
    (tmp_path / "file").write_text("")
    blocked = TokenStore(tmp_path / "file")
    with pytest.raises(ConfigError, match=STATE):
        blocked.write(ACCOUNT, token())
    with pytest.raises(ConfigError, match="cannot be read"):
        blocked.read(ACCOUNT)

    async def lock() -> None:
        async with blocked.locked(ACCOUNT):
            pass

    with pytest.raises(ConfigError, match="cannot be locked"):
        run_virtual(lock)


def test_a_disk_that_is_full_leaves_the_old_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half of a file takes its place, and none lies beside it."""
    store = TokenStore(tmp_path)
    store.write(ACCOUNT, token(1))

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        store.write(ACCOUNT, token(2))
    assert store.read(ACCOUNT) == token(1)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_folder_is_the_users_or_the_one_named(tmp_path: Path) -> None:
    own = TokenStore.of_user({STATE: str(tmp_path)})
    assert own.path(ACCOUNT).parent == tmp_path / "tokens"
    assert TokenStore.of_user({}).path(ACCOUNT).parent.parent.name.startswith("talkqa")


@pytest.mark.parametrize(
    ("life_s", "after_s", "due"),
    [(600.0, 574.0, False), (600.0, 575.0, True), (20.0, 18.0, False), (20.0, 19.0, True), (None, 1e6, False)],
)
def test_a_token_is_due_shortly_before_its_end(life_s: float | None, after_s: float, due: bool) -> None:
    """For a short life, a share of it."""
    assert token(life_s=life_s).is_due(EPOCH + timedelta(seconds=after_s)) is due


def test_a_chain_that_has_begun_with_a_refresh_token_alone_is_due() -> None:
    assert Token(access="", refresh="r", obtained=EPOCH).is_due(EPOCH)
    assert digest_of("r") != digest_of("s")


def test_a_lock_that_nobody_lets_go_of_is_told(tmp_path: Path) -> None:
    """Tasks of one loop exclude each other too, without blocking it."""
    store = TokenStore(tmp_path)

    async def story() -> None:
        async with store.locked(ACCOUNT):
            with pytest.raises(ApiUnavailable, match="another job has been renewing the token of Exact Online"):
                async with store.locked(ACCOUNT):
                    pass
        async with store.locked(ACCOUNT):
            pass

    run_virtual(story)


ROUNDS = 5


async def spend(store: TokenStore) -> None:
    """Renew as a job does: whoever holds the lock reads the newest token and writes the next one."""
    for _ in range(ROUNDS):
        async with store.locked(ACCOUNT):
            known = store.read(ACCOUNT)
            number = int(known.refresh.removeprefix("refresh-")) if known else 0
            await trio.lowlevel.checkpoint()
            store.write(ACCOUNT, token(number + 1))


JOB = f"""
import sys, trio
from pathlib import Path
from talkqa.systems.tokens import TokenStore
from {__name__} import spend
trio.run(spend, TokenStore(Path(sys.argv[1])))
"""


@given(st.integers(1, 3))
@settings(max_examples=3, deadline=None)
def test_threads_never_spend_a_token_twice(threads: int) -> None:
    """Each renewal follows the one before, however they overlap; a reader sees a whole token at any time."""
    with TemporaryDirectory() as folder:
        store = TokenStore(Path(folder))
        jobs = [Thread(target=trio.run, args=(spend, store)) for _ in range(threads)]
        for job in jobs:
            job.start()
        while any(job.is_alive() for job in jobs):
            seen = store.read(ACCOUNT)
            assert seen is None or seen.access.startswith("access-")
        for job in jobs:
            job.join()
        assert store.read(ACCOUNT) == token(threads * ROUNDS)


def test_processes_never_spend_a_token_twice(tmp_path: Path) -> None:
    """The lock holds between processes as well."""
    root = Path(__file__).parents[3]
    jobs = [subprocess.Popen([sys.executable, "-c", JOB, str(tmp_path)], cwd=root) for _ in range(2)]
    assert [job.wait(60) for job in jobs] == [0, 0]
    assert TokenStore(tmp_path).read(ACCOUNT) == token(2 * ROUNDS)
