"""What every process of the server does to itself."""

import signal
import subprocess
import sys

_HANGS = """
import time
from api import process
process._END_SECONDS = 1
process.end_when_told(lambda: None)
print("hangs", flush=True)
while True:
    time.sleep(60)
"""


def test_a_process_that_hangs_when_it_is_told_to_end_is_ended_by_the_kernel() -> None:
    with subprocess.Popen([sys.executable, "-c", _HANGS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"

        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == -signal.SIGALRM
