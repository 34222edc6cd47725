"""Small worlds by seed: what the files declare, what is live at first, and what may never happen to it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unicodedata import normalize

from reconciler.model.canonical import Value
from reconciler.model.desired import Account, Declared, Desired, EnvRef, External, Limits
from reconciler.model.problems import Problem
from reconciler.model.settings import canonical
from reconciler.plan.scope import PlanOptions
from reconciler.simulator.server import Simulator
from tests import build
from tests.strangers import foreign_create
from tests.variants import ALL_VARIANTS

ACCOUNT = build.ACCOUNT_ID
EPOCH = 1_800_000_000.0
LATENCY = 0.05
OWNED = ("t*", "T*", "n*", "h-*", "H-*", "appliance-*")
"""What the files of some accounts own: every name that a story declares, and the appliances that a rule ignores."""
NOT_OWNED = "west-"
"""How the names of tunnels begin that other files own."""
KEY = "canary-{}-Zq9#key"
"""Text of the key of a tunnel."""


class Clock:
    """The time of a world, in seconds from its beginning; `skew` is how wrong the tool's calendar is."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.skew = 0.0

    def reset(self) -> None:
        self.seconds = self.skew = 0.0

    def server(self) -> float:
        return EPOCH + self.seconds


@dataclass(frozen=True, slots=True)
class World:
    """Everything a run starts from. It is never changed: a run works on a clone of `start`.

    Attributes:
        ids: Name to id of every live tunnel at the start.
        kept: Ids of live tunnels that are declared (under this or another name), so never deleted.
        alien: Ids of live tunnels that nobody declared and nobody may touch.
        doomed: Names of live tunnels that may be deleted.
        made: Names that may be created.
        keyed: Names whose key is sent with the create.
        blocked: Whether a guard must stop the plan.
        fenced: Whether the server itself refuses a second tunnel of the same name.
        routed: Names of live tunnels that static routes use. Where there are some, the tool looks at routes.
        closes: Second at which the account's window closes.
        opens: Second at which it opens again: no traffic may be touched in between.
        sent: Names that the server keeps in another form than they are declared in: as kept, to as declared.
        cycles: Names of the tunnels that exchange something, in a rollout.
        deadline: Seconds that a run has.
    """

    seed: int
    variant: str
    desired: Desired
    options: PlanOptions
    start: Simulator
    clock: Clock
    ids: dict[str, str]
    kept: frozenset[str]
    alien: frozenset[str]
    doomed: frozenset[str]
    made: frozenset[str]
    keyed: frozenset[str]
    blocked: bool
    fenced: bool
    routed: frozenset[str] = frozenset()
    closes: float = 0.0
    opens: float = 0.0
    sent: dict[str, str] = field(default_factory=dict)
    cycles: frozenset[frozenset[str]] = frozenset()
    deadline: float = 600.0
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def shut(self, seconds: float) -> bool:
        """Whether no window is open at this time."""
        return self.closes <= seconds < self.opens


@dataclass(slots=True)
class Sketch:
    """A world while it is drawn."""

    rng: random.Random
    prune: bool
    live: list[dict[str, Any]] = field(default_factory=list)
    wanted: list[Declared] = field(default_factory=list)
    alien: set[str] = field(default_factory=set)
    doomed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    keyed: set[str] = field(default_factory=set)
    rules: list[Any] = field(default_factory=list)
    owns: tuple[str, ...] = ()
    count: int = 0

    def address(self) -> str:
        self.count += 1
        return f"10.1.{self.count}.{self.rng.randrange(0, 255, 2)}/31"

    def body(self, **fields: Any) -> dict[str, Any]:
        """A tunnel in the API's form, with a name and an address of its own."""
        address = fields.pop("interface_address", None) or self.address()
        base = {"name": f"t{self.count}", "interface_address": address, "customer_endpoint": self.endpoint()}
        if self.rng.random() < 0.3:
            base["bgp"] = {"customer_asn": self.rng.randrange(64512, 65000), "extra_prefixes": ["10.9.0.0/16"]}
        if self.rng.random() < 0.3:
            base["health_check"] = {"rate": self.rng.choice(["low", "high"]), "target": {"saved": "192.0.2.10"}}
        return build.settings(**(base | fields))

    def endpoint(self) -> str:
        return f"198.51.100.{self.rng.randrange(1, 250)}"

    def declare(self, body: dict[str, Any], **own: Any) -> None:
        self.wanted.append(build.tunnel(line=len(self.wanted) + 1, **body, **own))


def _same(draw: Sketch) -> None:
    body = draw.body()
    draw.live.append(body)
    draw.declare(body)


def _text(draw: Sketch) -> None:
    body = draw.body(description="as it was")
    draw.live.append(body)
    draw.declare(body | {"description": draw.rng.choice(["as it is", ""])})


