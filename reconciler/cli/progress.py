"""What a run is doing, on the last line of a terminal, and above it a line for each change as it ends.

It tells what is sent and what was answered; what came of it is the report's business. Where the log is on that says
more, and where nobody looks, as in a pipe, nothing is shown.
"""

from collections import Counter
from collections.abc import Iterable
from threading import Lock
from typing import Any

from reconciler.api.call import READS, Answered, Ask, Call, CallOutcome, Carry, NotSent, Pause, Probe, Send, Step, Verb
from reconciler.cli.context import Context
from reconciler.model.verdict import Result
from reconciler.render.headline import DONE
from reconciler.render.layout import COLOR, Paint
from reconciler.render.safe import terminal
from reconciler.render.words import SIGNS, count
from reconciler.report.values import ChangeReport

_LONG = 8
"""Calls of one step from which on a bar shows how many of them have ended."""

_BAR = 20
_CLEAR = "\r\x1b[K"
"""Back to the beginning of the line, and nothing stands in it any more."""

_DOING = {
    Verb.GET: "Reading",
    Verb.CREATE: "Creating",
    Verb.UPDATE: "Updating",
    Verb.UPDATE_ONE: "Updating",
    Verb.DELETE: "Deleting",
    Verb.SET_PSKS: "Setting the key of",
    Verb.GENERATE_PSK: "Having a key made for",
}
_ACTIONS = {Verb.CREATE: "create", Verb.UPDATE: "update", Verb.UPDATE_ONE: "update", Verb.DELETE: "delete"}


class Progress:
    """Of all accounts of a run, whose calls end in threads of their own.

    Attributes:
        calls: Calls that were sent and have ended, by account, then by kind.
    """

    def __init__(self, ctx: Context) -> None:
        self.calls: dict[str, Counter[str]] = {}
        self._ctx = ctx
        self._stderr = ctx.output.stderr
        self._width = ctx.width(self._stderr)
        silent = ctx.options.verbose or ctx.options.quiet or ctx.env.get("TERM") == "dumb"
        self._shows = self._width is not None and not silent
        self._paint = Paint(ctx.color(self._stderr))
        self._shown = False
        self._lock = Lock()
        self._names: dict[str | None, str] = {}  # of tunnels that were listed, by id
        self._wrote: set[str] = set()  # accounts
        self._printed: set[tuple[str, str, str]] = set()
        self._open: dict[str, list[Call]] = {}  # calls of an account's step that have not ended
        self._calls: dict[str, int] = {}  # how many there are in all

    def telling(self, account: str, carry: Carry) -> Carry:
        """The same carrier, which says first what each step does."""

        def tell_and_carry(step: Step) -> tuple[Any, ...]:
            with self._lock:
                if isinstance(step, Pause):
                    self._show(account, f"Waiting {step.seconds:g} s {step.why}")
                elif isinstance(step, Probe):
                    more = f" and {count(len(step.tunnels) - 1, 'other')}" if len(step.tunnels) > 1 else ""
                    self._show(account, f"Probing {step.tunnels[0][0]}{more}")
                elif isinstance(step, Send) and step.calls:
                    self._open[account], self._calls[account] = list(step.calls), len(step.calls)
                    self._show(account, self._doing(account, step.calls[0]))
                elif isinstance(step, Ask):
                    self._show(account, f"Measuring with the call {step.verb.value}")
            outcomes = carry(step)
            if isinstance(step, Ask) and not isinstance(outcomes[0], NotSent):
                with self._lock:
                    self.calls.setdefault(account, Counter())[step.verb.value] += 1
            return outcomes

        return tell_and_carry

    def ended(self, account: str, call: Call, outcome: CallOutcome) -> None:
        """A call has ended, says the thread that made it."""
        with self._lock:
            if not isinstance(outcome, NotSent):
                self.calls.setdefault(account, Counter())[call.verb.value] += 1
            still = self._open.get(account, [])
            if call in still:
                still.remove(call)
            if not isinstance(outcome, Answered) or call.validate_only or call.verb is Verb.ROUTES:
                return
            if outcome.live:
                self._names |= {tunnel.id: tunnel.name for tunnel in outcome.live.tunnels.values()}
            if call.verb in READS:
                return
            self._wrote.add(account)
            for name in self._tunnels(call) if call.verb in _ACTIONS else ():
                self._print(account, _ACTIONS[call.verb], name)
            if still:
                self._show(account, self._doing(account, still[0]))

    def account_ended(self, account: str, changes: Iterable[ChangeReport]) -> None:
        """The account has ended: a line for what was done though no answer said so."""
        with self._lock:
            for change in changes:
                if change.outcome == Result.APPLIED:
                    self._print(account, change.action, change.name)

    def end(self) -> None:
        """Something else is written now."""
        with self._lock:
            self._clear()
            if self._printed or (self._wrote and self._ctx.shown):
                self._stderr.write("\n")

    def _print(self, account: str, action: str, name: str) -> None:
        """One line for a change, where a plan with changes was shown."""
        shown = self._ctx.shown.accounts if self._ctx.shown else ()
        if not any(one.changes for one in shown) or (account, action, name) in self._printed:
            return
        self._printed.add((account, action, name))
        self._clear()
        sign = self._paint(SIGNS[action], COLOR[action])
        where = f" in {account}" if len(shown) > 1 else ""
        self._stderr.write(f"  {sign} {terminal(f'{name}  {DONE[action]}{where}')}\n")

    def _doing(self, account: str, call: Call) -> str:
        """`Creating par-a [####      ] 5/12`."""
        if call.verb is Verb.ROUTES:
            return "Listing the static routes"
        if call.verb is Verb.LIST:
            return "Listing again, to prove what was written" if account in self._wrote else "Listing the tunnels"
        names = self._tunnels(call)
        if not names:  # a bulk update of no tunnel
            return "Asking what the token may do"
        more = f" and {count(len(names) - 1, 'other')}" if len(names) > 1 else ""
        doing = "Having Cloudflare check" if call.validate_only else _DOING[call.verb]
        total = self._calls[account]
        done = total - len(self._open[account])
        filled = _BAR * done // total
        bar = f" [{'#' * filled}{' ' * (_BAR - filled)}] {done}/{total}" if total >= _LONG else ""
        return f"{doing} {names[0]}{more}{bar}"

    def _tunnels(self, call: Call) -> list[str]:
        """Names of the tunnels that a call is about."""
        bodies = call.body.get("items", [call.body])
        named = [str(body["name"]) for body in bodies if "name" in body]
        ids = [call.tunnel_id] if call.tunnel_id else [tunnel_id for tunnel_id in call.psks if tunnel_id]
        return named or [self._names.get(tunnel_id, str(tunnel_id)) for tunnel_id in ids]

    def _show(self, account: str, doing: str) -> None:
        """In the place of what stood on the last line, which has to fit into it to be taken back."""
        if self._shows and self._width:
            text = terminal(f"{account}: {doing}")
            self._stderr.write(f"{_CLEAR}{text[: self._width - 2]}…")
            self._stderr.flush()
            self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._stderr.write(_CLEAR)
            self._stderr.flush()
            self._shown = False
