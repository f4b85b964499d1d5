"""What makes an Azure service principal valid: the real SDKs, over TLS, against tenants, secrets and roles."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Verified
from tests.clouds.azure_faults import answering, entra_answering
from tests.clouds.azure_standin import (
    ASK,
    DELETE,
    LEAST_PRIVILEGE,
    LOOK,
    LOOK_AT_RULES,
    NETWORK_CONTRIBUTOR,
    WRITE,
    AzureStandIn,
    Principal,
    as_target,
)

SECRET = "Client secret is invalid or expired"
APPLICATION = "Client ID isn't that of an application in the tenant"
TENANT = "Tenant ID isn't that of a tenant"

Connect = Callable[[Principal], Connection]


@pytest.fixture
def connect(at_azure: Endpoints) -> Connect:
    return lambda principal: CLOUDS["AZURE"].connect(principal.credential_data, at_azure)


@pytest.fixture
def group(azure: AzureStandIn) -> Target:
    return azure.target()


def refusal_of(connection: Connection, *targets: Target) -> Refused:
    with pytest.raises(Refused) as caught:
        connection.verify(targets)
    return caught.value


def test_a_network_contributor_is_valid(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    assert connect(azure.principal()).verify([group]) == Verified(azure.subscription)


def test_a_role_that_is_limited_to_the_resource_group_is_enough(
    azure: AzureStandIn, connect: Connect, group: Target
) -> None:
    principal = azure.principal(scopes=[group.identifier.split("/providers/", maxsplit=1)[0]])

    assert connect(principal).verify([group]) == Verified(azure.subscription)


def test_the_role_that_we_hand_out_is_enough(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    role = CLOUDS["AZURE"].policy([group])
    scopes, actions = role["AssignableScopes"], role["Actions"]
    assert isinstance(scopes, list)
    assert isinstance(actions, list)

    assert connect(azure.principal(actions, scopes=scopes)).verify([group]) == Verified(azure.subscription)


@pytest.mark.parametrize("permissions", [None, LEAST_PRIVILEGE, NETWORK_CONTRIBUTOR])
def test_without_any_target_a_token_is_enough(
    azure: AzureStandIn, connect: Connect, permissions: tuple[str, ...] | None
) -> None:
    assert connect(azure.principal(permissions)).verify([]) == Verified(azure.subscription)


def test_a_wrong_secret_is_refused_as_the_table_has_it(azure: AzureStandIn, connect: Connect) -> None:
    refused = refusal_of(connect(replace(azure.principal(), secret="another~secret")))

    assert str(refused) == f"InvalidAuthenticationToken: {SECRET}"


def test_an_expired_secret_is_refused_as_the_table_has_it(azure: AzureStandIn, connect: Connect) -> None:
    principal = azure.principal()
    azure.give(principal, NETWORK_CONTRIBUTOR, secrets={principal.secret: "expired"})

    assert str(refusal_of(connect(principal))) == f"InvalidAuthenticationToken: {SECRET}"


def test_a_secret_that_was_revoked_is_noticed_though_its_token_goes_on(
    azure: AzureStandIn, connect: Connect, group: Target
) -> None:
    principal = azure.principal()
    connection = connect(principal)
    connection.verify([group])

    azure.give(principal, NETWORK_CONTRIBUTOR, secrets={})

    assert connection.inspect(group).identifier == group.identifier
    assert str(refusal_of(connection, group)) == f"InvalidAuthenticationToken: {SECRET}"


def test_an_application_that_is_not_in_the_tenant_is_named_as_the_cause(azure: AzureStandIn, connect: Connect) -> None:
    principal = replace(azure.principal(), client="abcdef12-3456-7890-abcd-ef1234567890")

    assert str(refusal_of(connect(principal))) == f"InvalidAuthenticationToken: {APPLICATION}"


def test_a_tenant_that_is_none_is_named_as_the_cause(azure: AzureStandIn, connect: Connect) -> None:
    """The SDK does not say so: its error has no code of Entra's."""
    principal = replace(azure.principal(), tenant="87654321-4321-4321-4321-210987654321")

    assert str(refusal_of(connect(principal))) == f"InvalidAuthenticationToken: {TENANT}"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("tenant", "../common", TENANT),
        ("tenant", "two words", TENANT),
        ("tenant", "", TENANT),
        ("client", "an application", APPLICATION),
        ("secret", "", SECRET),
        ("secret", "two\r\nlines", SECRET),
        ("secret", "\udc80", SECRET),
    ],
)
def test_what_cannot_be_right_is_refused_without_asking(
    azure: AzureStandIn, connect: Connect, field: str, value: str, sentence: str
) -> None:
    connection = connect(replace(azure.principal(), **{field: value}))
    before = azure.calls

    assert str(refusal_of(connection)) == f"InvalidAuthenticationToken: {sentence}"
    assert azure.calls == before


def test_a_secret_with_odd_characters_arrives_as_it_is(azure: AzureStandIn, connect: Connect) -> None:
    principal = azure.principal(secret="ä+b&c=d %2F/ü~")

    assert connect(principal).verify([]) == Verified(azure.subscription)


