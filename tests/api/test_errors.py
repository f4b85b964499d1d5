"""Whatever goes wrong is answered with the one error body, and with the headers that every answer has."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
import pytest
from flask.testing import FlaskClient

from api.database import bind, database
from tests.api.conftest import BASE, Caller
from tests.api.published import CREATE_CREDENTIAL

pytestmark = pytest.mark.engines("sqlite")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
SECRET = "canary-77d1b0"


def check(answer: Any, status: int, code: str) -> None:
    """The answer is this error, in the one form that errors have."""
    assert (answer.status_code, answer.json["error"]) == (status, code)
    assert set(answer.json) - {"details", "maxDurationMinutes"} == {"error", "message", "timestamp", "requestId"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.json["timestamp"])
    assert answer.json["requestId"] and answer.headers["X-Request-ID"] == answer.json["requestId"]
    assert answer.mimetype == "application/json"
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert all(f"RateLimit-{name}" in answer.headers for name in ("Limit", "Remaining", "Reset"))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/api/v1",
        "/api/v2/credentials",
        f"{BASE}/nothing",
        f"{BASE}//credentials",
        f"{BASE}/credentials/a/b/c",
        f"{BASE}/%00",
        f"{BASE}/%zz",
        f"{BASE}/%ff%fe",
        f"{BASE}/{'x' * 5000}",
    ],
)
def test_an_unknown_path_is_not_found(client: FlaskClient, path: str) -> None:
    check(client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "name", ["nothing.js", "../app.py", "%2e%2e/__init__.py", "..%2f__init__.py", "%00", "/etc/passwd"]
)
def test_no_file_but_swagger_uis_own_is_served(client: FlaskClient, name: str) -> None:
    answer: Any = client.get(f"{BASE}/docs/{name}")

    assert (answer.status_code, answer.json["error"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("identifier", ["%00", "%ff", "%zz", "%0d%0aX: y", "'; DROP TABLE credentials; --", "a" * 5000])
def test_no_id_is_too_strange_to_be_not_found(admin: Caller, identifier: str) -> None:
    check(admin.get(f"/credentials/{identifier}"), 404, "CREDENTIAL_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"{BASE}/credentials", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("TRACE", f"{BASE}/credentials", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", f"{BASE}/credentials/x", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}),
        ("GET", f"{BASE}/auth/login", {"OPTIONS", "POST"}),
        ("PURGE", f"{BASE}/auth/me", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient, method: str, path: str, allowed: set[str]) -> None:
    answer: Any = client.open(path, method=method)

    assert (answer.status_code, answer.json["error"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_malformed_json_is_invalid_input(client: FlaskClient) -> None:
    check(
        client.post(f"{BASE}/auth/login", data=b'{"email": ', content_type="application/json"), 400, "VALIDATION_ERROR"
    )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_that_a_foreign_page_could_send_is_not_read(client: FlaskClient, kind: str | None) -> None:
    check(client.post(f"{BASE}/auth/login", data=b"{}", content_type=kind), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("path", [f"{BASE}/auth/login", f"{BASE}/auth/logout", f"{BASE}/nothing"])
def test_a_body_over_the_limit_is_refused_whoever_would_read_it(client: FlaskClient, path: str) -> None:
    body = b'{"email": "' + b"x" * 256 * 1024 + b'"}'

    check(client.post(path, data=body, content_type="application/json"), 413, "PAYLOAD_TOO_LARGE")


def test_the_largest_body_is_read(client: FlaskClient) -> None:
    body = b'{"email": "x"}'.ljust(256 * 1024)

    check(client.post(f"{BASE}/auth/login", data=body, content_type="application/json"), 400, "VALIDATION_ERROR")


@pytest.fixture
def crashing(own_app: flask.Flask) -> Iterator[FlaskClient]:
    """The application with a route that fails as a bug would, an exception within an exception."""

    def crash() -> str:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise RuntimeError(f"could not open {SECRET}") from error

    room = flask.Blueprint("crash", __name__)
    room.add_url_rule("/crash", view_func=crash)
    own_app.register_blueprint(room)
    yield own_app.test_client()


def test_a_crash_shows_nothing(crashing: FlaskClient) -> None:
    answer: Any = crashing.get("/crash")

    check(answer, 500, "INTERNAL_ERROR")
    assert SECRET not in answer.text and "RuntimeError" not in answer.text


def test_a_crash_is_logged_with_its_place_and_without_its_text(
    crashing: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer: Any = crashing.get("/crash")

    assert "RuntimeError" in caplog.text and "in crash" in caplog.text and answer.json["requestId"] in caplog.text
    assert SECRET not in caplog.text


def bind_to_nothing(tmp_path: Any, engine: str) -> None:
    database.close_all()
    bind({"sqlite": f"sqlite:///{tmp_path}/gone/x.sqlite", "postgresql": "postgresql://127.0.0.1:1/x"}[engine])


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_database_that_is_away_is_unavailable(admin: Caller, tmp_path: Any, engine: str) -> None:
    bind_to_nothing(tmp_path, engine)

    answer = admin.get("/credentials")

    check(answer, 503, "UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_database_that_cannot_be_read_is_unavailable(admin: Caller, tmp_path: Path) -> None:
    file = tmp_path / "broken.sqlite"
    file.write_text("this is no database")
    database.close_all()
    bind(f"sqlite:///{file}")

    check(admin.get("/credentials"), 503, "UNAVAILABLE")


def test_a_database_that_goes_away_on_the_way_is_unavailable(admin: Caller, db: str) -> None:
    with sqlite3.connect(db.removeprefix("sqlite:///")) as link:
        link.execute("DROP TABLE resources")

    check(admin.get("/resources"), 503, "UNAVAILABLE")


def test_what_anybody_may_read_needs_no_database(client: FlaskClient, admin: Caller, tmp_path: Any) -> None:
    bind_to_nothing(tmp_path, "postgresql")
    signed_in = {"Authorization": f"Bearer {admin.token}"}

    for path in (f"{BASE}/openapi.json", f"{BASE}/docs", "/healthz"):
        assert client.get(path, headers=signed_in).status_code == 200


def test_a_full_pool_is_unavailable(admin: Caller, db: str) -> None:
    database.close_all()
    bind(db, connections=1)
    database.obj._wait_timeout = 0.05  # what a caller waits for a free connection: 5 s for nothing here
    database.connect()
    taken = database.obj._state.conn
    database.obj._state.reset()  # somebody else's from now on

    answer = admin.get("/credentials")

    check(answer, 503, "UNAVAILABLE")
    taken.close()


@pytest.mark.engines("postgresql")
def test_a_database_that_takes_no_writes_any_more_is_unavailable_and_left(admin: Caller) -> None:
    """As a primary is after a failover: a connection that outlived it must not be used for ever."""
    database.execute_sql("SET default_transaction_read_only = on")

    check(admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"]), 503, "UNAVAILABLE")

    database.close()
    database.connect()
    assert admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"]).status_code == 201


@pytest.mark.engines("postgresql")
def test_a_database_that_takes_no_writes_is_not_connected_to(admin: Caller, db: str) -> None:
    """What it knows may be old: a login that was ended meanwhile still stands there."""
    database.execute_sql(f"ALTER DATABASE {urlsplit(db).path[1:]} SET default_transaction_read_only = on")
    database.close_all()

    check(admin.get("/credentials"), 503, "UNAVAILABLE")


def test_every_answer_has_the_headers(client: FlaskClient, admin: Caller) -> None:
    answers = [
        client.get("/healthz"),
        client.get("/readyz"),
        client.get("/metrics"),
        client.get(f"{BASE}/openapi.json"),
        client.options(f"{BASE}/credentials"),
        client.head(f"{BASE}/credentials"),
        client.get(f"{BASE}/credentials"),
        admin.get("/credentials"),
        admin.get("/audit-logs?format=csv"),
        admin.post("/auth/logout"),
    ]

    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.request.path
        assert answer.headers["X-Request-ID"]


def test_a_request_id_is_ours(client: FlaskClient) -> None:
    answer: Any = client.get("/nothing", headers={"X-Request-ID": "forged\tid"})

    assert answer.headers["X-Request-ID"] == answer.json["requestId"] != "forged\tid"


def test_head_and_options_are_answered_without_a_body(client: FlaskClient, admin: Caller) -> None:
    head = admin.ask("HEAD", "/credentials")
    options = client.options(f"{BASE}/credentials")

    assert (head.status_code, head.data) == (200, b"")
    assert (options.status_code, options.data) == (200, b"")
    assert "Access-Control-Allow-Origin" not in options.headers


def test_a_slash_more_changes_nothing(admin: Caller) -> None:
    assert admin.get("/credentials/").json == admin.get("/credentials").json == []


def test_a_stranger_is_asked_for_a_token(client: FlaskClient) -> None:
    answer: Any = client.get(f"{BASE}/credentials")

    check(answer, 401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "bearer x.y.z", "\x7f", "Bearer " + "x" * 9000])
def test_no_authorization_header_is_too_strange_to_be_refused(client: FlaskClient, header: str) -> None:
    check(client.get(f"{BASE}/credentials", headers={"Authorization": header}), 401, "UNAUTHORIZED")
