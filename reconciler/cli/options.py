"""The command line: one table of commands, and one of options, which is also the type of what a command reads of them.

Each field of `Options` is one option: its type and default, and beside them its help, the commands that it does
something in and what its type does not say. `arguments` parses by these tables and makes the help of them,
`completion` its scripts, `main` runs the commands. So whoever adds an option writes one field, and a command that reads
one that nobody declared does not pass mypy. General options are taken before and after every command, so that a script
need not know which command heeds which.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from reconciler.render import FORMATS, Format

SANDBOX_FILE = ".reconciler/sandbox.json"
_LAST_PORT = 65535


class Command(NamedTuple):
    """A command: what it does, an example a line, and which function of which module of this package runs it."""

    help: str
    example: str
    module: str
    function: str = "run"


COMMANDS = {
    "validate": Command("check the files, offline", "validate --strict", "small", "check_files"),
    "plan": Command("show what apply would do; writes nothing remote", "plan --account prod --out plan.json", "plan"),
    "apply": Command("carry the plan out and prove that the account converged", "apply --plan plan.json", "apply"),
    "drift": Command("report how live differs from git; never writes", "drift --patch drift.patch", "drift"),
    "show": Command(
        "show live tunnels, what their devices must have, or a saved plan",
        "show lon-a\nshow --device lon-a --json\nshow --plan plan.json",
        "show",
    ),
    "doctor": Command(
        "check that all is set up, or measure what the API leaves undocumented",
        "doctor\ndoctor --account prod --json\ndoctor --measure --account scratch --network 10.99.0.0/28",
        "doctor",
    ),
    "init": Command(
        "write a new repository into the current folder; overwrites nothing",
        "init --account prod --account-id 023e105f4ecef8ad9ca31a8372d0c353",
        "init",
    ),
    "import": Command(
        "write YAML for what is live",
        "import --account prod --account-id 023e105f4ecef8ad9ca31a8372d0c353",
        "import_",
    ),
    "psk": Command(
        "set, rotate and look after pre-shared keys",
        "psk status\npsk set lon-a lon-b\npsk rotate 'par-*'",
        "psk",
    ),
    "accounts": Command("list the accounts, for a CI matrix", "accounts --json", "small", "check_files"),
    "schema": Command(
        "print the JSON Schema of the YAML, for editors", "schema tunnels > tunnels.schema.json", "small", "schema"
    ),
    "simulate": Command("run the built-in API simulator on loopback", "simulate --port 8787", "simulate"),
    "render": Command(
        "draw a saved JSON report in other formats", "render drift.json -o html=drift.html", "small", "render"
    ),
    "completion": Command(
        "print a completion script for bash, zsh or fish", "completion bash > ~/.reconciler.bash", "completion"
    ),
    "help": Command("show this help, or that of a command", "help plan", ""),  # `arguments` answers it
}

Action = Literal["set", "rotate", "status"]
ACTIONS: dict[Action, Command] = {
    "set": Command("send the keys that references (env, file, command) hold", "psk set lon-a 'par-*'", "psk"),
    "rotate": Command(
        "make new keys for tunnels whose key is generated, and deliver them",
        "psk rotate --overdue --auto-approve",
        "psk",
    ),
    "status": Command("say where each key comes from, how old it is and what is in doubt", "psk status 'lon-*'", "psk"),
}
"""Of `psk`; each has a page of help of its own."""

CALLING = "plan apply drift show doctor import psk"
"""Commands that call the API, with a token."""
_READING = f"validate accounts {CALLING}"
_REPORTING = f"{_READING} render"
_NAMING = f"{_READING} init completion"


class UsageError(Exception):
    """The command line is wrong; the message says what and what to do."""


def near(word: str, known: tuple[str, ...]) -> str:
    """`. Did you mean "plan"?` when a known word begins so, or is near."""
    from reconciler.model.problems import nearest

    names = {one.lstrip("-"): one for one in known}  # the dashes would make all options alike
    begun = word.lstrip("-")
    longer = (name for name in names if len(begun) > 1 and name.startswith(begun))
    found = next(longer, None) or nearest(begun, tuple(names))
    return f'. Did you mean "{names[found]}"?' if found else ""


def listed(words: Sequence[str], last: str = "and") -> str:
    """`plan`, `plan and apply`, `validate, plan and apply`."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def _checked(good: Callable[[str], object], what: str, words: tuple[str, ...] = ()) -> Callable[[str], Any]:
    """A type of option: what `good` makes of its text; None, or a ValueError, refuses it. One of `words` was meant."""

    def parse(text: str) -> object:
        with suppress(ValueError):
            if (value := good(text)) is not None:
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}{near(text, words) if words else ''}")

    return parse


