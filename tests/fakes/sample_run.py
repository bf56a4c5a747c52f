"""A made-up run with every outcome: what the reports' tests read, and what their design is judged by.

`python -m tests.fakes.sample_run FOLDER` writes it, so that a person can look at its report.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from talkqa.checklist.manual import describe_by_hand
from talkqa.model.record import Exchange
from talkqa.model.result import (
    UNPROVEN,
    Attestation,
    Cause,
    CheckFinished,
    CheckStarted,
    Event,
    GapSeen,
    LatencySeen,
    MappingSeen,
    Observation,
    Outcome,
    RunFinished,
    RunStarted,
    StepResult,
    WaiverUsed,
    event_to_json,
)
from talkqa.report.reading import ATTESTATIONS

CRM = "custom-crm/salesforce"
ERP = "salesforce/exact-online"
_FLOWS = {
    CRM: (
        ("custom-crm.customer--salesforce.account", "Custom CRM Customer", "Salesforce Account"),
        ("custom-crm.contact--salesforce.contact", "Custom CRM Contact", "Salesforce Contact"),
        ("custom-crm.order--salesforce.invoice", "Custom CRM Order", "Salesforce Invoice"),
        ("custom-crm.department--salesforce.division", "Custom CRM Department", "Salesforce Division"),
    ),
    ERP: (
        ("salesforce.account--exact-online.accounts", "Salesforce Account", "Exact Online Accounts"),
        ("salesforce.order--exact-online.sales-orders", "Salesforce Order", "Exact Online Sales orders"),
    ),
}
_TWO_WAY = (
    "Once a link between a {s} and a {t} is established, it will keep in sync between the two systems, "
    "regardless of where it is edited."
)
_SPEC = {
    "created": ("Every {s} will be synchronized with a {t}.", "Each {s} gets exactly one {t}"),
    "edited-in-source": (_TWO_WAY, "An edit of a {s} reaches its {t}"),
    "edited-in-target": (_TWO_WAY, "An edit of a {t} reaches its {s}"),
    "discovered": (
        "The following properties are synchronized between a {s} and a {t}:",
        "At least one property of a {s} travels to its {t}",
    ),
    "quiet": (
        "After an edit has travelled, the pair comes to rest.",
        "A pair of {s} and {t} comes to rest after an edit",
    ),
    "empty-keeps": (
        "An emptied value does not overwrite a filled one.",
        "What becomes of a {t} when a property of its {s} is emptied",
    ),
    "delete-stays": ("Deleting one record leaves the other.", "What becomes of a {t} when its {s} is deleted"),
}
_STEPS = {
    "created": ("When a {s} is created", "Then exactly one {t} is linked to it", "And no second copy appears"),
    "edited-in-source": (
        "Given a {s} that is linked to a {t}",
        "When a property that travels is edited in the source {s}",
        "Then that property follows in the target {t}",
        "And every other property of the pair stays as it was",
    ),
    "quiet": ("Given a {s} that is linked to a {t}", "When a property is edited", "Then the pair comes to rest"),
}
_PROBLEMS: dict[tuple[str, str], tuple[Outcome, str, str, Cause | None, str, str]] = {
    ("custom-crm.contact--salesforce.contact", "edited-in-target"): (
        Outcome.FAILED,
        "edit-not-carried",
        "'email' of Contact 1042 is 'otter.amber@north.example' and not 'heron.slate@south.example'",
        Cause.ENGINE,
        "'heron.slate@south.example'",
        "'otter.amber@north.example'",
    ),
    ("salesforce.account--exact-online.accounts", "edited-in-target"): (
        Outcome.FAILED,
        "edit-not-carried",
        "'Name' of Account 001-77 is 'amber otter 1' and not 'slate heron 2', although later records arrived",
        Cause.ENGINE,
        '{"Name": "slate heron 2", "Phone": "+47 22 00 00 17", "City": "Oslo"}',
        '{"Name": "amber otter 1", "Phone": "+47 22 00 00 17", "Extra": 1}',
    ),
    ("salesforce.order--exact-online.sales-orders", "created"): (
        Outcome.FAILED,
        "duplicate",
        "2 Exact Online Sales orders are linked to Order 801-3: 5f1c and 5f1d",
        Cause.ENGINE,
        "one Exact Online Sales orders",
        "two",
    ),
    ("salesforce.order--exact-online.sales-orders", "edited-in-source"): (
        Outcome.LATE,
        "engine-silent",
        "an edit of Order 801-3 was not answered within 120 s, and no record of any flow written later arrived either",
        Cause.ENGINE,
        "a change arrives, or later ones do",
        "nothing arrived from any flow",
    ),
    ("salesforce.order--exact-online.sales-orders", "edited-in-target"): (
        Outcome.ERROR,
        "api-error",
        "Exact Online answered 503 five times: service unavailable",
        Cause.API,
        "",
        "",
    ),
    ("salesforce.order--exact-online.sales-orders", "discovered"): (
        Outcome.UNDECIDED,
        "condition-unbound",
        "needs a binding: nothing says in which fields 'When an order is approved' shows; bind it under [[conditions]]",
        Cause.DOCUMENT,
        "",
        "",
    ),
    ("custom-crm.department--salesforce.division", "edited-in-target"): (
        Outcome.WAIVED,
        "edit-not-carried",
        "'name' of Department 7 is 'amber otter 1' and not 'slate heron 2', although later records arrived",
        Cause.ENGINE,
        "'slate heron 2'",
        "'amber otter 1'",
    ),
    ("custom-crm.department--salesforce.division", "created"): (
        Outcome.UNDECIDED,
        "not-recognisable",
        "no documented property carries a value by which a counterpart could be known",
        Cause.DOCUMENT,
        "",
        "",
    ),
}
_WAIVER = WaiverUsed(
    reason="divisions are edited in the CRM alone until the new engine is in place",
    owner="the integration team",
    expires="2025-01-31",
    place="decisions.toml:14",
    outcome=Outcome.FAILED,
)
_ATTESTATION = Attestation(
    check="custom-crm.department--salesforce.division/created",
    by="K. Olsen",
    on="2024-11-21",
    outcome=Outcome.PASSED,
    note="made the department 'Cobalt', one division of that name appeared within a minute",
    picture="evidence/cobalt.png",
    picture_digest="5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
)
_MAPPED = (
    ("name", "Name", '"string"', "equal", True, True, 4),
    ("email", "Email__c", '"string"', "equal", False, True, 3),
    ("address.city", "BillingCity", '"string"', "equal", False, True, 2),
    ("founded", "Founded__c", '["datetime-format","%Y-%m-%d","_."]', "shown as a date", True, None, 2),
    ("note", "Description", '"string"', "cut to 80 characters", False, False, 1),
)


def sample_events() -> dict[str, tuple[Event, ...]]:
    """World to its events, in the order written."""
    return {world: tuple(_world_events(world)) for world in _FLOWS}


def write_sample_run(folder: Path) -> Path:
    """Write the sample as a run's folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for world, events in sample_events().items():
        lines = "".join(json.dumps(event_to_json(event), ensure_ascii=False) + "\n" for event in events)
        (folder / f"{world.replace('/', '_')}.jsonl").write_text(lines, encoding="utf-8")
    (folder / ATTESTATIONS).write_text(json.dumps(asdict(_ATTESTATION)) + "\n", encoding="utf-8")
    return folder


