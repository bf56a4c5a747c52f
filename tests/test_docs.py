"""README and docs say nothing that is not so: commands, options, links, settings, documents and steps in them exist."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.__main__ import build_parser
from talkqa.checklist.phrases import recognize
from talkqa.cli.app import app
from talkqa.cli.starting import TEMPLATE
from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.model.account import AUTH_KINDS
from talkqa.model.decision import Decisions
from talkqa.model.diagnostic import Severity
from talkqa.model.result import Outcome
from talkqa.model.settings import Settings
from talkqa.runner.options import add_options
from talkqa.sandbox.dialects.emulator import Quirk
from talkqa.sandbox.dialects.registry import make_emulator
from talkqa.sandbox.faults import KINDS
from talkqa.sandbox.store import SystemStore
from talkqa.systems.registry import find_schema, packaged_names
from talkqa.verify.safety import caution_of
from tests.fakes.clock import FakeClock

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


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words: `("sandbox", "serve")`."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in inner.items():
        yield from leaves(each, (*path, name))


def split_command(words: list[str], known: Mapping[tuple[str, ...], Any]) -> tuple[tuple[str, ...], list[str]]:
    """The command that is called, and what it is called with; a group shown by itself stands for its commands."""
    for length in (1, 2):
        if tuple(words[:length]) in known:
            return tuple(words[:length]), words[length:]
    return next(name for name in known if name[: len(words)] == tuple(words)), []


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get on GitHub."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_command_and_option_shown_exists() -> None:
    """Whatever `talkqa ...` a page shows can be typed as it stands."""
    known = dict(leaves(typer.main.get_command(app)))
    shown = [(page, *split_command(words, known)) for page, words in commands("talkqa")]
    assert {name for _, name, _ in shown} == known.keys()
    for page, name, words in shown:
        ours = words[: words.index("--")] if "--" in words else words
        options = {opt for parameter in known[name].params for opt in (*parameter.opts, *parameter.secondary_opts)}
        unknown = {word.partition("=")[0] for word in ours if word.startswith("-")} - options
        assert not unknown, f"{page}: talkqa {' '.join(name)} has no {', '.join(unknown)}"


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
    """Every example of talkqa.toml, or of decisions.toml on the page about it, is one that talkqa reads."""
    name = "decisions.toml" if page == "docs/deciding.md" else "talkqa.toml"
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert (read_settings(tmp_path).decisions != Decisions()) is (name == "decisions.toml"), page


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
    """Every kind of fault is documented, with what it does and which checks notice."""
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [f"| `{kind.name}` | {kind.summary} | {', '.join(kind.checks)} |" for kind in KINDS.values()]
    assert re.findall(r"^\| `[\w-]+` \| [A-Z].*$", page, re.MULTILINE) == rows


def test_the_tables_of_quirks_are_those_of_the_emulators() -> None:
    """Every quirk is documented: how it stands by default, whether that is confirmed, and what it does."""
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    for system in packaged_names():
        schema = find_schema(system, Settings(), root=ROOT)
        assert schema is not None
        emulator = make_emulator(SystemStore(schema, FakeClock(), 0), FakeClock(), {})
        section = page.partition(f"### Quirks of {system}\n")[2].partition("\n#")[0] if emulator.QUIRKS else ""
        told = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", section, re.MULTILINE))
        assert told == {name: describe_quirk(quirk) for name, quirk in emulator.QUIRKS.items()}, system


def describe_quirk(quirk: Quirk) -> str:
    """A row of the table behind the name."""
    default = f"{'on' if quirk.default else 'off'}{', unconfirmed' if quirk.unconfirmed else ''}"
    return f"{default} | {quirk.says[0].lower()}{quirk.says[1:].rstrip('.')}"


def test_the_table_of_findings_is_that_of_doctor() -> None:
    """Every code that doctor gives is explained, and no other one is."""
    model = ast.parse((ROOT / "src" / "talkqa" / "model" / "preflight.py").read_text(encoding="utf-8"))
    listed = next(text for text in strings_of(model) if text.startswith("Stable, kebab-case: "))
    codes = set(re.findall(r"[a-z]+(?:-[a-z]+)*", listed.partition(": ")[2]))
    given = {code for file in (ROOT / "src").rglob("*.py") for code in finding_codes(file)}
    assert given <= codes
    page = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    section = page.partition("\n## Doctor\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == codes


def strings_of(tree: ast.AST) -> Iterator[str]:
    """Every text that a module holds."""
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def finding_codes(file: Path) -> Iterator[str]:
    """The codes with which a module makes findings, as far as it writes them out."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from strings_of(keyword.value)


