"""What is known of each tunnel's key: where it comes from, how old it is, whether its time is over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from reconciler.model.desired import Desired, Generated
from reconciler.model.live import Live, instant
from reconciler.model.problems import Problem
from reconciler.model.psk import KeyStatus, SinkState, describe, doubt, psk_command
from reconciler.model.verdict import Result


def psk_statuses(desired: Desired, live: Live, sinks: Mapping[str, SinkState], now: datetime) -> tuple[KeyStatus, ...]:
    """One entry per declared tunnel, in order of name.

    The age is that of the sink's record, or for keys that Cloudflare makes the time when it last made one.
    (API: that time does not move when a key is set, so it says nothing about other keys.) Where the traces say that the
    key in force may not be the sink's current one, the outcome is `unknown`.

    Args:
        desired: What the files declare.
        live: What the account has.
        sinks: What the sinks show of themselves, by tunnel name.
        now: The time, with its zone.
    """
    by_name, found = live.by_name(), []
    for name, tunnel in sorted(desired.tunnels.items()):
        there, shown = by_name.get(name), sinks.get(name, SinkState())
        generated = tunnel.psk if isinstance(tunnel.psk, Generated) else None
        made = _days_since(there.psk_generated_on if there else None, now)
        stored = _days_since(shown.set_on, now)
        age: float | None = None
        source: Literal["sink", "cloudflare"] | None = None
        if generated and stored is not None:
            age, source = stored, "sink"
        elif generated and generated.by == "cloudflare" and made is not None:
            age, source = made, "cloudflare"
        limit = tunnel.rotate_after_days
        problem = unsure = doubt(tunnel, there, shown) if there else None
        if generated and there and unsure is None and shown.current is False and made is not None:
            remedy = f"If it is in no other place: {psk_command('rotate', name)}"
            problem = unsure = Problem("key-not-in-sink", "it has a key, and its sink holds none here", remedy)
        if tunnel.psk is None:
            problem = Problem("no-key", "the files name no key for it", "Add a `psk` reference, or `psk: external`.")
        elif there is None:
            problem = Problem("not-live", "Cloudflare has no tunnel of this name", "Run `apply` first.")
        status = KeyStatus(
            name=name,
            reference=describe(tunnel.psk) if tunnel.psk else None,
            age_days=None if age is None else max(0, int(age)),
            overdue=age is not None and limit is not None and age > limit,
            rotate_after_days=limit,
            source=source,
            outcome=Result.UNKNOWN if unsure else None,
            error=problem,
        )
        found.append(status)
    return tuple(found)


def _days_since(text: str | None, now: datetime) -> float | None:
    since = instant(text)
    return (now - since).total_seconds() / 86400 if since else None
