"""Bugs to plant that only one oracle can catch, so that each oracle is shown to be needed and able to fail."""

import json
from collections.abc import Callable
from typing import Any

from reconciler.api import answers
from reconciler.api import exchange as edge
from reconciler.api.call import Answered, Call, Send, Verb
from reconciler.engine import creates, deletes, updates
from reconciler.model.live import Live
from reconciler.model.settings import update_body
from reconciler.plan import build, scope
from reconciler.plan.diff import Action, Change
from tests.battery import run as stories
from tests.battery.bugs import Patch, bug


@bug
def any_tunnel_of_the_name_is_taken_for_the_lost_create() -> list[Patch]:
    def ours(one: Any, _: Change, tunnel: Any) -> bool:
        return tunnel.id not in one.plan.live.tunnels

    return [(creates, "is_ours", ours)]


@bug
def a_rename_is_a_delete_and_a_create_and_no_guard_stops_it() -> list[Patch]:
    return [(scope, "renames", lambda *_: {}), (build, "guards", lambda _: ())]


@bug
def unchanged_tunnels_are_sent_along() -> list[Patch]:
    real = updates.bulk_call

    def longer(one: Any, changes: Any) -> Call:
        call = real(one, changes)
        taken = {item["id"] for item in call.body["items"]} | {c.id for c in one.plan.changes}
        same = [t for t in one.live.tunnels.values() if t.id not in taken and t.name in one.plan.desired.tunnels]
        items = [{"id": t.id, **update_body(t.raw, t.settings)} for t in same]
        return call._replace(body={"items": [*call.body["items"], *items]})

    return [(updates, "bulk_call", longer)]


@bug
def messages_are_reported_as_the_server_wrote_them() -> list[Patch]:
    return [(answers, "may_be_shown", lambda _, errors, __: tuple(errors))]


@bug
def a_name_that_a_list_on_the_way_showed_is_created() -> list[Patch]:
    return [(creates, "taken_meanwhile", lambda *_: None)]


@bug
def a_plan_tries_a_write() -> list[Patch]:
    real = stories.tool

    def eager(world: Any, guarded: Any) -> Any:
        going = real(world, guarded)
        outcomes = yield next(going)
        if isinstance(outcomes[0], Answered) and outcomes[0].live:
            mine = [t for t in outcomes[0].live.tunnels.values() if t.id in world.kept]
            for tunnel in mine[:1]:
                yield Send((Call(Verb.UPDATE_ONE, update_body(tunnel.raw, tunnel.settings), tunnel.id),))
        try:
            step = going.send(outcomes)
            while True:
                step = going.send((yield step))
        except StopIteration as end:
            return end.value

    return [(stories, "tool", eager)]


@bug
def an_update_undoes_what_a_list_on_the_way_showed() -> list[Patch]:
    return [(updates, "undecided", lambda one, changes: [c for c in changes if c.ref not in one.verdicts])]


@bug
def a_delete_takes_away_what_somebody_has_edited() -> list[Patch]:
    return [(deletes, "edited_meanwhile", lambda *_: None)]


@bug
def what_is_as_declared_is_written_again() -> list[Patch]:
    real = stories.core.build_plan

    def touching(desired: Any, live: Live, *rest: Any) -> Any:
        plan = real(desired, live, *rest)
        known = live.by_name()
        same = [t for name, t in desired.tunnels.items() if name in known]
        if plan.changes or not same:
            return plan
        one = same[0]
        change = Change(Action.UPDATE, one.name, (), one.settings, one, known[one.name])
        return plan._replace(changes=(change,), phases=plan.phases._replace(updates=((change,),)))

    return [(stories.core, "build_plan", touching)]


@bug
def every_update_sets_a_direction() -> list[Patch]:
    real = updates.update_body

    def directed(raw: Any, settings: Any) -> Any:
        body = real(raw, settings)
        health = {**body.get("health_check", {}), "direction": "bidirectional"}
        return {**body, "health_check": health}

    return [(updates, "update_body", directed)]


@bug
def an_answer_without_a_body_is_not_expected() -> list[Patch]:
    return [(edge, "decode", _expecting_json(edge.decode))]


def _expecting_json(real: Callable[..., Any]) -> Callable[..., Any]:
    def decode(call: Call, reply: Any, *rest: Any) -> Any:
        json.loads(reply.body[:1] and b"{}")
        return real(call, reply, *rest)

    return decode


ALONE = {
    "S1": "prune false is forgotten",
    "S2": "all deletes go first",
    "S3": "creates are resent blindly",
    "S4": "a rename is a delete and a create and no guard stops it",
    "S5": "keys are not sent with creates",
    "S6": "generated keys are asked for again",
    "S7": "a list that names errors is believed",
    "S8": "unchanged tunnels are sent along",
    "S9": "messages are reported as the server wrote them",
    "S10": "a name that a list on the way showed is created",
    "S11": "an update drops fields it does not know",
    "S12": "a missing last list is a success",
    "S13": "retry after is not obeyed",
    "S14": "a plan tries a write",
    "S15": "an update undoes what a list on the way showed",
    "S16": "a pending key is not looked at",
    "S17": "a tunnel for which no key was made is fine",
    "R1": "no wave is waited for",
    "R2": "files are not kept apart",
    "R3": "what was rolled back is said to be applied",
    "R4": "a wave that was not watched to its end is fine",
    "R5": "lists while watching are a second apart",
    "R6": "the time that is watched counts",
    "S18": "routes in use block nothing",
    "M1": "a scratch tunnel is told by its name alone",
    "M2": "some requests carry no marker",
    "M3": "the clean up ends at the first failure",
    "M4": "what an earlier run left is somebody elses",
    "M5": "whatever is not a success is a refusal",
    "L1": "cycles are split",
    "L2": "what is as declared is written again",
    "L3": "every update sets a direction",
    "L5": "an interruption is not noticed",
    "crash": "an answer without a body is not expected",
}
"""Oracle to a bug of which there is a story that no other oracle complains about."""
