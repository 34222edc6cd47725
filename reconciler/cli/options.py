"""The command line: one table of options, which is also the type of what a command reads of them.

Each field of `Options` is one option: its type, its default, and beside them its help, the commands that take it (all,
when none is named) and what argparse needs. So a command that reads an option that nobody declared does not pass mypy,
and whoever adds an option writes one field. Options of all commands are taken before and after the command.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Annotated, Any, NamedTuple, NoReturn

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


_COUNT = _checked(lambda text: n if (n := int(text)) > 0 else None, "a whole number above 0")
_PORT = _checked(lambda text: n if 0 <= (n := int(text)) <= _LAST_PORT else None, "a port number")
_SECONDS = _checked(lambda text: n if 0 < (n := float(text)) < inf else None, "a number of seconds above 0")


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


class Option:
    """How one field of `Options` is given on the command line.

    Attributes:
        on: The commands that take it; empty for all.
        flags: `--` and the field's name when left out, empty for a positional one.
        argument: What `add_argument` takes besides.
    """

    def __init__(
        self,
        help: str,  # noqa: A002 - argparse's word
        metavar: str | None = None,
        on: str = "",
        flags: tuple[str, ...] | None = None,
        **argument: Any,
    ) -> None:
        self.on = on.split()
        self.flags = flags
        self.argument = {"help": help, **({"metavar": metavar} if metavar else {}), **argument}


def _switch(help: str, on: str = "") -> Option:  # noqa: A002
    return Option(help, on=on, action="store_true")


def _text(help: str, metavar: str, what: str, on: str = "", **more: Any) -> Option:  # noqa: A002
    """A text that is not empty: an empty one is a variable that a script did not set, never the wish to go without."""
    return Option(help, metavar, on, type=_checked(lambda text: text or None, what), **more)


def _file(help: str, on: str = "", metavar: str = "FILE", **more: Any) -> Option:  # noqa: A002
    return _text(help, metavar, "a file name", on, **more)


class Options(NamedTuple):
    """What the command line says. An option that the command doesn't take has its default."""

    command: str

    dir: Annotated[str, _text("root of the YAML files (default: tunnels)", "DIR", "a folder name")] = "tunnels"
    account: Annotated[tuple[str, ...], Option("only this account; repeatable", "NAME", action="append")] = ()
    base_url: Annotated[str | None, Option("another API: https, or http on loopback", "URL", type=_base_url)] = None
    sandbox: Annotated[
        str | None,
        _file(
            f"use the built-in simulator, its state kept in FILE (default: {SANDBOX_FILE}); needs no token",
            nargs="?",
            const=SANDBOX_FILE,
        ),
    ] = None
    output: Annotated[
        tuple[tuple[Format, str | None], ...],
        Option(
            f"{', '.join(FORMATS)}; repeatable; without PATH to standard output (default: text)",
            "FORMAT[=PATH]",
            flags=("-o", "--output"),
            type=_output,
            action="append",
        ),
    ] = ()
    no_color: Annotated[bool, _switch("no colours, as with NO_COLOR")] = False
    verbose: Annotated[
        int,
        Option("log calls to standard error; -vv: every HTTP request too", flags=("-v", "--verbose"), action="count"),
    ] = 0
    log_format: Annotated[str, Option("form of the logs", choices=("console", "json"))] = "console"
    parallelism: Annotated[int, Option("calls side by side (default: 10)", "N", type=_COUNT)] = 10
    timeout: Annotated[
        float,
        Option(
            "deadline of the whole run, with retries and the wait for another run (default: 600)",
            "SECONDS",
            type=_SECONDS,
        ),
    ] = 600.0

    out: Annotated[str | None, _file("save the plan, for apply --plan", "plan")] = None
    detailed_exitcode: Annotated[bool, _switch("exit 2 when there are changes", "plan")] = False
    live: Annotated[str | None, _file("plan offline against a saved list", "plan")] = None
    save_live: Annotated[str | None, _file("save the list (mode 0600: it may hold BGP MD5 keys)", "plan")] = None
    baseline: Annotated[
        str | None,
        _text("tell what git changed since REF from what changed at Cloudflare", "REF", "a commit", "plan drift"),
    ] = None
    previous: Annotated[
        str | None, _file("say what is new, persisting and resolved since that report", "drift", "REPORT.json")
    ] = None
    auto_approve: Annotated[bool, _switch("do not ask", "apply psk")] = False
    allow_commands: Annotated[bool, _switch("let {command: …} references and sinks run", "apply psk")] = False
    plan: Annotated[
        str | None, _file("carry this saved plan out if it is still what would be done; does not ask", "apply")
    ] = None
    batch_size: Annotated[int, Option("tunnels in one bulk update (default: 100)", "N", "apply", type=_COUNT)] = 100
    server_check: Annotated[
        bool,
        _switch("let Cloudflare validate every change, before any is written; exit 4 if it refuses one", "plan apply"),
    ] = False
    # What a plan holds is the same in plan and apply, as a saved plan must be found again.
    target: Annotated[
        str | None, _text("only tunnels whose names match; prunes nothing else", "GLOB", "a pattern", "plan apply")
    ] = None
    allow_delete: Annotated[
        tuple[str, ...], _text("this deletion is meant; repeatable", "NAME", "a name", "plan apply", action="append")
    ] = ()
    no_delete: Annotated[bool, _switch("leave deletes out and report them", "plan apply")] = False
    strict: Annotated[bool, _switch("warnings in the files are errors", "validate plan apply")] = False
    account_id: Annotated[
        str | None, Option("make a new account folder (with --account NAME) for this id", "ID", "import")
    ] = None
    force: Annotated[bool, _switch("write the files of an earlier import anew", "import")] = False
    split: Annotated[
        str,
        Option(
            "one file per site, by what names begin with (prefix, the default), or one file (none)",
            on="import",
            choices=("prefix", "none"),
        ),
    ] = "prefix"
    action: Annotated[
        str,
        Option(
            "send keys, make new ones, or say what is known", on="psk", flags=(), choices=("set", "rotate", "status")
        ),
    ] = ""
    names: Annotated[
        tuple[str, ...], Option("tunnels; for set and rotate of one account", "NAME", "psk", flags=(), nargs="*")
    ] = ()
    kind: Annotated[
        str,
        Option(
            "of the YAML (default), the JSON report, a saved plan",
            on="schema",
            flags=(),
            choices=("files", "report", "plan"),
            nargs="?",
        ),
    ] = "files"
    port: Annotated[int, Option("port on loopback; 0 picks one (default: 8787)", "PORT", "simulate", type=_PORT)] = 8787
    semantics: Annotated[str, Option("switches of undocumented behaviour, as name=value,…", "SWITCHES", "simulate")] = (
        ""
    )
    faults: Annotated[str, Option("what goes wrong with which request, as N=KIND,…", "FAULTS", "simulate")] = ""
    state: Annotated[str | None, _file("keep the state in FILE between runs", "simulate")] = None
    report: Annotated[str, Option("a report written by -o json", "REPORT.json", "render", flags=())] = ""


