"""Feature values to the text of files.

Documents are untrusted: whatever a template prints is folded to one line, cells and tags are escaped, and every line
begins with words of ours, so that no document can open a scenario, a comment, a table or a doc string of its own.
"""

import re
from collections.abc import Iterable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from talkqa.generate.scenario import Feature

_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_CELL = str.maketrans({"\\": "\\\\", "|": "\\|"})
_TAG_BREAKER = re.compile(r"[\s@#]")


def render_feature(feature: Feature) -> bytes:
    """The feature file, UTF-8 with line feeds."""
    return _encode(_environment().get_template("feature.jinja").render(feature=feature))


def render_module(source: str, target: str) -> bytes:
    """The test module that binds the feature files of its folder."""
    names = {"source": escape_docstring(source), "target": escape_docstring(target)}
    return _encode(_environment().get_template("module.jinja").render(names))


def fold_line(value: object) -> str:
    """A value on one line, without control characters and without blanks at its ends."""
    return _UNPRINTABLE.sub(" ", str(value)).strip()


def escape_cell(value: object) -> str:
    """A value as a cell of an Examples table."""
    return fold_line(value).translate(_CELL)


def escape_tag(value: object) -> str:
    """A value as a Gherkin tag without its `@`; check ids pass as they are."""
    return _TAG_BREAKER.sub(lambda found: f"%{ord(found[0]):02X}", str(value))


def write_row(cells: Iterable[str]) -> str:
    """A row of an Examples table, unpadded: `| a | b |`."""
    return f"| {' | '.join(map(escape_cell, cells))} |"


def write_tags(tags: Iterable[str]) -> str:
    """A line of tags."""
    return " ".join(f"@{escape_tag(tag)}" for tag in tags)


def escape_docstring(value: object) -> str:
    """A value inside a Python docstring: neither its end nor an escape."""
    return fold_line(value).replace("\\", "/").replace('"', "'")


@cache
def _environment() -> Environment:
    """The one environment: templates are compiled once (an environment a file costs 300 times as much)."""
    environment = Environment(
        loader=PackageLoader("talkqa.generate"),
        autoescape=False,  # noqa: S701 - Gherkin and Python, not HTML; `finalize` and the filters make values safe
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters.update({"row": write_row, "tags": write_tags})
    return environment


def _finalize(value: object) -> object:
    return _UNPRINTABLE.sub(" ", value) if isinstance(value, str) else value


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
