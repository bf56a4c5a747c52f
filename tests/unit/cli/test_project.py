"""What a command works on: one document is never alone where the project has others that the engine runs."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from talkqa.cli import serving
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.runner import campaign
from talkqa.runner.campaign import Tally
from talkqa.runner.experiment import Experiment, Laboratory
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.worlds import WorldStage
from tests.unit.cli.conftest import DOCUMENT, Cli

TESTED = "custom-crm.customer--acme-erp.client"
ONE = "specs/crm-to-erp.rst"


@pytest.fixture
def others(project: Path) -> Path:
    """The project with a reverse document among its own, and a further one that it declares."""
    reverse = DOCUMENT.replace("Custom CRM", "X").replace("Acme ERP", "Custom CRM").replace("X", "Acme ERP")
    (project / "specs" / "erp-to-crm.rst").write_text(reverse, encoding="utf-8")
    (project / "declared.rst").write_text(DOCUMENT.replace("Client", "Order"), encoding="utf-8")
    (project / "talkqa.toml").write_text('[engine]\ndocuments = ["declared.rst"]\n', encoding="utf-8")
    return project


def run_by_pytest(project: Path) -> World:
    """The world of the one document as `talkqa run` opens it."""
    folder = WorldFolder(path=project / "generated", slug="custom-crm/acme-erp", documents=(ONE,), checks=())
    settings = Settings(engine_documents=("declared.rst",))
    world = WorldStage().prepare(folder, settings, project).world
    assert world is not None
    assert [flow.id for flow in world.flows] == [TESTED]
    assert len(world.declared) == 2
    return world


def test_one_document_is_served_with_all_that_the_engine_runs(
    cli: Cli, others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[World] = []

    async def serve(worlds: Sequence[World], *_: object) -> None:
        served.extend(worlds)

    monkeypatch.setattr(serving, "_serve", serve)
    assert cli("sandbox", "serve", ONE).code == 0
    assert served == [run_by_pytest(others).confined()]


def test_one_document_is_simulated_with_all_that_the_engine_runs(
    cli: Cli, others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[World] = []

    def run(laboratory: Laboratory, experiments: Sequence[Experiment], **_: object) -> Tally:
        found.extend(laboratory.worlds[one.world] for one in experiments[:1])
        return Tally(simulations=0, counts=Counter(), accusations=(), left=())

    monkeypatch.setattr(campaign, "run_campaign", run)
    assert cli("faults", ONE, "--seeds", "1").code == 0
    assert found == [run_by_pytest(others)]


def test_flips_are_refused_where_there_is_nothing_to_flip(cli: Cli) -> None:
    """Else "nobody accused" would be said of no simulation at all, or of simulations in which nothing was flipped."""
    ended = cli("faults", ONE, "--flips")
    assert ended.code == 2
    assert "--flips: no emulated system of these documents has a switch" in ended.err


def test_an_unreadable_document_of_the_project_is_no_less_run(cli: Cli, others: Path) -> None:
    """What it promises would count as forbidden."""
    (others / "specs" / "erp-to-crm.rst").write_bytes(b"\xff\xfe\xff dataflow")
    ended = cli("faults", ONE, "--seeds", "1")
    assert ended.code == 2
    assert "erp-to-crm.rst" in ended.err
