"""`talkqa run --plan` of each seed document: records, calls, minutes and share of the quota, for each system."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from talkqa.model.settings import Settings
from talkqa.systems.registry import find_schema
from talkqa.verify.safety import caution_of
from tests.harness import PROJECT, SEED_SPECS, SPECS, call_talkqa

_WORLD = re.compile(r"(?P<title>\S.* to .+): (?P<checks>\d+) checks?, (?P<time>\d+ (?:second|minute)s?)")
_SYSTEM = re.compile(r"  (?P<system>\S.*): (?P<calls>\d+) calls? \((?P<purposes>.+)\), (?P<share>.+)")
_BUSY = re.compile(r"    at most (?P<busiest>\d+) in a minute(?:; the account allows (?P<limit>\d+))?")
_QUOTAS = {"Exact Online": "5000", "Salesforce": "15000", "Wave": "5000"}
"""Calls a day, where a vendor limits them."""


@dataclass(frozen=True)
class Planned:
    """What a plan says of one system."""

    calls: int
    purposes: str
    share: str
    busiest: int
    limit: int | None
    records: str
    text: str


def read_plan(text: str) -> tuple[str, dict[str, Planned]]:
    """The first line, and the systems by name."""
    head, *rest = text.split("\n\n", maxsplit=1)[0].splitlines()
    blocks: list[list[str]] = []
    for line in rest:
        if _SYSTEM.fullmatch(line):
            blocks.append([])
        blocks[-1].append(line)
    systems = {}
    for block in blocks:
        told, busy = _SYSTEM.fullmatch(block[0]), _BUSY.fullmatch(block[1])
        assert told is not None, block
        assert busy is not None, block
        systems[told["system"]] = Planned(
            calls=int(told["calls"]),
            purposes=told["purposes"],
            share=told["share"],
            busiest=int(busy["busiest"]),
            limit=int(busy["limit"]) if busy["limit"] else None,
            records=" ".join(block[2:]),
            text="\n".join(block),
        )
    return head, systems


def make_project(root: Path, document: Path, settings: str = "") -> Path:
    """A project of one document; its live runs would take real time."""
    (root / "specs").mkdir()
    shutil.copy(document, root / "specs" / document.with_suffix(".rst").name)
    file = root / "talkqa.toml"
    file.write_text(f'[run]\nmode = "live"\nclock = "real"\n{settings}', encoding="utf-8")
    return root


def plan(root: Path, *arguments: str) -> str:
    """What the command line says of a live run."""
    ended = call_talkqa(root, "run", "--generate", "--plan", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout[ended.stdout.index(re.search(_WORLD, ended.stdout)[0]) :]  # type: ignore[index]


def require_complete(text: str) -> dict[str, Planned]:
    """See that a plan says all that it should of each system; returns them."""
    head, systems = read_plan(text)
    assert _WORLD.fullmatch(head), head
    assert len(systems) == 2
    for system, planned in systems.items():
        assert re.search(r"\d+ writes", planned.purposes), planned.text
        assert re.search(r"\d+ polls", planned.purposes), planned.text
        quota = _QUOTAS.get(system)
        assert planned.share == "no daily limit known" or planned.share.endswith(f"% of the {quota} a day")
        assert (planned.share == "no daily limit known") == (quota is None)
        assert re.search(r"(creates|the sync engine makes of them) \d+ \w+", planned.records), planned.text
        assert planned.limit is None or planned.busiest <= planned.limit
    return systems


@pytest.mark.parametrize("name", SEED_SPECS)
def test_the_plan_of_a_seed_document_says_what_a_live_run_costs(name: str, tmp_path: Path) -> None:
    """Within seconds, though the settings ask for a live run on the real clock, and no account is there."""
    text = plan(make_project(tmp_path, SPECS / f"{name}.rst"))
    systems = require_complete(text)
    assert "nothing was written to any system" in text
    assert not (tmp_path / ".talkqa" / "runs").exists()
    if "exactonline" in name:
        require_frugal(systems["Exact Online"])
    for system, planned in systems.items():
        require_cautions(system, planned)


def require_cautions(system: str, planned: Planned) -> None:
    """See that what a live run does not create unasked is named with a number that suffices."""
    schema = find_schema(system, Settings(), root=PROJECT)
    assert schema is not None
    made = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", planned.records.partition(":")[0])}
    off = {entity.name for entity in schema.entities if caution_of(entity)} & made.keys()
    assert set(re.findall(r"^    (\w+): off until the account allows it", planned.text, re.MULTILINE)) == off
    assert (f'[accounts."{system}"] allow = ' in planned.text) == bool(off)
    for entity in off:
        needed = re.search(rf"\b{entity} = (\d+)", planned.text)
        assert needed is not None
        assert int(needed[1]) >= made[entity]


def require_frugal(planned: Planned) -> None:
    """Exact Online allows 60 calls a minute; a run shall not take more than a fraction of its 5,000 a day."""
    assert (planned.limit, planned.busiest <= 60, planned.calls <= 1500) == (60, True, True), planned.text


def test_the_seeds_themselves_can_be_planned(tmp_path: Path) -> None:
    """As they were published, where they lie at hand: the one with Exact Online costs what its copy costs."""
    corpus = Path(os.environ.get("TALKQA_CORPUS", PROJECT / "nowhere"))
    seeds = [
        path for path in sorted(corpus.glob("seeds/*.txt")) if "exactonline" in path.read_text(encoding="utf-8").lower()
    ]
    if not seeds:
        pytest.skip("TALKQA_CORPUS names no folder with seeds")
    require_frugal(require_complete(plan(make_project(tmp_path, seeds[0])))["Exact Online"])


def test_several_worlds_are_summed_up_and_what_is_allowed_is_not_asked_for(tmp_path: Path) -> None:
    """Worlds share an account's limits; a selection is planned alone."""
    allowed = '[accounts."Wave"]\nurl = "https://gql.waveapps.com"\nallow = { product = 900, Invoice = 900 }\n'
    root = make_project(tmp_path, SPECS / "customcrm-wave.rst", allowed)
    shutil.copy(SPECS / "custompms-salesforce.rst", root / "specs")
    text = plan(root, "--", "-k", "created or gets_exactly_one")
    assert "Custom CRM to Wave: 3 checks, " in text
    assert '[accounts."Wave"]' not in text
    assert "Division: off until the account allows it (its records can only be archived); its checks need " in text
    total = [line for line in text.partition("All 2 worlds together:\n")[2].splitlines() if "allow = " not in line]
    assert [line.partition(":")[0].strip() for line in total[:4]] == ["Custom CRM", "Custom PMS", "Salesforce", "Wave"]
    assert re.fullmatch(r"  Wave: \d+ calls, (under )?\d+% of the 5000 a day.*", total[3])
