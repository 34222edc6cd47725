"""The command line's grammar. Global options are accepted before and after the command."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import NoReturn, TypeVar

from reconciler import __version__

SANDBOX_FILE = ".reconciler/sandbox.json"
_LAST_PORT = 65535
FORMATS = ("text", "json", "markdown", "html", "github")

_EPILOG = """exit codes: 0 ok, 1 error, 2 changes, 3 invalid, 4 rejected, 5 blocked, 6 plan_changed, 7 partial,
8 interrupted, 9 auth, 64 usage, 70 internal"""


class UsageError(Exception):
    """The command line is wrong; the message says what and what to do."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving, so that a bad command line has its own exit code."""

    def error(self, message: str) -> NoReturn:
        text, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:  # not their values: somebody may have tried to give a token or a key
            message = (
                text + unknown + " ".join(w.partition("=")[0] if w.startswith("-") else "…" for w in words.split())
            )
        raise UsageError(f"{self.prog}: {message}\nRun '{self.prog} --help' to see what it takes.")


N = TypeVar("N", int, float)


def _number(read: Callable[[str], N], good: Callable[[N], bool], what: str) -> Callable[[str], N]:
    """A type of option: what `read` makes of its text, if that is `good`."""

    def parse(text: str) -> N:
        with suppress(ValueError):
            if good(value := read(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}")

    return parse


_count = _number(int, lambda value: value > 0, "whole number above 0")
_port = _number(int, lambda value: 0 <= value <= _LAST_PORT, "port number")
_seconds = _number(float, lambda value: 0 < value < inf, "number of seconds above 0")


def _output(text: str) -> tuple[str, str | None]:
    name, separator, path = text.partition("=")
    if name not in FORMATS or (separator and not path):
        raise argparse.ArgumentTypeError(f"{text!r}: give one of {', '.join(FORMATS)}, with =PATH to write a file")
    return name, path or None


def _globals(*, defaults: bool) -> _Parser:
    """The global options: once with their defaults to parse them, once without to show them in every help."""

    def default(value: object) -> object:
        return value if defaults else argparse.SUPPRESS

    parser = _Parser(prog="reconciler", add_help=False, allow_abbrev=False)
    add = parser.add_argument_group("global options, before or after the command").add_argument
    add("--dir", metavar="DIR", default=default("tunnels"), help="root of the YAML files (default: tunnels)")
    add("--account", metavar="NAME", action="append", default=default([]), help="only this account; repeatable")
    add("--base-url", metavar="URL", default=default(None), help="another API: https, or http on loopback")
    add(
        "--sandbox",
        metavar="FILE",
        nargs="?",
        const=SANDBOX_FILE,
        default=default(None),
        help=f"use the built-in simulator, its state kept in FILE (default: {SANDBOX_FILE}); needs no token",
    )
    add(
        "-o",
        "--output",
        metavar="FORMAT[=PATH]",
        type=_output,
        action="append",
        default=default([]),
        help=f"{', '.join(FORMATS)}; repeatable; without PATH to standard output (default: text)",
    )
    add("--no-color", action="store_true", default=default(False), help="no colours, as with NO_COLOR")  # noqa: FBT003
    add(
        "-v",
        "--verbose",
        action="count",
        default=default(0),
        help="log calls to standard error; -vv: every HTTP request too",
    )
    add("--log-format", choices=("console", "json"), default=default("console"), help="form of the logs")
    add("--parallelism", metavar="N", type=_count, default=default(10), help="calls side by side (default: 10)")
    add(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=default(600.0),
        help="deadline of the whole run, with retries and the wait for another run (default: 600)",
    )
    return parser


_Add = Callable[..., object]


def _plan(add: _Add) -> None:
    add("--out", metavar="FILE", help="save the plan, for apply --plan")
    add("--detailed-exitcode", action="store_true", help="exit 2 when there are changes")
    add("--server-check", action="store_true", help="let Cloudflare validate every change; exit 4 if it refuses one")
    add("--baseline", metavar="REF", help="say which changes come from git since REF")
    add("--live", metavar="FILE", help="plan offline against a saved list")
    add("--save-live", metavar="FILE", help="save the list (mode 0600: it may hold BGP MD5 keys)")
    _choice(add)


def _apply(add: _Add) -> None:
    _approval(add)
    add("--plan", metavar="FILE", help="carry this saved plan out if it is still what would be done; does not ask")
    add("--server-check", action="store_true", help="let Cloudflare validate every change before the first write")
    add("--batch-size", metavar="N", type=_count, default=100, help="tunnels in one bulk update (default: 100)")
    _choice(add)


def _choice(add: _Add) -> None:
    """What a plan holds; the same in plan and apply, as a saved plan must be found again."""
    add("--target", metavar="GLOB", help="only tunnels whose names match; prunes nothing else")
    add("--allow-delete", metavar="NAME", action="append", default=[], help="this deletion is meant; repeatable")
    add("--no-delete", action="store_true", help="leave deletes out and report them")
    _strict(add)


def _strict(add: _Add) -> None:
    add("--strict", action="store_true", help="warnings in the files are errors")


def _approval(add: _Add) -> None:
    add("--auto-approve", action="store_true", help="do not ask")
    add("--allow-commands", action="store_true", help="let {command: …} references and sinks run")


def _drift(add: _Add) -> None:
    add("--baseline", metavar="REF", help="tell drift from what git changed since REF")
    add("--previous", metavar="REPORT.json", help="say what is new, persisting and resolved since that report")


def _import(add: _Add) -> None:
    add("--account-id", metavar="ID", help="make a new account folder (with --account NAME) for this id")
    add("--force", action="store_true", help="overwrite imported.yaml")


def _psk(add: _Add) -> None:
    add("action", choices=("set", "rotate", "status"), help="send keys, make new ones, or say what is known")
    add("names", metavar="NAME", nargs="*", help="tunnels; for set and rotate of one account")
    _approval(add)


def _none(_: _Add) -> None:
    return


def _schema(add: _Add) -> None:
    kinds = ("files", "report", "plan")
    add("kind", choices=kinds, nargs="?", default="files", help="of the YAML (default), the JSON report, a saved plan")


def _simulate(add: _Add) -> None:
    add("--port", type=_port, default=8787, metavar="PORT", help="port on loopback; 0 picks one (default: 8787)")
    add("--semantics", metavar="SWITCHES", default="", help="switches of undocumented behaviour, as name=value,…")
    add("--faults", metavar="FAULTS", default="", help="what goes wrong with which request, as N=KIND,…")
    add("--state", metavar="FILE", help="keep the state in FILE between runs")


def _render(add: _Add) -> None:
    add("report", metavar="REPORT.json", help="a report written by -o json")


_COMMANDS: dict[str, tuple[str, Callable[[_Add], None]]] = {
    "validate": ("check the files, offline", _strict),
    "plan": ("show what apply would do; writes nothing remote", _plan),
    "apply": ("carry the plan out and prove that the account converged", _apply),
    "drift": ("report how live differs from git; never writes", _drift),
    "import": ("write YAML for what is live", _import),
    "psk": ("set, rotate and look after pre-shared keys", _psk),
    "accounts": ("list the accounts, for a CI matrix", _none),
    "schema": ("print the JSON Schema of the YAML, for editors", _schema),
    "simulate": ("run the built-in API simulator on loopback", _simulate),
    "render": ("draw a saved JSON report in other formats", _render),
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, all of them set, and `command`.

    Raises:
        UsageError: The command line is wrong.
        SystemExit: `--help` or `--version` was answered.
    """
    from reconciler.cli.checks import check

    # A bare --sandbox must not swallow the command that follows it.
    words = [f"--sandbox={SANDBOX_FILE}" if word == "--sandbox" else word for word in argv]
    found, rest = _globals(defaults=True).parse_known_args(words)
    parser = _Parser(
        prog="reconciler",
        description="Keeps Cloudflare IPsec tunnels equal to YAML files in git.",
        epilog=_EPILOG,
        parents=[_globals(defaults=False)],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"reconciler {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, (text, add_options) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text, parents=[_globals(defaults=False)], allow_abbrev=False
        )
        add_options(command.add_argument)
    options = parser.parse_args(rest, found)
    check(options)
    return options
