"""Options of a run: what cannot be meant is refused, with what can."""

from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.settings import Settings
from talkqa.runner.options import read_quirk, settle_quirks

OWN = """
system = "Salesforce"

[entities.Thing]
id_field = "id"
fields.id = { type = "id" }
"""


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Salesforce.crlf", "Salesforce.crlf"),
        ("salesforce.CRLF", "Salesforce.crlf"),
        ("ExactOnline.sync-lags", "Exact Online.sync-lags"),
        ("wave financial.lists-lag", "Wave.lists-lag"),
    ],
)
def test_a_quirk_gets_the_name_by_which_the_sandbox_knows_it(given: str, name: str, tmp_path: Path) -> None:
    assert settle_quirks({given: False}, Settings(), tmp_path) == {name: False}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Salesfroce.crlf", "quirk Salesfroce.crlf: no emulated system has it; the closest: Salesforce.crlf"),
        ("Salesforce.lists-lag", "Wave.lists-lag"),
        ("Custom CRM.xyzzy", "systems with quirks are Exact Online, Salesforce, Wave"),
        ("crlf", "no emulated system has it"),
    ],
)
def test_a_quirk_that_nothing_has_is_refused_with_the_closest(given: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=told):
        settle_quirks({given: True}, Settings(), tmp_path)


def test_a_descriptor_of_the_project_decides_what_its_system_has(tmp_path: Path) -> None:
    """A Salesforce of one's own, of the generic dialect, has no quirks."""
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    settings = replace(Settings(), systems=("own.toml",))
    with pytest.raises(ConfigError, match=r"quirk Salesforce\.crlf: no emulated system has it"):
        settle_quirks({"Salesforce.crlf": True}, settings, tmp_path)


def test_without_quirks_there_is_nothing_to_look_up(tmp_path: Path) -> None:
    """Not even a descriptor that is missing."""
    assert settle_quirks({}, replace(Settings(), systems=("gone.toml",)), tmp_path) == {}


@pytest.mark.parametrize(
    "text", ["", "odd", "Salesforce.crlf", "Salesforce.crlf=maybe", "crlf=on", "Salesforce.crlf=on=off"]
)
def test_a_malformed_quirk_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write SYSTEM\.NAME=on or SYSTEM\.NAME=off"):
        read_quirk(text)


def test_blanks_around_a_quirk_are_nothing() -> None:
    assert read_quirk(" Exact Online.sync-lags = off ") == ("Exact Online.sync-lags", False)
