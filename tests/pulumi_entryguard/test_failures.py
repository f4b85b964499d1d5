from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from pulumi.runtime.proto.provider_pb2 import ErrorResourceInitFailed

from pulumi_entryguard.errors import ApiError, EntryGuardError, Unforeseen
from pulumi_entryguard.failures import HalfMade, current_call, ends_at, plainly


class Context:
    """gRPC's context of a call, as far as a server sees it."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.metadata: dict[str, bytes] = {}

    def abort(self, code: Any, details: str) -> None:
        self.said.append((code.value[0], details))

    def set_code(self, code: Any) -> None: ...

    def set_details(self, details: str) -> None: ...

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.metadata = dict(metadata)


def served(error: Exception | None, context: Context, timeout: float = 0.0) -> Any:
    """Do as Pulumi's server does: call the provider in a thread, and abort with the traceback of what it raises."""
    request = SimpleNamespace(timeout=timeout)

    @plainly
    def method() -> float:
        if error:
            raise error
        return ends_at()

    def serve(request: Any, context: Any) -> Any:
        try:
            return method()
        except Exception:  # noqa: BLE001  as Pulumi's server does
            context.abort(SimpleNamespace(value=[2]), "Traceback (most recent call last): …")

    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(serve, request, context).result()


def test_a_failure_is_one_line_instead_of_a_traceback() -> None:
    context = Context()

    served(ApiError(400, "VALIDATION_ERROR", "name is required"), context)

    assert context.said == [(2, "VALIDATION_ERROR: name is required")]


def test_a_defect_is_one_line_that_tells_where_and_not_what() -> None:
    context = Context()

    served(KeyError("a-secret"), context)

    ((_, said),) = context.said
    assert said.startswith("a defect in pulumi-entryguard: KeyError at test_failures.py:")
    assert "a-secret" not in said


def test_what_is_half_made_is_kept() -> None:
    context = Context()

    served(HalfMade("it is bad", "an-id", {"__provider": "p", "port": 443}, {"name": "n"}), context)

    status = Status.FromString(context.metadata["grpc-status-details-bin"])
    detail = ErrorResourceInitFailed()
    status.details[0].Unpack(detail)
    assert (status.code, status.message) == (2, "it is bad")
    assert (detail.id, list(detail.reasons)) == ("an-id", ["it is bad"])
    assert (dict(detail.properties), dict(detail.inputs)) == ({"__provider": "p", "port": 443}, {"name": "n"})


def test_much_that_is_half_made_is_kept_too() -> None:
    context = Context()

    served(HalfMade("x" * 300, "an-id", {"name": "é" * 40_000}), context)

    detail = ErrorResourceInitFailed()
    Status.FromString(context.metadata["grpc-status-details-bin"]).details[0].Unpack(detail)
    assert detail.properties["name"] == "é" * 40_000


def test_outside_of_pulumi_a_failure_is_an_exception() -> None:
    @plainly
    def method() -> None:
        raise EntryGuardError("it failed")

    assert current_call() is None
    with pytest.raises(EntryGuardError, match="it failed"):
        method()


def test_outside_of_pulumi_a_defect_does_not_show_what_it_saw() -> None:
    @plainly
    def method() -> None:
        raise ValueError("a-secret")

    with pytest.raises(Unforeseen) as unforeseen:
        method()

    assert "a-secret" not in str(unforeseen.value)
    assert unforeseen.value.__suppress_context__


def test_a_call_ends_when_the_user_says() -> None:
    assert served(None, Context(), timeout=5.0) < float("inf")
    assert served(None, Context()) == float("inf")