def _traffic(draw: Sketch) -> None:
    body = draw.body(bgp={"customer_asn": 64600})
    draw.live.append(body)
    edit = {"bgp": {"customer_asn": 64601}, "replay_protection": True, "customer_endpoint": "198.51.100.251"}
    draw.declare(body | dict(draw.rng.sample(sorted(edit.items()), draw.rng.randrange(1, 4))))


def _rename(draw: Sketch) -> None:
    body = draw.body()
    draw.live.append(body)
    draw.declare(body | {"name": f"n-{body['name']}"}, renamed_from=body["name"])


def _delete(draw: Sketch) -> None:
    body = draw.body()
    draw.live.append(body)
    (draw.doomed if draw.prune else draw.alien).add(body["name"])
    if draw.prune and draw.rng.random() < 0.5:
        draw.removed.add(body["name"])


def _create(draw: Sketch, **fields: Any) -> None:
    body = draw.body(**fields)
    draw.made.add(body["name"])
    key = draw.rng.choice([EnvRef("KEY"), EnvRef("KEY"), External(), None])
    if isinstance(key, EnvRef):
        draw.keyed.add(body["name"])
    draw.declare(body, psk=key)


def _cycle(draw: Sketch, size: int) -> None:
    bodies = [draw.body() for _ in range(size)]
    for i, body in enumerate(bodies):
        draw.live.append(body)
        draw.declare(body | {"interface_address": bodies[(i + 1) % size]["interface_address"]})


def _identities(draw: Sketch) -> None:
    names = [f"site{draw.count}-{i}.12345.custom.ipsec.cloudflare.com" for i in range(2)]
    bodies = [draw.body(custom_remote_identities={"fqdn_id": name}) for name in names]
    for body, name in zip(bodies, reversed(names), strict=True):
        draw.live.append(body)
        draw.declare(body | {"custom_remote_identities": {"fqdn_id": name}})


def _chain(draw: Sketch) -> None:
    """One tunnel moves into the address that another leaves."""
    first, second = draw.body(), draw.body()
    draw.live += [second, first]
    draw.declare(first | {"interface_address": draw.address()})
    draw.declare(second | {"interface_address": first["interface_address"]})


def _inherit(draw: Sketch) -> None:
    """A tunnel goes and another takes its address."""
    if not draw.prune:
        _same(draw)
        return
    gone = draw.body()
    draw.live.append(gone)
    draw.doomed.add(gone["name"])
    draw.removed.add(gone["name"])
    if draw.rng.random() < 0.5:
        _create(draw, interface_address=gone["interface_address"], name=f"h-{gone['name']}")
        return
    heir = draw.body()
    draw.live.append(heir)
    draw.declare(heir | {"interface_address": gone["interface_address"]})


def _foreign(draw: Sketch) -> None:
    body = draw.body(name=f"appliance-{draw.count}")
    draw.live.append(body)
    draw.alien.add(body["name"])
    draw.rules = [build.rule("appliance-*"), *[r for r in draw.rules if r.fields]]


def _tuned(draw: Sketch) -> None:
    """A field of the tunnel belongs to somebody else."""
    body = draw.body(health_check={"rate": "low"}, description="x")
    draw.live.append(body)
    draw.declare(body | {"health_check": {"rate": "high"}, "description": "y"})
    draw.rules.append(build.rule(body["name"], "health_check.rate"))


_MD5 = EnvRef("MD5")


def _md5_keys(draw: Sketch, rng: random.Random) -> None:
    """Gives some live tunnels MD5 keys, by reference; no other draw moves, so that no world becomes another one.

    Some can be read, and are as live or, where the tunnel is updated anyway, others. Some can't be, and then a rule
    leaves the field alone, or apply would not begin.
    """
    bodies = {body["name"]: (number, body) for number, body in enumerate(draw.live)}
    for place, declared in enumerate(draw.wanted):
        number, body = bodies.get(declared.renamed_from or declared.name, (0, {}))
        if "bgp" not in body or "bgp.customer_asn" not in declared.settings or rng.random() < 0.3:
            continue
        key = f"canary-md5-{number}"
        live = {**body["bgp"], "md5_key": key}
        said: Value = key if canonical(body) == declared.settings or rng.random() < 0.5 else f"{key}-new"
        if rng.random() < 0.4:
            said = _MD5
            live = live if rng.random() < 0.7 else body["bgp"]
            draw.rules.append(build.rule(declared.name, "bgp.md5_key"))
        draw.live[number] = {**body, "bgp": live}
        settings = {**declared.settings, "bgp.md5_key": said}
        draw.wanted[place] = declared._replace(settings=settings, references={"bgp.md5_key": _MD5})


_PARTS: tuple[tuple[Callable[[Sketch], None], int, int], ...] = (
    (_same, 1, 3),
    (_text, 1, 4),
    (_traffic, 1, 4),
    (_rename, 1, 3),
    (_delete, 1, 5),
    (_create, 1, 8),
    (lambda draw: _cycle(draw, 2), 2, 3),
    (lambda draw: _cycle(draw, 3), 3, 1),
    (_identities, 2, 2),
    (_chain, 2, 2),
    (_inherit, 2, 3),
    (_foreign, 1, 2),
    (_tuned, 1, 1),
)
"""What a world is made of: the part, how many tunnels it is about, and how often it is drawn."""


