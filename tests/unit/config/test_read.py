"""talkqa.toml becomes settings; whatever is wrong in it is told at once, with what would be right."""

from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.model.check import Depth
from talkqa.model.errors import ConfigError
from talkqa.model.settings import (
    KNOWN_ALIASES,
    ConditionBinding,
    ConnectionBinding,
    Presence,
    SandboxSettings,
    Settings,
)

WHOLE = """
specs = ["specs", "more"]
output = "tests_out"
work = ".work"
depth = "deep"
max_document_bytes = 1000
cassettes = "recordings"

[run]
mode = "replay"
clock = "real"
seed = -7
patience_s = 30
poll_s = 1.5
window = 10
require_proven = "90%"
max_age_days = 30

[systems]
descriptors = ["systems/x.toml"]

[systems.aliases]
"Custom CRM" = ["Our CRM", "Customcrm"]
Acme = ["Acme Suite"]

[[conditions]]
text = "When a deal is won"
entity = "HubSpot Deal"
holds = { stage = "won", "amount.value" = 5, closed = true, on = 2024-05-06 }
fails = { stage = "open" }

[conditions.holds.owner]
id = 1.5

[[conditions]]
text = "until we know"
remark = true

[[connections]]
source = "Salesforce Contact"
connected = "Salesforce Order"
path = "BillToContactId"

[[connections]]
source = "Salesforce Contact"
connected = "Salesforce Quote"
path = "quote.id"
held_by = "source"

[sandbox]
licences_off = ["Salesforce.Billing"]
faults = ["echo"]
engine_cycle_s = 2
quirks = { "Salesforce.idle-writes-stamp" = false, "Exact Online".lag = true }
"""


