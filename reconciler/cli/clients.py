"""The way to Cloudflare, or to the sandbox: tokens, what each of them may do, one client per account."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from reconciler.api.baseurl import CLOUDFLARE
from reconciler.api.call import Carry, Probed
from reconciler.api.exchange import Allowance, Client, Heard, SecretAccess
from reconciler.api.http import BadProxyError, HttpPort
from reconciler.api.proxy import proxy_passwords
from reconciler.cli.context import SANDBOX, Context, Halt, halt
from reconciler.cli.options import UsageError
from reconciler.cli.progress import Progress
from reconciler.cli.tokens import token_faults, tokens
from reconciler.model.desired import Account, CommandRef
from reconciler.model.problems import Diagnostic, error
from reconciler.model.settings import Settings
from reconciler.report.values import Report
from reconciler.secrets.secret import Secret, reveal

if TYPE_CHECKING:
    from reconciler.simulator.server import Simulator
    from reconciler.simulator.transport import SimulatorTransport


PROBE_SECONDS = 10.0
"""How long a probe of one tunnel may take."""

PROBE_PATHS = ("cloudflare_endpoint", "customer_endpoint", "interface_address", "interface_address6")
"""The settings that a probe gets in its environment, as RECONCILER_CUSTOMER_ENDPOINT and so on."""

_PRINTED = 300
_OTHER_SANDBOX = "Give another one with --sandbox=FILE; a sandbox that is damaged can be deleted, to start anew."


def no_way(wrong: BadProxyError | OSError) -> Diagnostic:
    """Why no call can be made: the proxy, or the certificates that a server is proved by."""
    if isinstance(wrong, BadProxyError):
        return error("bad-proxy", f"the proxy in {wrong.variable} can't be used", wrong.why)
    summary = f"the TLS certificates can't be read: {wrong.strerror or wrong}"
    return error("no-certificates", summary, "Correct SSL_CERT_FILE or SSL_CERT_DIR, or unset it.")


class Clients:
    """Clients for accounts; accounts with the same token share its allowance and its connections.

    Use it as a context manager: leaving it closes connections, then saves the sandbox and lets go of its lock.

    Attributes:
        progress: What is told of their calls meanwhile.
        listed_at: When each account's list was begun, by its name, in seconds of the monotonic clock.
    """

    def __init__(self, ctx: Context, accounts: Iterable[Account]) -> None:
        """Finds every account's token before any call.

        Raises:
            Halt: `auth` when one is missing; names all that are.
        """
        self._ctx = ctx
        self._stack = ExitStack()
        self._lock = Lock()
        self._clients: dict[str, Client] = {}
        self._allowances: dict[str, tuple[HttpPort, Allowance]] = {}
        self._rings: dict[str, dict[str, Secret]] = {}
        self.progress = Progress(ctx)
        self.listed_at: dict[str, float] = {}
        self._tokens = self._find_tokens(accounts)
        self._transport: SimulatorTransport | None = None

    def __enter__(self) -> Self:
        if self._ctx.sandbox:
            self._transport = self._open_sandbox()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.end()
        self._stack.close()

    def carry(self, account: Account) -> Carry:
        """Carries the account's steps out, with a line in the log for each call."""
        with self._lock:  # accounts are planned side by side
            client = self._clients.get(account.name)
            if client is None:
                port, allowance = self._allowance(self._tokens[account.name])
                client = Client(account.account_id, allowance, port, self._ctx.options.parallelism)
                self._clients[account.name] = client
                self._stack.callback(client.close)
                client.watch = partial(self.progress.ended, account.name)
                if account.rollout and account.rollout.probe:
                    from reconciler.secrets.program import child_environment

                    env = child_environment(self._ctx.env, self._ctx.every)
                    client.probe = partial(self._probe, account.rollout.probe, env)
        carry: Carry = client.run
        if self._ctx.options.verbose:
            from reconciler.cli.log import logged

            carry = logged(self._ctx, account.name, carry)
        return self.progress.telling(account.name, carry)

    def ring(self, account: Account) -> dict[str, Secret]:
        """The keys that the account's calls may carry, by tunnel name."""
        return self._rings.setdefault(account.account_id, {})

    def heard(self, account: Account) -> Heard | None:
        """What the last answer said beside its body to the token of an account whose steps were carried out."""
        return self._allowances[self._tokens[account.name]][1].heard

    def extend(self, seconds: float) -> None:
        """Put all deadlines off: the time that an approval takes does not count."""
        self._ctx.started += seconds
        for _, allowance in self._allowances.values():
            allowance.extend(seconds)

    def counted(self, report: Report, *, calls: bool) -> Report:
        """The report with the time that the run took and, where something was done, the calls that were made."""
        made = self.progress.calls if calls else {}
        accounts = (
            replace(one, calls_made=dict(made[one.account])) if one.account in made else one for one in report.accounts
        )
        seconds = max(round(time.monotonic() - self._ctx.started, 1), 0.1)  # a report tells no zero
        return replace(report, accounts=tuple(accounts), seconds=seconds)

    def _find_tokens(self, accounts: Iterable[Account]) -> dict[str, str]:
        if self._ctx.sandbox:
            return {a.name: SANDBOX for a in accounts}
        users: dict[str, list[str]] = {}
        for account in accounts:
            users.setdefault(account.token_env, []).append(account.name)
        found = {variable: self._ctx.env.get(variable, "").strip() for variable in users}
        problems = []
        for variable, names in sorted(users.items()):
            needing = f"Account {names[0]} needs" if len(names) == 1 else f"Accounts {', '.join(names)} need"
            for code, summary, remedy in token_faults(found[variable], variable):
                problems.append(error(code, summary, f"{needing} it. {remedy}"))
        if problems:
            raise Halt("auth", problems)
        self._ctx.output.hide(*tokens(*found.values(), *proxy_passwords(self._ctx.env)))
        return {name: found[variable] for variable, names in users.items() for name in names}

    def _allowance(self, token: str) -> tuple[HttpPort, Allowance]:
        """What the calls of a token share: a refusal or a `Retry-After` that one account meets counts for all."""
        if token not in self._allowances:
            options = self._ctx.options
            base = CLOUDFLARE if self._ctx.sandbox else self._ctx.base
            make: Callable[..., HttpPort] = HttpPort
            if options.verbose > 1:
                from reconciler.cli.log import LoggedPort

                make = partial(LoggedPort, self._ctx)
            try:
                port = make(base, token, options.parallelism, self._ctx.stop.is_set, self._transport)
            except (BadProxyError, OSError) as wrong:
                raise Halt("error", [no_way(wrong)]) from None
            except ValueError as refused:
                raise halt("auth", "bad-token", str(refused), "Copy it again, whole.") from None
            self._stack.callback(port.close)
            access = SecretAccess(self._reveal, self._wrap, self._ctx.output.redactor.quotes)
            self._allowances[token] = port, Allowance(port.now() + self._ctx.left(), access)
        return self._allowances[token]

    def _reveal(self, account_id: str, name: str) -> str:
        return reveal(self._rings[account_id][name])

    def _wrap(self, text: str) -> Secret:
        secret = Secret(text)
        self._ctx.output.hide(secret)  # before anybody can log or show it
        return secret

    def _probe(self, command: CommandRef, env: dict[str, str], tunnel: tuple[str, Settings]) -> Probed:
        """Run the user's program for one tunnel. Secrets are hidden before anything is cut off, or they might stay."""
        from reconciler.secrets.program import CommandError, run

        if self._ctx.stop.is_set() or not self._ctx.options.allow_commands:
            return Probed(healthy=False, said="it was not run")
        name, settings = tunnel
        addresses = {f"RECONCILER_{path.upper()}": str(settings.get(path) or "") for path in PROBE_PATHS}
        try:
            run(command, env | addresses | {"RECONCILER_TUNNEL": name}, timeout=PROBE_SECONDS, errors=True)
        except CommandError as failed:
            printed = self._ctx.output.redactor.clean(failed.output.decode(errors="replace"))
            words = " ".join(printed.split())
            printed = f": {words[:_PRINTED]}{'…' if len(words) > _PRINTED else ''}" if words else ""
            return Probed(healthy=False, said=f"{failed}{printed}")
        return Probed(healthy=True)

    def _open_sandbox(self) -> "SimulatorTransport":
        """The built-in simulator with its state in a file, locked while the command runs."""
        from reconciler.cli.lock import lock
        from reconciler.simulator import sandbox
        from reconciler.simulator.semantics import DEFAULT
        from reconciler.simulator.transport import SimulatorTransport

        path = Path(self._ctx.options.sandbox or "")
        try:
            self._stack.enter_context(lock(self._ctx, sandbox.lock_of(path), f"in the sandbox {path}"))
            simulator = sandbox.load(path, DEFAULT, time.time)
        except OSError as wrong:
            self._stack.close()
            where = f"{path}{self._ctx.options.origin('sandbox')}"
            raise UsageError(f"--sandbox {where} can't be used: {wrong.strerror}. Choose another file.") from None
        except ValueError as refused:
            self._stack.close()
            summary = f"the sandbox file{self._ctx.options.origin('sandbox')} can't be used: {refused}"
            raise halt("error", "sandbox", summary, _OTHER_SANDBOX) from None
        self._stack.callback(self._save_sandbox, path, simulator)
        return SimulatorTransport(simulator)

    def _save_sandbox(self, path: Path, simulator: "Simulator") -> None:
        from reconciler.simulator import sandbox

        if all(entry.method == "GET" or "validate_only=true" in entry.query for entry in simulator.log):
            return  # a plan must not touch the file
        try:
            sandbox.save(path, simulator)
        except (ValueError, OSError) as wrong:
            why = wrong.strerror if isinstance(wrong, OSError) else wrong
            detail = "What was written there is lost, so the sandbox is as it was before. Run it again."
            self._ctx.late += (error("sandbox", f"the sandbox file can't be written: {why}", detail),)
