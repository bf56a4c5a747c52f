"""Descriptors are read whole or refused with every problem named."""

from typing import Any

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.schema import FieldType
from talkqa.systems.descriptor import read_descriptor


def described(**fields: Any) -> dict[str, Any]:
    return {"system": "Shop", "entities": {"Item": {"fields": {"id": {"type": "id", "write": "none"}, **fields}}}}


def test_every_key_of_a_field_reaches_the_schema() -> None:
    """What a descriptor says of a field is what its schema says."""
    schema = read_descriptor(
        {
            "system": "Shop",
            "knows_users": False,
            "stamp_granularity_s": 2,
            "enumerations": {"colour": ["red", "blue"]},
            "entities": {
                "Item": {
                    "modified_field": "changed",
                    "name_field": "lines.text",
                    "operations": ["create", "update"],
                    "archive": {"off": True},
                    "requires": "Stock",
                    "create_requires": "Sales",
                    "fields": {
                        "id": {"type": "id", "write": "none"},
                        "changed": {"type": "datetime", "write": "none", "nullable": False},
                        "off": {"type": "boolean", "write": "update"},
                        "lines.text": {"type": "string", "list_at": "lines", "max_length": 9, "required": True},
                        "price": {"type": "decimal", "scale": 2, "requires": "Prices", "unconfirmed": True},
                        "colour": {"type": "picklist", "picklist": "@colour", "restricted": True, "unique": True},
                        "parent": {"type": "reference", "references": ["Item"]},
                    },
                }
            },
        },
        "shop.json",
    )
    item = schema.entity("item")
    assert item is not None
    assert (schema.knows_users, schema.stamp_granularity_s) == (False, 2.0)
    assert schema.licences == ("Prices", "Sales", "Stock")
    assert (item.deletable, item.archive, item.requires, item.create_requires) == (
        False,
        ("off", True),
        "Stock",
        "Sales",
    )
    text, price, colour, off = (item.field(path) for path in ("LINES.text", "price", "colour", "off"))
    assert text is not None
    assert (text.list_at, text.max_length, text.required, text.nullable) == ("lines", 9, True, False)
    assert price is not None
    assert (price.type, price.scale, price.requires, price.unconfirmed) == (FieldType.DECIMAL, 2, "Prices", True)
    assert colour is not None
    assert (colour.picklist, colour.restricted, colour.unique) == (("red", "blue"), True, True)
    assert off is not None
    assert (off.createable, off.updateable, off.writable) == (False, True, False)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"entities": {}}, "x.toml: system: is missing"),
        ({"system": "Shop"}, "x.toml: entities: at least one entity is needed"),
        ({"sistem": "Shop"}, "x.toml: sistem: 'sistem' is not known here; did you mean 'system'?"),
        (described() | {"stamp_granularity_s": 0}, "x.toml: stamp_granularity_s: expected a number of seconds above 0"),
        (described() | {"knows_users": 1}, "x.toml: knows_users: expected true or false, found 1"),
        ({"system": "Shop", "entities": {"Item": 3}}, "x.toml: entities.Item: expected a table"),
        ({"system": "Shop", "entities": {"Item": {}}}, "entities.Item.fields: at least one field is needed"),
        (described(a="string"), "entities.Item.fields.a: expected a table such as"),
        (described(a={}), "entities.Item.fields.a.type: is missing"),
        (described(a={"type": "sting"}), "fields.a.type: 'sting' is not known here; did you mean 'string'?"),
        (described(a={"type": "string", "write": "never"}), "fields.a.write: 'never' is not known here; known: both,"),
        (
            described(a={"type": "string", "max_length": True}),
            "fields.a.max_length: expected a whole number, found True",
        ),
        (described(a={"type": "string", "list_at": "b"}), "fields.a.list_at: 'b' is no beginning of the path"),
        (
            described(a={"type": "string", "write": "none", "required": True}),
            "fields.a.required: a field that cannot be",
        ),
        (described(a={"type": "picklist", "picklist": "@c"}), "fields.a.picklist: 'c' is not known here"),
        (described(a={"type": "picklist", "picklist": [1]}), "fields.a.picklist: expected a list of texts, found [1]"),
        (described(a={"type": "reference", "references": ["B"]}), "fields.a.references: 'B' is not known here"),
        (described(a={"type": "string", "lenght": 3}), "fields.a.lenght: 'lenght' is not known here"),
    ],
)
def test_a_wrong_key_is_refused_with_file_and_key(content: dict[str, Any], expected: str) -> None:
    """Whoever wrote the file finds the place from the message alone."""
    with pytest.raises(ConfigError) as caught:
        read_descriptor(content, "x.toml")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"id_field": "key"}, "it names the field 'key', which is not among its fields"),
        ({"archive": {"gone": True}}, "it names the field 'gone'"),
        ({"archive": {"id": "yes"}}, "archive: expected one field with true or false"),
        ({"operations": ["destroy"]}, "operations: 'destroy' is not known here"),
    ],
)
def test_an_entity_names_its_own_fields_alone(keys: dict[str, Any], expected: str) -> None:
    """An id, stamp or archive field that the entity lacks is an error, not a surprise at run time."""
    content = described()
    content["entities"]["Item"].update(keys)
    with pytest.raises(ConfigError) as caught:
        read_descriptor(content, "x.toml")
    assert expected in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    """Nobody has to mend a descriptor one run at a time."""
    with pytest.raises(ConfigError) as caught:
        read_descriptor(described(a={"type": "x"}, b={"type": "string", "scale": "2"}), "x.toml")
    assert len(str(caught.value).splitlines()) == 2
