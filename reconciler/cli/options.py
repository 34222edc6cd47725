"""The command line: one table of options, which is also the type of what a command reads of them.

Each field of `Options` is one option: its type, its default, and beside them its help, the commands that it does
something in (all, when none is named) and what argparse needs. So a command that reads an option that nobody declared
does not pass mypy, and whoever adds an option writes one field; help, completion and the variables that options can
stand in are made of the table. General options are taken before and after every command, so that a script need not know
which command heeds which.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Annotated, Any, NamedTuple, NoReturn

from reconciler.render import FORMATS, Format

SANDBOX_FILE = ".reconciler/sandbox.json"
SHELLS = ("bash", "zsh", "fish")
_LAST_PORT = 65535

COMMANDS = {
    "validate": "check the files, offline",
    "plan": "show what apply would do; writes nothing remote",
    "apply": "carry the plan out and prove that the account converged",
    "drift": "report how live differs from git; never writes",
    "show": "show a saved plan",
    "import": "write YAML for what is live",
    "psk": "set, rotate and look after pre-shared keys",
    "accounts": "list the accounts, for a CI matrix",
    "schema": "print the JSON Schema of the YAML, for editors",
    "simulate": "run the built-in API simulator on loopback",
    "render": "draw a saved JSON report in other formats",
    "completion": "print a completion script for bash, zsh or fish",
    "help": "show this help, or that of a command",
}

_CALLING = "plan apply drift import psk"
"""Commands that call the API, with a token."""
_READING = f"validate accounts {_CALLING}"
_REPORTING = f"{_READING} show render"

_EXAMPLES = {
    "": "reconciler plan --sandbox     in the built-in simulator, without a token",
    "validate": "reconciler validate --strict",
    "plan": "reconciler plan --account prod --out plan.json",
    "apply": "reconciler apply --plan plan.json",
    "drift": "reconciler drift -o text -o json=drift.json",
    "show": "reconciler show --plan plan.json",
    "import": "reconciler import --account prod --account-id 023e105f4ecef8ad9ca31a8372d0c353",
    "psk": "reconciler psk rotate lon-a",
    "accounts": "reconciler accounts --json",
    "schema": "reconciler schema tunnels > tunnels.schema.json",
    "simulate": "reconciler simulate --port 8787",
    "render": "reconciler render drift.json -o html=drift.html",
    "completion": "reconciler completion bash > ~/.reconciler.bash",
    "help": "reconciler help plan",
}

_TOKEN = """token: read from the environment variable CLOUDFLARE_API_TOKEN, or from the one
  that account.yaml names (token: {env: NAME})"""  # noqa: S105

_POSITIONAL = {
    "action": "set|rotate|status",
    "names": "[NAME ...]",
    "kind": "[account|tunnels|files|report|plan]",
    "report": "REPORT.json",
    "shell": "bash|zsh|fish",
}
"""How the usage shows an argument without a flag."""

_EXIT_CODES = """exit codes: 0 ok, 1 error, 2 changes, 3 invalid, 4 rejected, 5 blocked,
  6 plan_changed, 7 partial, 8 interrupted, 9 auth, 64 usage, 70 internal"""


class UsageError(Exception):
    """The command line is wrong; the message says what and what to do."""


def _one_of(*words: str) -> dict[str, Any]:
    """What an option with a few words for values takes: a misspelt one gets a suggestion."""

    def parse(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(words)}{_near(text, words)}")
        return text

    return {"type": parse, "choices": words}


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
        on: The commands that it does something in; empty for all.
        flags: `--` and the field's name when left out, empty for a positional one.
        general: Whether all other commands take it too, and do nothing with it.
        variable: The environment variable that it can stand in.
        argument: What `add_argument` takes besides.
    """

    def __init__(
        self,
        help: str,  # noqa: A002 - argparse's word
        metavar: str | None = None,
        on: str = "",
        flags: tuple[str, ...] | None = None,
        *,
        general: bool = False,
        variable: str | None = None,
        **argument: Any,
    ) -> None:
        self.on = tuple(on.split() or COMMANDS)
        self.flags = flags
        self.general = general
        self.variable = variable
        told = f"{help} [{variable}]" if variable else help
        self.argument = {"help": told, **({"metavar": metavar} if metavar else {}), **argument}


def _switch(help: str, on: str = "", **more: Any) -> Option:  # noqa: A002
    return Option(help, on=on, action="store_true", **more)


