"""Declares what the file in DECLARED says, so that one program serves every test."""

import json
import os
from pathlib import Path

import pulumi

from pulumi_entryguard import Credential, Resource

declared = json.loads(Path(os.environ["DECLARED"]).read_text())
timeouts = pulumi.CustomTimeouts(create=declared.get("create_timeout"))
credential = Credential("aws", **declared["credential"], opts=pulumi.ResourceOptions(custom_timeouts=timeouts))
pulumi.export("valid", credential.is_valid)
pulumi.export("secret version, doubled", credential.secret_version.apply(lambda version: f"{version}{version}"))
pulumi.export("data", credential.credential_data)  # type: ignore[attr-defined]
if "resource" in declared:
    web = Resource("web", credential_id=credential.id, **declared["resource"])
    pulumi.export("port", web.config.apply(lambda config: repr(config["port"]) if config else None))
