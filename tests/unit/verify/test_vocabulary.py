"""Tests of `talkqa.verify.vocabulary`."""

import re

import pytest

from talkqa.checklist import phrases
from talkqa.checklist.derive import derive_checks
from talkqa.model.check import Depth
from talkqa.verify.vocabulary import VOCABULARY
from tests.fakes.flows import EVERYTHING, make_flow, make_merge, make_row

SAMPLES = {
    "source": "Bakery Customer",
    "target": "Web Shop Account",
    "entity": "Bakery Order",
    "system": "Web Shop",
    "side": "source",
    "difference": "letter case",
    "partition": "unicode text",
}


@pytest.mark.parametrize("phrase", phrases.ALL, ids=lambda p: p.template)
def test_each_phrase_is_carried_out_by_its_own_step(phrase: phrases.Phrase) -> None:
    """No shorter phrase takes a longer one's text, and the parameters come back as written."""
    names = re.findall(r"\{(\w+)\}", phrase.template)
    values = {name: SAMPLES.get(name, f"a value of {name}") for name in names}
    found = VOCABULARY.find(phrase.render(**values))
    assert found is not None
    function, parameters = found
    assert function is VOCABULARY.steps[phrase]
    assert parameters == values


def test_every_step_of_the_deepest_checklist_is_in_the_vocabulary() -> None:
    """What generation writes, a run can carry out."""
    flow = make_flow(
        *EVERYTHING,
        rows=[make_row("name", "title"), make_row("city", "town", "N/A"), make_row("code", "code", readable=True)],
        merge=[make_merge("name", "title")],
    )
    steps = [step.text for check in derive_checks(flow, Depth.DEEP) for step in check.steps]
    assert steps
    assert [text for text in steps if VOCABULARY.find(text) is None] == []


def test_a_text_of_nobody_is_not_found() -> None:
    """Foreign steps are left to whoever wrote them."""
    assert VOCABULARY.find("the moon is made of cheese") is None
