"""Whether and when a try is repeated: full-jitter backoff, and `Retry-After`.

Between tries is a random part of a span that doubles: up to 0.5, 1, 2, 4, 8 seconds. Clients that failed together don't
come back together. This is about one call; what to do about a write whose outcome stays open is the engine's business.
"""

import math
import re

from reconciler.api.call import READS, Ambiguous, Call, NotSent, Verb

_BASE = 0.5
_LONGEST = 60.0
_TRIES = 6
_TRIES_ROUTES = 2  # whether routes are known decides a note and a guard: not worth minutes of a run's time
_TRIES_LIMITED = 12  # after a 429: nothing is wrong but the time, and a block lasts five minutes
_SECONDS = r"[0-9]+(\.[0-9]+)?"
# A comma separates values, but also the day of the week from the rest of a date.
_ONE_OF_SEVERAL = r"(?:\s*(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,)?[^,]+"
_FOREVER = 1e9
"""Seconds that no run lasts."""
_LONGEST_DATE = 63


def next_delay(call: Call, failure: NotSent | Ambiguous, attempt: int, draw: float) -> float | None:
    """Seconds to wait before the next try, or None for no further try.

    A write that may have been carried out is never sent again. What surely was not carried out is, and so
    is every call that changes nothing.

    Args:
        call: What was sent.
        failure: What became of it.
        attempt: Number of tries so far, from 1.
        draw: Random number in [0, 1).
    """
    harmless = call.verb in READS or call.validate_only
    if isinstance(failure, Ambiguous) and not harmless:
        return None
    tries = _TRIES_ROUTES if call.verb is Verb.ROUTES else _TRIES
    if attempt >= (_TRIES_LIMITED if failure.code == "rate-limited" else tries):
        return None
    return draw * min(_LONGEST, _BASE * 2.0 ** (attempt - 1))


def parse_retry_after(value: str | None, epoch: float) -> float | None:
    """Seconds that `Retry-After` headers ask for, or None when there is none that is understood.

    (API: whole seconds; HTTP also allows a date.) An answer may carry several, of the API and of a proxy before it.
    Each is to be obeyed, so the longest counts.

    Args:
        value: Numbers of seconds or HTTP dates, with commas between them.
        epoch: Seconds since 1970 now. A date that has passed gives 0.
    """
    asked = [_seconds(one.strip(), epoch) for one in re.findall(_ONE_OF_SEVERAL, value or "")]
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _seconds(text: str, epoch: float) -> float | None:
    if re.fullmatch(_SECONDS, text):
        return min(float(text), _FOREVER)
    if not text[:1].isalpha() or len(text) > _LONGEST_DATE:
        return None
    from email.utils import mktime_tz, parsedate_tz

    try:
        parts = parsedate_tz(text)
        seconds = mktime_tz(parts) - epoch if parts else math.nan
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
