"""What users read when a cloud refuses: each row of docs/clouds.md, and how its condition is made at a stand-in."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.aws_standin import AUTHORIZE, DESCRIBE, REGION, allowing
from tests.clouds.azure_standin import ASK, LOOK, LOOK_AT_RULES, NETWORK_CONTRIBUTOR
from tests.clouds.every_cloud import Body, Clouds
from tests.clouds.gcp_standin import REQUIRED


@dataclass(frozen=True)
class Row:
    """A condition in a cloud, and the `verificationError` that follows from it.

    `credential` makes a `credentialData`; `resource` names an object, by what a POST of a resource has beside its name.
    Where there is both, and `about` says so, it is the resource that is refused.
    """

    cloud: str
    condition: str
    error: str
    credential: Callable[[Clouds], dict[str, str]]
    resource: Callable[[Clouds], Body] | None = None
    about: str = "credential"


def _aws_group(clouds: Clouds) -> Body:
    return {"resourceType": "SECURITY_GROUP", "resourceIdentifier": clouds.aws.security_group(), "region": REGION}


def _azure_group(identifier: str) -> Body:
    return {"resourceType": "NETWORK_SECURITY_GROUP", "resourceIdentifier": identifier}


def _network(name: str) -> Body:
    return {"resourceType": "FIREWALL", "resourceIdentifier": name}


def _route(name: str) -> Body:
    return {"resourceType": "GATEWAY_ROUTE", "resourceIdentifier": name}


def _inactive(clouds: Clouds) -> dict[str, str]:
    key = clouds.aws.user()
    clouds.aws.deactivate(key)
    return key.credential_data


def _revoked(clouds: Clouds) -> dict[str, str]:
    project = clouds.gcp.project()
    return project.google.with_another_key(project.credential_data())


def _without_resource_manager(clouds: Clouds) -> dict[str, str]:
    project = clouds.gcp.project()
    project.set(services=["compute"])
    return project.credential_data([])


def _expired(clouds: Clouds) -> dict[str, str]:
    principal = clouds.azure.principal()
    clouds.azure.give(principal, NETWORK_CONTRIBUTOR, secrets={principal.secret: "expired"})
    return principal.credential_data


_SECRET = "InvalidAuthenticationToken: Client secret is invalid or expired"
_KEY = "InvalidClientTokenId: Access Key ID is invalid or doesn't exist"
_GRANT = "invalid_grant: Service account key is invalid or revoked"
_RULES = "Microsoft.Network/networkSecurityGroups/securityRules"

ROWS = (
    Row("AWS", "no such access key", _KEY, lambda _: {"accessKeyId": "AKIANOBODYATALL", "secretAccessKey": "x" * 40}),
    Row("AWS", "the access key was made inactive", _KEY, _inactive),
    Row(
        "AWS",
        "another secret than the key's",
        "SignatureDoesNotMatch: Secret Access Key is incorrect",
        lambda clouds: clouds.aws.user().credential_data | {"secretAccessKey": "not+the/right=secret"},
    ),
    Row(
        "AWS",
        "the user has no policy",
        "UnauthorizedOperation: missing ec2:DescribeSecurityGroups",
        lambda clouds: clouds.aws.user(None).credential_data,
    ),
    Row(
        "AWS",
        "the policy lacks a right on every group in use",
        "UnauthorizedOperation: missing ec2:RevokeSecurityGroupIngress",
        lambda clouds: clouds.aws.user(allowing([DESCRIBE, AUTHORIZE])).credential_data,
        _aws_group,
    ),
    Row(
        "AWS",
        "no such security group in the region",
        "InvalidGroup.NotFound: Security group doesn't exist in this region of the account",
        lambda clouds: clouds.aws.user().credential_data,
        lambda clouds: _aws_group(clouds) | {"resourceIdentifier": "sg-0123456789abcdef0"},
        "resource",
    ),
    Row("GCP", "the key was revoked", _GRANT, _revoked),
    Row("GCP", "a private key that is none", _GRANT, lambda _: dict(CREATE_CREDENTIAL["GCP"]["credentialData"])),
    Row(
        "GCP",
        "the role lacks a permission",
        "AccessDenied: Service account lacks compute.firewalls.list permission",
        lambda clouds: clouds.gcp.project().credential_data(
            [permission for permission in REQUIRED if permission != "compute.firewalls.list"]
        ),
    ),
    Row(
        "GCP",
        "no role, in a project without the Resource Manager API",
        "Permission denied: Service account lacks compute.firewalls.list permission",
        _without_resource_manager,
    ),
    Row(
        "GCP",
        "no such network in the project",
        "notFound: Project or network doesn't exist",
        lambda clouds: clouds.gcp.project().credential_data(),
        lambda _: _network("nowhere"),
        "resource",
    ),
    Row(
        "AZURE",
        "another secret than the application's",
        _SECRET,
        lambda clouds: clouds.azure.credential_data() | {"clientSecret": "not~the.right_secret"},
    ),
    Row("AZURE", "the secret has expired", _SECRET, _expired),
    Row(
        "AZURE",
        "the role may look and not change",
        f"AuthorizationFailed: missing {_RULES}/write, {_RULES}/delete",
        lambda clouds: clouds.azure.credential_data((LOOK, LOOK_AT_RULES, ASK)),
        lambda clouds: _azure_group(clouds.azure.group("gateway")),
    ),
    Row(
        "AZURE",
        "no such network security group",
        "ResourceNotFound: Network security group doesn't exist in its resource group",
        lambda clouds: clouds.azure.credential_data(),
        lambda clouds: _azure_group(clouds.azure.no_group()),
        "resource",
    ),
    Row(
        "APISIX",
        "no such key",
        "Unauthorized: Admin API key is wrong, or has no admin role",
        lambda clouds: {"apiUrl": clouds.apisix.url, "apiKey": "not-a-key-of-this-gateway"},
    ),
    Row(
        "APISIX",
        "a key of the role viewer",
        "Unauthorized: missing admin",
        lambda clouds: clouds.apisix.credential_data("viewer"),
    ),
    Row(
        "APISIX",
        "no such route",
        "NotFound: Route doesn't exist on this gateway",
        lambda clouds: clouds.apisix.credential_data(),
        lambda _: _route("nowhere"),
        "resource",
    ),
    Row(
        "APISIX",
        "a route without ip-restriction",
        "NoIpRestriction: Route has no ip-restriction plugin that is in force: give it one with a whitelist",
        lambda clouds: clouds.apisix.credential_data(),
        lambda clouds: _route(clouds.apisix.bare_route()),
        "resource",
    ),
    Row(
        "APISIX",
        "a route with a blacklist",
        "HasBlacklist: Route's ip-restriction has a blacklist: give it a whitelist instead",
        lambda clouds: clouds.apisix.credential_data(),
        lambda clouds: _route(clouds.apisix.bare_route(plugins={"ip-restriction": {"blacklist": ["198.51.100.7"]}})),
        "resource",
    ),
)