def _text(help: str, metavar: str, what: str, on: str = "", **more: Any) -> Option:  # noqa: A002
    """A text that is not empty: an empty one is a variable that a script did not set, never the wish to go without."""
    return Option(help, metavar, on, type=_checked(lambda text: text or None, what), **more)


def _file(help: str, on: str = "", metavar: str = "FILE", **more: Any) -> Option:  # noqa: A002
    return _text(help, metavar, "a file name", on, **more)


class Options(NamedTuple):
    """What the command line says. An option that the command doesn't take has its default."""

    command: str

    dir: Annotated[
        str,
        _text(
            "root of the YAML files (default: tunnels)",
            "DIR",
            "a folder name",
            _READING,
            general=True,
            variable="RECONCILER_DIR",
        ),
    ] = "tunnels"
    account: Annotated[
        tuple[str, ...],
        Option(
            "only this account; repeatable",
            "NAME",
            _READING,
            general=True,
            variable="RECONCILER_ACCOUNT",
            action="append",
        ),
    ] = ()
    base_url: Annotated[
        str | None,
        Option(
            "another API: https, or http on loopback",
            "URL",
            _CALLING,
            general=True,
            variable="RECONCILER_BASE_URL",
            type=_base_url,
        ),
    ] = None
    sandbox: Annotated[
        str | None,
        _file(
            f"use the built-in simulator, its state kept in FILE (default: {SANDBOX_FILE}); needs no token",
            _CALLING,
            general=True,
            variable="RECONCILER_SANDBOX",
            nargs="?",
            const=SANDBOX_FILE,
        ),
    ] = None
    output: Annotated[
        tuple[tuple[Format, str | None], ...],
        Option(
            f"{', '.join(FORMATS)}; repeatable; without PATH to standard output (default: text)",
            "FORMAT[=PATH]",
            f"{_REPORTING} schema",
            flags=("-o", "--output"),
            general=True,
            variable="RECONCILER_OUTPUT",
            type=_output,
            action="append",
        ),
    ] = ()
    json: Annotated[bool, _switch("short for -o json", f"{_REPORTING} schema", general=True)] = False
    no_color: Annotated[
        bool, _switch("no colours, as with NO_COLOR; FORCE_COLOR colours pipes too", _REPORTING, general=True)
    ] = False
    quiet: Annotated[
        bool,
        _switch(
            "only results, errors and questions: no progress, no notes",
            f"{_REPORTING} simulate",
            flags=("-q", "--quiet"),
            general=True,
        ),
    ] = False
    verbose: Annotated[
        int,
        Option(
            "log calls to standard error; -vv: every HTTP request too",
            on=_CALLING,
            flags=("-v", "--verbose"),
            general=True,
            action="count",
        ),
    ] = 0
    log_format: Annotated[
        str,
        Option(
            "form of the logs",
            on=_CALLING,
            general=True,
            variable="RECONCILER_LOG_FORMAT",
            **_one_of("console", "json"),
        ),
    ] = "console"
    parallelism: Annotated[
        int,
        Option(
            "calls side by side (default: 10)",
            "N",
            _CALLING,
            general=True,
            variable="RECONCILER_PARALLELISM",
            type=_COUNT,
        ),
    ] = 10
    timeout: Annotated[
        float,
        Option(
            "deadline of the whole run, with retries and the wait for another run (default: 600)",
            "SECONDS",
            _CALLING,
            general=True,
            variable="RECONCILER_TIMEOUT",
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
        str | None,
        _file("a saved plan: carried out without asking if it is still what would be done, or shown", "apply show"),
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
            **_one_of("prefix", "none"),
        ),
    ] = "prefix"
    action: Annotated[
        str,
        Option(
            "send keys, make new ones, or say what is known",
            on="psk",
            flags=(),
            **_one_of("set", "rotate", "status"),
        ),
    ] = ""
    names: Annotated[
        tuple[str, ...], Option("tunnels; for set and rotate of one account", "NAME", "psk", flags=(), nargs="*")
    ] = ()
    kind: Annotated[
        str,
        Option(
            "of account.yaml, a file of tunnels, either of them (default), the JSON report, a saved plan",
            on="schema",
            flags=(),
            nargs="?",
            **_one_of("account", "tunnels", "files", "report", "plan"),
        ),
    ] = "files"
    port: Annotated[int, Option("port on loopback; 0 picks one (default: 8787)", "PORT", "simulate", type=_PORT)] = 8787
    semantics: Annotated[str, Option("switches of undocumented behaviour, as name=value,…", "SWITCHES", "simulate")] = (
        ""
    )
    faults: Annotated[str, Option("what goes wrong with which request, as N=KIND,…", "FAULTS", "simulate")] = ""
    state: Annotated[str | None, _file("keep the state in FILE between runs", "simulate")] = None
    report: Annotated[str, Option("a report written by -o json", "REPORT.json", "render", flags=())] = ""
    shell: Annotated[str, Option("whose script", on="completion", flags=(), **_one_of(*SHELLS))] = ""


