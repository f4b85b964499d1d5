"""The typed forms of `credential_data` in the Pulumi package, which stands alone and cannot ask the server for them."""

import re
from collections.abc import Sequence

from api.clouds import CLOUDS, Cloud, Field

_HEAD = '''"""Typed forms of `credential_data`, one for each cloud; a mapping with the API's own keys does as well.

Made from the clouds' declarations by `make types`.
"""

from dataclasses import dataclass, field, fields

import pulumi

'''
_TAIL = '''

def as_mapping(data: CredentialData) -> dict[str, pulumi.Input[str]]:
    """A typed form with the keys of the API."""
    named = {declared.metadata.get("key", declared.name): getattr(data, declared.name) for declared in fields(data)}
    return {key: value for key, value in named.items() if value is not None}
'''


def written(clouds: Sequence[Cloud] = tuple(CLOUDS.values())) -> str:
    """pulumi_entryguard/credential_data.py."""
    union = " | ".join(map(_name, clouds))
    return _HEAD + "\n".join(map(_form, clouds)) + f"\n\nCredentialData = {union}\n" + _TAIL


def _form(cloud: Cloud) -> str:
    needed = sorted(cloud.fields, key=lambda field: not field.required)  # stable: the form's order otherwise
    lines = "\n".join(f"    {_attribute(field)}" for field in needed)
    return f'''
@dataclass(frozen=True, slots=True, kw_only=True)
class {_name(cloud)}:
    """`{cloud.credential_type}` of provider `{cloud.name}`, {cloud.label}."""

{lines}
'''


def _name(cloud: Cloud) -> str:
    return "".join(word.title() for word in f"{cloud.name}_{cloud.credential_type}".split("_"))


def _attribute(declared: Field) -> str:
    """A field with its help as its documentation."""
    return f'{_declaration(declared)}\n    """{declared.help}"""'


def _declaration(declared: Field) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", declared.name).lower()
    kind = "pulumi.Input[str]" if declared.required else "pulumi.Input[str] | None"
    options = [
        *([] if declared.required else ["default=None"]),
        *(["repr=False"] if declared.secret else []),
        *([f'metadata={{"key": "{declared.name}"}}'] if name != declared.name else []),
    ]
    if declared.usual:
        return f'{name}: {kind} = "{declared.usual}"'
    if options == ["default=None"]:
        return f"{name}: {kind} = None"
    return f"{name}: {kind} = field({', '.join(options)})" if options else f"{name}: {kind}"
