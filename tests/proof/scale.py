"""How much the tests of the proof do: enough to notice in `make test`, and what is promised in `make proof`."""

import os

FULL = os.environ.get("PROOF_FULL") == "1"
"""The figures of the promises are to be reached, however long it takes."""
