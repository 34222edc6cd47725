"""Pacing of one token's calls by what Cloudflare publishes and by what its answers say.

(API: 1,200 calls in five minutes for all that one user's tokens, keys and dashboard do; who exceeds it has *every* call
refused for the next five minutes. Answers say in `ratelimit` how many calls are left and for how long, as in
`"default";r=50;t=30`, in `ratelimit-policy` what else is limited, as in `"burst";q=100;w=60`, and a 429 in
`retry-after` how long to be silent.) A block in the middle of an apply would leave it half done, so it must not come to
that.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

PACE = (1100, 300.0)
"""Calls in any window of so many seconds. (API: 1,200 in 5 minutes; the rest is left to people.)"""

_MARGIN = 0.1  # for calls that take longer to arrive than later ones
_POLL = 0.05  # between looks at whether the one call that goes alone has its answer
_LONGEST_WINDOW = 3600.0  # a quota of a day is not one to wait for
_EPOCHS_FROM = 1e8  # seconds; a larger `reset` is a time since 1970 and not a span
_PARAMETER = re.compile(r";\s*([a-z]+)=(\d{1,12})\b")
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


class Quota(NamedTuple):
    """What is left: `remaining` calls until `seconds` from now have passed."""

    remaining: int
    seconds: float


def _listed(headers: Mapping[str, str], *names: str) -> list[str]:
    """What stands between the commas of these headers; each may be there several times, or not at all."""
    return [part for name in names if name in headers for part in headers[name].split(",")]


def _items(headers: Mapping[str, str], name: str) -> list[dict[str, int]]:
    return [{key: int(number) for key, number in _PARAMETER.findall(item)} for item in _listed(headers, name)]


def _numbers(headers: Mapping[str, str], *names: str) -> list[int]:
    return [int(text) for text in map(str.strip, _listed(headers, *names)) if _NUMBER.fullmatch(text)]


def parse_quota(headers: Mapping[str, str], epoch: float) -> Quota | None:
    """The tightest quota in the headers, or None.

    Args:
        headers: With `ratelimit: "default";r=50;t=30`, or the older `x-ratelimit-remaining` and `-reset`.
        epoch: Seconds since 1970 now, for a reset given as a time.
    """
    found = [Quota(i["r"], i["t"]) for i in _items(headers, "ratelimit") if "r" in i and "t" in i]
    if found:
        return min(found, key=lambda quota: quota.remaining)
    remaining = _numbers(headers, "x-ratelimit-remaining", "ratelimit-remaining")
    resets = _numbers(headers, "x-ratelimit-reset", "ratelimit-reset")
    if not remaining or not resets:
        return None
    return Quota(min(remaining), max(max(0.0, at - epoch) if at > _EPOCHS_FROM else float(at) for at in resets))


def parse_policies(headers: Mapping[str, str]) -> tuple[tuple[int, float], ...]:
    """Calls and window in seconds of each item of `ratelimit-policy: "burst";q=100;w=60` that binds us."""
    items = _items(headers, "ratelimit-policy")
    pairs = [(item["q"], float(item["w"])) for item in items if "q" in item and "w" in item]
    return tuple((q, w) for q, w in pairs if 0 < q <= PACE[0] and 0 < w <= _LONGEST_WINDOW)


class Pacer:
    """When the next call of a token may go. Times are seconds of any one monotonic clock. Not thread-safe."""

    def __init__(self) -> None:
        self._sent: list[float] = []
        self._policies: tuple[tuple[int, float], ...] = ()
        self._left: int | None = None
        self._resets: float  # set together with `_left`
        self._silent_until = 0.0
        self._in_flight = 0
        self._alone = False  # whether one call goes by itself, to find out what is allowed

    def reserve(self, now: float) -> float:
        """Take a place for one call: 0 when it may go now, else the seconds to wait before asking again."""
        wait = self.delay(now)
        if wait <= 0:
            self._sent.append(now)
            self._in_flight += 1
            if self._left is not None:
                self._left -= 1
        return wait

    def delay(self, now: float) -> float:
        """Seconds until a call may go, 0 for now."""
        if self._left is not None and now >= self._resets:
            # The window is over. If it was used up, let one call find out what the new one allows.
            self._alone = self._alone or (self._left <= 0 and not self._policies)
            self._left = None
        waits = [self._silent_until - now, *(self._window(q, w, now) for q, w in (PACE, *self._policies))]
        if self._left is not None and self._left <= 0:
            waits.append(self._resets - now)
        if self._alone and self._in_flight:
            waits.append(_POLL)
        return max(0.0, *waits)

    def _window(self, calls: int, seconds: float, now: float) -> float:
        if len(self._sent) < calls:
            return 0.0
        # The margin is for calls that take longer to arrive than later ones.
        return self._sent[-calls] + seconds + _MARGIN - now

    def silence(self, seconds: float, now: float) -> None:
        """Let no call go for so long, and then one alone until it is answered."""
        self._silent_until = max(self._silent_until, now + seconds)
        self._alone = True

    def lost(self) -> None:
        """One call that had a place ended without an answer."""
        self._in_flight -= 1
        self._alone = self._alone and self._in_flight > 0

    def note(self, headers: Mapping[str, str], now: float, epoch: float) -> None:
        """Learn from the answer to one call that had a place."""
        self._in_flight -= 1
        # Answers to calls from before the silence do not end it.
        self._alone = self._alone and (self._in_flight > 0 or now < self._silent_until)
        self._policies = parse_policies(headers) or self._policies
        quota = parse_quota(headers, epoch)
        if quota is None:
            return
        # Calls in flight may not be in the server's count yet, and answers may overtake each other.
        left, resets = quota.remaining - self._in_flight, now + quota.seconds + _MARGIN
        if self._left is None or now >= self._resets:
            self._left, self._resets = left, resets
        self._left = min(left, self._left)
        if quota.remaining <= 0:
            self._resets = max(self._resets, resets)
