"""What stands in the way of a run is found and named before anything is written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import trio

from talkqa.model.account import Account, Budget
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import (
    CALLS_USED_UP,
    ApiError,
    ApiRefused,
    ApiUnavailable,
    ConfigError,
    FeatureMissing,
    TalkqaError,
)
from talkqa.model.flow import EntityRef, Flow, RuleKind
from talkqa.model.preflight import Finding, Identity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.verify.preflight import Examined, examine, failure_of, find_budget
from tests.fakes.client import FakeClient, FakeSystem
from tests.fakes.clock import FakeClock
from tests.fakes.flows import BAKER, SHOP, make_flow, make_merge, make_row

ACCOUNT = Account(system="Bakery", url="http://127.0.0.1:1")


def text(path: str, **keys: Any) -> FieldSchema:
    return FieldSchema(path=path, type=keys.pop("type", FieldType.STRING), **keys)


CUSTOMER = EntitySchema(
    name="Customer",
    id_field="id",
    fields=(
        text("id", type=FieldType.ID, createable=False, updateable=False),
        text("name", required=True),
        text("rank", createable=False, updateable=False),
        text("home.city"),
        text("blob", type=FieldType.OPAQUE),
    ),
)
ORDER = EntitySchema(name="Order", fields=(text("number"),))
BAKERY = SystemSchema(name="Bakery", entities=(CUSTOMER, ORDER))


class Client(FakeClient):
    """A fake client whose answers about the account can be told."""

    def __init__(self, schema: SystemSchema = BAKERY, **now: Any) -> None:
        super().__init__(FakeSystem(schema, FakeClock()), "harness")
        self.identity: Identity | TalkqaError = Identity(user="harness")
        self.told: tuple[Finding, ...] | TalkqaError = ()
        self.now = now
        """What describe tells of Customer beyond its schema."""

    async def identify(self) -> Identity:
        if isinstance(self.identity, TalkqaError):
            raise self.identity
        return self.identity

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        if isinstance(self.told, TalkqaError):
            raise self.told
        return self.told

    async def describe(self, entity: str) -> EntitySchema:
        described = await super().describe(entity)
        return replace(described, **self.now) if described.name == "Customer" else described


def look(client: Client, *flows: Flow, account: Account = ACCOUNT, **keys: Any) -> Examined:
    async def story() -> Examined:
        return await examine(client, account, flows, stamp=client.system.clock.stamp, **keys)

    return trio.run(story)


def flow(*rows: tuple[str, str], backwards: bool = False, merge: tuple[str, str] | None = None) -> Flow:
    source, target = (SHOP, BAKER) if backwards else (BAKER, SHOP)
    made = [make_row(*(row[::-1] if backwards else row), line=number) for number, row in enumerate(rows, 10)]
    return make_flow(source=source, target=target, rows=made, merge=[make_merge(*merge)] if merge else [])


def found(examined: Examined) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.code, one.severity.value, one.entity, one.field) for one in examined.findings]


def test_a_system_that_fits_has_no_findings() -> None:
    """Its entities come back as it describes them, the others as packaged."""
    client = Client(fields=(*CUSTOMER.fields, text("extra")))
    examined = look(client, flow(("name", "title"), ("id", "id"), ("home", "home"), ("blob.inner", "x")))
    assert examined.findings == ()
    assert examined.identity == Identity(user="harness")
    assert examined.schema is not None
    assert [entity.name for entity in examined.schema.entities] == ["Customer", "Order"]
    assert examined.schema.entities[0].field("extra") is not None
    assert examined.schema.entities[1] is ORDER
    assert {method for _, method, _ in client.system.requests} == {"describe"}


def test_an_entity_that_no_table_has_is_added_as_described() -> None:
    """The system knows better."""
    client = Client()
    client.system.schema = SystemSchema(name="Bakery", entities=())
    examined = look(client, flow(("name", "title")))
    assert examined.schema is not None
    assert [entity.name for entity in examined.schema.entities] == ["Customer"]


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        (ApiUnavailable("no way"), "unreachable", "the network and its proxies"),
        (ApiUnavailable("slow down", status=429), "budget", "wait until the limit is reset"),
        (ApiUnavailable("used up; go on tomorrow", code=CALLS_USED_UP), "budget", "wait"),
        (ApiRefused("no", status=403, code="REQUEST_LIMIT_EXCEEDED"), "budget", "wait"),
        (ApiRefused("wrong secret\n  check it", status=400, code="invalid_client"), "bad-login", "check it"),
        (ApiRefused("who?", status=401), "bad-login", 'check auth of [accounts."Bakery"]'),
        (ApiRefused("not you", status=403), "missing-right", "give the account the right"),
        (ConfigError("no store"), "bad-login", "check auth"),
    ],
)
def test_who_cannot_sign_in_learns_why_and_no_more(error: TalkqaError, code: str, advice: str) -> None:
    """Nothing else can be said of the system then."""
    client = Client()
    client.identity = error
    examined = look(client, flow(("nothing", "such")))
    (finding,) = examined.findings
    assert (finding.code, finding.severity, finding.system) == (code, Severity.ERROR, "Bakery")
    assert finding.message == str(error).split("\n", maxsplit=1)[0]
    assert advice in finding.advice
    assert (examined.identity, examined.schema) == (None, None)
    assert examined.unreachable is (code == "unreachable")


@pytest.mark.parametrize(("status", "code"), [(404, "wrong-organisation"), (401, "bad-login"), (400, "bad-login")])
def test_the_wrong_place_may_look_like_a_refused_login(status: int, code: str) -> None:
    """Then the client knows better, unless the login itself was refused."""
    client = Client()
    client.identity = ApiRefused("no such business", status=status)
    client.told = (
        Finding(code="wrong-organisation", severity=Severity.ERROR, system="Bakery", message="m", advice="a"),
    )
    assert found(look(client)) == [(code, "error", None, None)]


def test_a_licence_that_lacks_is_named() -> None:
    finding = failure_of("Bakery", FeatureMissing("no", licence="Ovens", status=403))
    assert (finding.code, finding.advice) == ("licence", "switch Ovens on, or leave out what needs it")


@pytest.mark.parametrize(
    ("ahead_s", "severity"),
    [(0, None), (2, None), (-3, None), (2.1, "warning"), (-3.1, "warning"), (60.1, "error"), (-61.1, "error")],
)
def test_clocks_that_differ_for_sure_are_told(ahead_s: float, severity: str | None) -> None:
    """A stamp may be cut to the second, so a clock that seems slow gets one second more."""
    client = Client()
    client.identity = Identity(server_time=client.system.clock.stamp() + timedelta(seconds=ahead_s))
    findings = look(client).findings
    assert [(one.code, one.severity.value) for one in findings] == ([("clock-skew", severity)] if severity else [])
    if findings:
        ahead = "its clock" if ahead_s > 0 else "our clock"
        assert findings[0].message.startswith(ahead)


@pytest.mark.parametrize(
    ("identity", "keys", "code"),
    [
        (Identity(production=True), {}, "production"),
        (Identity(production=True), {"production": True}, None),
        (Identity(user="Robot"), {"engine_user": "robot"}, "same-user"),
        (Identity(user="harness"), {"engine_user": "robot"}, None),
        (Identity(organisation="Other Ltd"), {"options": {"organisation": "Ours"}}, "wrong-organisation"),
        (Identity(organisation="Ours (42)"), {"options": {"organisation": "OURS"}}, None),
        (Identity(), {"options": {"organisation": "Ours"}}, None),
    ],
)
def test_the_wrong_place_and_the_wrong_user_are_errors(identity: Identity, keys: dict[str, Any], code: str) -> None:
    client = Client()
    client.identity = identity
    expected = [(code, "error", None, None)] if code else []
    assert found(look(client, account=replace(ACCOUNT, **keys))) == expected


@pytest.mark.parametrize(
    ("own", "known", "planned", "severity"),
    [
        (None, None, 10**6, None),
        (1000, None, 800, None),
        (1000, None, 801, "warning"),
        (1000, None, 1001, "error"),
        (None, 5000, 5001, "error"),
        (10_000, 5000, 5001, None),
    ],
)
def test_calls_that_do_not_fit_into_a_day_are_told(
    own: int | None, known: int | None, planned: int, severity: str | None
) -> None:
    """The account's own limit goes before the vendor's."""
    account = replace(ACCOUNT, calls_per_day=own)
    findings = look(Client(), account=account, limits=Budget(calls_per_day=known), planned_calls=planned).findings
    assert [(one.code, one.severity.value) for one in findings] == ([("budget", severity)] if severity else [])


@pytest.mark.parametrize("backwards", [False, True])
def test_an_entity_that_is_not_there_is_an_error(backwards: bool) -> None:
    """Named with the documents that need it, on either side."""
    client = Client(SystemSchema(name="Bakery", entities=(ORDER,)))
    examined = look(client, flow(("name", "title"), backwards=backwards))
    assert found(examined) == [("missing-entity", "error", "Customer", None)]
    (finding,) = examined.findings
    assert finding.message == "Customer is not there (Bakery has no Customer), named at specs/invented.rst:1"
    assert "see that Customer exists there" in finding.advice


def test_an_entity_that_only_may_connect_is_a_warning() -> None:
    """Without it one check less can run."""
    oven = EntityRef(system="Bakery", entity="Oven")
    other = EntityRef(system="Web Shop", entity="Cart")
    kinds = (RuleKind.CREATE_IF_CONNECTED, RuleKind.TWO_WAY)
    examined = look(Client(), make_flow(*kinds, connected=[oven, other]))
    assert found(examined) == [("missing-entity", "warning", "Oven", None)]


@pytest.mark.parametrize("packaged", [True, False])
def test_an_entity_without_its_licence_names_the_licence(packaged: bool) -> None:
    """Whether the system says so or the packaged table knows."""
    customer = replace(CUSTOMER, requires="Ovens")
    client = Client(SystemSchema(name="Bakery", entities=(customer,)))
    error = ApiRefused("unknown", status=404) if packaged else FeatureMissing("off", licence="Ovens")
    client.system.fail("describe", error)
    (finding,) = look(client, flow(("name", "title"))).findings
    assert (finding.code, finding.entity) == ("missing-entity", "Customer")
    assert "switch Ovens on for this account" in finding.advice


def test_what_the_client_says_of_an_entity_is_not_said_again() -> None:
    """Its own finding knows more than a failed describe does; equal findings are told once."""
    client = Client(SystemSchema(name="Bakery", entities=()))
    told = Finding(
        code="missing-right", severity=Severity.ERROR, system="Bakery", entity="Customer", message="m", advice="a"
    )
    client.told = (told, told)
    assert look(client, flow(("name", "title"))).findings == (told,)


def test_a_licence_that_the_client_names_is_said_once() -> None:
    """In its words, as what it means: the entity is not there."""
    client = Client(SystemSchema(name="Bakery", entities=()))
    told = Finding(
        code="licence", severity=Severity.WARNING, system="Bakery", entity="Customer", message="no Ovens", advice="a"
    )
    client.told = (told,)
    (finding,) = look(client, flow(("name", "title"))).findings
    assert (finding.code, finding.severity, finding.advice) == ("missing-entity", Severity.ERROR, "a")
    assert finding.message == "no Ovens, named at specs/invented.rst:1"


def test_rights_of_which_the_client_spoke_are_not_said_again() -> None:
    client = Client(createable=False)
    client.told = (failure_of("Bakery", ApiRefused("may not", status=403)),)
    client.told = (replace(client.told[0], entity="Customer"),)
    assert [one.message for one in look(client, flow(("name", "title"))).findings] == ["may not"]


@pytest.mark.parametrize("code", ["wrong-organisation", "budget", "unreachable"])
def test_nothing_more_is_asked_where_it_is_useless(code: str) -> None:
    """At the wrong place, or without calls left."""
    client = Client()
    client.told = (Finding(code=code, severity=Severity.ERROR, system="Bakery", message="m", advice="a"),)
    assert look(client, flow(("lost", "title"))).findings == client.told
    assert client.system.requests == []


def test_a_system_that_falls_silent_is_told_once() -> None:
    """However many entities are left."""
    client = Client()
    client.system.fail("describe", ApiUnavailable("gone"))
    other = make_flow(source=EntityRef(system="Bakery", entity="Order"))
    assert found(look(client, flow(("name", "title")), other)) == [("unreachable", "error", "Customer", None)]


@pytest.mark.parametrize(
    ("error", "code"),
    [(ApiUnavailable("gone"), "unreachable"), (ApiRefused("no", status=403), "missing-right")],
)
def test_what_fails_on_the_way_is_told_and_the_look_goes_on(error: ApiError, code: str) -> None:
    """One failure a place: of the client's own questions and of describing."""
    client = Client()
    client.told = error
    assert found(look(client, flow(("rank", "title"))))[0] == (code, "error", None, None)
    client.told = ()
    client.system.fail("describe", error)
    assert found(look(client, flow(("name", "title")))) == [(code, "error", "Customer", None)]


