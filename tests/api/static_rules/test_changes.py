"""Static rules that are changed or deleted: what stays the same is left alone."""

from api.credentials.models import Credential
from api.due import Priority
from api.resources.models import Resource
from api.static_rules.models import StaticRuleResource
from api.targets.models import Grant, Target
from tests.api.conftest import Caller
from tests.api.lifecycle.conftest import serve
from tests.api.static_rules.conftest import OFFICE, applied, body, events, live, made, openable, told_of_rules
from tests.api.test_errors import check


def test_a_resource_more_or_less_leaves_the_others_alone(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    second, third = openable(credential), openable(credential)
    shown = made(admin, resource, second)
    applied()
    before = Grant.get(Grant.resource_id == second.id).id

    wanted = {"resourceIds": [str(second.id), str(third.id)]}
    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json=wanted)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json["resourceIds"] == sorted(wanted["resourceIds"])
    assert live() == {(second.id, OFFICE), (third.id, OFFICE)}
    assert Grant.get(Grant.resource_id == second.id).id == before
    seen = {ip["resourceId"]: ip["status"] for ip in answer.json["resourceIps"]}
    assert seen == {str(resource.id): "REMOVING", str(second.id): "APPLIED", str(third.id): "PENDING"}
    kind, told = events()[1]
    assert (kind, told["changed"]) == ("STATIC_IP_RULE_UPDATE", ["resourceIds"])


def test_a_resource_more_is_let_in_to_at_once(admin: Caller, resource: Resource, credential: Credential) -> None:
    shown, second = made(admin, resource), openable(credential)
    wanted = sorted(str(each.id) for each in (resource, second))

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"resourceIds": wanted})

    assert answer.json["resourceIds"] == wanted
    assert live() == {(resource.id, OFFICE), (second.id, OFFICE)}


def test_a_change_takes_nothing_from_another_rule(admin: Caller, resource: Resource, credential: Credential) -> None:
    second = openable(credential)
    shown, other = made(admin, resource), made(admin, second, label="Home", ipAddress="198.51.100.9")
    path = f"/static-ip-rules/{shown['id']}"

    admin.patch(path, json={"label": "Head office"})
    assert live() == {(resource.id, OFFICE), (second.id, "198.51.100.9/32")}
    admin.patch(path, json={"resourceIds": [str(second.id)]})

    assert live() == {(second.id, OFFICE), (second.id, "198.51.100.9/32")}
    assert admin.get(f"/static-ip-rules/{other['id']}").json == other


def test_what_is_done_is_told_of_the_rule_by_its_label(admin: Caller, resource: Resource) -> None:
    path = f"/static-ip-rules/{(shown := made(admin, resource))['id']}"
    admin.patch(path, json={"label": "Head office"})
    admin.delete(path)

    told = [(row.resource_type, row.resource_id, row.resource_name) for row in told_of_rules()]
    assert told == [("STATIC_IP_RULE", shown["id"], label) for label in ("Office", "Head office", "Head office")]


def test_all_that_is_changed_at_once_changes(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    wanted = {"label": "Head office", "ipAddress": "198.51.100.9", "expiresAt": "2099-01-01T00:00:00Z"}

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json=wanted)

    assert {**answer.json, **wanted} == answer.json
    assert events()[1][1]["changed"] == sorted(wanted)


def test_another_address_takes_the_place_of_the_old_one(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    applied()

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"ipAddress": "198.51.100.9"})

    assert answer.json["ipAddress"] == "198.51.100.9"
    assert live() == {(resource.id, "198.51.100.9/32")}
    assert {ip["ipAddress"]: ip["status"] for ip in answer.json["resourceIps"]} == {
        OFFICE: "REMOVING",
        "198.51.100.9": "PENDING",
    }
    assert {target.due_priority for target in Target.select()} == {Priority.REVOKE}


def test_another_label_leaves_what_is_let_in_alone(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    applied()

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"label": "Head office"})

    assert (answer.json["label"], answer.json["revision"]) == ("Head office", 2)
    assert [ip["status"] for ip in answer.json["resourceIps"]] == ["APPLIED"]
    assert Target.get().due_at is None


def test_what_is_the_same_is_no_change(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)

    assert admin.patch(f"/static-ip-rules/{shown['id']}", json=body(resource)).json == shown
    assert len(events()) == 1


def test_who_read_something_older_changes_nothing(admin: Caller, resource: Resource) -> None:
    path, stale = f"/static-ip-rules/{made(admin, resource)['id']}", {"If-Match": '"0"'}

    check(admin.patch(path, json={"label": "Home"}, headers=stale), 412, "PRECONDITION_FAILED")
    check(admin.delete(path, headers=stale), 412, "PRECONDITION_FAILED")
    assert live() == {(resource.id, OFFICE)}


def test_a_deleted_one_lets_in_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    applied()

    assert admin.delete(f"/static-ip-rules/{shown['id']}").status_code == 204

    assert live() == set()
    assert (Grant.get().status, Target.get().due_priority) == ("REMOVING", Priority.REVOKE)
    assert events()[-1][0] == "STATIC_IP_RULE_DELETE"
    serve()
    gone = admin.get(f"/static-ip-rules/{shown['id']}")
    check(gone, 404, "STATIC_IP_RULE_NOT_FOUND")
    assert gone.json["message"] == f"Static IP rule with ID {shown['id']} not found"
    assert not StaticRuleResource.select().exists()
