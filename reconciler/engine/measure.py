"""What the API leaves undocumented, found out on two scratch tunnels: the table of what there is to find out.

Nothing in this program needs the API to behave in one way: it is right either way, and the simulator can behave in
every way. What was measured tells how an account really behaves, and `simulate --semantics` can then do the same.

Each row is a switch of the simulator (`--semantics`): the page of the docs is made of this table, and a test holds its
names and values against the simulator's. How each is found out stands in `experiments`, the tunnels in `bench`.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.api.call import Conversation, Verb
from reconciler.engine import experiments
from reconciler.engine.bench import Bench, Hindrance, clear, make, survey
from reconciler.engine.experiments import Experiment, StoppedError, UndecidedError, look_again
from reconciler.model.live import Live


class Behaviour(NamedTuple):
    """One thing that is not documented.

    Attributes:
        switch: Its name, the simulator's.
        decides: What it is about.
        assumed: What evidence speaks for: the simulator's default.
        copes: How the program is right either way.
        experiment: What finds it out; several behaviours may share one.
        why_not: Why there is none.
    """

    switch: str
    decides: str
    assumed: str
    copes: str
    experiment: Experiment | None = None
    why_not: str = ""


_WHOLE = "An update sends every field that a list showed, so both lead to the same."
_UNSET = "Absent, null and empty are read alike."
_DEVICE = "It takes a device at the other end."
_JUDGED = "A session is judged by its own time and by how long it was up."

TABLE = (
    Behaviour("empty_list", "how an account without tunnels is listed", "list",
        "Null is believed when two lists say it.", experiments.empty_list),
    Behaviour("create_shape", "what a create answers", "object",
        "The list decides what was made.", experiments.create_shape),
    Behaviour("unset_text", "how text that is unset is listed", "absent", _UNSET, experiments.unset),
    Behaviour("unset_object", "how `bgp` and identities that are unset are listed", "absent",
        _UNSET, experiments.unset),
    Behaviour("unset_flag", "how a false flag is listed", "absent", _UNSET, experiments.unset),
    Behaviour("unset_target", "how an unset health-check target is listed", "absent", _UNSET, experiments.unset),
    Behaviour("default_direction", "the health check's direction when none was sent", "unidirectional",
        "It is compared only where it is declared.", experiments.unset),
    Behaviour("server_fields", "whether tunnels carry fields that no contract names", "false",
        "They are no drift, and updates send them as they are.", experiments.unset),
    Behaviour("list_lag", "how many lists after a write show the state before it", "0",
        "What does not show yet is listed again for 30 seconds.", experiments.list_lag),
    Behaviour("single_put", "whether a PUT of one tunnel merges or replaces", "merge", _WHOLE, experiments.single_put),
    Behaviour("bulk_body", "the form of the bulk body", "wrapped",
        "A refused bulk update goes on as single ones.", experiments.bulk_body),
    Behaviour("bulk_put", "whether an item of a bulk PUT merges or replaces", "merge", _WHOLE, experiments.bulk_put),
    Behaviour("bulk_limit", "the most items of a bulk PUT; 0 is no limit", "0",
        "A refused bulk update is split.", experiments.bulk_limit),
    Behaviour("bulk_limit_status", "the status of a bulk PUT over the limit", "413",
        "Both make it smaller.", experiments.bulk_limit),
    Behaviour("addresses_unique", "whether a second tunnel of an interface network is refused", "true",
        "No step needs what another tunnel holds.", experiments.conflicts),
    Behaviour("names_unique", "whether a second tunnel of a name is refused", "true",
        "A lost create is looked for before it is sent again.", experiments.conflicts),
    Behaviour("conflict_status", "the status of these two refusals", "400",
        "Both are refusals if they say why.", experiments.conflicts),
    Behaviour("bulk", "whether a bulk PUT is judged as a whole or item by item", "atomic",
        "A swap goes in one call, or else by a detour.", experiments.bulk),
    Behaviour("modified_flag", "what `modified` and `deleted` say", "true",
        "The list decides, not the flag.", experiments.modified_flag),
    Behaviour("unset_prefixes", "how unset `extra_prefixes` inside `bgp` are listed", "empty", _UNSET, experiments.bgp),
    Behaviour("bgp_status", "whether tunnels with `bgp` show their session", "shown",
        "A tunnel that shows none is not judged.", experiments.bgp),
    Behaviour("asn_max", "the highest `customer_asn`", "4294967295",
        "A refusal is told with the field's line.", experiments.asn_max),
    Behaviour("object_put", "whether a merge goes into `bgp` and the identities", "replace",
        _WHOLE, experiments.object_put),
    Behaviour("spelling", "how addresses and prefixes are listed", "as_sent",
        "They are compared by meaning.", experiments.spelling),
    Behaviour("null_object", "what null for `bgp` or the identities does", "refused",
        "No other call sends null.", experiments.null_object),
    Behaviour("empty_text", "what empty text does to an endpoint, IPv6 address or identity", "clears",
        "What is still there afterwards is reported as not cleared.", experiments.empty_text),
    Behaviour("read_only", "whether read-only fields in a request are refused", "ignored",
        "None is ever sent.", experiments.read_only),
    Behaviour("coupler_integration", "whether the account may have `automatic_return_routing`", "true",
        "A refusal is told with the field's line.", experiments.coupler_integration),
    Behaviour("text", "whether blanks around text are kept", "as_sent",
        "Text is compared and sent without them.", experiments.texts),
    Behaviour("names", "the form in which names are kept", "as_sent",
        "A name in another form is told, and not made twice.", experiments.names),
    Behaviour("order", "the order of the list", "insertion", "Tunnels are told apart by id.", experiments.order),
    Behaviour("routes", "how static routes are listed", "listed",
        "A plan says when they were not checked.", experiments.routes),
    Behaviour("replaced_psk", "the key when a replacing PUT does not carry it", "kept",
        "psk set and psk rotate send it again.", why_not="No answer tells which key a tunnel has."),
    Behaviour("psk_refusals", "whose key the bulk key call leaves unapplied", "",
        "It is reported tunnel by tunnel.", why_not="It would set keys, and why one is left unapplied is not known."),
    Behaviour("bgp_lag", "seconds until a session is up after a change", "3", _JUDGED, why_not=_DEVICE),
    Behaviour("bgp_hold", "seconds for which a dead session still reads up", "0", _JUDGED, why_not=_DEVICE),
    Behaviour("bgp_down", "whose session does not come up after a change", "", "The rollout ends.", why_not=_DEVICE),
    Behaviour("bgp_keeps", "whether a change leaves sessions alone", "false", _JUDGED, why_not=_DEVICE),
    Behaviour("bgp_flap", "seconds after which a session goes down again", "0",
        "It must stay up for `settle`.", why_not=_DEVICE),
    Behaviour("tokens", "which tokens there are, and what they may do", "",
        "A refusal stops the accounts of the token.",
        why_not="It would take other tokens; `reconciler doctor` says what this one may do."),
    Behaviour("rate_limit", "calls per token and time", "",
        "Never more than 1,200 calls in 5 minutes, or what answers say.",
        why_not="It would have to be exceeded on purpose, which blocks the token for minutes."),
    Behaviour("retry_after", "the form of `Retry-After`", "seconds",
        "Both forms are obeyed.", why_not="The rate limit would have to be exceeded on purpose."),
    Behaviour("seed", "what makes ids and shuffles differ", "0",
        "Nothing goes by them.", why_not="It is the simulator's own."),
)  # fmt: skip
"""In the order in which they are found out: later experiments go by what earlier ones saw."""

CALLS: Mapping[str, int] = {
    Verb.LIST: 60,
    Verb.ROUTES: 1,
    Verb.GET: 60,
    Verb.CREATE: 2,
    Verb.UPDATE: 20,
    Verb.UPDATE_ONE: 45,
    Verb.DELETE: 8,
}
"""The most calls that a measurement makes where every answer arrives, by kind."""


def measure(bench: Bench, table: Iterable[Behaviour] = TABLE) -> Conversation[Hindrance | None]:
    """Find out what can be found out; it stands in `bench.seen`. Whatever ends it, `clear` must follow.

    Args:
        bench: Where.
        table: What to find out.

    Returns:
        Why it ended early, or None.
    """
    found = yield from survey(bench)
    if isinstance(found, Live) and bench.leftovers(found):
        found = yield from clear(bench)
    if not isinstance(found, Live):
        return found
    bench.before = found
    for tunnel in (bench.first, bench.second):
        hindrance = yield from make(bench, tunnel)
        if hindrance is not None:
            return hindrance
    try:
        for experiment in dict.fromkeys(row.experiment for row in table if row.experiment):
            try:
                bench.seen |= yield from experiment(bench)
            except UndecidedError:
                yield from look_again(bench)
    except StoppedError as stopped:
        return stopped.why
    return None


def semantics(seen: dict[str, str]) -> str:
    """What was found out as text for `simulate --semantics`."""
    return ",".join(f"{row.switch}={seen[row.switch]}" for row in TABLE if row.switch in seen)
