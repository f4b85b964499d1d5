import re
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from pulumi_entryguard.client import Client, new_idempotency_key, route
from pulumi_entryguard.endpoint import api_key, bearer, parse_endpoint
from pulumi_entryguard.errors import ApiError, Conflict, NotAuthorized, NotFound, RateLimited, Unavailable, Unreachable
from tests.pulumi_entryguard.entryguard_standin import API_KEY, GOOD_SECRET, EntryGuard, running_entryguard

CREDENTIAL = {
    "name": "AWS prod",
    "provider": "AWS",
    "credentialType": "ACCESS_KEY",
    "credentialData": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": GOOD_SECRET},
}


def make(client: Client) -> str:
    made = client.request("POST", "/credentials", CREDENTIAL, idempotency_key=new_idempotency_key())
    return str(made.body["id"])


def test_an_api_key_is_sent_in_its_own_header(client: Client, entryguard: EntryGuard) -> None:
    make(client)

    assert entryguard.requests[0].headers["x-api-key"] == API_KEY
    assert "authorization" not in entryguard.requests[0].headers


def test_a_token_is_sent_as_a_bearer(entryguard: EntryGuard) -> None:
    client = Client(parse_endpoint(entryguard.url), bearer("a.b.c"))

    with pytest.raises(NotAuthorized, match=r"mend the API key .*, or sign in for another access token"):
        client.request("GET", "/credentials/1")

    assert entryguard.requests[0].headers["authorization"] == "Bearer a.b.c"


