"""A form that is shown again: what was typed, without the secrets, and what is wrong with it."""

from collections.abc import Iterator

import flask
import pytest

from api.errors import Conflict, EntryGuardError, InvalidInput, NotAllowed, Unavailable
from api.web import forms

pytestmark = pytest.mark.engines("sqlite")

SENT = {"name": "Production", "credentialData.secretAccessKey": "a secret", "formKey": "the key of the form"}
SECRET = {"credentialData.secretAccessKey"}


@pytest.fixture(autouse=True)
def _sent(app: flask.Flask) -> Iterator[None]:
    """A request with that form."""
    with app.test_request_context("/credentials", method="POST", data=SENT):
        yield


def test_what_was_typed_comes_back_without_the_secrets_and_under_the_same_key() -> None:
    form = forms.again(InvalidInput("Name is wrong", {"name": ["Name is wrong"]}), without=SECRET)

    assert form.values == {"name": "Production"} and form.key == SENT["formKey"]
    assert form.errors == {"name": ["Name is wrong"]} and form.told is None and form.status == 400
    assert "a secret" not in repr(form)


def test_what_is_wrong_with_all_of_it_is_told_once_and_tried_again_under_another_key() -> None:
    form = forms.again(Conflict("It is being deleted."), without=SECRET)

    assert (form.told, form.errors, form.status) == ("It is being deleted.", {}, 409)
    assert form.key != SENT["formKey"] and form.values == {"name": "Production"}


@pytest.mark.parametrize("error", [NotAllowed(), Unavailable("The database is away.")], ids=["403", "503"])
def test_what_the_reader_can_mend_nothing_about_is_no_form(error: EntryGuardError) -> None:
    with pytest.raises(type(error)):
        forms.again(error, without=SECRET)


def test_names_with_points_become_objects_and_what_is_empty_is_left_out() -> None:
    typed = {"name": "N", "credentialData.a": "1\r\n2", "credentialData.b": "", "config.x.y": "z"}

    assert forms.body(typed) == {"name": "N", "credentialData": {"a": "1\n2"}, "config": {"x": {"y": "z"}}}