@pytest.mark.parametrize(
    ("now", "backwards", "expected"),
    [
        ({"createable": False}, False, [("missing-right", "error")]),
        ({"createable": False}, True, []),
        ({"createable": False, "create_requires": "Ovens"}, False, [("licence", "warning")]),
        ({"updateable": False}, True, [("missing-right", "error")]),
        ({"deletable": False}, False, [("missing-right", "warning")]),
        ({"deletable": False}, True, []),
        ({"deletable": False, "archive": ("name", True)}, False, []),
    ],
)
def test_rights_that_lack_are_told(now: dict[str, Any], backwards: bool, expected: list[tuple[str, str]]) -> None:
    """Only what the flow's side needs, and only where the API as such offers it."""
    examined = look(Client(**now), flow(("name", "title"), backwards=backwards))
    assert [(one.code, one.severity.value) for one in examined.findings] == expected


def test_what_the_api_as_such_does_not_offer_is_no_right_that_lacks() -> None:
    """Packaged tables say so before any run."""
    closed = {"createable": False, "updateable": False, "deletable": False}
    client = Client(SystemSchema(name="Bakery", entities=(replace(CUSTOMER, **closed),)), **closed)
    assert look(client, flow(("name", "title"))).findings == ()


def test_properties_that_are_missing_or_read_only_are_told_with_their_rows() -> None:
    """Of property rows and merge criteria alike; three places are enough."""
    rows = [("rank", "a"), ("lost", "b"), ("rank", "c"), ("rank", "d"), ("rank", "e"), ("NAME", "f")]
    examined = look(Client(), flow(*rows, merge=("gone", "g")))
    assert found(examined) == [
        ("missing-field", "warning", "Customer", "gone"),
        ("missing-field", "warning", "Customer", "lost"),
        ("read-only-field", "warning", "Customer", "rank"),
    ]
    places = ", ".join(f"specs/invented.rst:{line}" for line in (10, 12, 13))
    assert [one.message for one in examined.findings] == [
        "Customer has no property gone, named at specs/invented.rst:1",
        "Customer has no property lost, named at specs/invented.rst:11",
        f"Customer rank cannot be written, named at {places} and 1 more",
    ]
    assert "correct the document" in examined.findings[0].advice


