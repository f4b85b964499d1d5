"""An AWS account that EntryGuard may open: its credential, and two security groups with the ports to open."""

import pulumi

import pulumi_entryguard as entryguard

config = pulumi.Config()
region = config.require("region")

account = entryguard.Credential(
    "account",
    name=config.get("accountName") or "AWS production",
    provider="AWS",
    credential_type="ACCESS_KEY",
    credential_data=entryguard.AwsAccessKey(
        access_key_id=config.require("accessKeyId"),
        secret_access_key=config.require_secret("secretAccessKey"),
    ),
)

web = entryguard.Resource(
    "web",
    name="Web servers",
    credential_id=account.id,
    provider="AWS",
    resource_type="SECURITY_GROUP",
    resource_identifier=config.require("webSecurityGroupId"),
    region=region,
    config={"port": 443, "protocol": "tcp"},
)

database = entryguard.Resource(
    "database",
    name="Databases",
    credential_id=account.id,
    provider="AWS",
    resource_type="SECURITY_GROUP",
    resource_identifier=config.require("databaseSecurityGroupId"),
    region=region,
    config={"ports": [5432, 6432], "protocol": "tcp"},
)

pulumi.export("credentialId", account.id)
pulumi.export("credentialIsValid", account.is_valid)
pulumi.export("awsAccount", account.account)
pulumi.export("resourceIds", {"web": web.id, "database": database.id})
pulumi.export("resourcesAreActive", pulumi.Output.all(web.is_active, database.is_active).apply(all))
