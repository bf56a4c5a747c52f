"""Packaged descriptors are consistent, and a project's own go before them."""

import json
from pathlib import Path

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import Settings
from talkqa.systems.registry import find_schema, packaged_names

NAMES = ("Custom CRM", "Custom ERP", "Custom PMS", "Exact Online", "Salesforce", "Wave")


def schema_of(name: str) -> SystemSchema:
    schema = find_schema(name, Settings())
    assert schema is not None
    return schema


def entity_of(system: str, entity: str) -> EntitySchema:
    found = schema_of(system).entity(entity)
    assert found is not None
    return found


def field_of(system: str, entity: str, path: str) -> FieldSchema:
    found = entity_of(system, entity).field(path)
    assert found is not None
    return found


def test_six_systems_are_packaged_and_found_in_any_letter_case() -> None:
    """The systems of the published documents need no descriptor of the user's."""
    assert packaged_names() == NAMES
    assert all(schema_of(name.upper()) is schema_of(name) for name in NAMES)
    assert find_schema("Tripletex", Settings()) is None


@pytest.mark.parametrize("name", NAMES)
def test_required_fields_can_be_written(name: str) -> None:
    """What a record needs, a test can give; and a required reference has something to refer to."""
    for entity in schema_of(name).entities:
        for field in entity.fields:
            if field.required:
                assert field.createable, f"{entity.name}.{field.path}"
                assert field.type is not FieldType.REFERENCE or field.references, f"{entity.name}.{field.path}"


@pytest.mark.parametrize("name", NAMES)
def test_no_path_is_told_twice(name: str) -> None:
    """Paths are found with letter case folded, so two that differ in case alone would hide each other."""
    for entity in schema_of(name).entities:
        folded = [field.path.casefold() for field in entity.fields]
        assert len(folded) == len(set(folded)), entity.name


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_stamps_belong_to_the_system(name: str) -> None:
    """A test that wrote an id or a stamp would prove nothing."""
    for entity in schema_of(name).entities:
        for path in (entity.id_field, entity.modified_field, entity.modified_by_field):
            field = entity.field(path) if path else None
            assert field is None or not (field.createable or field.updateable), f"{entity.name}.{path}"


@pytest.mark.parametrize("name", NAMES)
def test_a_record_that_cannot_be_deleted_can_be_retired(name: str) -> None:
    """What a run creates it can take out of use: no entity is createable, undeletable and without an archive field."""
    for entity in schema_of(name).entities:
        if entity.createable and not entity.deletable:
            assert entity.archive, entity.name
            field = entity.field(entity.archive[0])
            assert field is not None
            assert field.updateable


@pytest.mark.parametrize("name", ["Custom CRM", "Custom ERP", "Custom PMS"])
def test_the_custom_systems_hold_many_kinds_of_value(name: str) -> None:
    """The three systems of our own are as varied as real ones, nested paths and references included."""
    for entity in schema_of(name).entities:
        assert 15 <= sum(field.createable for field in entity.fields) <= 25, entity.name
        assert len({field.type for field in entity.fields}) >= 10, entity.name
        assert any("." in field.path for field in entity.fields), entity.name


def test_the_parents_that_real_systems_demand_are_demanded() -> None:
    """The mandatory parents of the fact sheets are references that the factory can fill."""
    assert field_of("Salesforce", "Quote", "OpportunityId").references == ("Opportunity",)
    assert field_of("Salesforce", "Order", "AccountId").required
    assert field_of("Salesforce", "Invoice", "BillingAccountId").required
    assert field_of("Exact Online", "Contacts", "Account").references == ("Accounts",)
    assert field_of("Exact Online", "Quotations", "OrderAccount").required
    assert field_of("Exact Online", "Quotations", "QuotationLines.Item").list_at == "QuotationLines"
    assert field_of("Wave", "Invoice", "customer.id").references == ("Customer",)
    assert field_of("Wave", "Invoice", "items.product.id").list_at == "items"
    assert field_of("Custom CRM", "Order", "customerId").required


def test_retiring_follows_the_fact_sheets() -> None:
    """Divisions and Wave products cannot be deleted."""
    assert entity_of("Salesforce", "Division").archive == ("IsActive", False)
    assert entity_of("Wave", "Product").archive == ("isArchived", True)
    assert not entity_of("Wave", "Product").deletable


def test_a_descriptor_of_the_project_goes_before_a_packaged_one(tmp_path: Path) -> None:
    """TOML and JSON descriptors are read from the project's folder."""
    (tmp_path / "wave.toml").write_text('system = "Wave"\n[entities.Bill.fields]\n"id" = { type = "id" }\n')
    (tmp_path / "shop.json").write_text(
        json.dumps({"system": "Shop", "entities": {"A": {"fields": {"id": {"type": "id"}}}}})
    )
    settings = Settings(systems=("shop.json", "wave.toml"))
    wave = find_schema("wave", settings, root=tmp_path)
    assert wave is not None
    assert [entity.name for entity in wave.entities] == ["Bill"]
    shop = find_schema("Shop", settings, root=tmp_path)
    assert shop is not None
    assert find_schema("Salesforce", settings, root=tmp_path) is schema_of("Salesforce")


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("gone.toml", None, "gone.toml: cannot be read"),
        ("bad.toml", "system =", "bad.toml: is not well-formed"),
        ("list.json", "[]", "list.json: expected a table"),
        ("shop.yaml", "system: x", "shop.yaml: a descriptor is a .toml or .json file"),
    ],
)
def test_a_descriptor_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str | None, expected: str) -> None:
    """The message names the file as the settings do."""
    if text is not None:
        (tmp_path / file).write_text(text)
    with pytest.raises(ConfigError, match=expected):
        find_schema("Shop", Settings(systems=(file,)), root=tmp_path)
