"""An API that is asked for credentials without a pause, by several callers; every answer that is none is kept."""

import http.client
import itertools
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from api.accounts import service as accounts
from api.database import connection
from api.openapi import BASE_PATH
from api.secret import Secret
from tests.api.published import CREATE_CREDENTIAL
from tests.served_api import EMAIL, PASSWORD
from tests.server_process import ApiProcess

AWS = CREATE_CREDENTIAL["AWS"]
_CALLERS = 2
_PAUSE_SECONDS = 0.01


class BusyApi:
    """The API over the database that this process is bound to, in a process of its own, and its callers."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        with connection():
            accounts.add_administrator(EMAIL, Secret.of_text(PASSWORD), "Busy", "PAID")
        self._api = ApiProcess(settings, folder / "api.log")
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(_CALLERS)]
        self._numbers = itertools.count(1)
        self.answers = Counter[str]()
        self.failures: list[tuple[str, int, Any]] = []

    def __enter__(self) -> "BusyApi":
        self._api.start()
        self._api.wait_until_ready(degraded=["redis", "worker"])
        body = {"email": EMAIL, "password": PASSWORD}
        status, answer = self._api.ask("POST", f"{BASE_PATH}/auth/login", body)
        assert status == 200, answer
        self._headers = {"Authorization": f"Bearer {answer['accessToken']}"}
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._api.terminate(15)

    def _call(self) -> None:
        while not self._done.wait(_PAUSE_SECONDS):
            number = next(self._numbers)
            made = self._ask("POST", "", 201, {**AWS, "name": f"busy {number}"})
            if made is None:
                continue
            path = f"/{made['id']}"
            self._ask("PATCH", f"{path}?verify=false", 200, {"credentialData": AWS["credentialData"]})
            self._ask("PATCH", path, 200, {"credentialData": AWS["credentialData"]})
            self._ask("GET", path, 200)
            self._ask("POST", f"{path}/verify", 202)
            if number % 2:
                self._ask("DELETE", path, 204)

    def _ask(self, method: str, path: str, wanted: int, body: Any = None) -> Any:
        try:
            status, answer = self._api.ask(method, f"{BASE_PATH}/credentials{path}", body, self._headers)
        except (OSError, http.client.HTTPException) as error:
            status, answer = 0, type(error).__name__
        self.answers[method] += 1
        if status == wanted:
            return answer
        self.failures.append((f"{method} {path}", status, answer))
        return None
