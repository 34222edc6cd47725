"""Steps of key handling that are not API calls, and their answers: what rotation asks of the sinks."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from reconciler.api.call import Step
from reconciler.model.problems import Problem
from reconciler.model.verdict import Verdict
from reconciler.secrets.secret import Secret


class SinkOp(StrEnum):
    """What is asked of a tunnel's sink and of the key ring."""

    PROBE = "probe"
    """See whether the sink can store and give back."""
    PENDING = "pending"
    """If the sink holds a pending key, put it into the key ring."""
    MAKE = "make"
    """Make a key and put it into the key ring."""
    NOTE = "note"
    """Note durably that Cloudflare is about to be asked for a key, and when it last made one; reserve the room."""
    RELEASE = "release"
    """Give back the reserved space that was not used."""
    PUT = "put"
    """Store the key ring's key as pending (the step's own key, if it has one, goes into the ring first)."""
    CHECK = "check"
    """Read the pending key back and compare it with the key ring's."""
    PROMOTE = "promote"
    """Make the pending key the current one."""


@dataclass(frozen=True, slots=True)
class SinkStep:
    """One step.

    Attributes:
        secret: For PUT: a key that Cloudflare made.
        before: For NOTE: when Cloudflare last made a key, in its words; empty when it never did.
        made_on: For PROMOTE: when Cloudflare made the key, in its words; empty for a key of another origin.
    """

    op: SinkOp
    tunnel: str
    secret: Secret | None = None
    before: str = ""
    made_on: str = ""


@dataclass(frozen=True, slots=True)
class SinkDone:
    """It worked. `yes` answers PENDING (there is one) and CHECK (they are equal)."""

    yes: bool = True


@dataclass(frozen=True, slots=True)
class SinkFailed:
    """It failed, before or after the sink acted: only reading can tell."""

    problem: Problem


SinkOutcome = SinkDone | SinkFailed


T = TypeVar("T")
KeyProtocol = Generator[Step | SinkStep, Any, T]
"""Yields steps; is sent outcomes for `Send`, anything for `Pause`, a `SinkOutcome` for `SinkStep`."""

KeySteps = KeyProtocol[dict[str, Verdict]]
"""Ends with a verdict per tunnel name.

`applied`: Cloudflare has the key, and a generated one is the sink's current key. `failed`: Cloudflare's key is held
where it was, or as the sink's pending key. `skipped`: nothing was tried. `unknown`: nobody can tell which key it has.
"""