def test_a_property_that_the_account_does_not_see_is_told_as_such() -> None:
    """The packaged table has it, with the licence that it needs."""
    customer = replace(CUSTOMER, fields=(*CUSTOMER.fields, text("flour", requires="Mills")))
    client = Client(SystemSchema(name="Bakery", entities=(customer,)), fields=CUSTOMER.fields)
    (finding,) = look(client, flow(("flour", "x"))).findings
    assert finding.message.startswith("Customer has no property flour; it needs Mills, named at")
    assert finding.advice == "give the account the right to see it"


UNFILLABLE = [
    text("kind", type=FieldType.PICKLIST, restricted=True, required=True),
    text("owner", type=FieldType.REFERENCE, required=True),
    text("parent", type=FieldType.REFERENCE, references=("Customer",), required=True),
    text("photo", type=FieldType.OPAQUE, required=True),
    text("depot", type=FieldType.REFERENCE, references=("Depot",), required=True),
]
FILLABLE = [
    text("kind", type=FieldType.PICKLIST, picklist=("a",), restricted=True, required=True),
    text("order", type=FieldType.REFERENCE, references=("Order",), required=True),
    text("ghost", type=FieldType.REFERENCE, references=("Ghost",), required=True),
    text("flag", type=FieldType.BOOLEAN, required=True),
    text("owner", type=FieldType.REFERENCE),
    text("made", type=FieldType.REFERENCE, required=True, createable=False),
]
DEPOT = EntitySchema(name="Depot", fields=(text("plan", type=FieldType.OPAQUE, required=True),))


