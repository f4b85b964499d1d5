"""SIGTERM: what is under way is answered, nothing new is taken, and the end comes soon."""

import http.client
import os
import signal
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


def test_whoever_gets_a_connection_while_it_stops_is_answered(tmp_path: Path) -> None:
    """Others are refused, so that a proxy asks the next server."""
    with served(tmp_path) as server, ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(_asked_until_refused, server) for _ in range(4)]
        time.sleep(0.5)

        assert server.terminate(STOP_SECONDS) == 0

        for each in asking:
            answers = each.result()
            assert len(answers) > 3 and set(answers) == {b"HTTP/1.1 200 OK"}


def test_a_kept_connection_is_told_to_close_before_it_is_closed(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        assert _told_about(kept) is None
        os.kill(server.pid or 0, signal.SIGTERM)
        while _told_about(kept) != "close":
            time.sleep(0.01)

        assert server.wait(STOP_SECONDS) == 0


def _told_about(kept: http.client.HTTPConnection) -> str | None:
    """What an answer says of the connection that it came on."""
    kept.request("GET", "/healthz")
    with kept.getresponse() as answer:
        answer.read()
        return answer.getheader("Connection")


def _asked_until_refused(server: ApiProcess) -> list[bytes]:
    """The beginnings of the answers to somebody who connects each time and takes a moment before he asks."""
    answers: list[bytes] = []
    while True:
        try:
            link = socket.create_connection(("127.0.0.1", server.port), timeout=15)
        except ConnectionRefusedError:
            return answers
        with link:
            time.sleep(0.05)
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: entryguard\r\nConnection: close\r\n\r\n")
            answers.append(link.recv(4096).partition(b"\r\n")[0])


def _is_closed(link: socket.socket) -> bool:
    try:
        return link.recv(100) == b""
    except ConnectionResetError:  # a busy server had not taken it yet
        return True


def _listens(server: ApiProcess) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", server.port)) == 0
