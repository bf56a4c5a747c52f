"""Renders discovered mappings as the table that a dataflow document would hold."""

from collections.abc import Iterable

from talkqa.model.result import MappingSeen


def render_rest_table(flow_id: str, title: str, mappings: Iterable[MappingSeen]) -> str:
    """A list-table in the documents' format, ready to be pasted below its sentence.

    Args:
        flow_id: Tells which words of the target's name are its system.
        title: The flow in words, `SOURCE to TARGET`.
        mappings: Its rows.
    """
    source, _, target = title.partition(" to ")
    system_slug = flow_id.partition("--")[2].partition(".")[0]
    words = 0 if system_slug in {"", "_"} else len(system_slug.split("-"))
    data_type = " ".join([*target.split()[:words], "Data Type"])
    rows = [(f"{source} Property", f"{target} Property", data_type)]
    rows += [(m.source, m.target, m.data_type) for m in mappings]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        first, *rest = (_cell(cell) for cell in row)
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in rest)]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split())
