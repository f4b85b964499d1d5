"""What it costs a caller that Redis hangs or is not there: `python -m benchmarks.redis_away`.

Prints the time of POST /credentials with Valkey well, paused and killed, as the median and the slowest of `REQUESTS`,
and how long the last verdict takes to come. Figures of one run compare with each other, not with another machine's.
"""

import base64
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.clouds.aws_standin import LEAST_PRIVILEGE, AwsStandIn, Key
from tests.server_process import ApiProcess, ServerProcess, command, settings_for
from tests.valkey_server import ValkeyServer

REQUESTS = 60
_PASSWORD = "correct horse battery staple"  # noqa: S105 - of an account that lives as long as this program


def main() -> None:
    """Start everything, measure, end everything."""
    with tempfile.TemporaryDirectory(prefix="eg-") as folder, AwsStandIn() as aws:
        home = Path(folder)
        valkey = ValkeyServer(home)
        valkey.start()
        ring = f"first:{base64.b64encode(os.urandom(32)).decode()}"
        settings = settings_for(f"sqlite:///{home / 'entryguard.sqlite'}", valkey.url, aws.endpoint, ring)
        command("migrate", settings=settings)
        account = ("--email", "ada@example.com", "--organization", "Acme")
        command("admin", "create", *account, settings=settings, text=f"{_PASSWORD}\n")
        api, worker = ApiProcess(settings, home / "api.log"), ServerProcess(settings, home / "worker.log")
        try:
            api.start()
            worker.start()
            api.wait_until_ready()
            _measure(api, valkey, aws.user(policy=LEAST_PRIVILEGE))
        finally:
            api.terminate(seconds=15)
            worker.terminate(seconds=15)
            valkey.kill()


def _measure(api: ApiProcess, valkey: ValkeyServer, key: Key) -> None:
    login = {"email": "ada@example.com", "password": _PASSWORD}
    headers = {"Authorization": f"Bearer {api.ask('POST', '/api/v1/auth/login', login)[1]['accessToken']}"}
    _round(api, headers, key)  # warms what is loaded at the first use
    well = _round(api, headers, key)
    valkey.pause()
    hanging = _round(api, headers, key)
    valkey.resume()
    valkey.kill()
    gone = _round(api, headers, key)
    sys.stdout.write(
        f"{'Valkey':8} {'median ms':>10} {'slowest ms':>11} {'median : well':>14} {'last verdict s':>15}\n"
    )
    for name, (times, verdict) in {"well": well, "hangs": hanging, "is gone": gone}.items():
        ratio = statistics.median(times) / statistics.median(well[0])
        sys.stdout.write(
            f"{name:8} {statistics.median(times):10.1f} {max(times):11.1f} {ratio:14.2f} {verdict:15.2f}\n"
        )


def _round(api: ApiProcess, headers: dict[str, str], key: Key) -> tuple[list[float], float]:
    """The milliseconds of each POST, and the seconds from the last one to its verdict."""
    body = {
        "name": "measured",
        "provider": "AWS",
        "credentialType": "ACCESS_KEY",
        "credentialData": key.credential_data,
    }
    times = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        status, made = api.ask("POST", "/api/v1/credentials", body, headers)
        times.append((time.perf_counter() - started) * 1000)
        if status != 201:
            raise SystemExit(f"POST answered {status}")
    started = time.perf_counter()
    while api.ask("GET", f"/api/v1/credentials/{made['id']}", headers=headers)[1]["isValid"] is None:
        time.sleep(0.05)
    return times, time.perf_counter() - started


if __name__ == "__main__":
    main()
