"""The JSON of a document has the documented shape."""

import json
from pathlib import Path

from talkqa.documents.jsonform import model_json
from tests.unit.documents.samples import Flow, line_of, read_one, render_document


def test_a_document_is_one_json_object(tmp_path: Path) -> None:
    """Keys, their order and every value."""
    text = render_document(
        Flow(
            source="Acme Contact (human data)",
            merge=(("email", "mail"),),
            rows=(("no", "nr (Dependant on having NO in land)", '"string"'),),
        )
    )
    form = json.loads(json.dumps(model_json(read_one(tmp_path, text))))
    assert list(form) == ["path", "source", "target", "generated", "flows", "diagnostics"]
    (flow,) = form.pop("flows")
    assert form == {
        "path": "doc.rst",
        "source": "Acme",
        "target": "Globex",
        "generated": "2024-05-06T07:08:09",
        "diagnostics": [],
    }
    assert list(flow) == ["id", "title", "line", "source", "target", "rules", "merge", "properties"]
    assert [rule["kind"] for rule in flow.pop("rules")] == ["every", "merge-on", "two-way", "properties"]
    assert flow == {
        "id": "acme.contact.human-data--globex.person",
        "title": "Acme Contact (human data) to Globex Person",
        "line": line_of(text, "Acme Contact (human data) to"),
        "source": {"system": "Acme", "entity": "Contact", "facet": "human data"},
        "target": {"system": "Globex", "entity": "Person", "facet": None},
        "merge": [{"source": "email", "target": "mail", "line": line_of(text, "* - email")}],
        "properties": [
            {
                "source": "no",
                "target": "nr",
                "data_type": '"string"',
                "line": line_of(text, "* - no"),
                "qualifiers": [{"side": "target", "value": "NO", "path": "land"}],
            }
        ],
    }


def test_diagnostics_stand_beside_the_flows(tmp_path: Path) -> None:
    """With code, severity, line and message."""
    text = render_document(Flow())
    assert model_json(read_one(tmp_path, text))["diagnostics"] == [
        {
            "code": "properties-undocumented",
            "severity": "notice",
            "line": line_of(text, "The following"),
            "message": "the flow 'Acme Contact to Globex Person' documents no properties",
        }
    ]
