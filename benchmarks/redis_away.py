"""What it costs a caller that Redis hangs or is not there: `python -m benchmarks.redis_away`.

Prints the time of POST /credentials with Valkey well, paused and killed, as the median and the slowest of `REQUESTS`, and
how long the last verdict takes to come. Figures of one run compare with each other, not with another machine's.
"""

import base64
import os
import statistics
import tempfile
import time
from pathlib import Path

from tests.clouds.aws_standin import LEAST_PRIVILEGE, AwsStandIn, Key
from tests.server_process import ServerProcesses, command
from tests.valkey_server import ValkeyServer

REQUESTS = 60
_PASSWORD = "correct horse battery staple"  # noqa: S105 - of an account that lives as long as this program


def main() -> None:
    """Start everything, measure, end everything."""
    with tempfile.TemporaryDirectory(prefix="eg-") as folder, AwsStandIn() as aws:
        valkey = ValkeyServer(Path(folder))
        valkey.start()
        environment = _environment(Path(folder), valkey.url, aws.endpoint)
        command("migrate", environment=environment)
        command("admin", "create", "--email", "ada@example.com", "--organization", "Acme",
                environment=environment, text=f"{_PASSWORD}\n")  # fmt: skip
        server = ServerProcesses(environment)
        server.start_api()
        server.start_worker()
        try:
            server.wait_until_ready(degraded=[])
            _measure(server, valkey, aws.user(policy=LEAST_PRIVILEGE))
        finally:
            server.stop()
            valkey.kill()


def _measure(server: ServerProcesses, valkey: ValkeyServer, key: Key) -> None:
    login = {"email": "ada@example.com", "password": _PASSWORD}
    token = server.ask("POST", "/api/v1/auth/login", login)[1]["accessToken"]
    _round(server, token, key)  # warms what is loaded at the first use
    well = _round(server, token, key)
    valkey.pause()
    hanging = _round(server, token, key)
    valkey.resume()
    valkey.kill()
    gone = _round(server, token, key)
    print(f"{'Valkey':8} {'median ms':>10} {'slowest ms':>11} {'median : well':>14} {'last verdict s':>15}")
    for name, (times, verdict) in {"well": well, "hangs": hanging, "is gone": gone}.items():
        ratio = statistics.median(times) / statistics.median(well[0])
        print(f"{name:8} {statistics.median(times):10.1f} {max(times):11.1f} {ratio:14.2f} {verdict:15.2f}")


def _round(server: ServerProcesses, token: str, key: Key) -> tuple[list[float], float]:
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
        status, made = server.ask("POST", "/api/v1/credentials", body, token)
        times.append((time.perf_counter() - started) * 1000)
        if status != 201:
            raise SystemExit(f"POST answered {status}")
    started = time.perf_counter()
    while server.ask("GET", f"/api/v1/credentials/{made['id']}", token=token)[1]["isValid"] is None:
        time.sleep(0.05)
    return times, time.perf_counter() - started


def _environment(folder: Path, redis_url: str, aws: str) -> dict[str, str]:
    secrets = {
        f"ENTRYGUARD_{name}": base64.b64encode(os.urandom(48)).decode()
        for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")
    }
    return {
        **secrets,
        "ENTRYGUARD_DATABASE_URL": f"sqlite:///{folder / 'entryguard.sqlite'}",
        "ENTRYGUARD_REDIS_URL": redis_url,
        "ENTRYGUARD_KEY_RING": f"first:{base64.b64encode(os.urandom(32)).decode()}",
        "ENTRYGUARD_AWS_ENDPOINT_URL": aws,
    }


if __name__ == "__main__":
    main()