def _world_events(world: str) -> Iterator[Event]:
    source, target = ("Custom CRM", "Salesforce") if world == CRM else ("Salesforce", "Exact Online")
    path = f"specs/{world.replace('/', '_to_')}_dataflow.rst"
    licence = "; off: Billing" if world == CRM else ""
    yield RunStarted(
        run="20241120T112000Z-3f1a",
        world=world,
        mode="sandbox",
        clock="virtual",
        seed=7,
        epoch="2024-11-20T11:20:00Z",
        version="0.1.0",
        documents=(path,),
        systems=(f"{source}: descriptor systems/custom_crm.toml", f"{target}: packaged descriptor{licence}"),
        digests={path: sha256(path.encode()).hexdigest()},
        accounts=(f"{target}: https://example.test as tester@example.test; engine: sync@example.test",),
        engine="4.2.1" if world == CRM else "",
    )
    yield GapSeen(
        flow_id=None,
        code="alias-used",
        severity="notice",
        place=f"{path}:3",
        message="the title calls the system 'Customcrm'; it is read as 'Custom CRM'",
    )
    at = 0.0
    for number, (flow_id, source_name, target_name) in enumerate(_FLOWS[world]):
        words = {"s": source_name, "t": target_name}
        line = 17 + number * 24
        yield GapSeen(
            flow_id=flow_id,
            code="properties-undocumented",
            severity="warning",
            place=f"{path}:{line + 9}",
            message=f"the property table of {source_name} to {target_name} has no rows",
            advice="fill it from the table of seen properties, or say that nothing travels",
        )
        for name in _SPEC:
            at += 1.5
            yield CheckStarted(check=f"{flow_id}/{name}", at_s=at)
            below = {"created": 0, "discovered": 4}.get(name, 2)
            yield _check(flow_id, name, words, f"{path}:{line + below}", at)
        if "invoice" not in flow_id:
            for mapped in _MAPPED:
                yield MappingSeen(
                    flow_id=flow_id,
                    source=mapped[0],
                    target=mapped[1],
                    data_type=mapped[2],
                    relation=mapped[3],
                    documented=mapped[4],
                    approved=mapped[0] == "email" and world == ERP,
                    both_ways=mapped[5],
                    confirmations=mapped[6],
                )
            for direction, seconds in (("source-to-target", (4.0, 6.5, 9.0)), ("target-to-source", (5.0, 8.0))):
                for value in seconds:
                    yield LatencySeen(flow_id=flow_id, direction=direction, seconds=value, error_s=4.0)
    if world == ERP:
        yield CheckStarted(check="manual/orders/an-order-is-cancelled", at_s=at)
    yield RunFinished(
        world=world,
        interrupted=False,
        end_s=at + 62.5,
        wall_s=0.84,
        swept=57,
        left=("Exact Online SalesOrders 5f1d: 403 not allowed",) if world == ERP else (),
    )


