"""Records the project's own cassettes: `make record`.

For each world of specs/: its systems are served on loopback ports with the reference engine between them, and
`talkqa run --record` runs the checklist against them over sockets, on the real clock.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from talkqa.model.schema import SystemSchema
from talkqa.systems.registry import find_schema, packaged_names
from tests.harness import PROJECT, SPECS, project_settings, read_worlds

LIMITS = "allow = {{ {allow} }}\ncalls_per_minute = 100000\ncalls_per_day = 1000000\nconcurrent = 8\npoll_s = 4\n"
"""An emulated system is ours: everything may be created there, as often as it takes."""
DECLARED = '\n[engine]\ndocuments = ["specs"]\n'
"""What the engine of one world runs is told by all documents, as the run that is recorded takes it."""


def record(slug: str, documents: tuple[str, ...], cassettes: Path) -> str:
    """Record one world; returns the run's last lines."""
    with tempfile.TemporaryDirectory(prefix="talkqa-record-") as folder:
        root = Path(folder)
        shutil.copytree(SPECS, root / "specs")
        shutil.copytree(PROJECT / "generated_tests", root / "generated_tests")
        with _serving(documents, root) as printed:
            settings = (PROJECT / "talkqa.toml").read_text(encoding="utf-8")
            (root / "talkqa.toml").write_text(settings + _unlimited(printed), encoding="utf-8")
            command = [sys.executable, "-m", "talkqa", "run", f"generated_tests/{slug}", "--record"]
            ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{slug}: the run ended with {ran.returncode}, nothing is kept\n{ran.stdout}{ran.stderr}")
        shutil.rmtree(cassettes / slug, ignore_errors=True)
        shutil.copytree(root / "cassettes" / slug, cassettes / slug)
        return f"{slug}\n" + "\n".join(ran.stdout.strip().splitlines()[-4:])


@contextmanager
def _serving(documents: tuple[str, ...], root: Path) -> Iterator[str]:
    """The sections that `talkqa sandbox serve` prints, while it serves."""
    command = [sys.executable, "-u", "-m", "talkqa", "sandbox", "serve", "--port", "0", *documents]
    settings = (PROJECT / "talkqa.toml").read_text(encoding="utf-8")
    (root / "talkqa.toml").write_text(settings + DECLARED, encoding="utf-8")
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    printed = ""
    try:
        while not (line := process.stdout.readline() or _fail()).startswith("serving "):
            printed += line
        yield printed
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _fail() -> str:
    raise SystemExit("`talkqa sandbox serve` ended at once; try it by hand")


def _unlimited(sections: str) -> str:
    schemas = {schema.name: schema for schema in _schemas()}
    lines = []
    for line in sections.splitlines():
        lines.append(line)
        if line.startswith("[accounts."):
            system = line.removeprefix('[accounts."').removesuffix('"]')
            entities = ", ".join(f'"{entity.name}" = 100000' for entity in schemas[system].entities)
            lines.append(LIMITS.format(allow=entities))
    return "\n" + "\n".join(lines) + "\n"


def _schemas() -> list[SystemSchema]:
    settings = project_settings()
    return [schema for name in packaged_names() if (schema := find_schema(name, settings))]


def main() -> None:
    """Record every world of specs/, or those whose slugs are given."""
    found = read_worlds(sorted(SPECS.glob("*.rst")), project_settings())
    worlds = {world.slug: tuple(document.path for document in world.documents) for world in found}
    wanted = sys.argv[1:] or list(worlds)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for told in pool.map(lambda slug: record(slug, worlds[slug], PROJECT / "cassettes"), wanted):
            print(told, flush=True)


if __name__ == "__main__":
    main()
