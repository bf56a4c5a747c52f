"""The JUnit file is read by tools that this project did not write."""

from dataclasses import replace
from pathlib import Path

import junitparser
import pytest

from talkqa.report.content import build_report
from talkqa.report.junit import render_junit
from talkqa.report.reading import Run, read_run
from tests.fakes.sample_run import write_sample_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(write_sample_run(tmp_path))


def _parsed(run: Run) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromstring(render_junit(build_report(run)).encode())


def test_every_check_is_one_case_and_the_numbers_agree(run: Run) -> None:
    xml = _parsed(run)
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (43, 4, 1, 10)
    suites = list(xml)
    assert [suite.tests for suite in suites] == [len(list(suite)) for suite in suites]
    names = [case.name for suite in suites for case in suite]
    assert sorted(names) == sorted(check.check for check in run.checks)


def test_outcomes_become_the_results_that_tools_know(run: Run) -> None:
    cases = {case.name: case for suite in _parsed(run) for case in suite}
    kinds = {
        check.outcome: type(cases[check.check].result[0]).__name__ if cases[check.check].result else None
        for check in run.checks
    }
    assert {outcome.value: kind for outcome, kind in kinds.items()} == {
        "passed": None, "observed": None, "attested": None,
        "failed": "Failure", "late": "Failure", "error": "Error",
        "undecided": "Skipped", "not_runnable": "Skipped", "not_run": "Skipped", "waived": "Skipped",
    }  # fmt: skip


def test_a_failure_names_the_sentence_its_place_and_both_values(run: Run) -> None:
    case = next(c for s in _parsed(run) for c in s if c.name == "salesforce.order--exact-online.sales-orders/created")
    text = case.result[0].text
    assert "specs/salesforce_to_exact-online_dataflow.rst:41: Every Salesforce Order will be synchronized" in text
    assert "expected: one Exact Online Sales orders\nobserved: two" in text
    assert case.result[0].type == "duplicate"


@pytest.mark.parametrize("hostile", ["]]></failure><x>", "\x00\x08\x1b[31m", "\ud800", "\uffff", '"&<'])
def test_any_text_gives_well_formed_xml(run: Run, hostile: str) -> None:
    """Documents and answers are not trusted, and XML cannot hold every character."""
    worlds = tuple(
        replace(
            world,
            checks=tuple(
                replace(c, title=hostile, sentence=hostile, message=hostile, reason=hostile) for c in world.checks
            ),
        )
        for world in run.worlds
    )
    assert _parsed(replace(run, worlds=worlds)).tests == 43


def test_what_people_decided_goes_with_the_case(run: Run) -> None:
    text = render_junit(build_report(run))
    waived = "waived until 2025-01-31 by the integration team: divisions are edited in the CRM alone"
    assert f'message="{waived} until the new engine is in place; it ended failed: ' in text
    for name, value in (
        ("waived-by", "the integration team"),
        ("waived-until", "2025-01-31"),
        ("waived-outcome", "failed"),
        ("attested-by", "K. Olsen"),
        ("attested-outcome", "passed"),
    ):
        assert f'<property name="{name}" value="{value}" />' in text
