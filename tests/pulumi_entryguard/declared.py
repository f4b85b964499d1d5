"""What a program declares, as it reaches the provider."""

from typing import Any

from pulumi_entryguard.provider import EntryGuardProvider
from tests.pulumi_entryguard.entryguard_standin import GOOD_SECRET

Properties = dict[str, Any]


def credential(secret: str = GOOD_SECRET, **more: Any) -> Properties:
    data = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": secret}
    inputs = {"name": "AWS prod", "provider": "AWS", "credentialType": "ACCESS_KEY", "credentialData": data}
    return {"__provider": "p", "requireValid": True, "forceDelete": False, **inputs, **more}


def resource(**more: Any) -> Properties:
    inputs = {"name": "web", "credentialId": "c", "provider": "AWS", "resourceType": "SECURITY_GROUP"}
    more = {"resourceIdentifier": "sg-web", "region": "eu-central-1", "config": {"port": 443.0}, **more}
    return {"__provider": "p", "requireValid": True, "forceDelete": False, **inputs, **more}


def made(provider: EntryGuardProvider, props: Properties) -> tuple[str, Properties]:
    result = provider.create(props)
    return result.id, {**(result.outs or {}), "__provider": "p"}
