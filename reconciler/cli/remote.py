"""The way to Cloudflare, or to the sandbox: tokens, sessions, one client per account."""

import re
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.api.baseurl import CLOUDFLARE
from reconciler.api.exchange import Client, KeyAccess, Session
from reconciler.api.http import BadProxyError, HttpPort
from reconciler.api.proxy import proxy_passwords
from reconciler.cli.context import SANDBOX, Context, Halt, base_of, halt, is_variable
from reconciler.cli.context import tokens as secrets
from reconciler.cli.log import Carry, log, logged
from reconciler.cli.wirelog import LoggedPort
from reconciler.model.desired import Account
from reconciler.model.problems import error
from reconciler.secrets.secret import Secret

if TYPE_CHECKING:
    from reconciler.secrets.resolve import KeyRing


_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_HEADER = re.compile(r"(?:authorization|bearer)(?:[\s:=]|$)", re.IGNORECASE)


class Remote:
    """Clients for accounts; accounts with the same token share its session and connections.

    Use it as a context manager: leaving it closes connections and saves the sandbox.

    Attributes:
        base: The API's base URL, or `sandbox`.
    """

    def __init__(self, ctx: Context, accounts: Iterable[Account]) -> None:
        """Finds every account's token before any call.

        Raises:
            Halt: `auth` when one is missing; names all that are.
        """
        self._ctx = ctx
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._clients: dict[str, Client] = {}
        self._lines: dict[str, tuple[HttpPort, Session]] = {}
        self._rings: dict[str, KeyRing] = {}
        self.base = base_of(ctx)
        self._tokens = self._find_tokens(accounts)

    def __enter__(self) -> Self:
        self._transport = self._stack.enter_context(_Sandbox(self._ctx)).transport if self._ctx.sandbox else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()
        for port, _ in self._lines.values():
            port.close()
        self._stack.close()

    def client(self, account: Account) -> Client:
        """The account's client; always the same one."""
        with self._lock:
            if account.name not in self._clients:
                port, session = self._line(self._tokens[account.name])
                parallelism = self._ctx.options.parallelism
                self._clients[account.name] = Client(account.account_id, session, port, parallelism)
            return self._clients[account.name]

    def carry(self, account: Account) -> Carry:
        """Carries the account's steps out, with a line in the log for each call."""
        return logged(self._ctx, account.name, self.client(account).run)

    def ring(self, account: Account) -> "KeyRing":
        """The keys that the account's calls may carry, by tunnel name."""
        from reconciler.secrets.resolve import KeyRing

        return self._rings.setdefault(account.account_id, KeyRing())

    def _reveal(self, qualified: str) -> str:
        account_id, _, tunnel = qualified.partition("/")
        return self._rings[account_id].reveal(tunnel)

    def _wrap(self, text: str) -> Secret:
        secret = Secret(text)
        self._ctx.learn(secret)
        return secret

    def extend(self, seconds: float) -> None:
        """Put all deadlines off: the time that an approval takes does not count."""
        for _, session in self._lines.values():
            session.extend(seconds)

    def _find_tokens(self, accounts: Iterable[Account]) -> dict[str, str]:
        if self._ctx.sandbox:
            return {a.name: SANDBOX for a in accounts}
        users: dict[str, list[str]] = {}
        for account in accounts:
            users.setdefault(account.token_env, []).append(account.name)
        found = {variable: self._ctx.env.get(variable, "").strip() for variable in users}
        problems = [
            error(code, summary, f"{_needing(users[variable])} it. {remedy}")
            for variable in sorted(users)
            for code, summary, remedy in _token_faults(found[variable], variable)
        ]
        if problems:
            raise Halt("auth", problems)
        self._ctx.learn(*secrets(*found.values(), *proxy_passwords(self._ctx.env)))
        return {name: found[variable] for variable, names in users.items() for name in names}

    def _line(self, token: str) -> tuple[HttpPort, Session]:
        if token not in self._lines:
            options = self._ctx.options
            base = CLOUDFLARE if self._ctx.sandbox else self.base
            kind = LoggedPort if options.verbose > 1 else HttpPort
            try:
                port = kind(base, token, options.parallelism, self._ctx.stop.is_set, self._transport)
            except BadProxyError as bad:
                raise halt("error", "bad-proxy", f"the proxy in {bad.variable} can't be used", bad.why) from None
            except ValueError as refused:
                raise halt("auth", "bad-token", "the API token can't be used", f"{refused}") from None
            except OSError as wrong:
                detail = f"{wrong}. Correct SSL_CERT_FILE or SSL_CERT_DIR, or unset it."
                raise halt("error", "no-certificates", "the TLS certificates can't be read", detail) from None
            if isinstance(port, LoggedPort):
                port.tell = partial(log, self._ctx, "request")
            keys = KeyAccess(self._reveal, self._wrap, self._ctx.redactor.quotes)
            self._lines[token] = port, Session(port.now() + self._ctx.left(), keys)
        return self._lines[token]


def _token_faults(token: str, variable: str) -> list[tuple[str, str, str]]:
    """What keeps the value of a variable from being a token: code, summary and remedy. They never hold the value."""
    if not token:
        remedy = "Set it to a Cloudflare API token, or try the tool without one: add --sandbox."
        return [("no-token", f"the environment variable {variable} is not set", remedy)]
    summary, remedy = "", ""
    if token[0] in _QUOTES or token[-1] in _QUOTES:
        summary, remedy = "stands in quotes", "The quotes are part of the value: set it without them."
    elif token == variable or is_variable(token):
        summary, remedy = "is the name of a variable", "Set it to the token itself."
    elif _HEADER.match(token):
        summary, remedy = "begins like a header", "Set it to the token alone, without what stands before it."
    elif not token.isascii() or not token.isprintable() or " " in token:
        summary, remedy = "holds blanks or other characters that no token has", "Was it copied whole? Set it again."
    return [("bad-token", f"the value of {variable} {summary}", remedy)] if summary else []


def _needing(accounts: list[str]) -> str:
    return f"Account {accounts[0]} needs" if len(accounts) == 1 else f"Accounts {', '.join(accounts)} need"


class _Sandbox:
    """The built-in simulator with its state in a file, locked while the command runs."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._path = Path(ctx.options.sandbox)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from reconciler.cli.lock import lock
        from reconciler.simulator import sandbox
        from reconciler.simulator.semantics import DEFAULT
        from reconciler.simulator.transport import SimulatorTransport

        try:
            self._stack.enter_context(lock(self._ctx, sandbox.lock_of(self._path), f"in the sandbox {self._path}"))
            self._simulator = sandbox.load(self._path, DEFAULT, time.time)
        except (ValueError, OSError) as refused:
            self._stack.close()
            raise halt("error", "sandbox", "the sandbox file can't be used", f"{refused}.") from None
        self.transport = SimulatorTransport(self._simulator)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if any(entry.method != "GET" for entry in self._simulator.log):
                self._save()

    def _save(self) -> None:
        from reconciler.simulator import sandbox

        try:
            sandbox.save(self._path, self._simulator)
        except (ValueError, OSError) as wrong:
            detail = f"{wrong}. What was written there is lost, so the sandbox is as it was before. Run it again."
            self._ctx.late += (error("sandbox", "the sandbox file can't be written", detail),)
