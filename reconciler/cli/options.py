"""The command line: one table of options, which is also the type of what a command reads of them.

Each field of `Options` is one option with its flags, its default, the commands that take it (all, when none is named)
and its help. So a command that reads an option that nobody declared does not pass mypy, and whoever adds an option
writes one field. Options of all commands are taken before and after the command.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from math import inf
from typing import Any, NoReturn

from reconciler import __version__
from reconciler.render import FORMATS, Format

SANDBOX_FILE = ".reconciler/sandbox.json"
_LAST_PORT = 65535

COMMANDS = {
    "validate": "check the files, offline",
    "plan": "show what apply would do; writes nothing remote",
    "apply": "carry the plan out and prove that the account converged",
    "drift": "report how live differs from git; never writes",
    "import": "write YAML for what is live",
    "psk": "set, rotate and look after pre-shared keys",
    "accounts": "list the accounts, for a CI matrix",
    "schema": "print the JSON Schema of the YAML, for editors",
    "simulate": "run the built-in API simulator on loopback",
    "render": "draw a saved JSON report in other formats",
}

_EPILOG = """exit codes: 0 ok, 1 error, 2 changes, 3 invalid, 4 rejected, 5 blocked, 6 plan_changed, 7 partial,
8 interrupted, 9 auth, 64 usage, 70 internal"""


class UsageError(Exception):
    """The command line is wrong; the message says what and what to do."""


def _checked(good: Callable[[str], object], what: str) -> Callable[[str], Any]:
    """A type of option: what `good` makes of its text; None, or a ValueError, refuses it."""

    def parse(text: str) -> object:
        with suppress(ValueError):
            if (value := good(text)) is not None:
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")

    return parse


_count = _checked(lambda text: n if (n := int(text)) > 0 else None, "a whole number above 0")
_port = _checked(lambda text: n if 0 <= (n := int(text)) <= _LAST_PORT else None, "a port number")
_seconds = _checked(lambda text: n if 0 < (n := float(text)) < inf else None, "a number of seconds above 0")


def _named(what: str) -> Callable[[str], Any]:
    """A text that is not empty: an empty one is a variable that a script did not set, never the wish to go without."""
    return _checked(lambda text: text or None, what)


def _output(text: str) -> tuple[str, str | None]:
    name, separator, path = text.partition("=")
    if name not in FORMATS or (separator and not path):
        raise argparse.ArgumentTypeError(f"{text!r}: give one of {', '.join(FORMATS)}, with =PATH to write a file")
    return name, path or None


def _base_url(text: str) -> str:
    from reconciler.api.baseurl import check_base_url

    try:
        return check_base_url(text)
    except ValueError as refused:
        raise argparse.ArgumentTypeError(f"{refused}") from None


def _option(*flags: str, on: str = "", default: Any = None, **argument: Any) -> Any:
    """A field of `Options`.

    Args:
        flags: As for `add_argument`; none for a positional one.
        on: The commands that take it; empty for all.
        default: What it is where nobody gives it.
        argument: The rest of what `add_argument` takes.
    """
    metadata = {"flags": flags, "on": on.split(), "argument": argument}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Options:
    """What the command line says. An option that the command doesn't take has its default."""

    command: str

    dir: str = _option(
        "--dir",
        default="tunnels",
        metavar="DIR",
        type=_named("a folder name"),
        help="root of the YAML files (default: tunnels)",
    )
    account: tuple[str, ...] = _option(
        "--account", default=(), metavar="NAME", action="append", help="only this account; repeatable"
    )
    base_url: str | None = _option(
        "--base-url", metavar="URL", type=_base_url, help="another API: https, or http on loopback"
    )
    sandbox: str | None = _option(
        "--sandbox",
        metavar="FILE",
        nargs="?",
        const=SANDBOX_FILE,
        type=_named("a file name"),
        help=f"use the built-in simulator, its state kept in FILE (default: {SANDBOX_FILE}); needs no token",
    )
    output: tuple[tuple[Format, str | None], ...] = _option(
        "-o",
        "--output",
        default=(),
        metavar="FORMAT[=PATH]",
        type=_output,
        action="append",
        help=f"{', '.join(FORMATS)}; repeatable; without PATH to standard output (default: text)",
    )
    no_color: bool = _option("--no-color", default=False, action="store_true", help="no colours, as with NO_COLOR")
    verbose: int = _option(
        "-v", "--verbose", default=0, action="count", help="log calls to standard error; -vv: every HTTP request too"
    )
    log_format: str = _option("--log-format", default="console", choices=("console", "json"), help="form of the logs")
    parallelism: int = _option(
        "--parallelism", default=10, metavar="N", type=_count, help="calls side by side (default: 10)"
    )
    timeout: float = _option(
        "--timeout",
        default=600.0,
        metavar="SECONDS",
        type=_seconds,
        help="deadline of the whole run, with retries and the wait for another run (default: 600)",
    )

    auto_approve: bool = _option(
        "--auto-approve", on="apply psk", default=False, action="store_true", help="do not ask"
    )
    allow_commands: bool = _option(
        "--allow-commands",
        on="apply psk",
        default=False,
        action="store_true",
        help="let {command: …} references and sinks run",
    )
    plan: str | None = _option(
        "--plan",
        on="apply",
        metavar="FILE",
        type=_named("a file name"),
        help="carry this saved plan out if it is still what would be done; does not ask",
    )
    out: str | None = _option(
        "--out", on="plan", metavar="FILE", type=_named("a file name"), help="save the plan, for apply --plan"
    )
    detailed_exitcode: bool = _option(
        "--detailed-exitcode", on="plan", default=False, action="store_true", help="exit 2 when there are changes"
    )
    server_check: bool = _option(
        "--server-check",
        on="plan apply",
        default=False,
        action="store_true",
        help="let Cloudflare validate every change, before any is written; exit 4 if it refuses one",
    )
    baseline: str | None = _option(
        "--baseline",
        on="plan drift",
        metavar="REF",
        type=_named("a commit"),
        help="tell what git changed since REF from what changed at Cloudflare",
    )
    live: str | None = _option(
        "--live", on="plan", metavar="FILE", type=_named("a file name"), help="plan offline against a saved list"
    )
    save_live: str | None = _option(
        "--save-live",
        on="plan",
        metavar="FILE",
        type=_named("a file name"),
        help="save the list (mode 0600: it may hold BGP MD5 keys)",
    )
    previous: str | None = _option(
        "--previous",
        on="drift",
        metavar="REPORT.json",
        type=_named("a file name"),
        help="say what is new, persisting and resolved since that report",
    )
    batch_size: int = _option(
        "--batch-size",
        on="apply",
        default=100,
        metavar="N",
        type=_count,
        help="tunnels in one bulk update (default: 100)",
    )
    # What a plan holds is the same in plan and apply, as a saved plan must be found again.
    target: str | None = _option(
        "--target",
        on="plan apply",
        metavar="GLOB",
        type=_named("a pattern"),
        help="only tunnels whose names match; prunes nothing else",
    )
    allow_delete: tuple[str, ...] = _option(
        "--allow-delete",
        on="plan apply",
        default=(),
        metavar="NAME",
        type=_named("a name"),
        action="append",
        help="this deletion is meant; repeatable",
    )
    no_delete: bool = _option(
        "--no-delete", on="plan apply", default=False, action="store_true", help="leave deletes out and report them"
    )
    strict: bool = _option(
        "--strict",
        on="validate plan apply",
        default=False,
        action="store_true",
        help="warnings in the files are errors",
    )
    account_id: str | None = _option(
        "--account-id",
        on="import",
        metavar="ID",
        help="make a new account folder (with --account NAME) for this id",
    )
    force: bool = _option("--force", on="import", default=False, action="store_true", help="overwrite imported.yaml")
    action: str = _option(
        on="psk",
        default="",
        choices=("set", "rotate", "status"),
        help="send keys, make new ones, or say what is known",
    )
    names: tuple[str, ...] = _option(
        on="psk", default=(), metavar="NAME", nargs="*", help="tunnels; for set and rotate of one account"
    )
    kind: str = _option(
        on="schema",
        default="files",
        choices=("files", "report", "plan"),
        nargs="?",
        help="of the YAML (default), the JSON report, a saved plan",
    )
    port: int = _option(
        "--port",
        on="simulate",
        default=8787,
        metavar="PORT",
        type=_port,
        help="port on loopback; 0 picks one (default: 8787)",
    )
    semantics: str = _option(
        "--semantics",
        on="simulate",
        default="",
        metavar="SWITCHES",
        help="switches of undocumented behaviour, as name=value,…",
    )
    faults: str = _option(
        "--faults",
        on="simulate",
        default="",
        metavar="FAULTS",
        help="what goes wrong with which request, as N=KIND,…",
    )
    state: str | None = _option(
        "--state", on="simulate", metavar="FILE", type=_named("a file name"), help="keep the state in FILE between runs"
    )
    report: str = _option(on="render", default="", metavar="REPORT.json", help="a report written by -o json")