_COUNT = _checked(lambda text: n if (n := int(text)) > 0 else None, "a whole number above 0")
_PORT = _checked(lambda text: n if 0 <= (n := int(text)) <= _LAST_PORT else None, "a port number")
_SECONDS = _checked(lambda text: n if 0 < (n := float(text)) < inf else None, "a number of seconds above 0")
_FILLED = {
    "FILE": "a file name",
    "REPORT.json": "a file name",
    "DIR": "a folder name",
    "REF": "a commit",
    "GLOB": "a pattern",
    "NAME": "a name",
}
"""What must not be empty: an empty text is a variable that a script did not set, never the wish to go without.

Nor is `-` a file here: whoever writes it means a stream, and keys may go there.
"""


_repository = _checked(
    lambda text: text if re.fullmatch(r"[\w-]+/[\w.-]+@[0-9a-f]{40}", text, re.ASCII) else None,
    "OWNER/REPO@COMMIT with all 40 digits of the commit",
)


def _network(text: str) -> str | None:
    from ipaddress import IPv4Network

    network = IPv4Network(text)
    return str(network) if network.num_addresses >= 8 else None  # noqa: PLR2004 - room for three of two


def _endpoint(text: str) -> str:
    from ipaddress import ip_address

    return str(ip_address(text))


def _output(text: str) -> tuple[str, str | None]:
    name, separator, path = text.partition("=")
    if name not in FORMATS or (separator and not path):
        formats = f"one of {', '.join(FORMATS)}, with =PATH to write a file"
        raise argparse.ArgumentTypeError(f"{text!r} is not {formats}{near(name, tuple(FORMATS))}")
    return name, None if path in ("", "-") else path


def _duration(text: str) -> int | None:
    from reconciler.model.checks import duration

    return duration(text) or None


def _base_url(text: str) -> str:
    from reconciler.api.baseurl import check_base_url

    try:
        return check_base_url(text)
    except ValueError as refused:
        raise argparse.ArgumentTypeError(f"{refused}") from None


def _sandbox(text: str) -> str | None:
    """The sandbox's file. `1` is no file's name: a new one would be an empty account, and all of it planned anew."""
    if text.lower() in ("1", "true", "yes", "on"):
        return SANDBOX_FILE
    if text.lower() in ("0", "false", "no", "off"):
        return None
    if "/" not in text and not text.endswith(".json"):
        remedy = "write a path with a / in it, or one that ends in .json"
        raise argparse.ArgumentTypeError(f"{text!r} is neither yes, no nor a file: {remedy}")
    return text


