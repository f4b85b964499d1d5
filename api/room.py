"""What all rooms' routes are made with: strict arguments, and documentation that follows from the decorators."""

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

from flask_smorest import Blueprint

from api.errors import EntryGuardError
from api.json_body import StrictParser, refuse_unread_query
from api.operations import document

View = TypeVar("View", bound=Callable[..., Any])

_EXAMPLE_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


class Room(Blueprint):
    """A blueprint that refuses what it does not know and documents who may ask and what can go wrong."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(document)

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """smorest's decorator, which here tells of the ids in the path too."""
        decorate: Callable[[View], View] = super().route(rule, parameters=_ids_in(rule), **options)
        return decorate

    def response(self, *args: Any, **kwargs: Any) -> Callable[[View], View]:
        """smorest's decorator, which every view has; a query that no `arguments` of the view has read is refused."""
        documented: Callable[[View], View] = super().response(*args, **kwargs)
        return lambda view: documented(_without_unread_query(view))

    @staticmethod
    def raises(*errors: EntryGuardError) -> Callable[[View], View]:
        """Document what this operation can answer beside what any can: examples of our errors."""
        # smorest copies all that is in its place, and most of our errors can't be made again of their arguments.
        return _noting("raises", lambda: errors)

    @staticmethod
    def idempotent(view: View) -> View:
        """Document that the operation takes an Idempotency-Key; the view hands it to `idempotency.once`."""
        return _noting("idempotent", True)(view)


def _noting(name: str, value: object) -> Callable[[View], View]:
    """Leave something for the documentation, where smorest's own decorators leave theirs."""

    def decorate(view: View) -> View:
        view._apidoc = {**getattr(view, "_apidoc", {}), name: value}  # type: ignore[attr-defined]
        return view

    return decorate


def _without_unread_query(view: View) -> View:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refuse_unread_query()
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value] # called as the view is


def _ids_in(rule: str) -> list[dict[str, Any]]:
    """The path's parameters: `<credential_id>` is the id of a credential."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": f"Which {name.removesuffix('_id').replace('_', ' ')}; a malformed id is answered as unknown",
            "schema": {"type": "string", "format": "uuid"},
            "example": _EXAMPLE_ID,
        }
        for name in re.findall(r"<(\w+)>", rule)
    ]
