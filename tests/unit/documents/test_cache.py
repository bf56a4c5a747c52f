"""An unchanged file is not parsed again; anything changed or damaged is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.documents import cache as cache_module
from talkqa.documents import read as read_module
from talkqa.documents.read import Reading, read_documents
from talkqa.model.settings import ConditionBinding, Settings
from tests.unit.documents.samples import Flow, render_document

ROWS = (
    ("name (Dependant on having A in b)", "title", '"string"'),
    ("born", "birth", '"datetime-format","%Y-%m-%d","_."]'),
    ("x", "y", "N/A"),
)
CONNECTED = (
    "A new Globex Person will be created from a Acme Contact if it is connected to a Acme Order, or Quote that is "
    "synchronized into Globex."
)
FLOW = Flow(
    select="link",
    extra=(
        CONNECTED,
        "When it is won, it  will be synchronized with a Globex Person.",
    ),
    merge=(("email", "mail"),),
    rows=ROWS,
)


class Project:
    """A folder of documents with a cache, and a count of what was parsed."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.parsed: list[str] = []
        original = read_module._FileReader.read

        def counting(reader: read_module._FileReader, content: bytes, shown: str) -> object:
            self.parsed.append(shown)
            return original(reader, content, shown)

        monkeypatch.setattr(read_module._FileReader, "read", counting)
        self.write("a.rst", render_document(FLOW))
        self.write("b.rst", render_document(Flow(source="Acme Order (human data)"), Flow()))
        self.write("notes.txt", "Notes.")

    @property
    def cache_file(self) -> Path:
        """Where the cache is kept."""
        return self.root / ".cache" / "documents.cache"

    def write(self, name: str, text: str) -> None:
        """Make or change a file."""
        (self.root / name).write_text(text, encoding="utf-8")

    def read(self, settings: Settings | None = None, *names: str) -> Reading:
        """Read all files, or the named ones, and note what was parsed."""
        self.parsed.clear()
        paths = [self.root / name for name in names] or [self.root]
        return read_documents(paths, settings or Settings(), root=self.root, cache=self.root / ".cache")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose documents were never read."""
    return Project(tmp_path, monkeypatch)


def test_what_comes_from_the_cache_equals_what_was_read(project: Project) -> None:
    """Every value, diagnostics and skipped files included; and nothing is parsed the second time."""
    first = project.read()
    assert project.parsed == ["a.rst", "b.rst", "notes.txt"]
    assert project.read() == first
    assert project.parsed == []
    assert len(first.documents) == 2
    assert len(first.diagnostics) == 1


def test_a_changed_file_alone_is_read_again(project: Project) -> None:
    """By content: a file that is merely touched stays cached."""
    project.read()
    before = project.cache_file.read_bytes()
    project.write("b.rst", render_document(Flow(source="Acme Quote")))
    project.write("a.rst", render_document(FLOW))
    reading = project.read()
    assert project.parsed == ["b.rst"]
    assert reading.documents[1].sections[0].source.entity == "Quote"
    assert project.cache_file.read_bytes() != before


def test_reading_a_part_keeps_the_rest_cached(project: Project) -> None:
    """A call for one file does not throw away what others will need."""
    project.read()
    project.write("a.rst", render_document(Flow()))
    project.read(None, "a.rst")
    project.read()
    assert project.parsed == []


@pytest.mark.parametrize(
    "settings",
    [
        Settings(conditions=(ConditionBinding(text="When it is won", remark=True),)),
        Settings(aliases={"Acme Suite": ("Acme",)}),
    ],
)
def test_settings_that_reading_depends_on_are_part_of_the_key(project: Project, settings: Settings) -> None:
    """A new binding or alias is seen at once."""
    before = project.read()
    after = project.read(settings)
    assert project.parsed == ["a.rst", "b.rst", "notes.txt"]
    assert after != before


def test_settings_that_reading_does_not_depend_on_are_not(project: Project) -> None:
    """Another seed or output folder reads nothing again."""
    project.read()
    project.read(replace(Settings(), seed=7, output="elsewhere"))
    assert project.parsed == []


def test_a_new_version_reads_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older talkqa read is not believed."""
    project.read()
    monkeypatch.setattr(cache_module, "_reader_digest", lambda: b"newer")
    project.read()
    assert project.parsed == ["a.rst", "b.rst", "notes.txt"]


def cut(text: bytes) -> bytes:
    return text[: len(text) // 3]


def flip(text: bytes) -> bytes:
    return text.replace(b"Person", b"Parson", 1)


def other_shape(text: bytes) -> bytes:
    """Lines with a right key and checksum, and a model of another shape."""
    lines = []
    for line in text.decode().splitlines():
        name, key, _, _ = line.split(" ", 3)
        model = '["x",1,{},[],null,[]]'
        lines.append(f"{name} {key} {cache_module._checksum(model)} {model}\n")
    return "".join(lines).encode()


@pytest.mark.parametrize(
    "damage",
    [cut, flip, other_shape, lambda _: b"", lambda _: b"\xff\0", lambda _: b"{}\n", lambda _: b"a b c\n" * 9],
)
def test_a_damaged_cache_is_read_around_and_rewritten(project: Project, damage: Callable[[bytes], bytes]) -> None:
    """The outcome is the same, and the next call finds a whole cache."""
    first = project.read()
    project.cache_file.write_bytes(damage(project.cache_file.read_bytes()))
    assert project.read() == first
    assert project.parsed
    project.read()
    assert project.parsed == []


def test_a_cache_that_cannot_be_written_is_gone_without(project: Project) -> None:
    """A file where the folder should be costs time, and nothing else."""
    (project.root / ".cache").write_text("in the way", encoding="utf-8")
    assert len(project.read().documents) == 2
    assert (project.root / ".cache").read_text(encoding="utf-8") == "in the way"


def test_a_cache_of_unlikely_size_is_not_loaded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is replaced by a new one."""
    project.read()
    monkeypatch.setattr(cache_module, "_MAX_BYTES", 10)
    project.read()
    assert len(project.parsed) == 3


def test_the_oldest_lines_go_first(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were deleted long ago do not stay for ever."""
    monkeypatch.setattr(cache_module, "_MAX_LINES", 2)
    project.read()
    project.read()
    assert project.parsed == ["a.rst"]


def test_no_temporary_file_is_left(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither after a write nor after one that failed."""

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(str(target))

    project.read()
    assert [file.name for file in project.cache_file.parent.iterdir()] == ["documents.cache"]
    monkeypatch.setattr(Path, "replace", refuse)
    project.write("a.rst", render_document(Flow()))
    project.read()
    assert [file.name for file in project.cache_file.parent.iterdir()] == ["documents.cache"]
