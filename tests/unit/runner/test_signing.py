"""What a sign-off binds."""

from hashlib import sha256
from pathlib import Path

from talkqa.model.account import Account, Auth
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.runner.signing import describe_accounts, digest_inputs
from tests.fakes.flows import make_flow

FLOW = make_flow()
HUSH = "not to be told"
WORLD = World(slug="a/b", source="A", target="B", documents=(), flows=(FLOW,), diagnostics=())


def test_each_document_and_the_decisions_have_their_digest(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_bytes(b"words")
    assert digest_inputs(("a.rst", "gone.rst"), tmp_path) == {"a.rst": sha256(b"words").hexdigest()}
    (tmp_path / "decisions.toml").write_bytes(b"")
    assert digest_inputs((), tmp_path) == {"decisions.toml": sha256(b"").hexdigest()}


def test_the_accounts_of_a_live_run_are_named_without_their_secrets() -> None:
    accounts = (
        Account(
            system=FLOW.target.system,
            url="https://erp.example",
            auth=Auth(kind="basic", username="tester", password=HUSH),
            engine_user="sync",
        ),
        Account(system=FLOW.source.system, url="https://crm.example", auth=Auth(kind="bearer", token=HUSH)),
        Account(system="Elsewhere", url="https://no.example"),
    )
    lines = describe_accounts(WORLD, Settings(mode="live", accounts=accounts))
    assert sorted(lines) == sorted(
        (
            f"{FLOW.target.system}: https://erp.example as tester; engine: sync",
            f"{FLOW.source.system}: https://crm.example as the holder of a bearer",
        )
    )
    assert HUSH not in "".join(lines)
    assert describe_accounts(WORLD, Settings(accounts=accounts)) == ()
    assert describe_accounts(None, Settings(mode="live", accounts=accounts)) == ()
