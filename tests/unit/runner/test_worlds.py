"""What a report says of where a world's systems are."""

from datetime import UTC, datetime

import pytest

from talkqa.model.account import Account, Auth
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import SandboxSettings, Settings
from talkqa.runner.worlds import describe_system
from talkqa.transport.recording import RecordingFacts, WorldRecording

SCHEMA = SystemSchema(name="Wave", entities=(), licences=frozenset({"Payments"}))
ACCOUNT = Account(
    system="Wave",
    url="https://us:s3cret@gql.waveapps.com/graphql",
    auth=Auth(kind="bearer", token="s3same"),  # noqa: S106
)


def recorded(mode: str) -> WorldRecording:
    """A recording of a run with its systems somewhere."""
    facts = RecordingFacts(
        slug="crm/wave",
        run_id="r",
        version="0",
        recorded_at=datetime(2026, 1, 2, 23, 59, tzinfo=UTC),
        epoch=datetime(2026, 1, 2, tzinfo=UTC),
        seed=0,
        poll_s=1,
        patience_s=1,
        settings={"mode": mode},
    )
    return WorldRecording(facts=facts, complete=True, starts={}, systems={})


@pytest.mark.parametrize(
    ("mode", "recording", "told"),
    [
        ("sandbox", None, "Wave: emulated, schema of a descriptor, without Payments"),
        ("live", None, "Wave: live at gql.waveapps.com, schema of a descriptor"),
        ("replay", "live", "Wave: recorded on 2026-01-02, schema of a descriptor"),
        ("replay", "sandbox", "Wave: recorded in the sandbox on 2026-01-02, schema of a descriptor"),
    ],
)
def test_each_mode_says_where_a_system_is_or_was(mode: str, recording: str | None, told: str) -> None:
    """A host, and never what signs requests."""
    sandbox = SandboxSettings(licences_off=frozenset({"Wave.Payments"}))
    settings = Settings(mode=mode, accounts=(ACCOUNT,), sandbox=sandbox)
    assert describe_system("Wave", SCHEMA, settings, recorded(recording) if recording else None) == told
