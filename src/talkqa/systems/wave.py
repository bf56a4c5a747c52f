"""A client of Wave's public GraphQL API, with the vendor's own rules.

Used through `connect`. Errors of a request and mutations that did not succeed are told apart from answers; products are
archived because nothing deletes them; mail is never sent: no mutation of this module can.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from talkqa.model.account import Account, Budget
from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.systems.graphql import NOT_FOUND, GraphqlChannel, Reply, refusal
from talkqa.systems.session import Session
from talkqa.systems.wave_pages import BUSINESS, WavePages
from talkqa.systems.wave_preflight import find_obstacles
from talkqa.systems.wave_schema import WaveTypes
from talkqa.systems.wave_shapes import WaveShape, before

ENDPOINT = "/graphql/public"
BUDGET = Budget(calls_per_minute=60, calls_per_day=5_000, concurrent=1)
"""As others report it, for one token and for one application; changes to a business are best made one at a time."""
OVERLAP_S = 1.0
"""How far a look for changes goes back: whether the bound itself is included is not known."""
LATEST_S = 10.0
"""How far a cursor that no record gave goes back: lists may lag behind the clock."""
INCOME_ACCOUNTS = (
    "query($b:ID!){business(id:$b){accounts(page:1,pageSize:1,subtypes:[INCOME],isArchived:false){edges{node{id}}}}}"
)
_PRODUCT_ACCOUNTS = ("incomeAccount.id", "expenseAccount.id")


class WaveClient:
    """One business as one user."""

    def __init__(self, schema: SystemSchema, account: Account, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like, as far as known.
            account: Says which business; where it does not, the only one is meant.
            session: Sends its calls.
        """
        self._schema = schema
        self._shapes = {entity.name: WaveShape(entity) for entity in schema.entities}
        whole = account.url.rstrip("/").endswith(ENDPOINT)
        self.channel = GraphqlChannel(session, "" if whole else ENDPOINT)
        self.types = WaveTypes(self.channel)
        self._pages = WavePages(self.channel, schema.name)
        self._business = account.options.get("business", "")
        self._income: str | None = None
        self._lock = trio.Lock()

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like, as far as known before the run."""
        return self._schema

    async def describe(self, entity: str) -> EntitySchema:
        """What the entity looks like by the server's own schema; as packaged where the server does not show it."""
        return await self.types.describe(self._shape(entity))

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record in the business; a product gets an income account where none is given."""
        shape = self._shape(entity)
        business = await self.business_id()
        given = {path: value for path, value in values.items() if value is not None}
        composed = shape.compose(given)
        if composed.setdefault("businessId", business) != business:
            named = str(composed["businessId"])
            raise ApiRefused(
                f"{self._schema.name} {entity}: this account writes to the business {business} alone, not to {named}",
                code="wrong-business",
                field="business.id",
            )
        if shape.entity.name == "Product" and not any(
            shape.field(p) and composed.get(_key(p)) for p in _PRODUCT_ACCOUNTS
        ):
            income = await self.income_account()
            if income and shape.field(_PRODUCT_ACCOUNTS[0]):
                composed["incomeAccountId"] = income
        return await self._write(shape, "Create", composed, repeatable=False)

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        shape = self._shape(entity)
        node = await self._node(shape, record_id)
        return None if node is None else shape.record(self._schema.name, node)

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears.

        An address and a list are replaced by Wave as a whole, so that what they hold besides is sent with them.
        """
        shape = self._shape(entity)
        kept = dict(values)
        archive = shape.entity.archive
        retired = next((path for path in values if archive and shape.field(path) == shape.field(archive[0])), None)
        wanted = kept.pop(retired) if retired is not None else None
        if retired is not None and archive is not None and wanted != archive[1]:
            raise ApiRefused(
                f"{self._schema.name} has no way to bring an archived {entity} back",
                code="read-only",
                field=archive[0],
            )
        record = None
        if kept or retired is None:
            node = None
            if shape.needs_current(kept):
                node = await self._node(shape, record_id)
                if node is None:
                    raise self._gone(shape, record_id)
            composed = {"id": record_id, **shape.compose(kept, node)}
            record = await self._write(shape, "Patch", composed, repeatable=True)
        if retired is not None:
            record = await self._write(shape, "Archive", {"id": record_id}, repeatable=True)
        return record or await self._reread(shape, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or archive where nothing deletes; a record already gone is no error."""
        shape = self._shape(entity)
        deletes = shape.entity.deletable
        verb, key = ("Delete", shape.facts.removal_key) if deletes else ("Archive", "id")
        name = f"{shape.facts.single}{verb}"
        reply = await self.channel.mutate(_mutation(shape, verb, ""), {"i": {key: record_id}}, repeatable=True)
        try:
            self._check(shape, reply, name)
        except ApiRefused as error:
            if error.code != NOT_FOUND:
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first; Wave tells of no deletions."""
        shape = self._shape(entity)
        business = await self.business_id()
        since = before(cursor, OVERLAP_S) if cursor is not None and shape.entity.modified_field else None
        nodes = await self._pages.read(shape, business, since, purpose=Purpose.POLL, poll=self._poll_shape(shape))
        records = sorted((shape.record(self._schema.name, node) for node in nodes), key=lambda r: r.modified or "")
        stamps = [record.modified for record in records if record.modified]
        return Changes(records=tuple(records), cursor=max([*stamps, *([cursor] if cursor else [])], default=None))

    async def cursor_now(self, entity: str) -> str | None:
        """A little before the server's clock; None where the entity keeps no stamps."""
        shape = self._shape(entity)
        if shape.entity.modified_field is None:
            return None
        reply = await self.channel.query("query($b:ID!){business(id:$b){id}}", {"b": await self.business_id()})
        self._check_query(reply, "business")
        return None if reply.server_time is None else before(reply.server_time.isoformat(), LATEST_S)

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value; all are read where the list has no filter for it."""
        shape = self._shape(entity)
        item = shape.field(path)
        if item is not None and item.path == shape.entity.id_field:
            record = await self.get(entity, str(value))
            return () if record is None else (record,)
        known = shape.facts.filters.get(item.path) if item is not None and isinstance(value, str) else None
        asked = {known: value} if known is not None else {}
        searched = self._poll_shape(shape)  # so that a recorder can tell whose records were found
        nodes = await self._pages.read(shape, await self.business_id(), None, filters=asked, poll=searched)
        records = (shape.record(self._schema.name, node) for node in nodes)
        wanted = item.path if item is not None else path
        return tuple(record for record in records if _holds(record.values.get(wanted), value))

    async def identify(self) -> Identity:
        """The user and the business; Wave has no other systems than those that people work with."""
        business = self._business or await self._only_business()
        text = "query($b:ID!){user{id defaultEmail firstName lastName} business(id:$b){id name}}"
        reply = await self.channel.query(text, {"b": business})
        wrong = [error for error in reply.errors if error.path[:1] != ("user",)]
        if wrong:
            raise refusal(wrong, f"{self._schema.name} does not show the business {business}", status=reply.status)
        return Identity(
            name=str(reply.at("user", "defaultEmail") or ""),
            organisation=str(reply.at("business", "name") or ""),
            server_time=reply.server_time,
        )

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        """Whether the business is there, what the token may read, and whether products can be sold."""
        return await find_obstacles(self, [self._shape(entity).entity.name for entity in entities])

    # asked by preflight too

    async def businesses(self) -> Mapping[str, str]:
        """Id to name of the businesses that the user has, archived ones left out."""
        text = "query{businesses(page:1,pageSize:100,isArchived:false){edges{node{id name}}}}"
        reply = await self.channel.query(text, {})
        self._check_query(reply, "businesses")
        nodes = [one.get("node") for one in reply.at("businesses", "edges") or [] if isinstance(one, dict)]
        return {str(node["id"]): str(node.get("name") or "") for node in nodes if isinstance(node, dict)}

    async def business_id(self) -> str:
        """The configured business, else the only one.

        Raises:
            ApiRefused: where none is configured and the user has several, or none.
        """
        async with self._lock:
            if not self._business:
                self._business = await self._only_business()
            return self._business

    async def income_account(self) -> str | None:
        """The account that products are sold to where none is named; None where the business has none."""
        business = await self.business_id()
        async with self._lock:
            if self._income is None:
                reply = await self.channel.query(INCOME_ACCOUNTS, {"b": business})
                self._check_query(reply, "accounts")
                edges = reply.at("business", "accounts", "edges") or []
                self._income = str(edges[0]["node"]["id"]) if edges else ""
            return self._income or None

    async def read_one(self, entity: str) -> None:
        """Read a page of one record, for what refuses it.

        Raises:
            ApiRefused: where the account may not read the entity.
        """
        await self._pages.first(self._shape(entity), await self.business_id())

    async def _only_business(self) -> str:
        known = await self.businesses()
        if len(known) == 1:
            return next(iter(known))
        listed = ", ".join(f"{name} ({one})" for one, name in known.items()) or "none"
        raise ApiRefused(
            f"{self._schema.name} does not know which business is meant; set `business` of the account to one of: "
            f"{listed}",
            code="wrong-business",
        )

    # one record

    async def _node(self, shape: WaveShape, record_id: str) -> Mapping[str, Any] | None:
        business = await self.business_id()
        single = shape.facts.single
        if shape.entity.name == BUSINESS:
            text, variables = f"query($b:ID!){{business(id:$b){{{shape.selection}}}}}", {"b": record_id}
            keys: tuple[str, ...] = ("business",)
        else:
            text = f"query($b:ID!,$i:ID!){{business(id:$b){{{single}(id:$i){{{shape.selection}}}}}}}"
            variables, keys = {"b": business, "i": record_id}, ("business", single)
        reply = await self.channel.query(text, variables)
        gone = [e for e in reply.errors if e.code == NOT_FOUND and (not e.path or e.path[: len(keys)] == keys)]
        if reply.errors and len(gone) == len(reply.errors):
            return None
        self._check_query(reply, f"{single} {record_id}")
        node = reply.at(*keys)
        return node if isinstance(node, dict) else None

    async def _reread(self, shape: WaveShape, record_id: str) -> Record:
        node = await self._node(shape, record_id)
        if node is None:
            raise self._gone(shape, record_id)
        return shape.record(self._schema.name, node)

    def _gone(self, shape: WaveShape, record_id: str) -> ApiRefused:
        message = f"{self._schema.name} {shape.entity.name} {record_id} does not exist (any more)"
        return ApiRefused(message, status=404, code=NOT_FOUND)

    async def _write(self, shape: WaveShape, verb: str, composed: Mapping[str, Any], *, repeatable: bool) -> Record:
        single, name = shape.facts.single, f"{shape.facts.single}{verb}"
        reply = await self.channel.mutate(
            _mutation(shape, verb, f"{single}{{{shape.selection}}}"), {"i": composed}, repeatable=repeatable
        )
        self._check(shape, reply, name)
        node = reply.at(name, single)
        if not isinstance(node, dict):
            raise ApiUnavailable(f"{self._schema.name}: {name} succeeded and showed no {single}", status=reply.status)
        return shape.record(self._schema.name, node)

    def _check(self, shape: WaveShape, reply: Reply, name: str) -> None:
        """Raise what went wrong with a mutation: an error of the request, or input that was not accepted."""
        what = f"{self._schema.name} refused {name}"
        if reply.errors:
            paths = [error.variable_path for error in reply.errors]
            fields = [shape.field_named(tuple(path.split("."))) for path in paths if path]
            raise refusal(reply.errors, what, status=reply.status, fields=fields)
        told = reply.at(name)
        if isinstance(told, dict) and told.get("didSucceed") is True:
            return
        listed = told.get("inputErrors") if isinstance(told, dict) else None
        errors = [one for one in listed or [] if isinstance(one, dict)]
        named = [shape.field_named(_below_input(one.get("path"))) for one in errors]
        refused = tuple(dict.fromkeys(filter(None, named)))
        said = "; ".join(str(one.get("message") or one.get("code")) for one in errors) or "no reason given"
        code = next((str(one["code"]) for one in errors if one.get("code")), "")
        raise ApiRefused(
            f"{what}: {said}", status=reply.status, code=code, field=refused[0] if refused else None, fields=refused
        )

    def _check_query(self, reply: Reply, what: str) -> None:
        if reply.errors:
            raise refusal(reply.errors, f"{self._schema.name} does not show {what}", status=reply.status)

    def _shape(self, entity: str) -> WaveShape:
        known = self._schema.entity(entity)
        name = known.name if known is not None else entity
        if name not in self._shapes:
            self._shapes[name] = WaveShape(EntitySchema(name=entity, fields=()))
        return self._shapes[name]

    def _poll_shape(self, shape: WaveShape) -> PollShape:
        above = () if shape.entity.name == BUSINESS else ("business",)
        plural = "businesses" if shape.entity.name == BUSINESS else shape.facts.plural
        page = ("data", *above, plural, "pageInfo")
        stamp = shape.entity.modified_field
        return PollShape(
            key=f"{self._schema.name}/{shape.entity.name}",
            items=("data", *above, plural, "edges"),
            id=("node", shape.entity.id_field),
            modified=("node", stamp) if stamp else (),
            last_page=(((*page, "currentPage"), 1), ((*page, "totalPages"), 1)),
        )


def _mutation(shape: WaveShape, verb: str, shown: str) -> str:
    """A mutation of one entity; `shown` is what its answer shows beside its success."""
    told = f"didSucceed inputErrors{{path message code}} {shown}"
    return f"mutation($i:{shape.entity.name}{verb}Input!){{{shape.facts.single}{verb}(input:$i){{{told}}}}}"


def _key(path: str) -> str:
    holder, _, leaf = path.rpartition(".")
    return holder + leaf.capitalize()


def _below_input(path: Any) -> tuple[str, ...]:
    steps = tuple(map(str, path)) if isinstance(path, list) else ()
    return steps[1:] if steps[:1] == ("input",) else steps


def _holds(held: FieldValue, wanted: Scalar) -> bool:
    items = held if isinstance(held, tuple) else (held,)
    return any(item is not None and _same(item, wanted) for item in items)


def _same(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other or str(one) == str(other)
