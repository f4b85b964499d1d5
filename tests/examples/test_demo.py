"""The demo, played once from beginning to end: each test looks at one thing that a newcomer sees, or does not."""

import re
from collections.abc import Iterator

import pytest

from tests.examples.demo_run import Run, demo_run

pytestmark = pytest.mark.timeout(300)

AWS_SECRET_KEY = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])")
API_KEY = re.compile(r"egk_[0-9a-f]+_\w+")
PASSWORD = re.compile(r"password +\S{20,}")


@pytest.fixture(scope="module")
def demo() -> Iterator[Run]:
    with demo_run() as run:
        run.play(
            run.environment() | {"ENTRYGUARD_NONSENSE": "1", "AWS_PROFILE": "nobody", "HTTP_PROXY": "http://[::1]:9"}
        )
        yield run


def test_the_demo_succeeds(demo: Run) -> None:
    assert demo.code == 0, demo.text


def test_no_step_fails(demo: Run) -> None:
    titles = re.findall(r"^\d+\. ", demo.text, re.MULTILINE)

    assert demo.text.count("✓") == len(titles) == 19
    assert "✗" not in demo.text


@pytest.mark.parametrize(
    "shown",
    [
        "+ 4 to create",
        "+ 4 created",
        "credentialIsValid : true",
        "resourcesAreActive: true",
        "4 unchanged",
        "~name]",
        'the new secret of credential "AWS demo account" was refused: SignatureDoesNotMatch: ',
        "tcp 443 from 127.0.0.1/32 (entryguard:",
        "is closed\n",
        "AWS lets nobody in any more: both groups are as they were at first",
        "- 4 deleted",
        "no object in the cloud, no row, no process, no file",
    ],
)
def test_a_newcomer_sees(demo: Run, shown: str) -> None:
    assert shown in demo.text


def test_the_result_says_where_to_look_and_how_to_sign_in(demo: Run) -> None:
    assert re.search(r"Swagger UI +http://127\.0\.0\.1:\d+/api/v1/docs\n", demo.text)
    assert re.search(r"sign in as +admin@example\.com\n +password +in \S+/admin-password,", demo.text)


@pytest.mark.parametrize("pattern", [AWS_SECRET_KEY, API_KEY, PASSWORD])
def test_no_secret_is_said(demo: Run, pattern: re.Pattern[str]) -> None:
    assert not pattern.search(demo.text)


def test_a_session_is_seen_in_the_cloud_and_gone_from_it(demo: Run) -> None:
    opened, closed = re.findall(r"^    (sg-\w+)   (.*)\n    (sg-\w+)   (.*)$", demo.text, re.MULTILINE)

    assert (opened[1].startswith("tcp 443 from 127.0.0.1/32 "), opened[3]) == (True, "no rule")
    assert (closed[1], closed[3]) == ("no rule", "no rule")


def test_no_traceback_is_shown(demo: Run) -> None:
    assert "Traceback" not in demo.text


def test_no_process_is_left(demo: Run) -> None:
    assert demo.processes() == []


def test_no_file_is_left(demo: Run) -> None:
    assert demo.files() == []


def test_the_time_is_told(demo: Run) -> None:
    assert re.search(r"The demo took \d+ s\.\n$", demo.text)
