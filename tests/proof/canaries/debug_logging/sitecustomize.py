"""Python reads this where its folder is on PYTHONPATH: every log is then at DEBUG, and holds the leak that is planted.

There is no setting for it: an operator cannot have such a log, but a library may think of a way.
"""

import logging
import os
from typing import Any

_configure = logging.basicConfig


def _at_debug(**options: Any) -> None:
    _configure(**{**options, "level": logging.DEBUG})
    logging.getLogger("planted").debug("%s", os.environ.get("PLANTED_LEAK", ""))


logging.basicConfig = _at_debug
