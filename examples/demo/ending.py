"""The last steps of the demo: the result, taking it away, and the proof that nothing is left."""

from examples.demo import leftovers
from examples.demo.entryguard_api import EntryGuardApi, Refused
from examples.demo.expectation import expect
from examples.demo.server import EMAIL
from examples.demo.story import Play, Step
from examples.demo.visit import invite


def show_result(play: Play) -> str:
    """What a person would like to see; on a terminal they may look around for as long as they like."""
    stage, say = play.stage, play.screen.say
    play.outputs = stage.program.outputs()
    is_good = play.outputs["credentialIsValid"] is True and play.outputs["resourcesAreActive"] is True
    expect(is_good, "outputs that say valid and active", play.outputs)
    credential = play.credential()
    say(f"    credential   {credential['name']}: valid, AWS account {credential['account']}")
    for resource in play.resources():
        where = f"{resource['resourceIdentifier']} in {resource['region']}"
        say(f"    resource     {resource['name']}: active, {where}, opens {_ports(resource['config'])}")
    invite(play.screen, stage.url, EMAIL, stage.server.password_file)
    return "that is the main job"


def _ports(config: dict[str, object]) -> str:
    ports = config.get("ports") or [config.get("port")]
    return f"{config['protocol']} {', '.join(str(port) for port in ports if port)}" if isinstance(ports, list) else "?"


def destroy(play: Play) -> str:
    paths = [f"/credentials/{play.outputs['credentialId']}"]
    paths += [f"/resources/{resource_id}" for resource_id in play.outputs["resourceIds"].values()]
    outcome = play.stage.program.destroy()
    expect(outcome.code == 0 and "- 4 deleted" in outcome.text, "a destroy with 4 deleted", outcome.summary)
    api = play.stage.as_administrator()
    for path in paths:
        expect(_status(api, path) == 404, f"404 for {path}", _status(api, path))
    return "the credential and both resources are gone from EntryGuard"


def revoke_api_key(play: Play) -> str:
    stage = play.stage
    api = stage.as_administrator()
    for visitors_own in api.ask("GET", "/credentials"):  # made by hand while the demo waited
        api.ask("DELETE", f"/credentials/{visitors_own['id']}")
    api.ask("DELETE", f"/api-keys/{play.api_key['id']}")
    status = _status(EntryGuardApi(stage.url, {"X-API-Key": play.api_key["plainTextKey"]}), "/credentials")
    expect(status == 401, "401 for the revoked key", status)
    return "the key is refused from now on"


def _status(api: EntryGuardApi, path: str) -> int:
    try:
        api.ask("GET", path)
    except Refused as refused:
        return refused.status
    return 200


def leave_nothing(play: Play) -> str:
    stage = play.stage
    expect(stage.cloud.rules() == stage.cloud.rules_at_first, "the same rules in both groups as at first", "others")
    left_in_cloud = stage.cloud.empty()
    expect(not left_in_cloud, "an empty cloud", ", ".join(left_in_cloud))
    stage.server.end()
    rows = stage.server.rows()
    expect(not any(rows.values()), "no row", rows)
    stage.cloud.end()
    running = leftovers.settled()
    expect(not running, "no process", ", ".join(f"{name} ({pid})" for pid, name in running.items()))
    stage.end()
    expect(not stage.folder.exists(), "no folder", stage.folder)
    return "no object in the cloud, no row, no process, no file"


ENDING = (
    Step("The result", "What Pulumi declared, as EntryGuard shows it now:", show_result),
    Step("pulumi destroy", "And all of it away again.", destroy),
    Step("Revoke the API key", "Pulumi is not needed any more.", revoke_api_key),
    Step("Nothing is left", "Cloud, database, processes and files are looked at.", leave_nothing),
)
