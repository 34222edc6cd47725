"""The command line: one table of options, which is also the type of what a command reads of them.

Each field of `Options` is one option: its type, its default, and beside them its help, the commands that it does
something in (all, when none is named) and what argparse needs. So a command that reads an option that nobody declared
does not pass mypy, and whoever adds an option writes one field; `arguments` parses by the table and makes the help of
it, `completion` its scripts. General options are taken before and after every command, so that a script need not know
which command heeds which.
"""

import argparse
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Annotated, Any, NamedTuple

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

ACTIONS = {
    "set": "send the keys that references (env, file, command) hold",
    "rotate": "make new keys for tunnels whose key is generated, and deliver them",
    "status": "say where each key comes from, how old it is and what is in doubt",
}
"""Of `psk`; each has a page of help of its own."""

CALLING = "plan apply drift import psk"
"""Commands that call the API, with a token."""
_READING = f"validate accounts {CALLING}"
_REPORTING = f"{_READING} show render"


class UsageError(Exception):
    """The command line is wrong; the message says what and what to do."""


def near(word: str, known: tuple[str, ...]) -> str:
    """`. Did you mean "plan"?` when a known word begins so, or is near."""
    from reconciler.model.checks import did_you_mean

    names = {one.lstrip("-"): one for one in known}  # the dashes would make all options alike
    begun = word.lstrip("-")
    longer = [name for name in names if len(begun) > 1 and name.startswith(begun)]
    near = did_you_mean(longer[0] if longer else begun, tuple(names)).partition('"')[2].partition('"')[0]
    return f'. Did you mean "{names[near]}"?' if near else ""


def _one_of(*words: str) -> dict[str, Any]:
    """What an option with a few words for values takes: a misspelt one gets a suggestion."""

    def parse(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(words)}{near(text, words)}")
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
        actions: Of `psk`, those that it does something in; empty for all.
        flags: `--` and the field's name when left out, empty for a positional one.
        general: Whether all other commands take it too, and do nothing with it.
        variable: The environment variable that it can stand in.
        argument: What `add_argument` takes besides.
    """

    def __init__(  # noqa: PLR0913 - a keyword for each property of an option
        self,
        help: str,  # noqa: A002 - argparse's word
        metavar: str | None = None,
        on: str = "",
        flags: tuple[str, ...] | None = None,
        *,
        general: bool = False,
        variable: str | None = None,
        actions: str = "",
        **argument: Any,
    ) -> None:
        self.on = tuple(on.split() or COMMANDS)
        self.actions = tuple(actions.split() or ACTIONS)
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
            CALLING,
            general=True,
            variable="RECONCILER_BASE_URL",
            type=_base_url,
        ),
    ] = None
    sandbox: Annotated[
        str | None,
        _file(
            f"use the built-in simulator, its state kept in FILE (default: {SANDBOX_FILE}); needs no token",
            CALLING,
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
            CALLING,
            flags=("-q", "--quiet"),
            general=True,
        ),
    ] = False
    verbose: Annotated[
        int,
        Option(
            "log calls to standard error; -vv: every HTTP request too",
            on=CALLING,
            flags=("-v", "--verbose"),
            general=True,
            action="count",
        ),
    ] = 0
    log_format: Annotated[
        str,
        Option(
            "form of the logs",
            on=CALLING,
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
            CALLING,
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
            CALLING,
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
    all: Annotated[
        bool, _switch("every tunnel of the account whose key can be set, or rotated", "psk", actions="set rotate")
    ] = False
    overdue: Annotated[
        bool, _switch("only keys older than their rotate_after; of all tunnels without NAMES", "psk", actions="rotate")
    ] = False
    auto_approve: Annotated[bool, _switch("do not ask", "apply psk", actions="set rotate")] = False
    allow_commands: Annotated[
        bool, _switch("let {command: …} references and sinks run", "apply psk", actions="set rotate")
    ] = False
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
            **_one_of(*ACTIONS),
        ),
    ] = ""
    names: Annotated[
        tuple[str, ...],
        Option(
            "tunnels, or patterns like 'lon-*'; of one account for set and rotate", "NAME", "psk", flags=(), nargs="*"
        ),
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


def taken_by(command: str, action: str = "") -> list[str]:
    """The fields of options that do something in a command, its own first; the general ones without a command."""
    fields = [
        field
        for field, option in TABLE.items()
        if (command in option.on if command else option.general) and (not action or action in option.actions)
    ]
    return sorted(fields, key=lambda field: TABLE[field].general)
