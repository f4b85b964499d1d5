"""Where the log goes: one line an event, on standard error."""

import logging
import sys

# Their debug lines hold headers and bodies, and with them secrets: never below WARNING. flask-limiter has a line for
# each request that it refuses, so whoever knocks often would fill the log.
_TALKATIVE = ("boto3", "botocore", "google", "azure", "rq", "peewee", "werkzeug", "granian", "flask-limiter")


def to_stderr() -> None:
    """Log what is of interest to an operator, from INFO on."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
