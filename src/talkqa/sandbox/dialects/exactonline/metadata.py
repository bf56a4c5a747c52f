"""The emulated service's description of itself: EDMX, with names, types and such lengths as are known."""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from talkqa.sandbox.dialects.exactonline.facts import Kind
from talkqa.sandbox.dialects.exactonline.tables import Table

_NAMESPACE = "Exact.Web.Api.Models"


def describe(tables: Sequence[Table]) -> bytes:
    """The entity sets of one service."""
    named = {table.name: table for table in tables}
    links = [(table, named[table.resource.lines]) for table in tables if table.resource.lines in named]
    types = "".join(_type(table) for table in tables)
    associations = "".join(_association(header, lines) for header, lines in links)
    sets = "".join(f"<EntitySet Name={quoteattr(t.name)} EntityType={quoteattr(t.resource.type)}/>" for t in tables)
    joined = "".join(_association_set(header, lines) for header, lines in links)
    return (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
        '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">'
        '<edmx:DataServices m:DataServiceVersion="2.0" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<Schema Namespace="{_NAMESPACE}" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
        f'{types}{associations}<EntityContainer Name="Exact" m:IsDefaultEntityContainer="true">{sets}{joined}'
        "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


def _type(table: Table) -> str:
    name = table.resource.type.rpartition(".")[2]
    parts = [f"<EntityType Name={quoteattr(name)}><Key><PropertyRef Name={quoteattr(table.key)}/></Key>"]
    for path, kind in table.kinds.items():
        room = table.fields[path].max_length
        length = f' MaxLength="{room}"' if room is not None and kind is Kind.STRING else ""
        nullable = "true" if table.fields[path].nullable else "false"
        parts.append(f'<Property Name={quoteattr(path)} Type="{kind.value}" Nullable="{nullable}"{length}/>')
    if table.resource.lines:
        parts.append(
            f'<NavigationProperty Name={quoteattr(table.resource.lines)} Relationship="{_link(table)}" '
            'FromRole="Header" ToRole="Lines"/>'
        )
    return "".join([*parts, "</EntityType>"])


def _link(header: Table) -> str:
    return f"{header.resource.type}_{header.resource.lines}"


def _association(header: Table, lines: Table) -> str:
    return (
        f'<Association Name="{_link(header).rpartition(".")[2]}">'
        f'<End Type="{header.resource.type}" Multiplicity="1" Role="Header"/>'
        f'<End Type="{lines.resource.type}" Multiplicity="*" Role="Lines"/></Association>'
    )


def _association_set(header: Table, lines: Table) -> str:
    return (
        f'<AssociationSet Name="{header.name}_{lines.name}" Association="{_link(header)}">'
        f'<End EntitySet="{header.name}" Role="Header"/><End EntitySet="{lines.name}" Role="Lines"/></AssociationSet>'
    )