TABLE: dict[str, Option] = {
    name: hint.__metadata__[0] for name, hint in Options.__annotations__.items() if name != "command"
}


def flags_of(field: str) -> tuple[str, ...]:
    """How an option is given; empty for a positional one."""
    flags = TABLE[field].flags
    return (f"--{field.replace('_', '-')}",) if flags is None else flags


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving, so that a bad command line has its own exit code."""

    def __init__(self, prog: str, **more: Any) -> None:
        super().__init__(prog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **more)

    def error(self, message: str) -> NoReturn:
        _, missing, names = message.partition("the following arguments are required: ")
        raise UsageError(f"{names} is missing" if missing else message.removeprefix("argument "))


def parse(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Options:
    """The options; what the command line does not say of general ones is taken from the environment.

    Raises:
        UsageError: The command line is wrong.
        SystemExit: `--help` or `--version` was answered.
    """
    try:
        options = _parse(argv, env or {})
        _check(options)
    except UsageError as wrong:
        command = next((word for word in argv if word in COMMANDS and word != "help"), "")
        helped = " ".join(("reconciler", command, "--help") if command else ("reconciler", "--help"))
        raise UsageError(f"{wrong}\nRun '{helped}' to see what it takes.") from None
    return options


def _parse(argv: Sequence[str], env: Mapping[str, str]) -> Options:
    # First the general options are taken out, wherever they stand; a bare --sandbox must not swallow what follows it.
    words = [f"--sandbox={SANDBOX_FILE}" if word == "--sandbox" else word for word in argv]
    general = _Parser("reconciler", add_help=False)
    _add(general, (field for field, option in TABLE.items() if option.general))
    found, rest = general.parse_known_args(words)
    if rest[:1] == ["help"]:
        rest = [*rest[1:2], "--help"]
    command = _command(rest, bool(getattr(found, "verbose", 0)))
    own = [field for field, option in TABLE.items() if command in option.on and not option.general]
    # Then the command's own, since argparse takes no more names after an option: `psk rotate --auto-approve lon-a`.
    of_command = _Parser(f"reconciler {command}", add_help=False)
    _add(of_command, filter(flags_of, own))
    rest = of_command.parse_known_args(rest[1:], found)[1]
    before = rest[: rest.index("--")] if "--" in rest else rest
    for word in before:
        if word.startswith("-") and word not in ("-", "-h", "--help"):
            raise _unknown_option(word, command)
    more = _help(command).parse_known_args(rest, found)[1]
    if more:  # not what they say: somebody may have tried to give a token or a key
        named = "" if command == "psk" else f"; accounts are chosen with --account NAME{_TARGETED.get(command, '')}"
        raise UsageError(f"{command} takes no further words{named}")
    if getattr(found, "json", False):
        found.output = [o for o in getattr(found, "output", ()) if o != ("json", None)] + [("json", None)]
    _from_environment(general, found, env)
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in vars(found).items()
    }
    return Options(command, **values)


_TARGETED = dict.fromkeys(("plan", "apply"), ", tunnels with --target GLOB")


def _command(rest: Sequence[str], libraries: bool) -> str:  # noqa: FBT001
    """The command; what stands before it is answered, or is wrong."""
    first = rest[0] if rest else "--help"
    if first in ("-h", "--help"):
        _help("").print_help()
        raise SystemExit(0)
    if first == "--version":
        from reconciler.cli.about import version

        print(version(libraries=libraries))  # noqa: T201 - as argparse prints it
        raise SystemExit(0)
    if first.startswith("-"):
        raise _unknown_option(first, "")
    if first not in COMMANDS:
        raise UsageError(f"there is no command {first!r}{_near(first, tuple(COMMANDS))}")
    return first


def _unknown_option(word: str, command: str) -> UsageError:
    """What is wrong with an option, without its value: somebody may have tried to give a token or a key."""
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    owners = [
        c for c in COMMANDS if any(c in o.on and name in flags_of(field) for field, o in TABLE.items() if not o.general)
    ]
    if owners and command:
        return UsageError(f"{name} belongs to {' and '.join(owners)}, not to {command}")
    if owners:
        return UsageError(f"{name} stands after its command: reconciler {owners[0]} {name}")
    known = ["--help", *(flag for field in taken_by(command) for flag in flags_of(field))]
    if name == "--version" and command:
        return UsageError(f"{name} stands alone: reconciler {name}")
    return UsageError(f"there is no option {name}{_near(name, tuple(known))}")


def _near(word: str, known: tuple[str, ...]) -> str:
    """`. Did you mean "plan"?` when a known word begins so, or is near."""
    from reconciler.model.checks import did_you_mean

    names = {one.lstrip("-"): one for one in known}  # the dashes would make all options alike
    begun = word.lstrip("-")
    longer = [name for name in names if len(begun) > 1 and name.startswith(begun)]
    near = did_you_mean(longer[0] if longer else begun, tuple(names)).partition('"')[2].partition('"')[0]
    return f'. Did you mean "{names[near]}"?' if near else ""


def taken_by(command: str) -> list[str]:
    """The fields of options that do something in a command, its own first; the general ones without a command."""
    fields = [field for field, option in TABLE.items() if (command in option.on if command else option.general)]
    return sorted(fields, key=lambda field: TABLE[field].general)


def _help(command: str) -> argparse.ArgumentParser:
    """The parser that shows the help of a command, or of the program, and takes positional arguments."""
    example = f"example:\n  {_EXAMPLES[command]}"
    if not command:
        parser = _Parser(
            "reconciler",
            usage="reconciler [options] COMMAND [options]",
            description="Keeps Cloudflare IPsec tunnels equal to YAML files in git.",
            epilog=f"{example}\n\n{_TOKEN}\n\n{_EXIT_CODES}",
        )
        parser.add_argument("--version", action="store_true", help="show the version; with -v of the libraries too")
        commands = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=argparse.ArgumentParser)
        for name, text in COMMANDS.items():
            commands.add_parser(name, help=text)
    else:
        epilog = f"{example}\n\n{_TOKEN}" if command in _CALLING.split() else example
        text = COMMANDS[command]
        positional = [_POSITIONAL[field] for field in taken_by(command) if not flags_of(field)]
        positional += ["[COMMAND]"] if command == "help" else []
        parser = _Parser(
            f"reconciler {command}",
            usage=" ".join(("reconciler", command, *positional, "[options]")),
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=epilog,
        )
        _add(parser, (field for field in taken_by(command) if not TABLE[field].general))
    group = parser.add_argument_group("general options, before or after the command [and the variables they can be in]")
    _add(group, (field for field in taken_by(command) if TABLE[field].general))
    return parser


def _add(parser: Any, fields: Iterator[str]) -> None:
    """Add options, without defaults that would overwrite what was found by now, and positional arguments."""
    for field in fields:
        argument, flags = TABLE[field].argument, flags_of(field)
        if flags:
            parser.add_argument(*flags, **argument, dest=field, default=argparse.SUPPRESS)
        else:
            default = Options._field_defaults[field]
            # argparse adds to a copy of a default list, and knows no tuples.
            parser.add_argument(field, **argument, default=list(default) if isinstance(default, tuple) else default)


def _from_environment(general: _Parser, found: argparse.Namespace, env: Mapping[str, str]) -> None:
    """Take general options that the command line does not say from their variables; an empty one is as unset.

    None of what approves, allows or limits a write has a variable: it must stand where the run is started.
    """
    given = set(vars(found))
    if given & {"sandbox", "base_url"}:
        given |= {"sandbox", "base_url"}  # one on the command line is meant instead of the other in the environment
    for field, option in TABLE.items():
        text = env.get(option.variable or "", "").strip()
        if not text or field in given:
            continue
        several = re.split(r"[,\n]", text) if option.argument.get("action") == "append" else [text]
        try:
            general.parse_args([f"{flags_of(field)[-1]}={one.strip()}" for one in several if one.strip()], found)
        except UsageError as wrong:
            raise UsageError(f"{option.variable} in the environment: {wrong}") from None


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
    if options.command == "show" and options.plan is None:
        raise UsageError("show needs --plan FILE, a plan that plan --out FILE saved")
    if options.quiet and options.verbose:
        raise UsageError("--quiet and --verbose can't go together")
    if options.command == "psk" and options.action != "status" and not options.names:
        raise UsageError(f"psk {options.action} needs the name of at least one tunnel")
