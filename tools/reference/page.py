"""The whole reference."""

from tools.reference import clouds, interface, operation

_HEAD = """\
# Reference

Made from the code by `make reference`; change the code, not this page.
"""


def written() -> str:
    """The page in Markdown."""
    api = interface.document()
    parts = (
        _HEAD,
        operation.settings(),
        operation.commands(),
        interface.endpoints(api),
        interface.scopes(api),
        interface.error_codes(api),
        operation.limits(),
        interface.audit_events(),
        clouds.clouds(),
    )
    return "\n".join(parts)