def _draw(rng: random.Random, size: int) -> Sketch:
    draw = Sketch(rng, prune=rng.random() < 0.85)
    left = size
    while left > 0:
        fitting = [(part, cost, weight) for part, cost, weight in _PARTS if cost <= left]
        part, cost, _ = rng.choices(fitting, [weight for *_, weight in fitting])[0]
        part(draw)
        left -= cost
    return draw


def _shared(draw: Sketch, rng: random.Random) -> Sketch:
    """In one of four, other files are about a part of the account, which is of no concern to these.

    By a chance of its own, so that what else a seed stands for does not follow from it.
    """
    if rng.random() < 0.75:
        return draw
    if rng.random() < 0.3:  # these files lack most of what they own, and no limit may count the rest as left
        draw = Sketch(rng, prune=True)
        for part in (_delete, *rng.choices((_delete, _same), k=rng.choice((0, 2, 3)))):
            part(draw)
        draw.removed.clear()
    draw.owns = OWNED
    for number in range(rng.randrange(1, 13)):
        body = build.settings(f"{NOT_OWNED}t{number}", interface_address=f"10.2.{number}.0/31")
        draw.live.append(body)
        draw.alien.add(body["name"])
    return draw


def _limits(draw: Sketch) -> tuple[Limits, bool]:
    """Limits, and whether the deletes that nobody named are too many for them: reckoned here on its own."""
    limits = Limits(draw.rng.choice([0, 1, 3, 9]), draw.rng.choice([30, 30, 100]))
    unnamed = len(draw.doomed - draw.removed)
    ignored = sum(1 for name in draw.alien if name.startswith("appliance-"))
    owned = len(draw.live) - sum(1 for name in draw.alien if name.startswith(NOT_OWNED))
    counted = owned - ignored
    left = owned - len(draw.doomed) + len(draw.made)
    many = unnamed > limits.max_deletes or (unnamed > 1 and 100 * unnamed > limits.max_delete_percent * counted)
    return limits, many or (unnamed > 0 and left == 0)


def _account(draw: Sketch, limits: Limits) -> Account:
    removed = sorted(draw.removed)
    return build.account(prune=draw.prune, removed=removed, ignore=draw.rules, limits=limits, owns=draw.owns)


def world(seed: int, size: int | None = None, variant: int | None = None) -> World:
    """The world of a seed.

    Args:
        seed: Any number.
        size: Tunnels it is about; 1 to 6 by the seed when left out.
        variant: Index in `ALL_VARIANTS`; by the seed when left out.
    """
    rng = random.Random(seed)
    chosen = ALL_VARIANTS[seed % len(ALL_VARIANTS) if variant is None else variant]
    draw = _shared(_draw(rng, size or rng.randrange(1, 7)), random.Random(f"{seed} shared"))
    _md5_keys(draw, random.Random(f"md5 {seed}"))
    limits, blocked = _limits(draw)
    rng.shuffle(draw.live)
    clock = Clock()
    start = Simulator(replace(chosen.semantics, seed=seed), clock.server)
    extra = {"x_unknown": "keep me"} if chosen.semantics.server_fields else {}
    ids = {body["name"]: foreign_create(start, ACCOUNT, body | extra | {"psk": "old"}) for body in draw.live}
    start.settle()
    start.account(ACCOUNT)
    gone = draw.doomed | draw.alien
    unread = {_MD5: Problem("missing-key", "it is not set")}
    desired = build.desired(*draw.wanted, of=_account(draw, limits))._replace(unread=unread)
    return World(
        seed=seed,
        variant=chosen.name,
        desired=desired,
        options=build.options(batch_size=rng.choice([1, 2, 3, 100, 100])),
        start=start,
        clock=clock,
        ids=ids,
        kept=frozenset(i for name, i in ids.items() if name not in gone),
        alien=frozenset(ids[name] for name in draw.alien),
        doomed=frozenset(draw.doomed),
        made=frozenset(draw.made),
        keyed=frozenset(draw.keyed),
        blocked=blocked,
        fenced=chosen.semantics.names_unique,
    )


def worlds(seeds: Iterator[int] | range, size: int | None = None) -> Iterator[World]:
    """Worlds that a guard does not stop, plus one in ten that it does."""
    for seed in seeds:
        found = world(seed, size)
        if not found.blocked or seed % 10 == 0:
            yield found


def key_text(name: str) -> str:
    """Text of the key that stands in the key ring under a key name, in whatever form a file writes the name."""
    return KEY.format(normalize("NFC", name).lower())


def key_of(tunnel: str) -> str:
    """Text of the key of a created tunnel."""
    return key_text(tunnel)
