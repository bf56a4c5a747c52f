"""Where documents lie that are not in the project.

Generated files name no path of a machine, so a manifest holds such a document's bare name alone. `talkqa generate`
keeps its place in the work folder, which git ignores; elsewhere `--talkqa-documents` tells it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

_FILE = "outside.json"


def remember_outside(documents: Iterable[tuple[str, Path]], work: Path) -> None:
    """Keep where documents lie, in addition to those kept before.

    Args:
        documents: Name in a manifest, and path.
        work: Folder of what talkqa leaves behind.
    """
    found = {name: str(path.resolve()) for name, path in documents}
    if found:
        known = _read(work) | found
        work.mkdir(parents=True, exist_ok=True)
        (work / _FILE).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def recall_outside(name: str, work: Path) -> Path | None:
    """Where a document was when its scenarios were generated; None where that is not known here."""
    place = _read(work).get(name)
    return Path(place) if place is not None and Path(place).is_file() else None


def _read(work: Path) -> dict[str, str]:
    try:
        data = json.loads((work / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nothing was kept, or it cannot be read: then it is as good as unknown
    return {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}
