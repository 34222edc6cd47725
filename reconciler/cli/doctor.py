"""`reconciler doctor`: whether this machine, the files, the tokens and the API are ready for the other commands.

It is what a new user runs first, and what anybody runs when nothing works. So it needs no file and no token, and what
fails is a line among the others. Nothing is written, but by `--measure`.
"""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.api.call import Call, Send, Verb
from reconciler.api.http import BadProxyError, proxy_for, trusted
from reconciler.cli.about import version, versions
from reconciler.cli.clients import Clients, no_way
from reconciler.cli.context import Context, Halt
from reconciler.cli.files import load_files, with_md5_keys
from reconciler.cli.options import UsageError, listed
from reconciler.cli.planning import live_tunnels, side_by_side
from reconciler.cli.tokens import token_faults
from reconciler.files.gitref import GitError, changed_files
from reconciler.files.tree import safe_path
from reconciler.model.desired import TOKEN_ENV, Account
from reconciler.model.problems import Level, count, named
from reconciler.report.doctor import error, failed, leftover_check, ok, tunnel_checks, warning, way_checks, write_check
from reconciler.report.outcome import Outcome, worst
from reconciler.report.values import AccountReport, CheckReport, Report
from reconciler.secrets.program import child_environment

NOTHING = Call(Verb.UPDATE, {"items": ()}, validate_only=True)
"""A bulk update of no tunnel, only to be checked: it asks whether the token may write, and nothing can come of it."""

_NAMED = 5


def run(ctx: Context) -> Report:
    """What is found on this machine and in each account, or what a measurement of one account finds.

    Raises:
        UsageError: Another format than text or JSON was asked for.
    """
    if any(form not in ("text", "json") for form, _ in ctx.options.output):
        raise UsageError("doctor writes text or JSON: leave -o out, or give -o json")
    if ctx.options.measure:
        from reconciler.cli import measure

        return measure.run(ctx)
    files, accounts = _files(ctx)
    checks = [*_program(), files, _git(ctx), *_way(ctx)]
    if not accounts:  # so that who has no files yet learns of the token too
        checks += _token(ctx, TOKEN_ENV)
    reports = _accounts(ctx, accounts)
    outcomes: list[Outcome] = [report.outcome for report in reports]
    outcomes += ["error" for check in checks if check.severity == "error"]
    outcomes += ["invalid"] if files.severity == "error" else []
    return replace(ctx.report(reports, outcome=worst(tuple(outcomes))), checks=tuple(checks))


def _program() -> Iterator[CheckReport]:
    yield ok("version", version(libraries=False))
    found = versions()
    if missing := [name for name, number in found.items() if number is None]:
        yield error("python", f"{listed(missing)} not installed", "Install the program anew, with what it requires.")
    else:
        libraries = ", ".join(f"{name} {number}" for name, number in found.items())
        yield ok("python", f"{platform.python_version()}; {libraries}")


def _files(ctx: Context) -> tuple[CheckReport, list[Account]]:
    """Whether the files are valid, and the accounts that can be asked: also of files that are wrong elsewhere."""
    wrong = False
    try:
        every = with_md5_keys(ctx, load_files(ctx))
    except Halt:
        every, wrong = ctx.every, True
    places = {one.location.file for one in ctx.diagnostics if one.severity is Level.ERROR and one.location}
    chosen = [d for d in every if not ctx.options.account or d.account.name in ctx.options.account]
    accounts = [d.account for d in chosen if d.account.location.file not in places]
    there = f"{count(len(chosen), 'account')}, {count(sum(len(d.tunnels) for d in chosen), 'tunnel')}"
    if wrong:
        errors = sum(one.count for one in ctx.diagnostics if one.severity is Level.ERROR)
        return error("files", f"{count(errors, 'error')}, told above"), accounts
    if warned := sum(one.count for one in ctx.diagnostics if one.location):
        return warning("files", f"{there}; {count(warned, 'warning')}, told above"), accounts
    return ok("files", there), accounts