def test_an_error_has_the_code_and_the_message_of_the_api(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.request("GET", "/credentials/7")

    assert (missing.value.status, missing.value.code) == (404, "CREDENTIAL_NOT_FOUND")
    assert str(missing.value) == "CREDENTIAL_NOT_FOUND: Credential with ID 7 not found"


def test_an_error_has_the_details_of_the_api(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.request("POST", "/credentials", {"name": "x"})

    assert refused.value.details == {"credentialData": ["required"]}
    assert "credentialData: required" in str(refused.value)


def test_requests_of_one_thread_share_a_connection(client: Client, entryguard: EntryGuard) -> None:
    for _ in range(3):
        make(client)

    assert len({one.connection for one in entryguard.requests}) == 1


def test_each_thread_has_a_connection_of_its_own(client: Client, entryguard: EntryGuard) -> None:
    together = threading.Barrier(4)

    def one_of_four(_: int) -> str:
        together.wait()
        return make(client)

    with ThreadPoolExecutor(4) as threads:
        made = [*threads.map(one_of_four, range(4))]

    assert len(set(made)) == 4
    assert len({one.connection for one in entryguard.requests}) == 4


def test_a_connection_that_the_server_closed_is_replaced(client: Client, entryguard: EntryGuard) -> None:
    make(client)
    entryguard.misbehave("GET", cut_before=True)

    with pytest.raises(NotFound):
        client.request("GET", "/credentials/7")

    assert len(entryguard.seen("GET")) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_api_is_asked_again_after_the_time_that_it_names(
    client: Client, entryguard: EntryGuard, status: int
) -> None:
    entryguard.misbehave("POST", status=status, retry_after="1")

    make(client)

    first, second = entryguard.seen("POST")
    assert 0.95 < second.at - first.at < 2


def test_a_pause_holds_for_all_threads(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("POST", status=429, retry_after="1")
    threading.Thread(target=make, args=(client,)).start()
    while not entryguard.requests:
        time.sleep(0.01)
    time.sleep(0.1)

    with pytest.raises(NotFound):
        client.request("GET", "/credentials/7")

    assert entryguard.seen("GET")[0].at - entryguard.seen("POST")[0].at > 0.9


def test_a_pause_that_is_too_long_is_an_error_that_names_it(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("GET", status=429, retry_after="300")
    begun = time.monotonic()

    with pytest.raises(RateLimited, match="try again in 300 s"):
        client.request("GET", "/credentials/7")

    assert time.monotonic() - begun < 0.5


def test_waiting_ends_when_the_caller_says(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("GET", status=503, retry_after="1")

    with pytest.raises(Unavailable):
        client.request("GET", "/credentials/7", until=time.monotonic() + 0.5)


def test_a_create_whose_answer_was_lost_makes_one_object(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("POST", cut_after=True)

    made = make(client)

    assert entryguard.only("credentials")["id"] == made
    first, second = entryguard.seen("POST")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_a_create_that_is_still_under_way_is_asked_for_again(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("POST", cut_after=True)
    entryguard.misbehave("POST", status=409)

    made = make(client)

    assert entryguard.only("credentials")["id"] == made


def test_a_conflict_on_the_first_try_is_an_error(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("POST", status=409)

    with pytest.raises(Conflict):
        make(client)


def test_a_post_without_a_key_is_never_sent_twice(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("POST", cut_after=True)

    with pytest.raises(Unreachable):
        client.request("POST", "/credentials", CREDENTIAL)

    assert len(entryguard.seen("POST")) == 1


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_may_be_repeated_is_after_a_lost_connection(client: Client, entryguard: EntryGuard, method: str) -> None:
    made = make(client)
    entryguard.misbehave(method, cut_before=True)

    client.request(method, route("credentials", made), {"name": "x"} if method == "PATCH" else None)

    assert len(entryguard.seen(method)) == 2


def test_a_proxy_that_lost_the_server_is_asked_again(client: Client, entryguard: EntryGuard) -> None:
    made = make(client)
    entryguard.misbehave("GET", status=502, body=b"<html>Bad Gateway</html>")

    assert client.request("GET", route("credentials", made)).status == 200


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_goes_on_losing_the_server_says_that_it_is_away(entryguard: EntryGuard, status: int) -> None:
    client = Client(parse_endpoint(entryguard.url), api_key(API_KEY), patience=0.0)
    entryguard.misbehave("GET", status=status, body=b"<html>The server is away</html>")

    told = f"HTTP_{status}: the proxy at {entryguard.url} gets no answer from EntryGuard"
    with pytest.raises(Unavailable, match=f"^{re.escape(told)}$"):
        client.request("GET", "/credentials/7")


def test_an_api_that_is_not_there_is_unreachable_after_a_few_tries() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    client = Client(parse_endpoint(f"http://127.0.0.1:{port}"), api_key(API_KEY), patience=1.0)

    with pytest.raises(
        Unreachable, match=f"EntryGuard at http://127.0.0.1:{port} can't be reached: Connection refused"
    ):
        client.request("GET", "/credentials/7")


def test_an_answer_that_is_not_entryguards_is_not_quoted(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("GET", status=404, body=b"<html>nginx</html>")

    with pytest.raises(ApiError) as foreign:
        client.request("GET", "/credentials/7")

    assert not isinstance(foreign.value, NotFound), "whether the object is there is not known"
    assert "nginx" not in str(foreign.value)
    assert "is the endpoint right?" in str(foreign.value)


def test_where_the_api_has_nothing_at_a_path_no_object_is_told_to_be_gone(entryguard: EntryGuard) -> None:
    client = Client(parse_endpoint(f"{entryguard.url}/tools"), api_key(API_KEY))

    with pytest.raises(ApiError) as astray:
        client.request("GET", "/credentials/7")

    assert not isinstance(astray.value, NotFound)
    assert str(astray.value) == "NOT_FOUND: There is nothing at this path. Is the endpoint right?"


def test_a_redirect_is_not_followed(client: Client, entryguard: EntryGuard) -> None:
    entryguard.misbehave("POST", status=308, body=b"")

    with pytest.raises(ApiError):
        make(client)

    assert len(entryguard.requests) == 1


def test_an_id_can_not_leave_its_place_in_the_path() -> None:
    assert route("credentials", "../users?x=1") == "/credentials/..%2Fusers%3Fx%3D1"


def test_a_client_does_not_show_its_key(client: Client) -> None:
    assert API_KEY not in repr(client) + repr(vars(client))


def test_over_one_version_of_ip_the_server_is_known_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its certificate and a proxy before it go by that, not by the address that was dialled."""
    authority, names = trustme.CA(), list[str | None]()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    tls.sni_callback = lambda _, name, __: names.append(name)

    with running_entryguard(tls) as entryguard:
        endpoint = parse_endpoint(entryguard.url)
        client = Client(endpoint, api_key(API_KEY)).over(4)
        for _ in range(2):
            make(client)

    assert names == ["localhost"], "one connection for both"
    assert {one.headers["host"] for one in entryguard.requests} == {f"localhost:{endpoint.port}"}


def test_a_certificate_that_is_not_trusted_is_told_over_one_version_of_ip_too() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)

    with running_entryguard(tls) as entryguard:
        client = Client(parse_endpoint(entryguard.url), api_key(API_KEY)).over(4)
        with pytest.raises(Unreachable, match="can't be reached over IPv4: its certificate is not trusted"):
            client.request("GET", "/credentials/7")
