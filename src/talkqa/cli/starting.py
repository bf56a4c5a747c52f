"""`talkqa init`: a project to begin with."""

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result

TEMPLATE = """\
# Settings of talkqa for this project. Every key is optional; what stands here is the default.

specs = ["specs"]                # documents, or folders of them (*.rst, *.txt)
output = "generated_tests"       # where `talkqa generate` writes scenarios
work = ".talkqa"                 # results, ledger, cache; keep it out of version control
depth = "standard"               # smoke, standard or deep

[run]
mode = "sandbox"                 # embedded systems and a reference engine; or live, record, replay
clock = "virtual"                # virtual: waiting takes no time; real: it does
seed = 0                         # equal seeds give equal runs in the sandbox
patience_s = 120.0               # how long a check waits for a change before it asks whether the engine is alive
poll_s = 4.0                     # how often a system is asked what changed
require_proven = 0.0             # share of checks that must be decided: 0.9 or "90%"; below it `run` exits with 4

# [systems]
# descriptors = ["systems/our_crm.toml"]   # systems of your own; others are read off the documents

# [systems.aliases]              # other names that your documents use for a system
# "Custom CRM" = ["Our CRM"]

# [[conditions]]                 # what a condition's words mean in fields; without it the flow stays undecided
# text = "When a Salesforce Order is activated"
# holds = { Status = "Activated" }
# fails = { Status = "Draft" }

# [[connections]]                # which field connects two records
# source = "Salesforce Contact"
# connected = "Salesforce Order"
# path = "BillToContactId"
# held_by = "connected"          # which record holds the reference: connected or source

# [accounts."Salesforce"]        # how `talkqa run --live` reaches a system; then try `talkqa doctor`
# url = "https://example--qa.sandbox.my.salesforce.com"
# auth = { kind = "client-credentials", client_id = "env:SF_CLIENT_ID", client_secret = "env:SF_CLIENT_SECRET" }
# engine_user = "engine@example.com"       # who the sync engine is there; the tests need a user of their own
# allow = { Division = 20 }                # what cannot be removed again is off until allowed by name and number

# [sandbox]
# licences_off = ["Salesforce.Billing"]
"""


def init(context: typer.Context) -> None:
    """Begin a project: talkqa.toml and specs/; overwrites nothing."""
    call: Call = context.obj
    from talkqa.config import FILE_NAME  # noqa: PLC0415 - see app.py

    file, specs = call.root / FILE_NAME, call.root / "specs"
    if file.exists():
        print_notice(f"{FILE_NAME} is there already and stays as it is")
    else:
        file.write_text(TEMPLATE, encoding="utf-8")
        print_result(f"wrote {FILE_NAME}")
    if not specs.exists():
        specs.mkdir()
        print_result("made specs/: put your dataflow documents there, then run `talkqa check`")