class Option:
    """How one field of `Options` is given on the command line.

    Attributes:
        on: The commands that it does something in.
        actions: Of `psk`, those that it does something in.
        flags: The field's name with dashes, and perhaps a letter; none for a positional one.
        variable: The environment variable that it can stand in, or nothing.
        argument: What `add_argument` takes besides.
    """

    general = False
    positional = False

    def __init__(
        self, text: str, on: str, metavar: str = "", *, short: str = "", actions: str = "", **argument: Any
    ) -> None:
        self.on = on.split()
        self.actions = actions.split() or [*ACTIONS]
        self.flags: tuple[str, ...] = (short,) if short else ()
        self.variable = ""
        self.argument = {"help": text, **({"metavar": metavar} if metavar else {}), **argument}

    def declare(self, name: str, kind: Any, default: object) -> "Option":
        """Take what the field's name, type and default say."""
        self.name = name
        self.flags += () if self.positional else (f"--{name.replace('_', '-')}",)
        argument = self.argument
        if kind is bool:
            argument["action"] = "store_true"
        elif get_origin(kind) is Literal:
            words = get_args(kind)
            parse = _checked(lambda text: text if text in words else None, f"one of {', '.join(words)}", words)
            argument |= {"type": parse, "choices": words}
        elif get_origin(kind) is tuple:
            argument |= {"nargs": "*"} if self.positional else {"action": "append"}
        if what := _FILLED.get(argument.get("metavar", "")):
            empty = ("", "-") if what == "a file name" else ("",)
            argument.setdefault("type", _checked(lambda text: None if text in empty else text, what))
        if default and (self.flags or "nargs" in argument):
            argument["help"] += f" (default: {default:g})" if isinstance(default, float) else f" (default: {default})"
        if self.general and self.takes_value:
            self.variable = f"RECONCILER_{name.upper()}"
            argument["help"] += f" [{self.variable}]"
        return self

    @property
    def takes_value(self) -> bool:
        """Whether more than its name says what it is."""
        return self.argument.get("action") not in ("store_true", "count")


class General(Option):
    """One that all other commands take too, and do nothing with. If it has a value, a variable can hold it."""

    general = True


class Positional(Option):
    """One that is given by its place."""

    positional = True


