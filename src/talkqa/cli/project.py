"""The project a command works on: its folder, its settings, its documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from talkqa.cli.terminal import print_notice, progress
from talkqa.model.diagnostic import Diagnostic, Severity
from talkqa.model.errors import DocumentError
from talkqa.model.settings import Settings

_FILE = "talkqa.toml"

if TYPE_CHECKING:
    from talkqa.documents.closure import RunningFlows
    from talkqa.documents.read import Reading
    from talkqa.model.flow import Document
    from talkqa.model.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was said before the command's name."""

    root: Path
    """Folder of the project."""
    config: Path | None
    debug: bool

    @classmethod
    def of(cls, *, config: Path | None, debug: bool) -> "Call":
        """The call with its project: where the given talkqa.toml lies, else where the user stands."""
        return cls(root=config.absolute().parent if config else Path.cwd(), config=config, debug=debug)

    def settings(self) -> Settings:
        """The project's settings.

        Raises:
            ConfigError: for a wrong talkqa.toml.
        """
        from talkqa.config import read_settings  # noqa: PLC0415 - see app.py

        return read_settings(self.root, self.config.absolute() if self.config else None)

    def read(self, paths: Sequence[Path], settings: Settings, root: Path | None = None) -> "Reading":
        """Read documents; `paths` empty means those of the settings.

        Raises:
            DocumentError: where a path does not exist, or no project is here.
        """
        if (
            not paths
            and not self.config
            and not any((self.root / place).exists() for place in (_FILE, *settings.specs))
        ):
            raise DocumentError(f"{self.root}: no talkqa.toml and no documents here; begin with `talkqa init`")
        from talkqa.documents.read import read_documents  # noqa: PLC0415 - see app.py

        wanted = list(paths) or [self.root / spec for spec in settings.specs]
        with progress("reading documents"):
            return read_documents(wanted, settings, root=root or self.root, cache=self.root / settings.work / "cache")

    def worlds(self, paths: Sequence[Path], settings: Settings, root: Path | None = None) -> tuple["World", ...]:
        """Read documents and unite them by pair of systems; skipped files are told on stderr.

        Raises:
            DocumentError: where a path does not exist, or a file cannot be read.
        """
        from talkqa.documents.worlds import group_worlds  # noqa: PLC0415 - see app.py

        reading = self.read(paths, settings, root)
        refuse_unreadable(reading.diagnostics)
        worlds = group_worlds(reading.documents)
        refuse_unreadable([diagnostic for world in worlds for diagnostic in world.diagnostics])
        return worlds

    def worlds_run(self, paths: Sequence[Path], settings: Settings) -> tuple["World", ...]:
        """The same worlds with what else the project's engine runs, as a run has them: one document is not alone.

        Raises:
            DocumentError: as `worlds`, and where another document of the project cannot be read.
        """
        from talkqa.documents.closure import read_running  # noqa: PLC0415 - see app.py

        worlds = self.worlds(paths, settings)
        documents = [document for world in worlds for document in world.documents]
        running = read_running(settings, root=self.root, cache=self.root / settings.work / "cache", beside=documents)
        return tuple(running.beside(world) for world in worlds)

    def running(self, documents: Sequence["Document"], settings: Settings) -> "RunningFlows":
        """All flows of some documents, and of the ones that the settings declare.

        Raises:
            DocumentError: where a declared document is not there, or cannot be read.
        """
        from talkqa.documents.closure import RunningFlows, read_declared  # noqa: PLC0415 - see app.py

        declared = read_declared(settings, root=self.root, cache=self.root / settings.work / "cache")
        return RunningFlows((*documents, *declared))


def review(worlds: Sequence["World"], settings: Settings) -> tuple[Diagnostic, ...]:
    """Decisions that have no effect, in all worlds of a project."""
    from talkqa.checklist.review import review_decisions  # noqa: PLC0415 - see app.py

    return review_decisions(worlds, settings.decisions, datetime.now().astimezone().date())


def tell_idle_decisions(worlds: Sequence["World"], settings: Settings) -> None:
    """Tell about waivers that have run out, and about decisions that decide nothing."""
    for diagnostic in review(worlds, settings):
        print_notice(str(diagnostic))


def refuse_unreadable(diagnostics: Sequence[Diagnostic]) -> None:
    """Tell about skipped files; stop where a file cannot be used as it stands.

    Raises:
        DocumentError: naming every such file.
    """
    errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]
    if errors:
        raise DocumentError("\n".join(str(error) for error in errors))
    for diagnostic in diagnostics:
        if diagnostic.code == "document-skipped":
            print_notice(str(diagnostic))