@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [
        (53003, "ConditionalAccess", "A conditional access policy of the tenant keeps the service principal out"),
        (50076, "ConditionalAccess", "A conditional access policy of the tenant keeps the service principal out"),
        (7000112, "InvalidAuthenticationToken", "Application is disabled in the tenant"),
        (700038, "InvalidAuthenticationToken", APPLICATION),
        (12345, "AADSTS12345", "Microsoft Entra refuses the service principal"),
    ],
)
def test_what_else_keeps_a_service_principal_out_is_said(
    azure: AzureStandIn, connect: Connect, number: int, code: str, sentence: str
) -> None:
    principal = azure.principal()
    azure.give(principal, NETWORK_CONTRIBUTOR, error=number)

    refused = refusal_of(connect(principal))

    assert (refused.code, refused.message) == (code, sentence)


def test_a_right_secret_is_valid_at_once_after_a_wrong_one(azure: AzureStandIn, connect: Connect) -> None:
    """MSAL remembers a refusal for a minute."""
    principal = azure.principal()
    connection = connect(principal)
    azure.give(principal, NETWORK_CONTRIBUTOR, secrets={})
    refusal_of(connection)

    azure.give(principal, NETWORK_CONTRIBUTOR)

    assert connection.verify([]) == Verified(azure.subscription)


@pytest.mark.parametrize("missing", [LOOK, LOOK_AT_RULES, WRITE, DELETE])
def test_the_permission_that_is_missing_on_every_group_is_named(
    azure: AzureStandIn, connect: Connect, missing: str
) -> None:
    principal = azure.principal([right for right in LEAST_PRIVILEGE if right != missing])

    refused = refusal_of(connect(principal), azure.target(), azure.target())

    assert str(refused) == f"AuthorizationFailed: missing {missing}"
    assert refused.missing == (missing,)


def test_what_a_role_takes_away_again_is_missing(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    principal = azure.principal(NETWORK_CONTRIBUTOR, without=["microsoft.network/*/SECURITYRULES/write"])

    assert refusal_of(connect(principal), group).missing == (WRITE,)


def test_a_role_that_may_only_look_lacks_both_changes(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    assert refusal_of(connect(azure.principal(["*/read"])), group).missing == (WRITE, DELETE)


def test_a_role_that_may_not_ask_what_it_may_is_told_so(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    principal = azure.principal([LOOK, LOOK_AT_RULES, WRITE, DELETE])

    assert str(refusal_of(connect(principal), group)) == f"AuthorizationFailed: missing {ASK}"


def test_no_role_at_all_may_neither_look_nor_ask(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    assert refusal_of(connect(azure.principal(None)), group).missing == (LOOK, ASK)


def test_a_role_on_one_group_is_not_condemned_by_another(azure: AzureStandIn, connect: Connect) -> None:
    foreign, own = azure.target(), azure.target()
    principal = azure.principal(scopes=[own.identifier])

    assert connect(principal).verify([foreign, own]) == Verified(azure.subscription)
    assert refusal_of(connect(principal), foreign).missing == (LOOK, ASK)


def test_a_group_that_is_not_there_says_nothing_about_permission(azure: AzureStandIn, connect: Connect) -> None:
    gone = as_target(azure.group())
    azure.delete_group(gone.identifier)

    assert connect(azure.principal()).verify([gone]) == Verified(azure.subscription)


def test_a_group_of_another_subscription_says_nothing_about_permission(azure: AzureStandIn, connect: Connect) -> None:
    elsewhere = as_target(azure.group(subscription=azure.new_subscription()))

    assert connect(azure.principal()).verify([elsewhere]) == Verified(azure.subscription)


def test_a_permission_given_later_is_seen_by_the_same_connection(
    azure: AzureStandIn, connect: Connect, group: Target
) -> None:
    principal = azure.principal(None)
    connection = connect(principal)
    refusal_of(connection, group)

    azure.give(principal, LEAST_PRIVILEGE)

    assert connection.verify([group]) == Verified(azure.subscription)


def test_a_subscription_that_is_not_there_is_refused(azure: AzureStandIn, connect: Connect) -> None:
    principal = azure.principal(subscription="12345678-1234-1234-1234-123456789012")

    assert refusal_of(connect(principal)).code == "SubscriptionNotFound"


def test_a_subscription_of_another_tenant_is_refused(azure: AzureStandIn, connect: Connect) -> None:
    elsewhere = azure.new_subscription(tenant="11111111-4321-4321-4321-210987654321")

    refused = refusal_of(connect(azure.principal(subscription=elsewhere)))

    assert str(refused) == (
        "InvalidAuthenticationTokenTenant: Subscription belongs to another tenant than the service principal's"
    )


@pytest.mark.parametrize("written", ["", "../providers", "12345678"])
def test_a_subscription_that_cannot_be_one_is_refused(azure: AzureStandIn, connect: Connect, written: str) -> None:
    principal = replace(azure.principal(), subscription=written)

    assert refusal_of(connect(principal)).code == "InvalidSubscriptionId"


@pytest.mark.parametrize("number", [7000215, 700016, 90002])
def test_an_answer_of_entra_says_why_whichever_call_it_answers(
    azure: AzureStandIn, connect: Connect, number: int
) -> None:
    with azure.faulty(entra_answering(400, number)):
        assert refusal_of(connect(azure.principal())).code == "InvalidAuthenticationToken"


def test_a_deny_assignment_is_said_as_such(azure: AzureStandIn, connect: Connect, group: Target) -> None:
    with azure.faulty(answering(403, "DenyAssignmentAuthorizationFailed", "it names the person who denied")):
        refused = refusal_of(connect(azure.principal()), group)

    assert str(refused) == (
        "DenyAssignmentAuthorizationFailed: A deny assignment forbids the service principal to do this"
    )
