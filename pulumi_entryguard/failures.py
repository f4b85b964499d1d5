"""How a dynamic provider says that something failed: in one line, and without losing an object that was half made.

Pulumi's Python server for dynamic providers knows one way only: an exception, shown to the user as a whole traceback,
after which a new object is forgotten. The engine itself understands more (`ErrorResourceInitFailed`: keep this object
with these outputs, and try again at the next `up`). What stands between is gRPC's context of the call, which the
server does not hand on. So it is looked up where it is: in the server's own frame, further up this thread's stack.
That is a private detail of Pulumi's, tested against the real CLI. Where it is not found, `current_call` is None.
"""

import asyncio
import functools
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import grpc  # type: ignore[import-untyped]  # neither ships types
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from pulumi_entryguard.errors import EntryGuardError, Unforeseen

P = ParamSpec("P")
R = TypeVar("R")

STATUS_METADATA = "grpc-status-details-bin"  # where gRPC carries a google.rpc.Status
UNKNOWN_CODE = 2  # grpc.StatusCode.UNKNOWN; the code in the metadata must be the call's own, or Go drops the details

_ends_at: ContextVar[float] = ContextVar("ends_at", default=float("inf"))


class HalfMade(EntryGuardError):
    """The object is there, but not as it was wanted: Pulumi must keep it, and try again at the next `up`.

    `outputs` must hold `__provider`, by which Pulumi finds the provider again; `inputs` None leaves the state's own.
    """

    def __init__(
        self, message: str, object_id: str, outputs: Mapping[str, Any], inputs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.object_id = object_id
        self.outputs = outputs
        self.inputs = inputs


def plainly(method: Callable[P, R]) -> Callable[P, R]:
    """Let whatever fails in a provider's method be one line for the user, and let the call end when the user wants."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        call = current_call()
        ends_at = _ends_at.set(time.monotonic() + call.seconds if call and call.seconds else float("inf"))
        try:
            return method(*args, **kwargs)
        except EntryGuardError as error:
            _tell(call, error)
            raise
        except Exception as defect:  # noqa: BLE001  whatever it is, its text may hold a secret and is not shown
            unforeseen = Unforeseen(_place_of(defect))
            _tell(call, unforeseen)
            raise unforeseen from None
        finally:
            _ends_at.reset(ends_at)

    return guarded


def ends_at() -> float:
    """When this call has to end (monotonic seconds), infinity where the user said nothing (`customTimeouts`)."""
    return _ends_at.get()


@dataclass(frozen=True, slots=True)
class Call:
    """The engine's call that is being served in this thread."""

    request: Any
    context: Any

    @property
    def seconds(self) -> float | None:
        """How long the user lets this call take (`customTimeouts`), None where nothing was said."""
        return getattr(self.request, "timeout", 0.0) or None

    def say(self, message: str) -> None:
        """Show `message` in the place of the traceback of whatever exception ends this call."""
        abort = self.context.abort
        self.context.set_code(grpc.StatusCode.UNKNOWN)
        self.context.set_details(message)
        self.context.abort = lambda _code, _traceback: abort(grpc.StatusCode.UNKNOWN, message)

    def keep(self, half_made: HalfMade) -> None:
        """Have the engine keep the object and show the message, when an exception ends this call."""
        message = str(half_made)
        detail = provider_pb2.ErrorResourceInitFailed(
            id=half_made.object_id,
            properties=_struct(half_made.outputs),
            inputs=None if half_made.inputs is None else _struct(half_made.inputs),
            reasons=[message],
        )
        self.context.set_trailing_metadata(((STATUS_METADATA, _status(message, detail)),))
        self.say(message)


def current_call() -> Call | None:
    """The call that is being served in this thread, None outside of Pulumi's server."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        context, request = frame.f_locals.get("context"), frame.f_locals.get("request")
        if request is not None and hasattr(context, "set_trailing_metadata") and hasattr(context, "abort"):
            return Call(request, context)
        frame = frame.f_back
    return None


def _tell(call: Call | None, error: EntryGuardError) -> None:
    if call is None:
        return
    if isinstance(error, HalfMade):
        call.keep(error)
    else:
        call.say(str(error))


def _place_of(defect: Exception) -> str:
    where = traceback.extract_tb(defect.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return f"a defect in pulumi-entryguard: {type(defect).__name__} at {place}; please report it"


def _struct(values: Mapping[str, Any]) -> Any:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(rpc.serialize_properties(dict(values), {}))
    finally:
        loop.close()


def _status(message: str, detail: Any) -> bytes:
    """A google.rpc.Status, written by hand: two packages ship that type, and it can be registered only once."""
    packed = AnyMessage()
    packed.Pack(detail)
    code = b"\x08" + bytes([UNKNOWN_CODE])  # field 1, a number
    return code + _field(2, message.encode()) + _field(3, packed.SerializeToString())


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    length, left = bytearray(), len(value)
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    return bytes([number << 3 | 2]) + bytes(length) + value