class Options(NamedTuple):
    """What the command line says. An option that the command doesn't take has its default."""

    command: str
    variables: tuple[str, ...] = ()
    """Names of the options that were taken from the environment."""

    dir: Annotated[str, General("root of the YAML files", _NAMING, "DIR")] = "tunnels"
    account: Annotated[tuple[str, ...], General("only this account; repeatable", _NAMING, "NAME")] = ()
    base_url: Annotated[
        str | None, General("another API: https, or http on loopback", CALLING, "URL", type=_base_url)
    ] = None
    sandbox: Annotated[
        str | None,
        General(
            f"use the built-in simulator, its state kept in FILE (default: {SANDBOX_FILE}); needs no token",
            CALLING,
            "FILE",
            nargs="?",
            const=SANDBOX_FILE,
            type=_sandbox,
        ),
    ] = None
    output: Annotated[
        tuple[tuple[Format, str | None], ...],
        General(
            f"{', '.join(FORMATS)}; repeatable; without PATH to standard output (default: text)",
            f"{_REPORTING} schema",
            "FORMAT[=PATH]",
            short="-o",
            type=_output,
        ),
    ] = ()
    json: Annotated[bool, General("short for -o json", f"{_REPORTING} schema")] = False
    no_color: Annotated[bool, General("no colours, as with NO_COLOR; FORCE_COLOR colours pipes too", _REPORTING)] = (
        False
    )
    quiet: Annotated[
        bool, General("only results, warnings, errors and questions: no progress, no notes", CALLING, short="-q")
    ] = False
    verbose: Annotated[
        int, General("log calls to standard error; -vv: every HTTP request too", CALLING, short="-v", action="count")
    ] = 0
    log_format: Annotated[Literal["console", "json"], General("form of the logs", CALLING)] = "console"
    parallelism: Annotated[int, General("calls side by side", CALLING, "N", type=_COUNT)] = 10
    timeout: Annotated[
        float,
        General(
            "deadline of the whole run, with retries and the wait for another run", CALLING, "SECONDS", type=_SECONDS
        ),
    ] = 600.0

    out: Annotated[str | None, Option("save the plan, for apply --plan", "plan", "FILE")] = None
    detailed_exitcode: Annotated[bool, Option("exit 2 when there are changes", "plan")] = False
    live: Annotated[str | None, Option("plan offline against a saved list", "plan", "FILE")] = None
    save_live: Annotated[str | None, Option("save the list (mode 0600: it may hold BGP MD5 keys)", "plan", "FILE")] = (
        None
    )
    baseline: Annotated[
        str | None,
        Option(
            "tell what git changed since REF (a pull request's base, the commit applied last) from what changed at "
            "Cloudflare",
            "plan drift",
            "REF",
        ),
    ] = None
    previous: Annotated[
        str | None,
        Option(
            "an earlier report: drift tells what is new since and what is resolved, apply refuses what was rolled back",
            "drift apply",
            "REPORT.json",
        ),
    ] = None
    retry: Annotated[bool, Option("try again what --previous says was rolled back", "apply")] = False
    patch: Annotated[
        str | None,
        Option("write what makes the files say what is live, for git apply (empty without drift)", "drift", "FILE"),
    ] = None
    all: Annotated[
        bool, Option("every tunnel of the account whose key can be set, or rotated", "psk", actions="set rotate")
    ] = False
    overdue: Annotated[
        bool, Option("only keys older than their rotate_after; of all tunnels without NAMES", "psk", actions="rotate")
    ] = False
    auto_approve: Annotated[bool, Option("do not ask", "apply psk doctor", actions="set rotate")] = False
    confirm: Annotated[
        int | None,
        Option(
            "ask, when the updates are done, whether to keep them; without a yes in TIME (90s, 10m) roll them back",
            "apply",
            "TIME",
            type=_checked(_duration, "a length of time like 90s, 10m or 1h"),
        ),
    ] = None
    allow_commands: Annotated[
        bool, Option("let {command: …} references, sinks and probes run", "apply psk", actions="set rotate")
    ] = False
    plan: Annotated[
        str | None,
        Option(
            "a saved plan; apply carries it out without asking, if it is still what would be done", "apply show", "FILE"
        ),
    ] = None
    batch_size: Annotated[int, Option("tunnels in one bulk update", "apply", "N", type=_COUNT)] = 100
    server_check: Annotated[
        bool,
        Option("let Cloudflare validate every change, before any is written; exit 4 if it refuses one", "plan apply"),
    ] = False
    # What a plan holds is the same in plan and apply, as a saved plan must be found again.
    target: Annotated[
        str | None, Option("only tunnels whose names match; prunes nothing else", "plan apply", "GLOB")
    ] = None
    allow_delete: Annotated[tuple[str, ...], Option("this deletion is meant; repeatable", "plan apply", "NAME")] = ()
    no_delete: Annotated[bool, Option("leave deletes out and report them", "plan apply")] = False
    no_rollout: Annotated[
        bool, Option("one wave, and watch nothing, whatever `rollout` in account.yaml says", "plan apply")
    ] = False
    outside_window: Annotated[
        bool, Option("touch traffic at any hour, whatever `windows` says", "plan apply psk", actions="set rotate")
    ] = False
    strict: Annotated[bool, Option("warnings in the files are errors", "validate plan apply")] = False
    account_id: Annotated[
        str | None, Option("make a new account folder (with --account NAME) for this id", "init import", "ID")
    ] = None
    uses: Annotated[
        str | None,
        Option(
            "the repository that the workflows call (default: where this program was installed from)",
            "init",
            "OWNER/REPO@COMMIT",
            type=_repository,
        ),
    ] = None
    md5_keys: Annotated[
        str | None,
        Option("put BGP MD5 keys there (mode 0600, NAME=value), and their variables into the YAML", "import", "FILE"),
    ] = None
    force: Annotated[bool, Option("write the files of an earlier import anew", "import")] = False
    split: Annotated[
        Literal["prefix", "none"],
        Option("one file per site, by what names begin with (prefix), or one file (none)", "import"),
    ] = "prefix"
    action: Annotated[Action, Positional("send keys, make new ones, or say what is known", "psk")] = "status"
    names: Annotated[
        tuple[str, ...],
        Positional("tunnels, or patterns like 'lon-*'", "psk show", "NAME"),
    ] = ()
    device: Annotated[bool, Option("what the other ends of the tunnels must have; no key", "show")] = False
    measure: Annotated[
        bool,
        Option(
            "measure on an account what the API leaves undocumented, by tunnels that are made and removed", "doctor"
        ),
    ] = False
    network: Annotated[
        str | None,
        Option(
            "of --measure: where these tunnels have their addresses, /29 or larger",
            "doctor",
            "CIDR",
            type=_checked(_network, "an IPv4 network of /29 or larger without host bits, such as 10.99.0.0/29"),
        ),
    ] = None
    endpoint: Annotated[
        str | None,
        Option(
            "of --measure: Cloudflare's address of these tunnels",
            "doctor",
            "IP",
            type=_checked(_endpoint, "an IP address"),
        ),
    ] = None
    beside_live: Annotated[bool, Option("of --measure: also in an account that has other live tunnels", "doctor")] = (
        False
    )
    kind: Annotated[
        Literal["account", "tunnels", "files", "report", "plan"],
        Positional(
            "of account.yaml, a file of tunnels, either of them, the JSON report, a saved plan", "schema", nargs="?"
        ),
    ] = "files"
    port: Annotated[int, Option("port on loopback; 0 picks one", "simulate", "PORT", type=_PORT)] = 8787
    semantics: Annotated[str, Option("switches of undocumented behaviour, as name=value,…", "simulate", "SWITCHES")] = (
        ""
    )
    faults: Annotated[str, Option("what goes wrong with which request, as N=KIND,…", "simulate", "FAULTS")] = ""
    state: Annotated[str | None, Option("keep the state in FILE between runs", "simulate", "FILE")] = None
    report: Annotated[str, Positional("a report written by -o json", "render", "REPORT.json")] = ""
    shell: Annotated[
        Literal["bash", "zsh", "fish", "words"],
        Positional("whose script, or how the words on standard input can end", "completion"),
    ] = "bash"

    def origin(self, name: str) -> str:
        """` (from RECONCILER_DIR)` where the environment says it, for messages about its value."""
        return f" (from {TABLE[name].variable})" if name in self.variables else ""


