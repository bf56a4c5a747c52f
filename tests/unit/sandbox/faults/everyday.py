"""A day in the life of two paired entities, told as facts: what a fault changes shows in them."""

from typing import Any

from tests.unit.sandbox.kit import ACCOUNT, CUSTOMER, NAME, NICK, Stage, flow, play

FACTS = {
    "pairs": [("Adelheid", "first"), ("Bartholomew", "second")],
    "sources": 2,
    "source edit": ["Clementina"],
    "source edit later": ["Clementina"],
    "targets": 2,
    "target edit": "third",
    "source": "Clementina",
    "writes at rest": False,
}
"""What the correct engine makes of it."""


async def _everyday(stage: Stage) -> dict[str, Any]:
    """Two records come, each side of the first one is edited, then nothing happens."""
    source = await stage.create(CUSTOMER, name="Adelheid", nick="first")
    await stage.rest()
    await stage.create(CUSTOMER, name="Bartholomew", nick="second")
    await stage.rest()
    facts: dict[str, Any] = {
        "pairs": sorted((str(a["title"]), str(a["alias"])) for a in await stage.all(ACCOUNT)),
        "sources": len(await stage.all(CUSTOMER)),
    }
    await stage.edit(CUSTOMER, source, name="Clementina")
    await stage.rest(12)
    facts["source edit"] = [a["title"] for a in await stage.all(ACCOUNT) if a["title"] == "Clementina"]
    await stage.rest()
    facts["source edit later"] = [a["title"] for a in await stage.all(ACCOUNT) if a["title"] == "Clementina"]
    facts["targets"] = len(await stage.all(ACCOUNT))
    for account in await stage.all(ACCOUNT):
        if account["alias"] == "first":
            await stage.edit(ACCOUNT, account["id"], alias="third")
    await stage.rest()
    customer = await stage.get(CUSTOMER, source)
    facts["target edit"], facts["source"] = customer["nick"], customer["name"]
    writes = len(stage.engine_writes())
    await stage.rest(60)
    facts["writes at rest"] = len(stage.engine_writes()) - writes > 0
    return facts


def live(*faults: str) -> dict[str, Any]:
    """The facts of a day with these faults."""
    found: dict[str, Any] = play(_everyday, flow(NAME, NICK), faults=faults)
    return found
