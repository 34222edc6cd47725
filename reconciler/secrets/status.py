"""What is known of each tunnel's key: where it comes from, how old it is, whether its time is over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from reconciler.model.desired import Declared, Desired, Generated
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import Held, KeyStatus, describe, doubt, instant, psk_command
from reconciler.model.verdict import Result


def key_status(desired: Desired, live: Live, held: Mapping[str, Held], now: datetime) -> tuple[KeyStatus, ...]:
    """One entry per declared tunnel, in order of name.

    The age is that of the sink's record, or for keys that Cloudflare makes the time when it last made one.
    (API: that time does not move when a key is set, so it says nothing about other keys.) Where the traces say that the
    key in force may not be the sink's current one, the outcome is `unknown`.

    Args:
        desired: What the files declare.
        live: What the account has.
        held: What the sinks show of themselves, by tunnel name.
        now: The time, with its zone.
    """
    by_name = live.by_name()
    return tuple(_one(t, by_name.get(name), held.get(name, Held()), now) for name, t in sorted(desired.tunnels.items()))


def _one(target: Declared, live: LiveTunnel | None, held: Held, now: datetime) -> KeyStatus:
    generated = target.psk if isinstance(target.psk, Generated) else None
    made = _days_since(live.key_generated_on if live else None, now)
    stored = _days_since(held.set_on, now)
    age: float | None = None
    source: Literal["sink", "cloudflare"] | None = None
    if generated and stored is not None:
        age, source = stored, "sink"
    elif generated and generated.by == "cloudflare" and made is not None:
        age, source = made, "cloudflare"
    limit = target.rotate_after_days
    unsure = doubt(target, live, held) if live else None
    if generated and live and unsure is None and held.current is False and made is not None:
        remedy = f"If it is in no other place: {psk_command('rotate', target.name)}"
        unsure = Problem("key-not-in-sink", "It has a key, and its sink holds none here", remedy)
    return KeyStatus(
        name=target.name,
        reference=describe(target.psk) if target.psk else None,
        age_days=None if age is None else max(0, int(age)),
        overdue=age is not None and limit is not None and age > limit,
        rotate_after_days=limit,
        source=source,
        outcome=Result.UNKNOWN if unsure else None,
        error=unsure or _missing(target, live),
    )


def _missing(target: Declared, live: LiveTunnel | None) -> Problem | None:
    if target.psk is None:
        return Problem("no-key", "The files name no key for it", "Add a `psk` reference, or `psk: external`.")
    if live is None:
        return Problem("not-live", "Cloudflare has no tunnel of this name", "Run `apply` first.")
    return None


def _days_since(text: str | None, now: datetime) -> float | None:
    since = instant(text)
    return (now - since).total_seconds() / 86400 if since else None
