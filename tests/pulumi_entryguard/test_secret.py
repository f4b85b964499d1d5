from pathlib import Path

import pytest
from pulumi.runtime.rpc import UNKNOWN

from pulumi_entryguard.errors import UnusableInput
from pulumi_entryguard.secret import digest, load, secret_changed

DATA = {"accessKeyId": "AKIA", "secretAccessKey": "a-secret-access-key"}


def remembered(**more: object) -> dict[str, object]:
    return {"credentialDataDigest": digest(DATA), "secretVersion": 1, "writtenSecretVersion": 1, **more}


def test_the_same_secret_is_no_change() -> None:
    assert not secret_changed(remembered(), {"credentialData": dict(reversed(DATA.items()))})


def test_another_secret_is_a_change() -> None:
    assert secret_changed(remembered(), {"credentialData": DATA | {"secretAccessKey": "another"}})


def test_a_secret_that_is_not_known_yet_is_a_change() -> None:
    assert secret_changed(remembered(), {"credentialData": DATA | {"secretAccessKey": UNKNOWN}})


def test_a_secret_that_somebody_else_changed_is_a_change() -> None:
    assert secret_changed(remembered(secretVersion=2), {"credentialData": DATA})


def test_a_raised_version_is_a_change() -> None:
    assert secret_changed(remembered(credentialDataVersion=1), {"credentialData": DATA, "credentialDataVersion": 2})


def test_another_source_is_a_change() -> None:
    assert secret_changed(remembered(), {"credentialDataEnv": {"secretAccessKey": "SK"}})


def test_the_value_of_a_variable_is_not_looked_at() -> None:
    olds = {"credentialDataEnv": {"secretAccessKey": "SK"}, "secretVersion": 1, "writtenSecretVersion": 1}

    assert not secret_changed(olds, {"credentialDataEnv": {"secretAccessKey": "SK"}})


def test_inputs_without_a_source_are_no_change() -> None:
    assert not secret_changed(remembered(secretVersion=2), {"name": "as a refresh shows them"})


def test_a_digest_tells_nothing_twice() -> None:
    assert digest(DATA) != digest(DATA)


def test_a_digest_does_not_hold_the_secret() -> None:
    assert "a-secret" not in digest(DATA)


def test_variables_are_read_by_name() -> None:
    loaded = load({"credentialDataEnv": {"secretAccessKey": "SK"}}, {"SK": "from-the-environment"})

    assert loaded == {"secretAccessKey": "from-the-environment"}


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(UnusableInput, match=r"environment variable SK .* is not set"):
        load({"credentialDataEnv": {"secretAccessKey": "SK"}}, {})


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"type": "service_account"}')

    assert load({"credentialDataFile": str(file)}) == {"type": "service_account"}


@pytest.mark.parametrize("text", ["secret-but-not-json", '["secret"]', '"' + "secret" * 20_000 + '"'])
def test_a_file_that_is_no_json_object_is_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)

    with pytest.raises(UnusableInput, match="does not hold one JSON object") as refused:
        load({"credentialDataFile": str(file)})

    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"nothing\.json can't be read: No such file"):
        load({"credentialDataFile": str(tmp_path / "nothing.json")})
