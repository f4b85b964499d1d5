"""SIGTERM: what is under way is answered, nothing new is taken, and the end comes soon."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.api.published import CREATE_CREDENTIAL
from tests.served_api import EMAIL, PASSWORD, served
from tests.server_process import ApiProcess

STOP_SECONDS = 10
SIGN_IN = {"email": EMAIL, "password": PASSWORD}


def test_running_requests_are_answered_before_the_end(tmp_path: Path) -> None:
    with served(tmp_path) as server, ThreadPoolExecutor(7) as pool:
        status, login = server.ask("POST", "/api/v1/auth/login", SIGN_IN)
        assert status == 200
        headers = {"Authorization": f"Bearer {login['accessToken']}"}
        _, credential = server.ask("POST", "/api/v1/credentials", CREATE_CREDENTIAL["AWS"], headers)
        path = f"/api/v1/credentials/{credential['id']}/verify?wait=true"
        # One that waits for a verdict which no worker gives, and some that keep the processor busy.
        waiting = pool.submit(server.ask, "POST", path, None, headers)
        time.sleep(0.5)
        signing_in = [pool.submit(server.ask, "POST", "/api/v1/auth/login", SIGN_IN) for _ in range(5)]
        time.sleep(0.05)
        begun = time.monotonic()

        assert server.terminate(STOP_SECONDS) == 0

        assert [asked.result()[0] for asked in signing_in] == [200] * 5
        status, shown = waiting.result()
        assert (status, shown["isValid"]) == (202, None)
        assert time.monotonic() - begun < STOP_SECONDS


def test_a_stopped_server_takes_nothing_new(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=5)

        assert server.terminate(STOP_SECONDS) == 0

        assert _is_closed(idle)
        assert not _listens(server)
        assert "Traceback" not in server.log


def _is_closed(link: socket.socket) -> bool:
    try:
        return link.recv(100) == b""
    except ConnectionResetError:  # a busy server had not taken it yet
        return True


def _listens(server: ApiProcess) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", server.port)) == 0
