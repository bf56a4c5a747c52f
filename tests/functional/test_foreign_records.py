"""Systems that hold records of somebody already: what stands in them is kept nowhere, whatever an engine does to it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from talkqa.model.result import Observation
from talkqa.model.schema import FieldType
from talkqa.model.world import World
from talkqa.report.reading import read_run
from talkqa.report.writing import write_reports
from talkqa.runner import grounds
from talkqa.runner.events import write_line
from talkqa.sandbox.store import EntityStore, SystemStore
from talkqa.sandbox.world import SandboxWorld
from tests.harness import SPECS, WorldRun, project_settings, read_worlds, run_world

TELLING = "Tattletale"
"""Begins every value that only its owner may see."""
FOREIGN = 50
PLACES = {"Salesforce": "Account", "Exact Online": "Accounts"}
TEXTS = frozenset({FieldType.STRING, FieldType.TEXT})


class _Earlier:
    """The clock of a system ten days ago."""

    def __init__(self, stamp: datetime) -> None:
        self._stamp = stamp - timedelta(days=10)

    def stamp(self) -> datetime:
        return self._stamp


@contextmanager
def ten_days_ago(store: SystemStore) -> Iterator[None]:
    """What is stored meanwhile was there before."""
    clock = store._clock
    store._clock = _Earlier(clock.stamp())  # type: ignore[assignment]
    try:
        yield
    finally:
        store._clock = clock


def settle(entity: EntityStore, names: Sequence[str]) -> None:
    """Give an entity fifty records, the first of them under names that nearly match what a run writes."""
    schema = entity.schema
    for number in range(FOREIGN):
        told = {
            field.path: f"{TELLING}{number:02}{field.path.replace('.', '')}"[: field.max_length or 99]
            for field in schema.fields
            if field.type in TEXTS and field.createable and field.list_at is None
        }
        if number < len(names) and schema.name_field is not None:
            told[schema.name_field] = names[number]
        entity.install(told, "somebody")


@pytest.fixture
def inhabited(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names of the first foreign records of each system; every sandbox that is opened holds fifty of them in each."""
    names: dict[str, list[str]] = {}

    class Inhabited(SandboxWorld):
        def __init__(self, **keys: object) -> None:
            super().__init__(**keys)  # type: ignore[arg-type]
            for system, called in names.items():
                store = self._emulators[system].store
                with ten_days_ago(store):
                    settle(store.entities[PLACES[system].casefold()], called)

    monkeypatch.setattr(grounds, "SandboxWorld", Inhabited)
    return names


@pytest.fixture(scope="module")
def world() -> World:
    (found,) = read_worlds([SPECS / "salesforce-exactonline.rst"], project_settings())
    return found


def run_inhabited(world: World, folder: Path, *faults: str) -> WorldRun:
    """The checks of accounts, recorded, with all that a run leaves in a folder."""
    folder.mkdir()
    settings = replace(project_settings(faults=faults), record=True)
    run = run_world(world, settings, folder, root=folder, select=lambda _, flow: flow.source.entity == "Account")
    lines = [write_line(event) for event in (*run.events, *run.results.values(), run.finished)]
    (folder / "world.jsonl").write_text("".join(lines), encoding="utf-8")
    write_reports(read_run(folder))
    return run


def written(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def observations(run: WorldRun) -> list[Observation]:
    return [seen for result in run.results.values() for seen in result.observations]


def names_written(run: WorldRun, folder: Path) -> list[str]:
    """Names that a run gave its records: another run with the same seed gives the same."""
    ledger = (folder / "ledger.jsonl").read_text().splitlines()
    proofs = [line.get("proof") for line in map(json.loads, ledger) if line.get("entity") in PLACES.values()]
    return [proof[1] for proof in proofs if proof]


@pytest.mark.parametrize(
    ("fault", "places"),
    [
        ((), PLACES),
        (("imports-own-copies",), PLACES),
        # This engine would make its copies of Salesforce's foreign records into ours.
        (("wrong-merge",), {"Exact Online": ""}),
    ],
    ids=["right", "imports-own-copies", "wrong-merge"],
)
def test_nothing_of_what_stood_there_before_is_kept(
    world: World, tmp_path: Path, inhabited: dict[str, list[str]], fault: tuple[str, ...], places: Mapping[str, str]
) -> None:
    before = run_inhabited(world, tmp_path / "before", *fault)
    known = names_written(before, tmp_path / "before")
    assert len(known) > 13
    nearly = [f"{name[:-1]}{'2' if name[-1] != '2' else '3'}" for name in known[:4]] + [n[:-1] for n in known[4:8]]
    # The last ones hold what only an earlier run can have left; an engine may take them for what it looks for.
    names = {
        "Salesforce": [*nearly, *(f"{TELLING} {name.split()[0]}" for name in known[8:10])],
        "Exact Online": [*nearly, *(name.upper() for name in known[10:13]), f"{TELLING}s {known[13]}"],
    }
    inhabited.update({place: names[place] for place in places})
    run = run_inhabited(world, tmp_path / "run", *fault)
    files = written(tmp_path / "run")
    assert {"report.html", "junit.xml", "summary.txt", "ledger.jsonl", "world.jsonl"} <= files.keys()
    assert any(name.startswith("cassettes/") for name in files)
    found = {
        name: sorted(set(re.findall(rf"(?i).{{0,60}}{TELLING}\w*", text)))[:3]
        for name, text in files.items()
        if TELLING.casefold() in text.casefold()
    }
    assert found == {}
    assert any(exchange.response_body for seen in observations(run) for exchange in seen.exchanges)
    if "Salesforce" not in places:  # into some of which this engine did write
        assert "merged-wrongly" in {reason for _, reason in run.verdicts().values()}
        assert "talkqa_foreign" in files["world.jsonl"]
