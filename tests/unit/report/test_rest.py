"""Discovered mappings come as the table that a document would hold."""

import docutils.core
import pytest

from talkqa.model.result import MappingSeen
from talkqa.report.rest import render_rest_table


def _mapping(source: str, target: str, data_type: str) -> MappingSeen:
    return MappingSeen(
        flow_id="f", source=source, target=target, data_type=data_type, relation="equal", documented=False,
        confirmations=2, both_ways=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flow_id", "title", "data_type"),
    [
        (
            "custom-crm.c--exact-online.sales-orders",
            "Custom CRM C to Exact Online Sales orders",
            "Exact Online Data Type",
        ),
        ("a.b--_.countries", "A B to Countries", "Data Type"),
    ],
)
def test_the_header_is_that_of_the_documents(flow_id: str, title: str, data_type: str) -> None:
    table = render_rest_table(flow_id, title, [_mapping("name", "Name", '"string"')])
    source, _, target = title.partition(" to ")
    assert table == (
        ".. list-table::\n   :header-rows: 1\n\n"
        f"   * - {source} Property\n     - {target} Property\n     - {data_type}\n"
        '   * - name\n     - Name\n     - "string"\n'
    )


def test_docutils_reads_it_as_a_table() -> None:
    table = render_rest_table("a.b--c.d", "A B to C D", [_mapping("x\n y", "z", "N/A"), _mapping("a.b", "c", '"list"')])
    assert docutils.core.publish_string(table, writer="pseudoxml").count(b"<row>") == 3