TABLE: dict[str, Option] = {
    name: hint.__metadata__[0].declare(name, hint.__origin__, Options._field_defaults[name])
    for name, hint in Options.__annotations__.items()
    if name not in ("command", "variables")
}


_OTHER_VARIABLES = (
    "arguments author cloudflare_endpoint command comment commit customer_endpoint digests directory expect "
    "interface_address interface_address6 key_op labels live name report require_reviewed reviewed success_codes "
    "tunnel without_credentials without_token"
)
"""Variables that are ours and hold no option: those of the GitHub action, and what programs that this one runs get."""


def unheard(name: str) -> str:
    """Why an environment variable that looks like one of ours does nothing, and what to do; empty for any other."""
    from reconciler.model.problems import nearest

    word = name.removeprefix("RECONCILER_").lower()
    variables = tuple(option.name for option in TABLE.values() if option.variable)
    if word == name.lower() or word in variables or word in _OTHER_VARIABLES.split():
        return ""
    if word in TABLE and TABLE[word].flags:
        return f"{TABLE[word].flags[-1]} has no variable: it must stand on the command line."
    meant = nearest(word, variables)
    return f'Did you mean "{TABLE[meant].variable}"?' if meant else ""


_SAME = (
    *("dir", "account", "base_url", "sandbox", "target", "allow_delete", "no_delete", "no_rollout", "outside_window"),
    "allow_commands",
)
"""Options that say which files, which API and which tunnels a run is about, and what it may do there."""


def same_again(options: Options, command: str, action: str = "", *, said: str = "") -> list[str]:
    """Those options that make another command speak of the same, as words of a shell; without what it says itself."""
    from shlex import quote

    words: list[str] = []
    for name in _SAME:
        value, option, flag = getattr(options, name), TABLE[name], TABLE[name].flags[-1]
        taken = command in option.on and (not action or action in option.actions)
        if not taken or value == Options._field_defaults[name] or f"{flag} " in said:
            continue
        if name == "sandbox":
            words.append(flag if value == SANDBOX_FILE else f"{flag}={quote(value)}")
        elif value is True:
            words.append(flag)
        else:
            words += [f"{flag} {quote(one)}" for one in (value if isinstance(value, tuple) else (value,))]
    return words


def taken_by(command: str, action: str = "") -> list[Option]:
    """The options that do something in a command, its own first; the general ones without a command."""
    found = [option for option in TABLE.values() if (command in option.on if command else option.general)]
    found = [option for option in found if not action or action in option.actions]
    return sorted(found, key=lambda option: option.general)
