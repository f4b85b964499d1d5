"""Fields of the accounts' bodies that have rules of their own."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from api.accounts.passwords import LONGEST
from api.accounts.service.users import plain_email
from api.errors import InvalidInput
from api.schemas import Text
from api.secret import Secret


class Email(Text):
    """An e-mail address, in small letters."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        try:
            return plain_email(super()._deserialize(value, attr, data, **kwargs))
        except InvalidInput:
            raise ValidationError("Must be an e-mail address.") from None


class Hidden(fields.Field[Secret]):
    """Text that is not shown again: a Secret from here on. `least` and `most` count its characters."""

    def __init__(self, *, least: int = 1, most: int = LONGEST, **options: Any) -> None:
        super().__init__(**options)
        self._least, self._most = least, most
        self.metadata = {"type": "string", "minLength": least, "maxLength": most, **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Secret:
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        if not self._least <= len(value) <= self._most:
            raise ValidationError(f"Must have {self._least} to {self._most} characters.")
        return Secret.of_text(value)


class Cidr(fields.String):
    """A network, as `203.0.113.0/24` or `2001:db8::/32`; a lone address is a network of one."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            # A zone (`%eth0`) means something only on the machine that it was written on.
            network = None if "%" in text else ipaddress.ip_network(text)
        except ValueError:
            network = None
        if network is None:
            raise ValidationError("Must be a network like 203.0.113.0/24, with no bits set behind the prefix.")
        return str(network)
