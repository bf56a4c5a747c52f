"""Wave's public GraphQL API, emulated: one address for everything, and one for tokens.

Queries and mutations are parsed, validated and executed by graphql-core against a schema made from the fields.
"""

import base64
import json
from collections.abc import Mapping
from email.utils import format_datetime
from functools import partial
from typing import Any, ClassVar

from graphql import DocumentNode, GraphQLError

from talkqa.model.account import Account
from talkqa.model.protocols import Clock
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import Answer, Emulator, Quirk, Request, encode
from talkqa.sandbox.dialects.wave.access import Doorkeeper
from talkqa.sandbox.dialects.wave.invoices import InvoiceBook
from talkqa.sandbox.dialects.wave.language import asks_for_schema, is_mutation, language, price
from talkqa.sandbox.dialects.wave.mutations import Manners, Mutations
from talkqa.sandbox.dialects.wave.queries import Habits, Queries
from talkqa.sandbox.dialects.wave.records import Gallery, Shown
from talkqa.sandbox.dialects.wave.sdl import BUSINESS, write_sdl
from talkqa.sandbox.dialects.wave.shapes import Writing
from talkqa.sandbox.store import EntityStore, Stored, SystemStore

PATH = "/graphql/public"
COST_LIMIT = 5100
CURRENCY = "EUR"
_HEAVY = 10
_SYSTEM = "system"
_ACCOUNTS = (
    ("Sales", "INCOME"),
    ("Shipping income", "OTHER_INCOME"),
    ("Office expenses", "EXPENSE"),
    ("Cost of goods", "COST_OF_GOODS_SOLD"),
    ("Cash on hand", "CASH_AND_BANK"),
)
_STATUS: Mapping[str, int] = {"NOT_FOUND": 404, "UNAUTHENTICATED": 401}


def _unsure(says: str, *, default: bool = False) -> Quirk:
    return Quirk(default=default, says=says, unconfirmed=True)


