"""README and docs say nothing that is not so: commands, options, links, settings, documents and steps in them exist."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.__main__ import build_parser
from talkqa.checklist.phrases import recognize
from talkqa.cli.app import app
from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.model.diagnostic import Severity
from talkqa.model.result import Outcome
from talkqa.model.settings import Settings
from talkqa.runner.options import add_options
from talkqa.sandbox.faults import FAULTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def fences(language: str) -> list[tuple[str, str]]:
    """(page, text) of every code fence of a language."""
    return [
        (name, text)
        for name, page in zip(NAMES, PAGES, strict=True)
        for found, text in _FENCE.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def commands(program: str) -> list[tuple[str, list[str]]]:
    """(page, words) of every call of a program, in fences and in running text."""
    lines = [(name, line) for name, text in fences("sh") for line in text.splitlines()]
    for name, page in zip(NAMES, PAGES, strict=True):
        prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
        lines += [(name, code) for code in _INLINE.findall(prose)]
    words = [(name, shlex.split(line, comments=True)) for name, line in lines if line.startswith(f"{program} ")]
    return [(name, found[len(program.split()) :]) for name, found in words]


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get on GitHub."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_command_and_option_shown_exists() -> None:
    """Whatever `talkqa ...` a page shows can be typed as it stands."""
    group = typer.main.get_command(app)
    known: dict[str, Any] = group.commands  # type: ignore[attr-defined]
    shown = commands("talkqa")
    assert {words[0] for _, words in shown} == known.keys()
    for page, (name, *words) in shown:
        ours = words[: words.index("--")] if "--" in words else words
        options = {option for parameter in known[name].params for option in parameter.opts}
        unknown = {word.partition("=")[0] for word in ours if word.startswith("-")} - options
        assert not unknown, f"{page}: talkqa {name} has no {', '.join(unknown)}"


def test_every_pytest_option_shown_is_one_of_the_plugins() -> None:
    """The names under which plain pytest takes our options are right."""

    class Options:
        names: set[str] = set()  # noqa: RUF012 - a stand-in for pytest's parser, used once

        def getgroup(self, *_: str) -> "Options":
            return self

        def addoption(self, name: str, **_: object) -> None:
            self.names.add(name)

    add_options(Options())  # type: ignore[arg-type]
    shown = {option for page in PAGES for option in re.findall(r"--talkqa-[\w-]+", page.read_text(encoding="utf-8"))}
    assert shown
    assert shown <= Options.names


def test_every_recipe_shown_exists() -> None:
    """`make ...` and `python -m benchmarks ...` work as shown."""
    recipes = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = commands("make")
    assert {words[0] for _, words in shown} <= recipes
    assert {"demo", "test"} <= {words[0] for page, words in shown if page == "README.md"}
    for option in re.findall(r"`(--(?:only|full))\b", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert option in build_parser().format_help()


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link of a page names a file that is there, and an anchor that it has."""
    page = ROOT / name
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name}: {link} is not there"
        assert not anchor or anchor in anchors(target), f"{name}: {link} has no such heading"


@pytest.mark.parametrize(("page", "text"), fences("toml"))
def test_settings_shown_are_accepted(page: str, text: str, tmp_path: Path) -> None:
    """Every example of talkqa.toml is one that talkqa reads."""
    file = tmp_path / "talkqa.toml"
    file.write_text(text, encoding="utf-8")
    assert read_settings(tmp_path, file) is not None, page


def test_the_defaults_shown_are_the_defaults(tmp_path: Path) -> None:
    """The block of all settings says what holds without any."""
    (text,) = (text for page, text in fences("toml") if page == "docs/running.md" and "patience_s" in text)
    file = tmp_path / "talkqa.toml"
    file.write_text(text, encoding="utf-8")
    assert read_settings(tmp_path, file) == Settings()


def test_documents_shown_are_read_whole(tmp_path: Path) -> None:
    """A whole document of a page has no sentence or row that talkqa cannot read."""
    shown = [text for _, text in fences("rst") if "Dataflow" in text]
    for number, text in enumerate(shown):
        (tmp_path / f"{number}.rst").write_text(text, encoding="utf-8")
    reading = read_documents([tmp_path], Settings(), root=tmp_path)
    assert len(reading.documents) == len(shown) > 0
    assert all(document.sections for document in reading.documents)
    assert not [d for document in reading.documents for d in document.diagnostics if d.severity is not Severity.NOTICE]


