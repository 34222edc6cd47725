"""The lists of a Markdown report: ways out of drift, what is left alone, keys, accounts."""

from collections.abc import Iterator

from reconciler.model.psk import KeyStatus
from reconciler.render import safe, words
from reconciler.render.clip import clipped, fence, size
from reconciler.report.values import AccountReport

_LARGEST_PATCH = 20_000


def ways_out(account: AccountReport) -> str:
    """Both ways to end the drift, ready to copy."""
    if account.ways_out is None:
        return ""
    revert = fence([safe.visible(account.ways_out.revert)[:1000]], "sh")
    parts = [f"**Revert on Cloudflare** ({_name(account)}):", revert]
    if account.ways_out.accept:
        lines = [safe.visible(line) for line in account.ways_out.accept.rstrip("\n").split("\n")]
        patch = fence(lines, "diff")
        if size(patch) > _LARGEST_PATCH:
            return "\n\n".join(
                [*parts, "**Accept into git**: the patch is too long for here; the JSON report holds it."]
            )
        fold = "<details><summary><b>Accept into git</b>: a patch for <code>git apply</code></summary>"
        parts += [fold, patch, "</details>"]
    return "\n\n".join(parts)


def left_alone(account: AccountReport, *, several: bool) -> Iterator[str]:
    """One line per tunnel that is left alone or was not checked, and per difference since gone."""
    where = f" in {_name(account)}" if several else ""
    kinds = {"not checked": account.not_checked, "unmanaged": account.unmanaged, "ignored": account.ignored}
    for kind, items in kinds.items():
        for item in items:
            yield f"- {kind}{where}: {clipped(words.left_alone(item), safe.markdown, 250)}"
    for gone in account.resolved:
        yield f"- resolved{where}: {clipped(words.resolved(gone), safe.markdown, 250)}"


def _name(account: AccountReport) -> str:
    return clipped(account.account, safe.markdown_code, 60)


def keys(account: AccountReport) -> Iterator[str]:
    """One line per pre-shared key: its age, where it comes from, how setting it ended."""
    for key in account.keys:
        name = clipped(key.name, safe.markdown_code, 100)
        yield f"- {name}: {clipped(', '.join(_key(key)), safe.markdown, 250)}"


def _key(key: KeyStatus) -> Iterator[str]:
    if key.outcome:
        yield key.outcome
    if key.overdue:
        yield "overdue"
    yield "age unknown" if key.age_days is None else words.count(key.age_days, "day") + " old"
    yield key.reference or "no psk"
    if key.error:
        yield f"{key.error.message} ({key.error.code})"
        yield from (text for text, _ in words.more(key.error))


def account(found: AccountReport) -> str:
    """One line for an account: its size, its token's variable, whether it is paused."""
    token = f", token from {found.token.env}" if found.token else ""
    paused = f", paused: {found.paused}" if found.paused is not None else ""
    about = clipped(f"{words.count(found.managed, 'tunnel')}{token}{paused}", safe.markdown, 250)
    return f"- {_name(found)}: {about}"
