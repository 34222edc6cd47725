"""The saved plan: what was approved, so that apply can tell whether it is still what would be done.

The digests decide. The rest is there to be read, and to name what differs later. It holds no secret. What an earlier
version did not write is optional.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.model.document import first_fault
from reconciler.model.live import Live
from reconciler.model.problems import Source
from reconciler.model.tunnel import SENSITIVE_PATHS, SETTINGS
from reconciler.plan.diff import Action, Change, FieldChange, shown_value
from reconciler.plan.plan import Plan

_UNREAD = " (its BGP MD5 key differs, which was not so, or could not be read, when the plan was made)"


class _Saved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SavedChange(_Saved):
    """One change of the plan."""

    action: Annotated[Action, Field(description="What apply does; a rename is an update")]
    name: Annotated[str, Field(description="The tunnel's name (after a rename the new one)")]
    previous_name: Annotated[str | None, Field(description="The live name that a rename replaces")]
    id: Annotated[str | None, Field(description="Cloudflare's id; null for a create")]
    fields: Annotated[tuple[FieldChange, ...], Field(description="What differs, sorted by path")]
    observed: Annotated[dict[str, Any], Field(description="The tunnel as it was, without sensitive settings")]
    psk: Annotated[
        str | None, Field(description="Of a create: where its pre-shared key comes from, `external` or `none`")
    ] = None
    source: Annotated[Source | None, Field(description="Where the tunnel was declared; may differ later")] = None
    routes: Annotated[
        tuple[str, ...], Field(description="Prefixes of static routes that lost their next hop; may differ later")
    ] = ()

    @property
    def ref(self) -> str:
        """Names the change within its plan."""
        return self.id or f"+{self.name}"


class SavedAccount(_Saved):
    """The plan of one account."""

    account: Annotated[str, Field(description="Name of its folder")]
    account_id: Annotated[str, Field(description="Cloudflare's id", pattern="^[0-9a-f]{32}$")]
    base: Annotated[str, Field(description="The API's base URL, or `sandbox`")]
    digest: Annotated[str, Field(description="Digest of the plan", pattern="^sha256:[0-9a-f]{64}$")]
    changes: Annotated[tuple[SavedChange, ...], Field(description="What apply does, in order of name")]
    notes: Annotated[tuple[str, ...], Field(description="To be read before approving; may differ later")] = ()


class SavedPlan(_Saved):
    """The plans of all selected accounts, as they were approved."""

    format_version: Annotated[Literal["1.1"], Field(description="A file of another version is refused")] = "1.1"
    kind: Annotated[Literal["saved-plan"], Field(description="`saved-plan`")] = "saved-plan"
    target: Annotated[str | None, Field(description="The pattern of `--target`, for messages")] = None
    accounts: Annotated[tuple[SavedAccount, ...], Field(description="In order of name")]


def saved_plan(plans: Sequence[Plan]) -> SavedPlan:
    """The plans of all selected accounts, to be written as JSON."""
    accounts = [
        SavedAccount(
            account=plan.desired.account.name,
            account_id=plan.desired.account.account_id,
            base=plan.options.base,
            digest=plan.digest,
            changes=tuple(_saved_change(change, plan.taken(change)) for change in plan.changes),
            notes=plan.notes,
        )
        for plan in plans
    ]
    target = next((plan.options.glob for plan in plans), None)
    return SavedPlan(target=target, accounts=tuple(sorted(accounts, key=lambda a: a.account)))


def _saved_change(change: Change, routes: tuple[str, ...]) -> SavedChange:
    return SavedChange(
        action=change.action,
        name=change.name,
        previous_name=change.previous_name,
        id=change.id,
        fields=change.fields,
        observed={
            path: shown_value(path, change.before) for path in sorted(change.before) if not SETTINGS[path].sensitive
        },
        psk=change.psk,
        source=change.location.source if change.location else None,
        routes=routes,
    )


def read_saved(document: object) -> SavedPlan:
    """A saved plan from whatever JSON a file holds.

    Raises:
        ValueError: It is not one; says why.
    """
    try:
        return SavedPlan.model_validate(document)
    except ValidationError as wrong:
        raise ValueError(first_fault(wrong)) from None


def differences(saved: SavedPlan, plans: Sequence[Plan]) -> tuple[str, ...]:
    """Compares a saved plan with the plans computed now: what differs, in sentences; empty when they are the same.

    Only equal sets of accounts with equal digests pass, and only when the rest says the same: so a forged file can at
    most be refused, and what was read in it is what is done.

    Args:
        saved: What the file holds.
        plans: The plans of all selected accounts.

    Returns:
        One sentence a difference. They may quote names from the file.
    """
    then = {account.account: account for account in saved.accounts}
    now = {account.account: account for account in saved_plan(plans).accounts}
    if len(then) < len(saved.accounts):
        return ("the file is not a saved plan: an account stands in it twice",)
    out: list[str] = []
    for name in sorted(now.keys() | then.keys()):
        if name not in then:
            out.append(f"account {name} is not in the saved plan")
        elif name not in now:
            out.append(f"account {name} is in the saved plan only")
        elif then[name].digest == now[name].digest and not _same(then[name], now[name]):
            out.append(f"the saved plan of account {name} was changed after it was written")
        elif then[name].digest != now[name].digest:
            # A sensitive value or a key's reference is in the digest and nowhere else.
            hidden = [f"{name}: a value that is not shown, or the file, was changed"]
            out += list(_of_account(then[name], now[name])) or hidden
    return tuple(out)


_MAY_DIFFER: dict[str, Any] = {"notes": True, "changes": {"__all__": {"psk", "source", "routes"}}}


def _same(then: SavedAccount, now: SavedAccount) -> bool:
    """Whether both say the same but for what may differ: places, notes, static routes, the folders of key files.

    (An earlier version wrote nothing of keys.)
    """
    same = then.model_dump(exclude=_MAY_DIFFER) == now.model_dump(exclude=_MAY_DIFFER)
    pairs = zip(then.changes, now.changes, strict=False)
    return same and all(one.psk is None or _psk(one) == _psk(other) for one, other in pairs)


def _psk(change: SavedChange) -> str:
    """Where its pre-shared key comes from, without folders, which differ from checkout to checkout."""
    kind, file, path = (change.psk or "").partition("file ")
    return kind + file + path.replace("\\", "/").rpartition("/")[2]


def carried_out(saved: SavedPlan, plans: Iterable[Plan]) -> bool:
    """Whether a saved plan was carried out already: nothing is left to do, and what it wanted is live."""
    now = {(p.desired.account.name, p.desired.account.account_id, p.options.base): p for p in plans}
    then = {(account.account, account.account_id, account.base): account.changes for account in saved.accounts}
    return (
        any(then.values())
        and then.keys() == now.keys()
        and not any(plan.changes for plan in now.values())
        and all(_are_live(changes, now[key].live) for key, changes in then.items())
    )


def _are_live(changes: Iterable[SavedChange], live: Live) -> bool:
    """Whether live is as these changes wanted; of a sensitive value nothing is known."""
    named = live.by_name()
    for change in changes:
        found = named.get(change.name)
        if change.action is Action.DELETE:
            if change.id in live.tunnels:
                return False
        elif (
            found is None
            or change.id not in (None, found.id)
            or not all(f.sensitive or shown_value(f.path, found.settings) == f.after for f in change.fields)
        ):
            return False
    return True


def _of_account(then: SavedAccount, now: SavedAccount) -> Iterator[str]:
    for key in ("account_id", "base"):
        if getattr(then, key) != getattr(now, key):
            yield f"{key} of account {now.account} is another one"
    before, after = ({change.ref: change for change in account.changes} for account in (then, now))
    names = {ref: change.name for ref, change in (before | after).items()}
    for ref in sorted(names, key=lambda ref: (names[ref], ref)):
        old, new = before.get(ref), after.get(ref)
        if old is None and new is not None:
            secrets = [field.path for field in new.fields if field.sensitive]
            yield f"{now.account}: {new.name} would be changed now and was not before" + (_UNREAD if secrets else "")
        elif old is not None and new is None:
            yield f"{now.account}: {old.name} would not be changed now"
        elif old is not None and new is not None:
            for key in ("action", "name", "previous_name"):
                if getattr(old, key) != getattr(new, key):
                    yield f"{now.account}: {key} of {new.name} is now {getattr(new, key)}"
            values_then, values_now = _values(old), _values(new)
            for path in sorted(values_then.keys() | values_now.keys()):
                if values_then.get(path) != values_now.get(path):
                    unread = path in SENSITIVE_PATHS and path not in values_then
                    yield f"{now.account}: {path} of {new.name} is not what it was{_UNREAD if unread else ''}"


def _values(change: SavedChange) -> dict[str, list[object]]:
    """What was observed and what is to be written, by path."""
    out: dict[str, list[object]] = {path: [value] for path, value in change.observed.items()}
    for field in change.fields:
        out.setdefault(field.path, []).append(field)
    return out
