"""A copy of this repository's own documents and settings as a project to run in."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"


def copy_project(folder: Path) -> Path:
    """Copy settings and documents; the folder's specs."""
    shutil.copy(ROOT / "talkqa.toml", folder)
    return Path(shutil.copytree(SPECS, folder / "specs"))