class WaveEmulator(Emulator):
    """One business, or two, behind `POST /graphql/public`."""

    QUIRKS: ClassVar[Mapping[str, Quirk]] = {
        "errors-with-4xx": _unsure("errors of a whole request come with HTTP 400 or 404 instead of 200"),
        "dead-token-with-200": _unsure("a dead token is answered with HTTP 200 and UNAUTHENTICATED instead of 401"),
        "no-errors-as-list": _unsure("inputErrors of a success is an empty list instead of null"),
        "empty-text": _unsure("an unset or cleared text is '' instead of null"),
        "trimmed-decimals": _unsure("decimals come without the zeros at their end"),
        "grouped-money": _unsure("amounts of money come with commas between the thousands"),
        "bound-included": _unsure("modifiedAtAfter includes its bound"),
        "page-after-last-fails": _unsure("a page after the last one is an error instead of an empty list"),
        "gone-is-null": _unsure("an id that is gone gives null instead of NOT_FOUND"),
        "gone-as-input-error": _unsure("a mutation of what is gone has an input error instead of NOT_FOUND"),
        "archived-hidden": _unsure("archived records are listed only where they are asked for"),
        "lists-lag": _unsure("lists show a change two seconds late"),
        "no-introspection": _unsure("the schema cannot be asked for"),
        "strict-cost": _unsure("lists without paging count ten times as much against the cost limit"),
        "address-replaced": _unsure("an address in a patch replaces the one before as a whole", default=True),
        "shuffled-items": _unsure("a patch puts the items of an invoice into another order", default=True),
        "closed-patch-ignored": _unsure("a patch of a sent or overdue invoice is ignored instead of refused"),
        "archived-patch-refused": _unsure("a patch of an archived record is refused"),
        "product-needs-account": _unsure("a product without income and expense account is refused"),
        "province-must-match": _unsure("a province of another country is refused"),
        "customer-with-invoices-archived": _unsure("deleting a customer with invoices archives it, else it is refused"),
        "sent-invoices-kept": _unsure("an invoice that was sent or paid cannot be deleted"),
        "unique-invoice-numbers": _unsure("two invoices cannot have the same number"),
        "rotating-refresh-tokens": _unsure("a refresh token is spent by using it"),
        "full-access-tokens": Quirk(default=True, says="accounts have a token that lives for ever, else OAuth 2"),
        "second-business": Quirk(default=False, says="the user has a second business, without anything in it"),
    }

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        """Open a system over its store; a business with its chart of accounts is there from the beginning."""
        super().__init__(store, clock, quirks=quirks)
        store.make_id = self._make_id
        store.derive = self._derive
        self._language = language(write_sdl(store.schema))
        self._business_id = self._make_id(BUSINESS, 1)
        self._book = InvoiceBook(store, clock, CURRENCY)
        writing = Writing(
            trimmed=self.quirk("trimmed-decimals"),
            grouped=self.quirk("grouped-money"),
            cleared="" if self.quirk("empty-text") else None,
        )
        gallery = Gallery(store, writing, {})
        gallery.currency = CURRENCY
        gallery.finishers = {
            "Invoice": partial(self._book.finish, gallery),
            "Customer": partial(self._finish_customer, gallery),
        }
        self._queries = Queries(store, gallery, self._book, clock, self._habits(), self._business_id)
        self._mutations = Mutations(store, self._queries, self._book, self._manners(), self._business_id)
        self._doorkeeper = Doorkeeper(store, clock, self._business_id, rotates=self.quirk("rotating-refresh-tokens"))
        self._answers: dict[tuple[str, bytes], Answer] = {}
        """To questions since the last mutation."""
        self._answered_on = ""
        self._open_business()

    def _habits(self) -> Habits:
        return Habits(
            bound_included=self.quirk("bound-included"),
            page_after_last_fails=self.quirk("page-after-last-fails"),
            gone_is_null=self.quirk("gone-is-null"),
            archived_hidden=self.quirk("archived-hidden"),
            lists_lag=self.quirk("lists-lag"),
        )

    def _manners(self) -> Manners:
        return Manners(
            no_errors_as_list=self.quirk("no-errors-as-list"),
            gone_as_input_error=self.quirk("gone-as-input-error"),
            address_replaced=self.quirk("address-replaced"),
            items_shuffled=self.quirk("shuffled-items"),
            closed_patch_ignored=self.quirk("closed-patch-ignored"),
            archived_patch_refused=self.quirk("archived-patch-refused"),
            product_needs_account=self.quirk("product-needs-account"),
            province_must_match=self.quirk("province-must-match"),
            customer_with_invoices_archived=self.quirk("customer-with-invoices-archived"),
            sent_invoices_kept=self.quirk("sent-invoices-kept"),
            numbers_unique=self.quirk("unique-invoice-numbers"),
        )

    def account(self, base_url: str, user: str) -> Account:
        """A full-access token or OAuth 2, and the id of the business."""
        if self.quirk("full-access-tokens"):
            return self._doorkeeper.account(base_url, user)
        return self._doorkeeper.oauth_account(base_url, user)

    def oauth_account(self, base_url: str, user: str) -> Account:
        """OAuth 2 with a refresh token, and the id of the business."""
        return self._doorkeeper.oauth_account(base_url, user)

    def expire_token(self, token: str) -> None:
        """Make a token of OAuth 2 dead; full-access tokens live for ever."""
        self._doorkeeper.expire(token)

    def reads(self, request: Request) -> bool:
        """Whether a request changes nothing."""
        asked = _asked(request)
        if asked is None or request.path != PATH:
            return request.method == "GET"
        operation = self._language.prepare(asked["query"]).operation(asked.get("operationName"))
        return operation is None or not is_mutation(operation)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        answer = self._doorkeeper.sign_in(request)
        if answer is None:
            answer = self._answer(request)
        dated = {**answer.headers, "date": format_datetime(self.clock.stamp(), usegmt=True)}
        return Answer(status=answer.status, body=answer.body, headers=dated, content_type=answer.content_type)

    def _answer(self, request: Request) -> Answer:
        if request.path != PATH:
            return Answer(status=404, body=b"<h1>Not Found</h1>", content_type="text/html")
        if request.method != "POST":
            return Answer(status=405, body=b"<h1>Method Not Allowed</h1>", content_type="text/html")
        user = self._doorkeeper.user_of(request)
        if user is None:
            error = GraphQLError("Authentication is needed.", extensions={"code": "UNAUTHENTICATED"})
            return self._refuse([error], 200 if self.quirk("dead-token-with-200") else 401)
        asked = _asked(request)
        if asked is None:
            error = GraphQLError("The body is no GraphQL request in JSON.", extensions={"code": "BAD_REQUEST"})
            return self._refuse([error], 400)
        return self._execute(asked, request.body, user)

    def _execute(self, asked: Mapping[str, Any], body: bytes, user: str) -> Answer:
        prepared = self._language.prepare(asked["query"])
        document = prepared.document
        if prepared.errors:
            return self._refuse(list(prepared.errors), code="GRAPHQL_VALIDATION_FAILED")
        name, variables = asked.get("operationName"), asked.get("variables") or {}
        operation = prepared.operation(name)
        if operation is None or document is None:
            return self._refuse([GraphQLError("There is no such operation.")], code="GRAPHQL_VALIDATION_FAILED")
        if asks_for_schema(operation) and self.quirk("no-introspection"):
            return self._refuse([GraphQLError("Introspection is off.")], code="GRAPHQL_VALIDATION_FAILED")
        heavy = _HEAVY if self.quirk("strict-cost") else 1
        if price(document, operation, variables, heavy) > COST_LIMIT:
            error = GraphQLError(f"The query exceeds the maximum cost of {COST_LIMIT}")
            return self._refuse([error], code="GRAPHQL_VALIDATION_FAILED")
        self._forget_answers(changing=is_mutation(operation))
        known = self._answers.get((user, body))
        if known is None:
            root = self._root(user, changing=is_mutation(operation))
            known = self._carry_out(document, root, variables, name)
            if not is_mutation(operation) and not self.quirk("lists-lag"):
                self._answers[user, body] = known
        return known

    def _forget_answers(self, *, changing: bool) -> None:
        today = self._book.today()
        if changing or self._answered_on != today:
            self._answers.clear()
            self._answered_on = today

    def _root(self, user: str, *, changing: bool) -> dict[str, Any]:
        if changing:
            return self._mutations.root(user)
        stamp = self.store.stamp()
        drawn = draws.digest("user", self.store.seed, user).hex()
        return self._queries.root(
            {
                "id": base64.b64encode(f"User:{drawn}".encode()).decode(),
                "defaultEmail": f"{user}@wave.example",
                "firstName": user.capitalize(),
                "lastName": "Sandbox",
                "createdAt": stamp,
                "modifiedAt": stamp,
            }
        )

    def _carry_out(
        self, document: DocumentNode, root: Mapping[str, Any], variables: Mapping[str, Any], name: str | None
    ) -> Answer:
        result = self._language.execute(document, root, variables, name)
        for error in result.errors or ():
            if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
                raise error.original_error
        if result.errors:
            return self._refuse(result.errors, code="VARIABLE_VALUE", data=result.data)
        return Answer(body=encode({"data": result.data}))

    def _refuse(
        self, errors: list[GraphQLError], status: int | None = None, *, code: str = "", data: Any = None
    ) -> Answer:
        told: list[dict[str, Any]] = []
        for error in errors:
            own = dict(error.extensions or {})
            own.setdefault("code", code)
            own["id"] = draws.digest("error", error.message).hex()
            told.append({**error.formatted, "extensions": own})
        if status is None:
            status = _STATUS.get(told[0]["extensions"]["code"], 400) if self.quirk("errors-with-4xx") else 200
        return Answer(status=status, body=encode({"errors": told, "data": data}))

    # what is there from the beginning, and what fills itself

    def _make_id(self, entity: str, ordinal: int) -> str:
        drawn = draws.digest("business", self.store.seed, self.store.schema.name, size_bytes=16).hex()
        business = f"Business:{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-8{drawn[17:20]}-{drawn[20:]}"
        if entity == BUSINESS and ordinal > 1:
            business = business[:-4] + f"{ordinal:04d}"
        text = business if entity == BUSINESS else f"{business};{entity}:{ordinal}"
        return base64.b64encode(text.encode()).decode()

    def _derive(self, entity: EntityStore, values: dict[str, Any], record_id: str, _before: Any, _user: str) -> None:
        self._answers.clear()  # whoever writes
        self._mutations.derive(entity, values, record_id)

    def _open_business(self) -> None:
        businesses = self.store.entities.get(BUSINESS.casefold())
        if businesses is not None:
            for name in ("Sandbox business", "Second business")[: 1 + self.quirk("second-business")]:
                place = {"address.country.code": "NL", "currency.code": CURRENCY, "timezone": "UTC"}
                off = {"isPersonal": False, "isClassicAccounting": False, "isArchived": False}
                stamps = {"createdAt": self.store.stamp()}
                businesses.install({"name": name, **place, **off, **stamps}, _SYSTEM)
        accounts = self.store.entities.get("account")
        if accounts is not None:
            for name, subtype in _ACCOUNTS:
                accounts.install({"name": name, "subtype.value": subtype, "currency.code": CURRENCY}, _SYSTEM)

    def _finish_customer(self, gallery: Gallery, customer: Stored, shown: Shown) -> None:
        currency = customer.values.get("currency.code")
        for key in ("outstanding", "overdue"):
            if f"{key}Amount" in shown:
                shown[f"{key}Amount"] = partial(self._owed, gallery, customer.id, key, currency)

    def _owed(self, gallery: Gallery, customer_id: str, key: str, currency: Any, _info: Any) -> Shown:
        owed = self._book.owed_by(customer_id)
        return gallery.money(owed.outstanding if key == "outstanding" else owed.overdue, currency)


def _asked(request: Request) -> Mapping[str, Any] | None:
    """The query, variables and name that a body holds; None where it is no request in GraphQL."""
    try:
        asked = json.loads(request.body)
    except ValueError:
        return None
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        return None
    fitting = isinstance(asked.get("variables"), dict | None) and isinstance(asked.get("operationName"), str | None)
    return asked if fitting else None