@pytest.mark.parametrize("extra", UNFILLABLE)
def test_what_must_be_given_and_cannot_be_made_up_is_told(extra: FieldSchema) -> None:
    """An error where tests create the record, a warning where the engine does, unless a row fills it there."""
    client = Client(SystemSchema(name="Bakery", entities=(CUSTOMER, ORDER, DEPOT)), fields=(*CUSTOMER.fields, extra))
    assert found(look(client, flow(("name", "x")))) == [("unfillable-field", "error", "Customer", extra.path)]
    there = look(client, flow(("name", "x"), backwards=True))
    assert found(there) == [("unfillable-field", "warning", "Customer", extra.path)]
    assert look(client, flow((extra.path, "x"), backwards=True)).findings == ()


@pytest.mark.parametrize("extra", FILLABLE)
def test_what_the_factory_fills_is_not_told(extra: FieldSchema) -> None:
    client = Client(fields=(*CUSTOMER.fields, extra))
    assert look(client, flow(("name", "x"))).findings == ()


def test_a_record_that_cannot_be_created_needs_no_values() -> None:
    client = Client(fields=(*CUSTOMER.fields, UNFILLABLE[0]), createable=False)
    assert found(look(client, flow(("name", "x")))) == [("missing-right", "error", "Customer", None)]


