"""Names are resolved to systems, and ids follow from canonical names alone."""

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.identity import SystemNames, flow_id, fold, slug, split_facet, world_slug
from talkqa.model.flow import EntityRef
from talkqa.model.settings import KNOWN_ALIASES

NAMES = SystemNames({**KNOWN_ALIASES, "Acme": ("Acme Suite", "ACME.com")})

_NAME = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
_REF = st.builds(EntityRef, system=_NAME, entity=_NAME.filter(fold), facet=st.none() | _NAME.filter(fold))


def key(text: str) -> str:
    """What two names that count as one have in common."""
    return unicodedata.normalize("NFC", fold(text).lower())


@given(_NAME, _NAME)
def test_slugs_are_injective(one: str, other: str) -> None:
    """Equal slugs mean names that differ in case, white space or composition at most."""
    assert (slug(one) == slug(other)) == (key(one) == key(other))


@given(_NAME)
def test_a_slug_is_plain_and_can_be_undone(text: str) -> None:
    """A slug has letters, digits, hyphens and percent codes alone, and tells the name."""
    result = slug(text)
    assert result.isascii()
    assert all(char.isalnum() or char in "-%" for char in result) or result == "_"
    if fold(text):
        assert unquote(result.replace("-", " ")) == key(text)


@given(_REF, _REF, _REF, _REF)
def test_flow_ids_are_injective(a: EntityRef, b: EntityRef, c: EntityRef, d: EntityRef) -> None:
    """Equal flow ids mean equal entities on both sides."""

    def keys(*refs: EntityRef) -> list[tuple[str, str, str | None]]:
        return [(key(r.system), key(r.entity), key(r.facet) if r.facet is not None else None) for r in refs]

    assert (flow_id(a, b) == flow_id(c, d)) == (keys(a, b) == keys(c, d))


def test_ids_read_well() -> None:
    """The usual names give the ids of the documentation; a blank system is `_`."""
    source = EntityRef(system="Custom CRM", entity="Customer", facet="human data")
    assert flow_id(source, EntityRef(system="", entity="A-b.c")) == "custom-crm.customer.human-data--_.a%2Db%2Ec"
    assert world_slug("Custom CRM", "") == "custom-crm/_"


@pytest.mark.parametrize(
    ("written", "title", "canonical", "known"),
    [
        ("Customcrm", "", "Custom CRM", True),
        ("CUSTOM  crm", "", "Custom CRM", True),
        ("ExactOnline", "", "Exact Online", True),
        ("Exact", "Exact Online", "Exact Online", True),
        ("PowerOffice", "PowerOfficeGO", "PowerOffice GO", True),
        ("Business", "Business Central", "Business Central", True),
        ("Business", "Acme", "Business", False),
        ("PowerOfficeGOPowerOffice GOPowerofficego", "Acme", "PowerOffice GO", True),
        ("WaveWave Financial", "", "Wave", True),
        ("WaveHubSpot", "", "WaveHubSpot", False),
        ("Initech", "Initech", "Initech", True),
        ("INITECH", "Initech", "Initech", True),
        ("Initech", "Acme", "Initech", False),
        ("", "Acme", "", True),
        ("x" * 500, "Acme", "x" * 500, False),
    ],
)
def test_systems_are_found_under_all_their_names(written: str, title: str, canonical: str, known: bool) -> None:
    """Aliases, spellings, shortened and repeated names lead to the canonical one; others stay as they are."""
    name = NAMES.resolve(written, title)
    assert (name.canonical, name.known) == (canonical, known)


@pytest.mark.parametrize(
    ("text", "title", "prefix", "ref"),
    [
        ("Acme Suite Contact", "Acme", None, ("Acme", "Contact", None)),
        ("Acme Contact (human data)", "Acme", None, ("Acme", "Contact", "human data")),
        ("ACME Sale classification status", "Acme", None, ("Acme", "Sale classification status", None)),
        ("Exact Items", "Exact Online", None, ("Exact Online", "Items", None)),
        ("HubSpot Contact", "Acme", None, ("HubSpot", "Contact", None)),
        ("Business Customers person", "BusinessCentral", None, ("Business Central", "Customers person", None)),
        ("Business Nxt Order", "Business Central", None, ("Business Nxt", "Order", None)),
        ("Initech Big Thing", "Acme", "Initech Big", ("Initech Big", "Thing", None)),
        ("Initech Big Thing", "Acme", None, ("Initech", "Big Thing", None)),
        ("Tripletex Order", "", "Tripletex", ("Tripletex", "Order", None)),
        (" Countries", "", "", ("", "Countries", None)),
        (" Big Countries", "Acme", None, ("", "Big Countries", None)),
        ("Contact", "Acme", None, ("Acme", "Contact", None)),
        ("HubSpot Dealcompanyassociation", "HubSpot", "HubSpot", ("HubSpot", "Dealcompanyassociation", None)),
    ],
)
def test_entities_are_parted_from_their_system(
    text: str, title: str, prefix: str | None, ref: tuple[str, str, str | None]
) -> None:
    """The system in front is found by header, title, aliases, in this order; a blank one stays blank."""
    entity = NAMES.entity(text, title, prefix).ref
    assert (entity.system, entity.entity, entity.facet) == ref


def test_a_header_that_names_a_system_where_the_title_does_not_is_believed() -> None:
    """There is nothing that such a name could differ from, so it counts as known."""
    assert NAMES.entity("Tripletex Order", "", "Tripletex").system.known
    assert not NAMES.entity("Tripletex Order", "Acme", "Tripletex").system.known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Customer (human data)", ("Customer", "human data")),
        ("Customer ()", ("Customer ()", None)),
        ("(x)", ("(x)", None)),
    ],
)
def test_a_facet_is_the_last_word_in_parentheses(text: str, expected: tuple[str, str | None]) -> None:
    """Empty parentheses, and parentheses without an entity, are no facet."""
    assert split_facet(text) == expected
