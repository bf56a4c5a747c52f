"""The templates of a Sesam connector: parameters put in, expressions read for what they refer to.

Used by `importers.sesam`. `{{@ parameter @}}` is what the connector's manifest fills in; `{{ expression }}` is what
Sesam evaluates with each request. The latter are rendered in Jinja's sandbox with stand-ins that write down what was
asked of them, so that `{{ body.paging.next }}` shows as a mark of that name. Before that their syntax is searched for
anything but plain look-ups: a connector is a file of others, where loops, calls, macros and inclusions have no place.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from talkqa.model.errors import ConfigError

MAX_BYTES = 2_000_000
_MAX_TEMPLATE_CHARS = 20_000
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem),
    *(nodes.If, nodes.CondExpr, nodes.Test, nodes.Filter, nodes.Concat, nodes.Add, nodes.Sub, nodes.Compare),
    *(nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Keyword),
)
_FILTERS = ("default", "d", "int", "string", "lower", "upper", "trim", "urlencode", "tojson")
MARK = re.compile("\x02([^\x02\x03]*)\x03")
"""What a stand-in writes: the path or sum that was asked for."""


PLUS = "\x04"
"""Joins the parts of a sum in a mark; a plus sign means a blank in a URL."""


class UnreadTemplate(Exception):
    """Raised for a template that says more than can be read off it."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """Stands for a value of a running connector; knows what was asked of it."""

    name: str

    def __getattr__(self, name: str) -> "StandIn":
        if name.startswith("_"):
            raise AttributeError(name)
        return StandIn(f"{self.name}.{name}")

    def __getitem__(self, key: object) -> "StandIn":
        return self if key == 0 else StandIn(f"{self.name}.{key}")

    def __add__(self, other: object) -> "StandIn":
        return StandIn(f"{self.name}{PLUS}{_name_of(other)}")

    def __radd__(self, other: object) -> "StandIn":
        return StandIn(f"{_name_of(other)}{PLUS}{self.name}")

    def __str__(self) -> str:
        return f"\x02{self.name}\x03"


def _name_of(value: object) -> str:
    return value.name if isinstance(value, StandIn) else str(value)


def read_json(folder: Path, name: str) -> Any:
    """A JSON file of a folder.

    Raises:
        ConfigError: where it lies outside of the folder, cannot be read or is no JSON.
    """
    root = folder.resolve()
    path = (root / name.lstrip("/")).resolve()
    if not path.is_relative_to(root):
        raise ConfigError(f"{folder}: {name!r} leads out of the folder")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{folder / name}: is larger than {MAX_BYTES} bytes")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{folder / name}: cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{folder / name}: is no JSON: {error}") from error


def fill_parameters(value: Any, parameters: Mapping[str, str], missing: dict[str, None]) -> Any:
    """Every text of a JSON value with its `{{@ parameter @}}` filled in.

    Args:
        value: As read from a file.
        parameters: By name.
        missing: Gets the names that no parameter has; they are left as `{name}`.
    """
    if isinstance(value, dict):
        return {
            str(fill_parameters(key, parameters, missing)): fill_parameters(inner, parameters, missing)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [fill_parameters(inner, parameters, missing) for inner in value]
    if not isinstance(value, str) or "{{@" not in value:
        return value
    given: dict[str, str] = {}
    for name in jinja2.meta.find_undeclared_variables(_parsed(_PARAMETERS, value)):
        if name not in parameters:
            missing[name] = None
        given[name] = parameters.get(name, f"{{{name}}}")
    return _rendered(_PARAMETERS, value, given)


def read_expressions(template: str, bound: Mapping[str, Any]) -> str:
    """A template with a mark for each value that only a running connector has.

    Args:
        template: With `{{ expression }}`.
        bound: Values known already, by name.

    Raises:
        UnreadTemplate: where it does more than look values up.
    """
    if "{{" not in template and "{%" not in template:
        return template
    names = jinja2.meta.find_undeclared_variables(_parsed(_EXPRESSIONS, template))
    context: dict[str, Any] = {name: StandIn(name) for name in names}
    for name, value in bound.items():
        context[name] = _Bound(name, value) if isinstance(value, Mapping) else value
    return _rendered(_EXPRESSIONS, template, context)


class _Bound:
    """A table of known values; what it lacks only a running connector has."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self._name = name
        self._values = values

    def __getitem__(self, key: str) -> Any:
        held = self._values.get(key)
        return held if isinstance(held, str | int) else StandIn(f"{self._name}.{key}")


def _parsed(environment: SandboxedEnvironment, source: str) -> nodes.Template:
    if len(source) > _MAX_TEMPLATE_CHARS:
        raise UnreadTemplate(f"a template of {len(source)} characters")
    try:
        tree = environment.parse(source)
    except (jinja2.TemplateError, RecursionError) as error:
        raise UnreadTemplate(f"no Jinja template: {error}") from error
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise UnreadTemplate(f"{type(node).__name__.lower()} in {source!r}")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise UnreadTemplate(f"the filter {node.name!r} in {source!r}")
    return tree


def _rendered(environment: SandboxedEnvironment, source: str, context: Mapping[str, Any]) -> str:
    _parsed(environment, source)
    try:
        return environment.from_string(source).render(context)
    except (jinja2.TemplateError, TypeError, ValueError, RecursionError) as error:
        raise UnreadTemplate(f"{source!r}: {error}") from error


def _as_is(value: Any, *_: Any, **__: Any) -> Any:
    return value


_PARAMETERS = SandboxedEnvironment(
    variable_start_string="{{@",
    variable_end_string="@}}",
    block_start_string="{%@",
    block_end_string="@%}",
    comment_start_string="{#@",
    comment_end_string="@#}",
)
_EXPRESSIONS = SandboxedEnvironment()
_EXPRESSIONS.filters |= dict.fromkeys(("int", "string", "lower", "upper", "trim", "urlencode", "tojson"), _as_is)