def test_errors_come_first() -> None:
    """Then warnings, each by code, entity and property."""
    client = Client(updateable=False)
    codes = [one.code for one in look(client, flow(("rank", "x"), ("lost", "y"))).findings]
    assert codes == ["missing-right", "missing-field", "read-only-field"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", True),
        ("all attempts to connect failed", False),
    ],
)
def test_a_certificate_that_nobody_trusts_is_told_with_what_to_do(message: str, told: bool) -> None:
    finding = failure_of("Bakery", ApiUnavailable(message))
    assert finding.code == "unreachable"
    assert ("SSL_CERT_FILE" in finding.advice) is told


@pytest.mark.parametrize(
    ("identity", "told"),
    [(Identity(), True), (Identity(user="us"), False), (Identity(name="us"), False)],
)
def test_users_that_cannot_be_compared_are_told(identity: Identity, told: bool) -> None:
    """A system that does not tell who asks may be asked by the engine's own user."""
    client = Client()
    client.identity = identity
    findings = look(client, account=replace(ACCOUNT, engine_user="engine")).findings
    assert found_codes(findings) == ([("same-user", Severity.NOTICE)] if told else [])
    client.identity = Identity()
    assert found_codes(look(client).findings) == []


def found_codes(findings: Sequence[Finding]) -> list[tuple[str, Severity]]:
    return [(one.code, one.severity) for one in findings if one.code == "same-user"]


def test_what_to_do_about_too_many_calls_can_be_done() -> None:
    """The options that it names exist."""
    (finding,) = find_budget(ACCOUNT, Budget(calls_per_day=10), 11)
    assert "--shard" not in finding.advice
    assert "`talkqa run -- -k WORD`" in finding.advice