def _check(flow_id: str, name: str, words: dict[str, str], place: str, at: float) -> CheckFinished:
    sentence, title = (text.format(**words) for text in _SPEC[name])
    policy = name in {"quiet", "empty-keeps", "delete-stays"}
    outcome, reason, message, cause, expected, observed = _verdict(flow_id, name, words)
    texts = ("Given the sync engine keeps {s} and {t} in step", *_STEPS.get(name, _STEPS["created"]))
    ran = 1 if outcome in UNPROVEN else len(texts)
    broken = outcome in {Outcome.FAILED, Outcome.LATE, Outcome.ERROR, Outcome.WAIVED}
    steps = tuple(
        StepResult(
            text=text.format(**words),
            outcome=(Outcome.FAILED if outcome is Outcome.WAIVED else outcome)
            if broken and i == 2
            else Outcome.PASSED
            if i < (2 if broken else ran)
            else Outcome.NOT_RUN,
            begin_s=at + 3.1 * i,
            end_s=at + 3.1 * (i + 1),
        )
        for i, text in enumerate(texts)
    )
    return CheckFinished(
        check=f"{flow_id}/{name}",
        flow_id=flow_id,
        name=name,
        title=title,
        sentence=sentence,
        place="" if policy else place,
        outcome=outcome,
        reason=reason,
        message=message,
        cause=cause,
        expected=expected,
        observed=observed,
        steps=steps,
        manual=describe_by_hand(step.text for step in steps) if outcome in UNPROVEN else (),
        waiver=_WAIVER if outcome is Outcome.WAIVED else None,
        observations=_observations(words, at) if ran == len(texts) else (),
        begin_s=at,
        end_s=at + 3.1 * len(texts),
        node=f"generated_tests/{flow_id.partition('--')[0]}.py::test_{name.replace('-', '_')}",
        tags=("policy",) if policy else ("smoke",) if name == "created" else (),
    )


def _verdict(flow_id: str, name: str, words: dict[str, str]) -> tuple[Outcome, str, str, Cause | None, str, str]:
    if "invoice" in flow_id:
        message = "Salesforce Invoice can be created only with the licence Billing, which is off in this org"
        return Outcome.NOT_RUNNABLE, "licence-missing", message, Cause.CONFIGURATION, "", ""
    if (flow_id, name) in _PROBLEMS:
        return _PROBLEMS[flow_id, name]
    if name in {"empty-keeps", "delete-stays"}:
        seen = "the filled value stayed" if name == "empty-keeps" else "the other record stayed"
        return Outcome.OBSERVED, name, f"{words['t']}: {seen}", None, "", ""
    if name == "discovered":
        return Outcome.OBSERVED, "discovered", "5 properties were seen to travel both times", None, "", ""
    message = {
        "created": "one {t} (001-77) follows every edit of it; no copy appeared in either system",
        "edited-in-source": "'Name' of {t} 001-77 became 'slate heron 2' 6.5 s after the edit; 11 others stayed",
        "edited-in-target": "'name' of {s} 1042 became 'brisk magpie 5' 8.0 s after the edit; 14 others stayed",
        "quiet": "no stamp and no value of either record moved for 30 s",
    }[name]
    return Outcome.PASSED, "carried-over", message.format(**words), None, "", ""


def _observations(words: dict[str, str], at: float) -> tuple[Observation, ...]:
    system, _, entity = words["s"].rpartition(" ")
    host = system.lower().replace(" ", "-")
    other = words["t"].rpartition(" ")[2]
    body = json.dumps({"name": "amber otter 1", "email": "otter.amber@north.example", "address": {"city": "Oslo"}})
    write = Exchange(
        method="POST",
        url=f"http://{host}.sandbox/{entity}",
        status=201,
        at_s=at,
        request_body=body,
        response_body=json.dumps({"id": "1042", **json.loads(body), "_modified": "2024-11-20T11:20:01Z"}),
        headers={"Authorization": "Bearer ***", "Content-Type": "application/json"},
    )
    poll = Exchange(
        method="GET",
        url=f"http://target.sandbox/{other}?since=2024-11-20T11:20:00Z&limit=200",
        status=200,
        at_s=at + 6.5,
        response_body=json.dumps({"records": [{"Id": "001-77", "Name": "amber otter 1"}], "next": None}),
        headers={"Authorization": "Bearer ***"},
    )
    return (
        Observation(text=f"{entity} 1042 was created", at_s=at, exchanges=(write,)),
        Observation(text=f"{other} 001-77 appeared with 5 of its values", at_s=at + 6.5, exchanges=(poll,)),
        Observation(text="a later heartbeat of the flow arrived", at_s=at + 9.0),
    )


if __name__ == "__main__":
    print(write_sample_run(Path(sys.argv[1])))
