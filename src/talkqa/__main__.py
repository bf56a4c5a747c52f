"""`python -m talkqa`: the command line without its script."""

from talkqa.cli import main

main()
