"""What a kind of EntryGuard object is, for Pulumi: its inputs, its outputs, and how a verdict about it is recognised.

Names are the API's own (camelCase), in the state too, so that the same state serves every language. Python programs
see them in snake_case.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource, ResourceProvider

REQUIRE_VALID = "requireValid"
VERIFICATION_TIMEOUT = "verificationTimeout"
FORCE_DELETE = "forceDelete"
ADOPT_ID = "adoptId"


@dataclass(frozen=True, slots=True)
class Input:
    """One input. `sent` is False for what only this package knows; a change of what `replaces` makes a new object.

    `kept_as` makes of a text what the API keeps of it: any other would be a change at every `up`.
    """

    accepts: tuple[type, ...]
    required: bool = False
    replaces: bool = False
    sent: bool = True
    kept_as: Callable[[str], str] = str


TEXT = (str,)
NUMBER = (int, float)
KNOWN_HERE: Mapping[str, Input] = {
    REQUIRE_VALID: Input((bool,), sent=False),
    VERIFICATION_TIMEOUT: Input(NUMBER, sent=False),
    FORCE_DELETE: Input((bool,), sent=False),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object.

    `sent_number` and `verified_number` name the API's two counters: a verdict is about what was sent once the verified
    one has reached the sent one. `verify` is the last part of the route that verifies now. `outputs` are the fields of
    the API's object beside the inputs. `kept` are outputs that only this package writes, `secret` those of all names
    that Pulumi must encrypt.
    """

    noun: str
    collection: str
    sent_number: str
    verified_number: str
    verify: str
    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    other_inputs: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()

    @property
    def sent(self) -> tuple[str, ...]:
        """The inputs that are fields of the API's object."""
        return tuple(name for name, declared in self.inputs.items() if declared.sent)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that can stand in a state."""
        return (*self.inputs, *self.other_inputs, ADOPT_ID, *self.outputs, *self.kept)


def snake_case(name: str) -> str:
    """`credentialDataEnv` → `credential_data_env`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


class Declared(Resource):
    """A Pulumi resource whose names are a kind's; the base of Credential and Resource."""

    kind: Kind

    def __init__(
        self,
        provider: ResourceProvider,
        resource_name: str,
        inputs: Mapping[str, pulumi.Input[Any] | None],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        outputs = dict.fromkeys(map(snake_case, self.kind.outputs))
        secret = pulumi.ResourceOptions(additional_secret_outputs=[*map(snake_case, self.kind.secret)])
        super().__init__(provider, resource_name, {**outputs, **inputs}, pulumi.ResourceOptions.merge(opts, secret))

    # Pulumi translates the keys of nested mappings by these too: names that are not the kind's stay as they are.
    def translate_input_property(self, prop: str) -> str:
        """From Python's name to the state's."""
        return _by_python_name(self.kind.names).get(prop, prop)

    def translate_output_property(self, prop: str) -> str:
        """From the state's name to Python's."""
        return snake_case(prop) if prop in self.kind.names else prop


def _by_python_name(names: Iterable[str]) -> dict[str, str]:
    return {snake_case(name): name for name in names}
