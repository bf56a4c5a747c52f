"""A project to stand in, and a way to call the command line in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from talkqa.cli.app import call

DOCUMENT = """\
===============================
Custom CRM to Acme ERP Dataflow
===============================

Generated: 2024-11-01 10:00:00

Introduction
------------
An invented document.

Custom CRM Customer to Acme ERP Client
--------------------------------------
Every Custom CRM Customer will be synchronized with a Acme ERP Client.

Once a link between a Custom CRM Customer and a Acme ERP Client is established, it will keep in sync between the two systems, regardless of where it is edited.

The following properties are synchronized between a Custom CRM Customer and a Acme ERP Client:

.. list-table::
   :header-rows: 1

   * - Custom CRM Customer Property
     - Acme ERP Client Property
     - Acme ERP Data Type
"""  # noqa: E501 - a paragraph of a document is one line


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one document; the current folder."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "crm-to-erp.rst").write_text(DOCUMENT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(project: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Calls the command line in the project."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = call(arguments)
        captured = capsys.readouterr()
        return Ended(code=code, out=captured.out, err=captured.err)

    return run
