"""Bugs to plant: each replaces something of the program by something that a hurried author might have written."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.api import answers, wire
from reconciler.api import exchange as edge
from reconciler.api.call import Answered, Call, NotSent, Refused, Verb
from reconciler.engine import apply, creates, deletes, listing, run, updates, verify
from reconciler.model import canonical, desired, psk, settings
from reconciler.model import live as live_list
from reconciler.model import routes as route_list
from reconciler.model.live import Live
from reconciler.model.settings import nested
from reconciler.model.tunnel import WHOLE
from reconciler.model.verdict import Result, Verdict
from reconciler.plan import build, diff, guard, scope
from reconciler.plan import routes as routing
from reconciler.secrets import made
from tests.battery import keys, port, sinks
from tests.battery import run as stories

Patch = tuple[Any, str, Any]
BUGS: dict[str, Callable[[], list[Patch]]] = {}


def bug(make: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
    """Registers a bug under the words of its name."""
    BUGS[make.__name__.replace("_", " ")] = make
    return make


def _retrying(also: Callable[[Call, Any], bool]) -> list[Patch]:
    real = edge.next_delay

    def delay(call: Call, failure: Any, attempt: int, draw: float) -> float | None:
        if also(call, failure) and attempt < 3:
            return 1.0
        return real(call, failure, attempt, draw)

    return [(edge, "next_delay", delay)]


@bug
def creates_are_resent_blindly() -> list[Patch]:
    return _retrying(lambda call, _: call.verb is Verb.CREATE)


@bug
def a_409_is_taken_for_not_done() -> list[Patch]:
    return _retrying(lambda _, failure: failure.code == "http-409")


@bug
def generated_keys_are_asked_for_again() -> list[Patch]:
    return _retrying(lambda call, _: call.verb is Verb.GENERATE_PSK)


def _lists_as_empty(when: Callable[[wire.Reply], bool]) -> list[Patch]:
    real = edge.decode

    def decode(call: Call, reply: wire.Reply, *rest: Any) -> Any:
        found = real(call, reply, *rest)
        listed = isinstance(found, Answered) and found.live is not None
        if call.verb is Verb.LIST and not listed and when(reply):
            return Answered(live=Live({}))
        return found

    return [(edge, "decode", decode)]


@bug
def an_unreadable_list_is_an_empty_account() -> list[Patch]:
    return _lists_as_empty(lambda reply: reply.status == 200)


@bug
def a_redirected_list_is_an_empty_account() -> list[Patch]:
    return _lists_as_empty(lambda reply: reply.status // 100 == 3)


@bug
def one_list_of_null_is_an_empty_account() -> list[Patch]:
    return _lists_as_empty(lambda reply: b'{"ipsec_tunnels":null}' in reply.body.replace(b" ", b""))


@bug
def a_tunnel_of_another_name_is_not_recognised() -> list[Patch]:
    return [(run.Run, "stand_in", lambda *_: None)]


@bug
def names_are_compared_as_they_are_written() -> list[Patch]:
    return [(canonical, "tunnel_name", str)]


@bug
def bgp_of_zeros_is_bgp() -> list[Patch]:
    real = settings.readable
    zeros = dict.fromkeys(WHOLE["bgp"], 0)

    def readable(tunnel: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        found, wrong = real(tunnel)
        return found if "bgp.customer_asn" in found or not tunnel.get("bgp") else {**zeros, **found}, wrong

    return [(settings, "readable", readable), (live_list, "readable", readable)]


@bug
def a_list_that_names_errors_is_believed() -> list[Patch]:
    return [(wire, "unsuccessful", lambda *_: ())]


@bug
def a_list_that_says_there_is_more_is_believed() -> list[Patch]:
    return [(answers, "require_whole", lambda *_: None)]


@bug
def tunnels_listed_twice_are_believed() -> list[Patch]:
    real = answers.live_from_result

    def lenient(result: Any) -> Live:
        items = result.get("ipsec_tunnels") if isinstance(result, dict) else None
        if isinstance(items, list):
            by_id = {item.get("id"): item for item in items}
            by_name = {item.get("name"): item for item in by_id.values()}
            result = {**result, "ipsec_tunnels": list(by_name.values())}
        return real(result)

    return [(answers, "live_from_result", lenient)]


@bug
def broken_entries_of_a_list_are_left_out() -> list[Patch]:
    real = answers.live_from_result

    def lenient(result: Any) -> Live:
        items = [t for t in result["ipsec_tunnels"] if isinstance(t, dict) and "interface_address" in t]
        return real({"ipsec_tunnels": items})

    return [(answers, "live_from_result", lenient)]


@bug
def one_list_is_enough_to_send_a_create_again() -> list[Patch]:
    def find(one: run.Run, unsure: Any, **_: Any) -> Any:
        now = yield from one.observe()
        if now is None:
            return []
        names = now.by_name()
        one.decide((c for c, _ in unsure if c.name in names), run.APPLIED)
        return [c for c, _ in unsure if c.name not in names]

    return [(creates, "find", find)]


def _answers(change: Callable[[Call, Any], Any]) -> list[Patch]:
    real = run.Run.send

    def send(self: run.Run, calls: Any) -> Any:
        outcomes = yield from real(self, calls)
        return tuple(change(c, o) for c, o in zip(calls, outcomes, strict=True))

    return [(run.Run, "send", send)]


def _unproved() -> list[Patch]:
    def nothing(_: run.Run) -> Any:
        return ()
        yield

    return [(apply, "verify", nothing)]


@bug
def nothing_is_verified() -> list[Patch]:
    return _unproved()


@bug
def a_lost_answer_is_a_success_and_nothing_is_verified() -> list[Patch]:
    def believe(call: Call, outcome: Any) -> Any:
        certain = isinstance(outcome, Answered | Refused | NotSent)
        return outcome if certain or call.verb is Verb.LIST else Answered()

    return [*_answers(believe), *_unproved()]


@bug
def a_missing_last_list_is_a_success() -> list[Patch]:
    def converged(self: apply.Applied) -> bool:
        return not self.left and all(v == run.APPLIED for v in self.verdicts.values())

    return [(apply.Applied, "converged", property(converged))]


@bug
def the_list_is_not_waited_for() -> list[Patch]:
    return [(verify, "PATIENCE", ())]


@bug
def answers_are_believed_more_than_the_list() -> list[Patch]:
    return [(verify, "remaining", lambda *_: ())]


def _ordered(change: Callable[[Any], Any]) -> list[Patch]:
    real = build.order
    return [(build, "order", lambda *given: change(real(*given)))]


@bug
def what_a_change_needs_is_not_waited_for() -> list[Patch]:
    return _ordered(lambda steps: steps._replace(needs={}))


@bug
def cycles_are_split() -> list[Patch]:
    def alone(steps: Any) -> Any:
        mates = {c.ref for group in steps.updates if len(group) > 1 for c in group}
        needs = {ref: own - mates if ref in mates else own for ref, own in steps.needs.items()}
        return steps._replace(updates=tuple((c,) for g in steps.updates for c in g), needs=needs)

    return _ordered(alone)


@bug
def creates_are_tried_before_updates_free_anything() -> list[Patch]:
    real = stories.engine.apply

    def early(plan: Any, keyed: Any) -> Any:
        return real(
            plan._replace(phases=plan.phases._replace(first_deletes=(), last_deletes=plan.phases.first_deletes)), keyed
        )

    return [(stories.engine, "apply", early)]


@bug
def all_deletes_go_first() -> list[Patch]:
    return [(stories.engine, "apply", _deleting_first(stories.engine.apply))]


def _deleting_first(real: Any) -> Any:
    def first(plan: Any, keyed: Any) -> Any:
        one = run.Run(plan, keyed)
        yield from deletes.delete(one, plan.phases.last_deletes)
        return (yield from real(plan, keyed))

    return first


@bug
def last_deletes_are_not_skipped() -> list[Patch]:
    def always(one: run.Run) -> Any:
        yield from deletes.delete(one, one.plan.phases.last_deletes)

    return [(apply, "last_deletes", always)]


@bug
def the_way_around_a_cycle_stops_half_way() -> list[Patch]:
    real = build.detours

    def cut(*given: Any) -> Any:
        return {k: d and d._replace(legs=d.legs[:-1]) for k, d in real(*given).items()}

    return [(build, "detours", cut)]


def _limits(**more: int) -> list[Patch]:
    real = guard.too_many_deletes

    def lenient(plan: Any) -> Any:
        limits = plan.desired.account.limits
        raised = limits._replace(**{name: getattr(limits, name) + by for name, by in more.items()})
        account = plan.desired.account._replace(limits=raised)
        return real(plan._replace(desired=plan.desired._replace(account=account)))

    return [(guard, "too_many_deletes", lenient)]


@bug
def the_limit_of_deletes_is_off_by_one() -> list[Patch]:
    return _limits(max_deletes=1)


@bug
def the_share_of_deletes_is_not_limited() -> list[Patch]:
    return _limits(max_delete_percent=100)


@bug
def guards_are_forgotten() -> list[Patch]:
    return [(build, "guards", lambda _: ())]


@bug
def ignored_tunnels_are_ours() -> list[Patch]:
    return [(scope, "whole_rule", lambda *_: None)]


@bug
def ignored_fields_are_ours() -> list[Patch]:
    return [(diff, "intended", lambda pair: pair.declared.settings)]


@bug
def prune_false_is_forgotten() -> list[Patch]:
    real = build.scope

    def pruning(desired: Any, *rest: Any) -> Any:
        return real(desired._replace(account=desired.account._replace(prune=True)), *rest)

    return [(build, "scope", pruning)]


@bug
def owns_is_forgotten() -> list[Patch]:
    return [(desired.Account, "is_owned", lambda *_: True)]


@bug
def a_name_is_owned_that_holds_what_others_begin_with() -> list[Patch]:
    return [(desired.Owns, "has", lambda self, name: any(prefix in name for prefix in self.prefixes))]


def _with_scope(change: Callable[[Any, Live], Any]) -> list[Patch]:
    real = build.scope

    def changed(wanted: Any, live: Live, options: Any) -> Any:
        return change(real(wanted, live, options), live)

    return [(build, "scope", changed)]


@bug
def percentages_are_of_all_live_tunnels() -> list[Patch]:
    return _with_scope(lambda found, live: found._replace(counted=len(live.tunnels) - len(found.ignored)))


@bug
def a_tunnel_of_others_is_left_in_an_account_that_is_emptied() -> list[Patch]:
    return _with_scope(lambda found, _: found._replace(not_owned=None))


@bug
def what_others_own_is_left_to_be_done() -> list[Patch]:
    real = verify.remaining

    def remaining(plan: Any, live: Live) -> Any:
        account = plan.desired.account._replace(owns=None)
        return real(plan._replace(desired=plan.desired._replace(account=account)), live)

    return [(verify, "remaining", remaining)]


@bug
def a_rename_is_a_delete_and_a_create() -> list[Patch]:
    return [(scope, "renames", lambda *_: {})]


def _bodies(change: Callable[[Any, Any], Any]) -> list[Patch]:
    return [(updates, "update_body", change)]


@bug
def an_update_drops_fields_it_does_not_know() -> list[Patch]:
    return _bodies(lambda _, settings: nested(settings))


@bug
def an_update_sends_nulls() -> list[Patch]:
    real = updates.update_body
    return _bodies(lambda raw, settings: {**real(raw, settings), "description": settings.get("description")})


@bug
def an_update_does_not_clear() -> list[Patch]:
    real = updates.update_body
    return _bodies(lambda raw, settings: {k: v for k, v in real(raw, settings).items() if v != ""})


@bug
def bulk_items_get_the_ids_of_their_neighbours() -> list[Patch]:
    real = updates.bulk_call

    def rotated(one: run.Run, changes: Any) -> Call:
        call = real(one, changes)
        items = call.body["items"]
        ids = [item["id"] for item in items]
        moved = [item | {"id": i} for item, i in zip(items, [*ids[1:], ids[0]], strict=True)]
        return call._replace(body={"items": moved})

    return [(updates, "bulk_call", rotated)]


@bug
def keys_are_not_sent_with_creates() -> list[Patch]:
    return [(run.Run, "psk_of", lambda *_: None)]


@bug
def retry_after_is_not_obeyed() -> list[Patch]:
    return [(edge, "parse_retry_after", lambda *_: None)]


@bug
def a_refused_token_is_tried_on() -> list[Patch]:
    forgetful = property(lambda _: None, lambda *_: None)
    return [(edge.Allowance, "denied", forgetful), (run.Run, "stop", forgetful)]


@bug
def an_interruption_is_not_noticed() -> list[Patch]:
    return [(port.VirtualPort, "stopping", lambda _: False)]


@bug
def a_create_that_only_a_list_shows_has_the_key_of_this_run() -> list[Patch]:
    def believe(self: run.Run, change: Any, _: str) -> None:
        self.decide([change], run.APPLIED)
        self.made.add(change.ref)

    return [(run.Run, "unproved", believe)]


def _of_keys_that_were_not_read(wrong: Callable[[Any, dict[str, Any]], Any]) -> list[Patch]:
    real = diff.intended

    def intended(pair: Any) -> Any:
        return wrong(pair.declared, dict(real(pair))) if pair.declared.unread and pair.live else real(pair)

    return [(diff, "intended", intended)]


@bug
def a_key_that_was_not_read_is_cleared() -> list[Patch]:
    return _of_keys_that_were_not_read(
        lambda declared, target: {path: value for path, value in target.items() if path not in declared.unread}
    )


@bug
def the_name_of_its_variable_is_sent_for_a_key_that_was_not_read() -> list[Patch]:
    return _of_keys_that_were_not_read(
        lambda declared, target: target | {path: declared.references[path].name for path in declared.unread}
    )


@bug
def a_pending_key_is_not_looked_at() -> list[Patch]:
    real = build.doubt
    return [(build, "doubt", lambda target, tunnel, held: real(target, tunnel, held._replace(pending=False)))]


@bug
def a_tunnel_for_which_no_key_was_made_is_fine() -> list[Patch]:
    return [(psk, "never_made", lambda *_: None)]


@bug
def keys_are_delivered_only_after_a_run_that_did_not_stop() -> list[Patch]:
    real = sinks.deliver

    def lazy(plan: Any, ended: Any) -> Any:
        return (yield from real(plan, ended)) if ended.stop is None else {}

    return [(sinks, "deliver", lazy)]


@bug
def a_made_key_is_not_looked_for() -> list[Patch]:
    real = made.generate_psk

    def careless(before: Any) -> Any:
        for step in real(before):
            (outcome,) = yield step
            if isinstance(outcome, Answered):
                return outcome
            return Verdict(Result.FAILED, made.problem_of(outcome))

    return [(keys, "generate_psk", careless)]


@bug
def a_made_key_is_settled_without_another_list() -> list[Patch]:
    def believe(_: Any) -> Any:
        return {}
        yield

    return [(made, "overtaken", believe)]


@bug
def routes_in_use_block_nothing() -> list[Patch]:
    return [(routing, "in_use", lambda *_: ())]


@bug
def routes_are_not_looked_at() -> list[Patch]:
    return [(build.Plan, "frees_networks", False)]


@bug
def routes_that_can_not_be_read_are_none() -> list[Patch]:
    return [(stories, "read_routes", _no_routes_then)]


def _no_routes_then() -> Any:
    found = yield from listing.read_routes()
    return found._replace(unchecked="")


@bug
def a_next_hop_is_looked_for_on_one_side_of_a_tunnel() -> list[Patch]:
    real = route_list.Routes.through

    def one_side(self: Any, network: Any) -> Any:
        return {route for route in real(self, network) if route.nexthop == network.network_address}

    return [(route_list.Routes, "through", one_side)]


@bug
def every_named_delete_names_all() -> list[Patch]:
    real = build.Plan.unnamed.fget

    def lenient(plan: build.Plan) -> tuple[diff.Change, ...]:
        found = real(plan)
        return found if len(found) == len(plan.of(diff.Action.DELETE)) else ()

    return [(build.Plan, "unnamed", property(lenient))]