TABLE: dict[str, Option] = {
    name: hint.__metadata__[0] for name, hint in Options.__annotations__.items() if name != "command"
}


def flags_of(field: str) -> tuple[str, ...]:
    """How an option is given; empty for a positional one."""
    flags = TABLE[field].flags
    return (f"--{field.replace('_', '-')}",) if flags is None else flags


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
    # First the options of all commands are taken out, wherever they stand. The parsers of the commands know them all,
    # without defaults that would overwrite them, so that every help shows them.
    found, rest = _of_all(defaults=True).parse_known_args(words)
    # Then the command's own, since argparse takes no more names after an option: `psk rotate --auto-approve lon-a`.
    at = next((number for number, word in enumerate(rest, 1) if word in COMMANDS), 0)
    own = _Parser(prog=f"reconciler {rest[at - 1]}" if at else "reconciler", add_help=False, allow_abbrev=False)
    for field, option in TABLE.items():
        if at and rest[at - 1] in option.on and flags_of(field):
            _add(own.add_argument, field, option, Options._field_defaults[field])
    rest = [*rest[:at], *own.parse_known_args(rest[at:], found)[1]]
    shown = [_of_all(defaults=False)]
    parser = _Parser(
        prog="reconciler",
        description="Keeps Cloudflare IPsec tunnels equal to YAML files in git.",
        epilog=_EPILOG,
        parents=shown,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"reconciler {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, text in COMMANDS.items():
        meant = name in rest  # the others are only listed
        command = commands.add_parser(
            name, help=text, description=text, parents=shown if meant else [], allow_abbrev=False
        )
        for field, option in TABLE.items():
            if meant and name in option.on:
                default = argparse.SUPPRESS if flags_of(field) else Options._field_defaults[field]
                _add(command.add_argument, field, option, default)
    parser.parse_args(rest, found)
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(found).items()}
    options = Options(**values)
    _check(options)
    return options


def _of_all(*, defaults: bool) -> _Parser:
    parser = _Parser(prog="reconciler", add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("global options, before or after the command")
    for field, option in TABLE.items():
        if not option.on:
            _add(group.add_argument, field, option, Options._field_defaults[field] if defaults else argparse.SUPPRESS)
    return parser


def _add(add_argument: Callable[..., object], field: str, option: Option, default: object) -> None:
    flags = flags_of(field)
    argument = {**option.argument, **({"dest": field} if flags else {})}
    # argparse adds to a copy of a default list, and knows no tuples.
    default = list(default) if isinstance(default, tuple) else default
    add_argument(*(flags or (field,)), **argument, default=default)


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
