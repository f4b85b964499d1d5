"""Check, diff, create, read, update and delete, once, for every kind of object.

A subclass declares its `kind` and says how a verdict is read. It must stand in an importable module, under its name
for ever, and hold no state before `configure`: the state of every stack names it.
"""

import abc
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from pulumi_entryguard.client import Answer, new_idempotency_key, route
from pulumi_entryguard.configuration import Configuration, read_configuration
from pulumi_entryguard.declaration import ADOPT_ID, FORCE_DELETE, REQUIRE_VALID, VERIFICATION_TIMEOUT, Kind
from pulumi_entryguard.errors import ApiError, BadVerdict, Conflict, EntryGuardError, NotFound, UnusableInput
from pulumi_entryguard.failures import HalfMade, current_call, ends_at, plainly
from pulumi_entryguard.values import differ, is_unknown, plain
from pulumi_entryguard.waiting import DEFAULT_SECONDS, Verdict, wait_for_verdict, wait_until_gone

Properties = dict[str, Any]
NOTHING: Properties = {}
PROVIDER_KEY = "__provider"  # Pulumi's own; Read and Delete find the provider by it in the outputs


class EntryGuardProvider(ResourceProvider, abc.ABC):
    """The base of every provider here."""

    serialize_as_secret_always = False  # nothing secret is in it: it is a module's and a class's name
    kind: ClassVar[Kind]
    _configuration: Configuration | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; whether it is enough shows at the first call to the API."""
        self._configuration = read_configuration(req.config)

    @plainly
    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Say what is wrong with the inputs, as far as it can be known without asking anybody."""
        inputs = _as_kept(self.kind, plain(news))
        return CheckResult(inputs, [*self.failures(inputs)])

    @plainly
    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        """Say what an update would change, and what only a new object can change."""
        changed = self.changes(plain(olds), plain(news))
        replaces = [name for name in changed if name in self.kind.inputs and self.kind.inputs[name].replaces]
        return DiffResult(changes=bool(changed), replaces=replaces)

    @plainly
    def create(self, props: Properties) -> CreateResult:
        """Make the object, or take over the one that `adopt_id` names, and wait for the verdict about it."""
        news = plain(props)
        if news.get(ADOPT_ID):
            return self._adopt(news[ADOPT_ID], news)
        fields = self.body(news, self.fields(news))
        body = {name: value for name, value in fields.items() if value is not None}
        made = self.ask("POST", route(self.kind.collection), body, idempotency_key=new_idempotency_key())
        try:
            return CreateResult(made["id"], self._settle(made, news, self.memory({}, news, made, body)))
        except HalfMade:
            if current_call() is None:
                # Nobody is there to be told that the object is to be kept: it would be lost, and made again.
                self.ask("DELETE", self._path(made["id"]))
            raise

    @plainly
    def read(self, id_: str, props: Properties) -> ReadResult:
        """See how the object is now; an empty id says that it is gone."""
        olds = plain(props)
        try:
            shown = self.ask("GET", self._path(id_))
        except NotFound:
            return ReadResult("", {})
        outputs = self._outputs(shown, olds, self.memory(olds, olds, shown, {}))
        inputs = {name: outputs[name] for name in (*self.kind.inputs, *self.kind.other_inputs) if name in outputs}
        verdict = self._verdict_about(shown)(shown)
        if olds.get(REQUIRE_VALID) and verdict is not None and not verdict.good:
            # Pulumi warns, and the next `up` tries to mend it.
            raise HalfMade(verdict.reason, id_, outputs, inputs | _provider_of(props))
        return ReadResult(id_, outputs, inputs)

    @plainly
    def update(self, id_: str, olds: Properties, news: Properties) -> UpdateResult:
        """Send what changed, and wait for the verdict about it."""
        try:
            return UpdateResult(self._bring(id_, plain(olds), plain(news)))
        except NotFound as missing:
            if id_ not in missing.message:  # not this object, but one that it names, such as a resource's credential
                raise
            raise UnusableInput(
                f"{missing.message}: it was deleted outside of Pulumi; run `pulumi up --refresh` to make it again"
            ) from None

    @plainly
    def delete(self, id_: str, props: Properties) -> None:
        """Delete the object and, with `force_delete`, wait until its last rule is out of the cloud."""
        path = self._path(id_)
        try:
            if self.ask("DELETE", path + ("?force=true" if props.get(FORCE_DELETE) else "")) == NOTHING:
                return
        except NotFound:
            return
        except Conflict:
            pass  # it is being deleted already
        except ApiError as refused:
            if not refused.code.endswith("_IN_USE"):
                raise
            hint = "end them, or set force_delete=True and run `pulumi up` before it is deleted"
            raise UnusableInput(f"{refused}; {hint}") from None
        wait_until_gone(lambda: self.ask("GET", path), self.kind.noun, self._seconds(props))

    # what a kind says of itself

    @abc.abstractmethod
    def judge(self, shown: Mapping[str, Any]) -> Verdict | None:
        """The verdict that the API shows, None while there is none."""

    def proof(self, _news: Properties) -> Collection[str]:
        """The fields that, sent again, make the API verify again; none if it has to be asked to."""
        return ()

    def brings_verdict(self, sent: Mapping[str, Any]) -> bool:
        """Whether the API verifies because of what was sent."""
        return bool(sent)

    def failures(self, news: Properties) -> Iterator[CheckFailure]:
        """What is wrong with the inputs, by property."""
        for name, declared in self.kind.inputs.items():
            value = news.get(name)
            if value is None and declared.required:
                yield CheckFailure(name, "is required")
            elif value is not None and not is_unknown(value) and not _is_one_of(value, declared.accepts):
                yield CheckFailure(name, f"must be a {' or '.join(kind.__name__ for kind in declared.accepts)}")

    def changes(self, olds: Properties, news: Properties) -> list[str]:
        """The inputs that an update would change."""
        return [name for name in self.kind.inputs if differ(olds.get(name), news.get(name))]

    def fields(self, _news: Properties) -> Collection[str]:
        """The fields of the API's object that the program sets."""
        return self.kind.sent

    def body(self, news: Properties, names: Collection[str]) -> Properties:
        """The named fields as the API takes them."""
        return {name: news.get(name) for name in names}

    def memory(
        self, _olds: Properties, _news: Properties, _shown: Mapping[str, Any], _sent: Mapping[str, Any]
    ) -> Properties:
        """What only this package keeps in the outputs."""
        return {}

    def masked(self, error: ApiError, _body: Mapping[str, Any] | None) -> ApiError:
        """The same error without anything secret that was in the request."""
        return error

    # talking to the API

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> Properties:
        """Send one request and give the object that comes back."""
        client = (self._configuration or read_configuration({})).client()
        try:
            answer = client.request(method, path, body, idempotency_key=idempotency_key, until=ends_at())
        except ApiError as error:
            raise self.masked(error, body) from None
        return _object_in(answer)

    def _path(self, object_id: str) -> str:
        return route(self.kind.collection, object_id)

    def _adopt(self, object_id: str, news: Properties) -> CreateResult:
        shown = self.ask("GET", self._path(object_id))
        for name, declared in self.kind.inputs.items():
            if declared.replaces and shown.get(name) != news.get(name):
                raise UnusableInput(
                    f"the {self.kind.noun} {object_id} can't be adopted: its {name} is {shown.get(name)}, "
                    f"the program says {news.get(name)}"
                )
        return CreateResult(object_id, self._bring(object_id, self._outputs(shown, {}, {}), news))

    def _bring(self, object_id: str, olds: Properties, news: Properties) -> Properties:
        """Make the object what the program says; gives the outputs."""
        path = self._path(object_id)
        changed = self.changes(olds, news)
        body = self.body(news, [name for name in self.fields(news) if name in changed])
        shown = self.ask("PATCH", path, body) if body else self.ask("GET", path)
        if self._must_be_valid(news) and not self.brings_verdict(body) and not self._is_good(shown):
            again = self.body(news, self.proof(news))
            shown = self.ask("PATCH", path, again) if again else self._verified(path)
            body |= again
        return self._settle(shown, news, self.memory(olds, news, shown, body))

    def _verified(self, path: str) -> Properties:
        try:
            return self.ask("POST", f"{path}/{self.kind.verify}")
        except ApiError as refused:
            if refused.code != "VERIFICATION_FAILED":
                raise
            return self.ask("GET", path)

    def _settle(self, shown: Properties, news: Properties, memory: Properties) -> Properties:
        """Wait for the verdict about what `shown` has; gives the outputs. Raises HalfMade for a bad one or none."""
        if not self._must_be_valid(news):
            return self._outputs(shown, news, memory)
        latest = shown

        def look() -> Properties:
            nonlocal latest
            latest = self.ask("GET", self._path(shown["id"]))
            return latest

        try:
            verdict = wait_for_verdict(
                look, shown, self._verdict_about(shown), self._seconds(news), f'{self.kind.noun} "{shown.get("name")}"'
            )
            if not verdict.good:
                raise BadVerdict(verdict.reason)
        except EntryGuardError as error:
            # Whatever went wrong, the object is there: Pulumi has to know it.
            outputs = self._outputs(latest, news, memory) | _provider_of(news)
            raise HalfMade(str(error), shown["id"], outputs) from None
        return self._outputs(latest, news, memory)

    def _verdict_about(self, sent: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Verdict | None]:
        wanted = sent.get(self.kind.sent_number) or 0

        def judged(shown: Mapping[str, Any]) -> Verdict | None:
            reached = (shown.get(self.kind.verified_number) or 0) >= wanted
            return self.judge(shown) if reached else None

        return judged

    def _is_good(self, shown: Mapping[str, Any]) -> bool:
        verdict = self._verdict_about(shown)(shown)
        return verdict is not None and verdict.good

    def _outputs(self, shown: Mapping[str, Any], inputs: Properties, memory: Properties) -> Properties:
        from_api = {name: shown.get(name) for name in (*self.kind.sent, *self.kind.outputs)}
        own = {name: inputs.get(name) for name in (*self.kind.inputs, *self.kind.other_inputs)}
        together = own | from_api | memory | _provider_of(inputs)
        return {name: value for name, value in together.items() if value is not None}

    def _must_be_valid(self, props: Mapping[str, Any]) -> bool:
        return props.get(REQUIRE_VALID) is not False

    def _seconds(self, props: Mapping[str, Any]) -> float:
        given = float(props.get(VERIFICATION_TIMEOUT) or DEFAULT_SECONDS)
        return max(0.0, min(given, ends_at() - time.monotonic()))


def _provider_of(props: Mapping[str, Any]) -> Properties:
    return {PROVIDER_KEY: props[PROVIDER_KEY]} if PROVIDER_KEY in props else {}


def _as_kept(kind: Kind, inputs: Properties) -> Properties:
    texts = {name: value for name in kind.inputs if isinstance(value := inputs.get(name), str)}
    return inputs | {name: kind.inputs[name].kept_as(text) for name, text in texts.items()}


def _object_in(answer: Answer) -> Properties:
    if answer.status == 204:
        return NOTHING
    if not isinstance(answer.body, dict) or not isinstance(answer.body.get("id"), str):
        raise ApiError(answer.status, "UNEXPECTED_ANSWER", "the server did not answer like an EntryGuard API")
    shown: Properties = answer.body
    return shown


def _is_one_of(value: Any, accepted: tuple[type, ...]) -> bool:
    return isinstance(value, accepted) and (not isinstance(value, bool) or bool in accepted)
