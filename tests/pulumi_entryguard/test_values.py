import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from pulumi_entryguard.values import differ, is_unknown, plain


def test_whole_numbers_are_integers_again_at_any_depth() -> None:
    assert repr(plain({"config": {"port": 443.0, "ports": [22.0, 80.5]}})) == repr(
        {"config": {"port": 443, "ports": [22, 80.5]}}
    )


def test_a_yes_stays_a_yes() -> None:
    assert plain({"requireValid": True}) == {"requireValid": True}


@pytest.mark.parametrize("unknown", [UNKNOWN, Unknown()])  # type: ignore[no-untyped-call]
def test_what_is_unknown_has_one_sign(unknown: object) -> None:
    assert is_unknown(plain({"data": [{"key": unknown}]}))


def test_what_is_unknown_may_turn_out_to_be_different() -> None:
    assert differ({"port": 443}, {"port": UNKNOWN})


@pytest.mark.parametrize(("old", "new"), [(None, {}), ({}, None), (None, ""), ([], None)])
def test_nothing_and_an_empty_value_are_the_same(old: object, new: object) -> None:
    assert not differ(old, new)


@pytest.mark.parametrize(("old", "new"), [(None, False), (False, True), (None, 0), ("a", "b"), (None, {"port": 1})])
def test_other_values_are_different(old: object, new: object) -> None:
    assert differ(old, new)