def _git(ctx: Context) -> CheckReport:
    root = Path(ctx.options.dir)
    try:
        changed = changed_files(root, child_environment(ctx.env, ctx.every))
    except GitError as wrong:
        return warning("git", str(wrong))
    if changed:
        summary = f"{count(len(changed), 'file')} not as committed: {named(changed, _NAMED)}"
        return warning("git", summary, "Commands go by the files as they are, not by a commit.")
    return ok("git", f"all below {safe_path(root)} is committed")


def _way(ctx: Context) -> Iterator[CheckReport]:
    """What of the environment says how to reach the API. A proxy's credentials are not told."""
    if ctx.sandbox or ctx.base.startswith("http:"):
        yield ok("proxy", "none is needed on this machine")
        return
    try:
        proxy = proxy_for(ctx.base)
        yield ok("proxy", str(proxy.url) if proxy else "none")
        trusted()
        named_by = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if ctx.env.get(name)), None)
        yield ok("certificates", f"{named_by}: {ctx.env[named_by]}" if named_by else "certifi's")
    except (BadProxyError, OSError) as wrong:
        problem = no_way(wrong)
        yield error("proxy" if isinstance(wrong, BadProxyError) else "certificates", problem.summary, problem.detail)


def _token(ctx: Context, variable: str) -> list[CheckReport]:
    if ctx.sandbox:
        return [ok("token", "the sandbox needs none")]
    faults = token_faults(ctx.env.get(variable, "").strip(), variable)
    return [error("token", summary, remedy) for _, summary, remedy in faults] or [ok("token", f"{variable} is set")]


def _accounts(ctx: Context, accounts: Sequence[Account]) -> list[AccountReport]:
    """A report for each account: by its token, a list and, where that came, a write of nothing.

    All lists come first, since a refusal of one such write may stop all further calls of the token.
    """
    tokens = {account.name: _token(ctx, account.token_env) for account in accounts}
    asked = [account for account in accounts if all(check.severity == "ok" for check in tokens[account.name])]
    with Clients(ctx, asked) as clients:

        def read(account: Account) -> tuple[Outcome, list[CheckReport]]:
            return _read(ctx, clients, account)

        def write(account: Account) -> CheckReport:
            (outcome,) = clients.carry(account)(Send((NOTHING,)))
            return write_check(outcome)

        lists = {a.name: found for a, found in zip(asked, side_by_side(ctx, asked, read), strict=True)}
        readable = [account for account in asked if lists[account.name][0] == "ok"]
        writes = {a.name: [check] for a, check in zip(readable, side_by_side(ctx, readable, write), strict=True)}
    reports = []
    for name, account_id in ((account.name, account.account_id) for account in accounts):
        outcome, more = lists.get(name, ("auth", []))
        checks = (*tokens[name], *more[:1], *writes.get(name, ()), *more[1:])
        reports.append(AccountReport(account=name, account_id=account_id, outcome=outcome, checks=checks))
    return reports


def _read(ctx: Context, clients: Clients, account: Account) -> tuple[Outcome, list[CheckReport]]:
    """What a list of the account shows: how the account is, and the checks."""
    try:
        found = live_tunnels(ctx, clients, account)
    except Halt as stopped:  # no call can be made
        return stopped.outcome, [error("read", d.summary, d.detail) for d in stopped.diagnostics]
    heard = clients.heard(account)
    way = [*way_checks(heard)] if heard else []
    if isinstance(found, AccountReport):
        return found.outcome, [*([failed("read", found.error)] if found.error else []), *way]
    tunnels = found.tunnels.values()
    own = [tunnel for tunnel in tunnels if account.is_owned(tunnel.name)]
    may_read = ok("read", f"the token may read: {count(len(tunnels), 'live tunnel')}")
    return "ok", [may_read, *way, *tunnel_checks(own), leftover_check(tunnels)]
