"""`entryguard open` and `move` where the server is reached over IPv4 and IPv6: a real one, on 127.0.0.1 and ::1."""

import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pulumi_entryguard.command import main
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.served_api import EMAIL, PASSWORD, served
from tests.server_process import ApiProcess

SOURCES = {4: "127.0.0.1", 6: "::1"}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as listener:
            listener.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


class Office:
    """An API with a resource that an administrator may open, from this machine alone. No worker opens anything."""

    def __init__(self, api: ApiProcess) -> None:
        self.api = api
        self._headers: dict[str, str] = {}
        token = self.ask("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD})["accessToken"]
        self._headers = {"Authorization": f"Bearer {token}"}
        credential = self.ask("POST", "/credentials", CREATE_CREDENTIAL["AWS"])
        web = self.ask("POST", "/resources", {**CREATE_RESOURCE, "name": "web", "credentialId": credential["id"]})
        self._role = self.ask("POST", "/roles", {"name": "pipelines"})["id"]
        self.ask("PUT", f"/roles/{self._role}/resources/{web['id']}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.api.ask(method, f"/api/v1{path}", body, self._headers)
        assert status < 300, answer
        return answer

    def new_key(self) -> str:
        """Of the organisation: its sessions are those of its name."""
        wanted = {"name": str(uuid.uuid4()), "scopes": ["sessions:read", "sessions:write"], "belongsTo": "ORGANIZATION"}
        made = self.ask("POST", "/api-keys", wanted)
        self.ask("PUT", f"/roles/{self._role}/api-keys/{made['id']}")
        return str(made["plainTextKey"])

    def addresses(self, session_id: str) -> tuple[str | None, str | None]:
        shown = self.ask("GET", f"/sessions/{session_id}")
        return shown["ipv4Address"], shown["ipv6Address"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    here = "127.0.0.1/32,::1/128"
    with served(tmp_path_factory.mktemp("api"), host="::", ENTRYGUARD_SESSION_ALLOWED_NETWORKS=here) as api:
        yield Office(api)


@pytest.fixture
def places(office: Office, monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[str, int]]:
    """What the name of the server is looked up as, by version of IP: this machine's own table may know one alone."""
    places = {version: (address, office.api.port) for version, address in SOURCES.items()}
    everybodys: Callable[..., list[Any]] = socket.getaddrinfo

    def looked_up(host: str, port: int, family: int = 0, type: int = 0, *_: int) -> list[Any]:
        if host != "localhost":
            return everybodys(host, port, family, type)
        known = [(socket.AF_INET6, 6), (socket.AF_INET, 4)]
        found = [(kind, places[version]) for kind, version in known if version in places and family in (0, kind)]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(kind, socket.SOCK_STREAM, 0, "", place) for kind, place in found]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setenv("ENTRYGUARD_ENDPOINT", f"http://localhost:{office.api.port}")
    monkeypatch.setenv("ENTRYGUARD_API_KEY", office.new_key())
    return places


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of ::1, where connections are taken and nothing is answered."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def opened(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The id of a session that was opened."""
    code = main(["open", "web", "--for", "5m", *options])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out.strip()


@pytest.mark.parametrize(
    ("options", "expected"), [((), ("127.0.0.1", "::1")), (("-4",), ("127.0.0.1", None)), (("-6",), (None, "::1"))]
)
def test_both_addresses_are_let_in_or_the_one_that_is_asked_for(
    office: Office,
    places: dict[int, tuple[str, int]],
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    expected: tuple[str | None, str | None],
) -> None:
    assert office.addresses(opened(capsys, *options)) == expected


def test_who_moves_is_let_in_from_where_they_are_seen_now(
    office: Office, places: dict[int, tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    session = opened(capsys, "-4")

    assert main(["move", "-6"]) == 0
    over_ipv6 = office.addresses(session)
    assert main(["move", session]) == 0

    assert over_ipv6 == (None, "::1")
    assert office.addresses(session) == ("127.0.0.1", "::1")
    assert "web from 127.0.0.1, ::1, until " in capsys.readouterr().err


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_version_of_ip_that_does_not_work_is_gone_without(
    office: Office,
    places: dict[int, tuple[str, int]],
    silent_port: int,
    capsys: pytest.CaptureFixture[str],
    is_refused: bool,
) -> None:
    """Whether it is refused or not answered at all, and although the name's first address is of that version."""
    places[6] = ("::1", 1 if is_refused else silent_port)

    code = main(["open", "web", "--for", "5m"])
    said = capsys.readouterr()

    assert code == 0, said.err
    assert office.addresses(said.out.strip()) == ("127.0.0.1", None)
    assert said.err.count("\n") == 1


def test_a_version_that_the_server_has_no_address_of_is_told(
    office: Office, places: dict[int, tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    del places[6]

    assert main(["open", "web", "-6"]) == 1

    told = f"http://localhost:{office.api.port} has no IPv6 address"
    assert capsys.readouterr().err == f"entryguard: {told}\n"