TABLE = tuple(f for f in fields(Options) if f.default is not MISSING)


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving, so that a bad command line has its own exit code."""

    def error(self, message: str) -> NoReturn:
        text, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:  # not their values: somebody may have tried to give a token or a key
            message = (
                text + unknown + " ".join(w.partition("=")[0] if w.startswith("-") else "…" for w in words.split())
            )
        raise UsageError(f"{self.prog}: {message}\nRun '{self.prog} --help' to see what it takes.")


def parse(argv: Sequence[str]) -> Options:
    """The options.

    Raises:
        UsageError: The command line is wrong.
        SystemExit: `--help` or `--version` was answered.
    """
    # A bare --sandbox must not swallow the command that follows it.
    words = [f"--sandbox={SANDBOX_FILE}" if word == "--sandbox" else word for word in argv]
    # First the options of all commands are taken out, wherever they stand. The parsers of the commands know them too,
    # without defaults that would overwrite them, so that every help shows them.
    found, rest = _of_all(defaults=True).parse_known_args(words)
    parser = _Parser(
        prog="reconciler",
        description="Keeps Cloudflare IPsec tunnels equal to YAML files in git.",
        epilog=_EPILOG,
        parents=[_of_all(defaults=False)],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"reconciler {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text, parents=[_of_all(defaults=False)], allow_abbrev=False
        )
        for option in TABLE:
            if name in option.metadata["on"]:
                _add(command, option, option.default)
    parser.parse_args(rest, found)
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(found).items()}
    options = Options(**values)
    _check(options)
    return options


def _of_all(*, defaults: bool) -> _Parser:
    parser = _Parser(prog="reconciler", add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("global options, before or after the command")
    for option in TABLE:
        if not option.metadata["on"]:
            _add(group, option, option.default if defaults else argparse.SUPPRESS)
    return parser


def _add(parser: argparse._ActionsContainer, option: Field[Any], default: object) -> None:
    flags, argument = option.metadata["flags"], option.metadata["argument"]
    names: dict[str, Any] = {"dest": option.name} if flags else {}
    # argparse adds to a copy of a default list, and knows no tuples.
    default = list(default) if isinstance(default, tuple) else default
    parser.add_argument(*(flags or (option.name,)), **argument, **names, default=default)


def _check(options: Options) -> None:
    """Refuse options that can't go together."""
    to_stdout = [name for name, path in options.output if path is None]
    if len(to_stdout) > 1:
        raise UsageError(f"only one output can go to standard output; give a PATH for one of: {', '.join(to_stdout)}")
    if options.sandbox is not None and options.base_url is not None:
        raise UsageError("--sandbox and --base-url can't go together")
    if options.live and (options.server_check or options.save_live):
        raise UsageError("--live is offline: it can't go with --server-check or --save-live")
    if options.account_id is not None and len(options.account) != 1:
        raise UsageError("--account-id needs exactly one --account NAME")
    if options.command == "psk" and options.action != "status" and not options.names:
        raise UsageError(f"psk {options.action} needs the name of at least one tunnel")
