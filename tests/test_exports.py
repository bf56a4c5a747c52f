"""What the package shows at its face."""

import importlib.metadata
import re
from pathlib import Path

import talkqa

ROOT = Path(__file__).parents[1]


def test_the_version_is_the_one_of_the_distribution() -> None:
    """One version, kept in step in the two places that need it."""
    assert talkqa.__version__ == importlib.metadata.version("talkqa")


def test_nothing_but_the_version_is_exported() -> None:
    """Names are imported from the module that defines them."""
    shown = {n for n in vars(talkqa) if not n.startswith(("_", "@"))}
    packages = {p.parent.name for p in (ROOT / "src" / "talkqa").glob("*/__init__.py")}
    assert shown <= packages | {"config", "cli"}


def test_no_module_is_much_over_400_lines() -> None:
    """A reader finds the way in each of them."""
    long = {
        str(p.relative_to(ROOT)): n
        for p in (ROOT / "src").rglob("*.py")
        if (n := p.read_text(encoding="utf-8").count("\n")) > 420
    }
    assert long == {}


def test_the_project_speaks_of_itself_alone() -> None:
    """Nothing of the notice that published documents carry."""
    notice = re.compile(r"intellectual\sproperty\sof|under\san\sNDA")
    found = [
        str(p.relative_to(ROOT))
        for folder in ("src", "tests", "docs", "specs", "generated_tests", "benchmarks")
        for p in (ROOT / folder).rglob("*")
        if p.is_file() and p.suffix in {".py", ".md", ".rst", ".toml", ".feature", ".json", ".jinja"}
        if notice.search(p.read_text(encoding="utf-8"))
    ]
    assert found == []