def read(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "talkqa.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path)


def problems(tmp_path: Path, text: str) -> str:
    """What is wrong with a file, its path left out."""
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    message = str(error.value)
    assert message.startswith(str(tmp_path / "talkqa.toml"))
    return message.replace(f"{tmp_path / 'talkqa.toml'}:", "").strip()


def test_without_a_file_every_default_holds(tmp_path: Path) -> None:
    """So it does for an empty file."""
    assert read_settings(tmp_path) == Settings()
    assert read(tmp_path, "") == Settings()


def test_a_predicate_asks_for_a_value_one_of_several_any_or_none(tmp_path: Path) -> None:
    """As TOML writes them; a property that is itself called empty is written as a quoted path."""
    text = """
    [[conditions]]
    text = "When it is sold"
    fails = { Owner.Name = { empty = true }, "Box.empty" = true }
    [conditions.holds]
    Status = ["Sold", "Paid"]
    Owner.Name = { empty = false }
    Day = [2024-05-06]
    """
    (found,) = read(tmp_path, text).conditions
    assert found.holds == {"Status": ("Sold", "Paid"), "Owner.Name": Presence.FILLED, "Day": ("2024-05-06",)}
    assert found.fails == {"Owner.Name": Presence.EMPTY, "Box.empty": True}


def test_facets_and_patterns_are_bindings_too(tmp_path: Path) -> None:
    """Each explains words of the documents in fields of an entity."""
    text = """
    [[conditions]]
    pattern = "when a .+ is sold"
    holds = { a = 1 }
    [[facets]]
    entity = "Tripletex Customer (human data)"
    holds = { isPrivate = true }
    """
    assert read(tmp_path, text).conditions == (
        ConditionBinding(pattern="when a .+ is sold", holds={"a": 1}),
        ConditionBinding(facet=True, entity="Tripletex Customer (human data)", holds={"isPrivate": True}),
    )


def test_what_else_the_engine_runs_is_declared(tmp_path: Path) -> None:
    """And whether documents that share a system are tested in one world."""
    settings = read(tmp_path, '[engine]\ndocuments = ["more", "other.rst"]\n[run]\nchains = true')
    assert (settings.engine_documents, settings.chains) == (("more", "other.rst"), True)


def test_every_key_is_read(tmp_path: Path) -> None:
    """All sections, with the project's aliases added to the built-in ones."""
    text = WHOLE.replace("[conditions.holds.owner]\nid = 1.5\n", "").replace(
        "on = 2024-05-06", "on = 2024-05-06, owner.id = 1.5"
    )
    assert read(tmp_path, text) == Settings(
        specs=("specs", "more"),
        output="tests_out",
        work=".work",
        depth=Depth.DEEP,
        max_document_bytes=1000,
        mode="replay",
        clock="real",
        seed=-7,
        patience_s=30.0,
        poll_s=1.5,
        window=10,
        require_proven=0.9,
        max_age_days=30.0,
        cassettes="recordings",
        systems=("systems/x.toml",),
        aliases={**KNOWN_ALIASES, "Custom CRM": ("Customcrm", "CustomCRM", "Our CRM"), "Acme": ("Acme Suite",)},
        conditions=(
            ConditionBinding(
                text="When a deal is won",
                entity="HubSpot Deal",
                holds={"stage": "won", "amount.value": 5, "closed": True, "on": "2024-05-06", "owner.id": 1.5},
                fails={"stage": "open"},
            ),
            ConditionBinding(text="until we know", remark=True),
        ),
        connections=(
            ConnectionBinding(source="Salesforce Contact", connected="Salesforce Order", path="BillToContactId"),
            ConnectionBinding(
                source="Salesforce Contact", connected="Salesforce Quote", path="quote.id", held_by="source"
            ),
        ),
        sandbox=SandboxSettings(
            licences_off=frozenset({"Salesforce.Billing"}),
            faults=("echo",),
            engine_cycle_s=2.0,
            quirks={"Salesforce.idle-writes-stamp": False, "Exact Online.lag": True},
        ),
    )


@pytest.mark.parametrize("text", ["0.9", "1", "0", '"90%"', '"90.0 %"'])
def test_a_share_is_a_number_or_a_percentage(tmp_path: Path, text: str) -> None:
    """Both ways of writing it give a number from 0 to 1."""
    assert 0 <= read(tmp_path, f"run.require_proven = {text}").require_proven <= 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("spec = ['x']", ["there is no key 'spec', did you mean 'specs'?", "valid keys are", "max_document_bytes"]),
        (
            "[run]\nsede = 1",
            [
                "[run]: there is no key 'sede', did you mean 'seed'?",
                "valid keys are chains, clock, engine_version, max_age_days, mode",
            ],
        ),
        ("[sandbox]\nzzz = 1", ["[sandbox]: there is no key 'zzz'\n", "valid keys are engine_cycle_s, faults"]),
        ("[systems]\nalias = 1", ["[systems]: there is no key 'alias', did you mean 'aliases'?"]),
        ("[engin]\nx = 1", ["there is no key 'engin'"]),
        ("run = 1", ["run must be a section [run], not 1"]),
        ("[conditions]\ntext = 'x'", ["conditions must be sections [[conditions]]"]),
        ("connections = [1]", ["connections must be sections [[connections]]"]),
        ("specs = 'x'", ["specs must be a list of texts, not 'x'"]),
        ("specs = ['']", ["specs must be a list of texts"]),
        ("output = 1", ["output must be text, not 1"]),
        ("depth = 'deeep'", ["depth must be one of smoke, standard, deep (did you mean 'deep'?), not 'deeep'"]),
        ("max_document_bytes = 0", ["must be a whole number from 1"]),
        ("max_document_bytes = true", ["must be a whole number from 1, not True"]),
        ("run.seed = 1.5", ["[run]: seed must be a whole number, not 1.5"]),
        ("run.seed = true", ["seed must be a whole number, not True"]),
        ("run.mode = 'liv'", ["mode must be one of sandbox, live, record, replay (did you mean 'live'?)"]),
        ("run.clock = 1", ["clock must be one of virtual, real, not 1"]),
        ("run.poll_s = 0", ["poll_s must be a number of seconds above 0"]),
        ("run.max_age_days = 0", ["[run]: max_age_days must be a number of days above 0"]),
        ("sandbox.quirks = 1", ["quirks must be a table of quirks such as"]),
        ("sandbox.quirks.a = 1", ["quirks must be a table of quirks such as"]),
        ("run.patience_s = inf", ["patience_s must be a number of seconds above 0"]),
        ("run.window = -1", ["window must be a whole number from 1"]),
        ("run.require_proven = 90", ['must be a number from 0 to 1, or a percentage such as "90%", not 90']),
        ("run.require_proven = '%'", ["must be a number from 0 to 1"]),
        ("run.require_proven = '900%'", ["must be a number from 0 to 1"]),
        ("run.require_proven = true", ["must be a number from 0 to 1"]),
        ("systems.aliases = 1", ["aliases must be a section [systems.aliases]"]),
        ("systems.aliases.A = 'B'", ["aliases must be a list of texts"]),
        ("systems.aliases.Acme = ['custom crm']", ["'custom crm' means both 'Custom CRM' and 'Acme'; keep one"]),
        ("[[conditions]]\nremark = true", ["[conditions]: text is missing"]),
        ("[[conditions]]\ntext = 'x'", ["[conditions]: holds is missing"]),
        ("[[conditions]]\ntext = 'x'\nremark = 1", ["remark must be true or false, not 1"]),
        ("[[conditions]]\ntext = 'x'\nremark = true\nholds = { a = 1 }", ["remark = true restricts nothing"]),
        ("[[conditions]]\ntext = 'x'\nholds = {}", ["holds must be a table of property values"]),
        ("[[conditions]]\ntext = 'x'\nholds = { a = [[1]] }", ["holds must hold plain values"]),
        ("[[conditions]]\ntext = 'x'\nholds = { a = [] }", ["holds must name at least one value in each list"]),
        ("[[conditions]]\ntext = 'x'\npattern = 'x'\nholds = { a = 1 }", ["give text or pattern, not both"]),
        ("[[conditions]]\npattern = '(x+)+'\nholds = { a = 1 }", ["pattern must be a regular expression of"]),
        ("[[facets]]\nholds = { a = 1 }", ["[facets]: entity must be given"]),
        ("[[facets]]\nentity = 'A B'\nholds = { a = 1 }", ["entity must name a facet, such as"]),
        ("[engine]\ndocuments = 'x'", ["[engine]: documents must be a list of texts"]),
        ("[[connections]]\npath = 'x'", ["[connections]: source and connected must be given"]),
        (
            "[[connections]]\nsource = 'a'\nconnected = 'b'\npath = 'c'\n\n[[connections]]\nsource = 'a'\nheld = 'x'",
            ["[connections] number 2: there is no key 'held', did you mean 'held_by'?"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(tmp_path: Path, text: str, parts: list[str]) -> None:
    """File, section, key, the value found, and what there can be."""
    message = problems(tmp_path, text)
    for part in parts:
        assert part in message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """One line each, so that a file is mended in one go."""
    message = problems(tmp_path, "output = 1\n[run]\nseed = 'x'\nmode = 'x'\n[[conditions]]\n[sandbox]\nfaults = 1")
    assert len(message.splitlines()) == 5


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    """With the place that the parser names."""
    assert "is not valid TOML" in problems(tmp_path, "specs = [")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing where it was asked for, or not UTF-8."""
    with pytest.raises(ConfigError, match=r"other\.toml: cannot be read: No such file"):
        read_settings(tmp_path, tmp_path / "other.toml")
    (tmp_path / "talkqa.toml").write_bytes(b"output = '\xff'")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read_settings(tmp_path)


def test_another_file_can_be_named(tmp_path: Path) -> None:
    """Then the one in the project's folder is not looked at."""
    (tmp_path / "talkqa.toml").write_text("nonsense", encoding="utf-8")
    other = tmp_path / "other.toml"
    other.write_text("output = 'x'", encoding="utf-8")
    assert read_settings(tmp_path, other).output == "x"