def test_the_kinds_of_sign_in_are_those_of_accounts() -> None:
    """Every kind is listed with what it cannot do without."""
    page = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    table = page.partition("| kind of auth | needs |\n")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.MULTILINE))
    assert rows.keys() == AUTH_KINDS.keys()
    for kind, needed in AUTH_KINDS.items():
        assert set(needed) <= set(re.findall(r"`([a-z_]+)`", rows[kind])), kind


def test_entities_that_are_off_until_allowed_are_listed() -> None:
    """The page names what of the packaged systems a live run does not create unasked."""
    page = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    table = page.partition("| system | off until allowed |\n")[2].partition("\n\n")[0]
    told = dict(re.findall(r"^\| (\w[\w ]*) \| (.*) \|$", table, re.MULTILINE))
    found = {}
    for system in packaged_names():
        schema = find_schema(system, Settings(), root=ROOT)
        assert schema is not None
        found[system] = ", ".join(sorted(entity.name for entity in schema.entities if caution_of(entity)))
    assert told == {system: names for system, names in found.items() if names}


def test_the_template_of_init_is_read_and_holds_the_defaults(tmp_path: Path) -> None:
    """What `talkqa init` writes changes nothing, and what it comments out can be switched on."""
    file = tmp_path / "talkqa.toml"
    file.write_text(TEMPLATE, encoding="utf-8")
    assert read_settings(tmp_path, file) == Settings()
    file.write_text(re.sub(r"^# (?=[\w\[\"])", "", TEMPLATE.partition("\n\n")[2], flags=re.MULTILINE), encoding="utf-8")
    settings = read_settings(tmp_path, file, environ={"SF_CLIENT_ID": "id", "SF_CLIENT_SECRET": "secret"})
    assert [account.system for account in settings.accounts] == ["Salesforce"]
    assert settings.conditions
    assert settings.connections


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
    ("calls-used-up", Outcome.NOT_RUNNABLE),
    ("harness-error", Outcome.ERROR),
    ("harness-bug", Outcome.ERROR),
    ("steps-passed", Outcome.PASSED),
    ("step-raised", Outcome.ERROR),
    # which of them it is `verify.pulse` finds out
    ("engine-slow", Outcome.LATE),
    ("flow-silent", Outcome.LATE),
    ("edits-silent", Outcome.LATE),
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
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "replace" and {"outcome", "reason"} <= given.keys():
            yield from zip(map(_text, _cases(given["reason"])), map(_outcome, _cases(given["outcome"])), strict=False)


def _cases(value: ast.expr) -> tuple[ast.expr, ...]:
    """Both values of a conditional expression, or the one of any other that is written out."""
    if isinstance(value, ast.IfExp):
        return value.body, value.orelse
    written = isinstance(value, ast.Constant) or (isinstance(value, ast.Attribute) and value.attr.isupper())
    return (value,) if written else ()


def _text(value: ast.expr) -> str:
    assert isinstance(value, ast.Constant)
    return str(value.value)


def _outcome(value: ast.expr) -> Outcome:
    assert isinstance(value, ast.Attribute)
    return Outcome[value.attr]


def test_the_table_of_reasons_is_that_of_the_source() -> None:
    """Every code that a check can end with is explained, with its outcomes, and no other one is."""
    source = ROOT / "src" / "talkqa"
    files = [*(source / "verify").rglob("*.py"), *(source / "runner").rglob("*.py"), source / "report" / "reading.py"]
    code = {file: file.read_text(encoding="utf-8") for file in files}
    ends = {found for text in code.values() for found in reasons_of(ast.parse(text))} | _OTHERWISE
    assert all(any(f'"{reason}"' in text for text in code.values()) for reason, _ in _OTHERWISE)
    page = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([a-z_, ]+) \| (\S.*?) \| (.*) ?\|$", page, re.MULTILINE)
    told = [(reason, Outcome(word)) for reason, words, _, _ in rows for word in words.split(", ")]
    assert len(told) == len(set(told))
    assert set(told) == ends