def gherkin_steps() -> Iterator[tuple[str, str]]:
    """(page, step text) of every scenario shown."""
    for page, text in fences("gherkin"):
        for line in text.splitlines():
            keyword, _, step = line.strip().partition(" ")
            if keyword in {"Given", "When", "Then", "And", "But"}:
                yield page, step


def test_steps_shown_are_of_the_vocabulary() -> None:
    """A scenario copied from a page runs."""
    steps = list(gherkin_steps())
    assert steps
    assert not [step for step in steps if recognize(step[1]) is None]


@pytest.mark.parametrize(("page", "text"), fences("python"))
def test_code_shown_imports_what_there_is(page: str, text: str) -> None:
    """Python on a page parses, and what it imports of talkqa exists."""
    for node in ast.walk(ast.parse(text, page)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("talkqa"):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_table_of_faults_is_that_of_the_sandbox() -> None:
    """Every fault is documented, with what it does and which checks notice."""
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    for fault in FAULTS.values():
        assert f"| `{fault.name}` | {fault.summary} | {', '.join(fault.breaks)} |" in page
    assert len(re.findall(r"^\| `[\w-]+` \| [A-Z]", page, re.MULTILINE)) == len(FAULTS)


def test_the_architecture_fits_a_screen_and_names_every_package() -> None:
    """ARCHITECTURE.md stays under 60 lines, and its table is what lies in src/talkqa."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    named = set(re.findall(r"^\| `([\w.]+)/?` \|", text, re.MULTILINE))
    found = {path.name for path in (ROOT / "src" / "talkqa").iterdir() if not path.name.startswith("_")}
    assert named == found - {"py.typed"}


def test_decisions_are_numbered_and_have_their_three_parts() -> None:
    """docs/decisions/ has no gap, and each record says context, decision and consequences."""
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(record.name[:4])}. ")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences"))


_ENDINGS = {
    "CheckFailed": Outcome.FAILED,
    "CheckLate": Outcome.LATE,
    "CheckUndecided": Outcome.UNDECIDED,
    "CheckNotRunnable": Outcome.NOT_RUNNABLE,
    "decide": Outcome.PASSED,
    "record_observation": Outcome.OBSERVED,
}
_OTHERWISE = {
    # what `perform`, `conclude` and a run that gives up say where no step has decided
    ("nothing-asserted", Outcome.UNDECIDED),
    ("system-refuses", Outcome.NOT_RUNNABLE),
    ("api-unavailable", Outcome.ERROR),
    ("harness-error", Outcome.ERROR),
    ("harness-bug", Outcome.ERROR),
    ("steps-passed", Outcome.PASSED),
    ("step-raised", Outcome.ERROR),
}


def reasons_of(tree: ast.AST) -> Iterator[tuple[str, Outcome]]:
    """Every reason code that a module ends a check with, and the outcome."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _ENDINGS and node.args:
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value, _ENDINGS[name]
        if name in {"give_up", "_give_up"} and isinstance(node.args[1], ast.Attribute):
            reason = node.args[2]
            assert isinstance(reason, ast.Constant)
            yield str(reason.value), Outcome[node.args[1].attr]


def test_the_table_of_reasons_is_that_of_the_source() -> None:
    """Every code that a check can end with is explained, with its outcomes, and no other one is."""
    source = ROOT / "src" / "talkqa"
    files = [*(source / "verify").rglob("*.py"), *(source / "runner").rglob("*.py")]
    code = {file: file.read_text(encoding="utf-8") for file in files}
    ends = {found for text in code.values() for found in reasons_of(ast.parse(text))} | _OTHERWISE
    assert all(any(f'"{reason}"' in text for text in code.values()) for reason, _ in _OTHERWISE)
    page = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([a-z_, ]+) \| (\S.*?) \| (.*) ?\|$", page, re.MULTILINE)
    told = [(reason, Outcome(word)) for reason, words, _, _ in rows for word in words.split(", ")]
    assert len(told) == len(set(told))
    assert set(told) == ends
