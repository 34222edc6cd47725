"""From the words of the command line, and the environment, to the options; or to the help, or to what is wrong.

Argparse does the parsing. What it does not do by itself stands here: general options on both sides of the command,
names after options, an environment behind the command line, and slips that are explained.
"""

import argparse
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import TextIOBase
from textwrap import fill
from typing import Any, NoReturn, TextIO

from reconciler.cli.options import (
    ACTIONS,
    CALLING,
    COMMANDS,
    SANDBOX_FILE,
    TABLE,
    Option,
    Options,
    UsageError,
    listed,
    near,
    taken_by,
)

_TOKEN = (
    "token: read from the environment variable CLOUDFLARE_API_TOKEN, or from the one that account.yaml names "  # noqa: S105
    "(token: {env: NAME})"
)
_EXIT_CODES = (
    "exit codes: 0 ok, 1 error, 2 changes, 3 invalid, 4 rejected, 5 blocked, 6 plan_changed, 7 partial, "
    "8 interrupted, 9 auth, 64 usage, 70 internal"
)
_GENERAL = "general options, before or after the command [and the variables they can be in]"
_NARROWEST, _WIDEST = 20, 80
"""Columns of help, whatever there are: longer lines are hard to read."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving, so that a bad command line has its own exit code."""

    def __init__(self, prog: str, columns: int | None = None, **more: Any) -> None:
        # Without a width argparse asks the terminal, by a module that imports archives and all that packs them.
        form = partial(argparse.RawDescriptionHelpFormatter, width=_width(columns) - 2)
        super().__init__(prog, formatter_class=form, allow_abbrev=False, **more)

    def format_help(self) -> str:
        # The same width; and only so a value that may be left out is taken, since the next word may be the command.
        return super().format_help().replace("--sandbox [FILE]", "--sandbox[=FILE]")

    def error(self, message: str) -> NoReturn:
        """In our own words what argparse says of an option, or of a word that is told by its place."""
        _, missing, names = message.partition("the following arguments are required: ")
        name, _, why = (names or message.removeprefix("argument ")).partition(", " if missing else ": ")
        option = next((one for one in TABLE.values() if name in _argparse_names(one)), None)
        if option is None:
            raise UsageError(message)
        if missing:
            raise UsageError(f"{option.on[0]} needs {_in_usage(option)}: {option.argument['help']}")
        if why == "expected one argument":
            raise UsageError(f"{name} needs a value: {option.flags[-1]} {_in_usage(option)}")
        if why.startswith("ignored explicit argument"):  # nobody is told which: it may be a token or a key
            raise UsageError(f"{name} takes no value")
        raise UsageError(f"{option.on[0] if option.positional else name}: {why}")


def _argparse_names(option: Option) -> tuple[str, ...]:
    """What argparse calls it in its messages."""
    return (option.name, option.argument.get("metavar", "")) if option.positional else ("/".join(option.flags),)


def columns_of(stream: TextIO | TextIOBase, env: Mapping[str, str]) -> int | None:
    """Columns of the terminal that a stream goes to; None where it goes elsewhere."""
    if not stream.isatty():
        return None
    with suppress(ValueError, OSError):
        return int(env.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns) or _WIDEST
    return _WIDEST


def parse(argv: Sequence[str], env: Mapping[str, str] | None = None, columns: int | None = None) -> Options:
    """The options; what the command line does not say of general ones is taken from the environment.

    Args:
        argv: The words of the command line.
        env: The environment.
        columns: Those of the terminal that help is shown on, if it is one.

    Raises:
        UsageError: The command line is wrong.
        SystemExit: `--help` or `--version` was answered.
    """
    try:
        options = _parse(argv, env or {}, columns)
        _check(options)
    except UsageError as wrong:
        command = next((word for word in argv if word in COMMANDS and word != "help"), "")
        helped = " ".join(filter(None, ("reconciler", command, _action(command, argv), "--help")))
        raise UsageError(f"{wrong}\nRun '{helped}' to see what it takes.") from None
    return options


def _parse(argv: Sequence[str], env: Mapping[str, str], columns: int | None) -> Options:
    # First the general options are taken out, wherever they stand; a bare --sandbox must not swallow what follows it.
    words = [f"--sandbox={SANDBOX_FILE}" if word == "--sandbox" else word for word in argv]
    in_sandbox = "; a file for the sandbox is given as --sandbox=FILE" if "--sandbox" in argv else ""
    general = _Parser("reconciler", add_help=False)
    _add(general, (option for option in TABLE.values() if option.general))
    found, rest = general.parse_known_args(words)
    command, *rest = [*rest[1:3], "--help"] if rest[:1] == ["help"] else rest or ["--help"]
    if command in ("-h", "--help"):
        _help("", "", columns).print_help()
        raise SystemExit(0)
    if command == "--version":
        from reconciler.cli.about import version

        print(version(libraries="verbose" in found))  # noqa: T201 - as argparse prints it
        raise SystemExit(0)
    if command.startswith("-"):
        raise _unknown_option(command, "")
    if command not in COMMANDS:
        raise UsageError(f"there is no command {command!r}{near(command, tuple(COMMANDS)) or in_sandbox}")
    # Then the command's own, since argparse takes no more names after an option: `psk rotate --auto-approve lon-a`.
    own = _Parser(f"reconciler {command}", add_help=False)
    _add(own, (option for option in taken_by(command) if option.flags and not option.general))
    rest = own.parse_known_args(rest, found)[1]
    before = rest[: rest.index("--")] if "--" in rest else rest
    for word in before:
        if word.startswith("-") and word not in ("-", "-h", "--help"):
            raise _unknown_option(word, command)
    if _help(command, _action(command, before), columns).parse_known_args(rest, found)[1]:
        # Nobody is told what: it may be a token or a key.
        tunnels = ", tunnels with --target GLOB" if command in TABLE["target"].on else ""
        chosen = "" if command == "psk" else f"; accounts are chosen with --account NAME{tunnels}"
        raise UsageError(f"{command} takes no further words{in_sandbox or chosen}")
    if "json" in found:
        found.output = [o for o in getattr(found, "output", ()) if o != ("json", None)] + [("json", None)]
    _from_environment(general, found, env)
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in vars(found).items()
    }
    return Options(command, **values)


def _action(command: str, words: Sequence[str]) -> str:
    return next((word for word in words if command == "psk" and word in ACTIONS), "")


def _unknown_option(word: str, command: str) -> UsageError:
    """What is wrong with an option, without its value: somebody may have tried to give a token or a key."""
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    owners = next((option.on for option in TABLE.values() if name in option.flags and not option.general), [])
    if owners and command:
        return UsageError(f"{name} belongs to {listed(owners)}, not to {command}")
    if owners:
        return UsageError(f"{name} stands after its command: reconciler {owners[0]} {name}")
    if name == "--version":
        return UsageError(f"{name} stands alone: reconciler {name}")
    known = ("--help", *(flag for option in taken_by(command) for flag in option.flags))
    return UsageError(f"there is no option {name}{near(name, known)}")


def _help(command: str, action: Any, columns: int | None) -> argparse.ArgumentParser:
    """The parser that shows the help of a command, or of the program, and takes positional arguments."""
    taken = taken_by(command, action)
    token, exit_codes, general = (_wrapped(text, columns) for text in (_TOKEN, _EXIT_CODES, _GENERAL))
    if not command:
        parser = _Parser(
            "reconciler",
            columns,
            usage="reconciler [options] COMMAND [options]",
            description="Keeps Cloudflare IPsec tunnels equal to YAML files in git.",
            epilog="example, in the built-in simulator and without a token:\n  reconciler plan --sandbox"
            f"\n\n{token}\n\n{exit_codes}",
        )
        parser.add_argument("--version", action="store_true", help="show the version; with -v of the libraries too")
        commands = parser.add_argument_group("commands")
        for name, about in COMMANDS.items():
            commands.add_argument(name, help=about.help)
    else:
        about = ACTIONS[action] if action else COMMANDS[command]
        own = [option for option in taken if not option.general and (option.name != "action" or not action)]
        positional = ["[COMMAND]"] if command == "help" else [_in_usage(option) for option in own if option.positional]
        example = "".join(f"\n  reconciler {line}" for line in about.example.splitlines())
        usage = " ".join(filter(None, ("usage: reconciler", command, action, *positional, "[options]")))
        parser = _Parser(
            f"reconciler {command} {action}".rstrip(),
            columns,
            usage=_wrapped(usage, columns).removeprefix("usage: "),  # which argparse puts before it
            description=_wrapped(f"{about.help[0].upper()}{about.help[1:]}.", columns),
            epilog=f"example:{example}" + (f"\n\n{token}" if command in CALLING.split() else ""),
        )
        if action:
            parser.add_argument("action", help=argparse.SUPPRESS)
        _add(parser, own)
    group = parser.add_argument_group(general)
    _add(group, (option for option in taken if option.general))
    return parser


def _width(columns: int | None) -> int:
    return max(min(columns or _WIDEST, _WIDEST), _NARROWEST)


def _wrapped(text: str, columns: int | None) -> str:
    """The text on lines that leave room for the colon that argparse puts behind a heading."""
    return fill(text, _width(columns) - 1, subsequent_indent="  ", break_on_hyphens=False)


def _in_usage(option: Option) -> str:
    """An argument without a flag: `set|rotate|status`, `[NAME ...]`."""
    word = option.argument.get("metavar") or "|".join(option.argument["choices"])
    return {None: word, "?": f"[{word}]", "*": f"[{word} ...]"}[option.argument.get("nargs")]


def _add(parser: Any, options: Iterable[Option]) -> None:
    """Add options, without defaults that would overwrite what was found by now, and positional arguments."""
    for option in options:
        if option.flags:
            parser.add_argument(*option.flags, **option.argument, dest=option.name, default=argparse.SUPPRESS)
        else:
            default = Options._field_defaults[option.name]
            # argparse adds to a copy of a default list, and knows no tuples.
            default = list(default) if isinstance(default, tuple) else default
            parser.add_argument(option.name, **option.argument, default=default)


def _from_environment(general: _Parser, found: argparse.Namespace, env: Mapping[str, str]) -> None:
    """Take general options that the command line does not say from their variables; an empty one is as unset.

    None of what approves, allows or limits a write has a variable: it must stand where the run is started.
    """
    given = set(vars(found))
    if "base_url" in given or getattr(found, "sandbox", None):
        given |= {"sandbox", "base_url"}  # one on the command line is meant instead of the other in the environment
    for name, option in TABLE.items():
        text = env.get(option.variable, "").strip() if option.variable else ""
        if not text or name in given:
            continue
        several = re.split(r"[,\n]", text) if option.argument.get("action") == "append" else [text]
        found.variables = [*getattr(found, "variables", ()), name]
        try:
            general.parse_args([f"{option.flags[-1]}={one.strip()}" for one in several if one.strip()], found)
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
    if options.command == "import" and options.account_id is not None and len(options.account) != 1:
        raise UsageError("--account-id needs exactly one --account NAME")
    if options.command == "show" and bool(options.plan) == bool(options.names):
        raise UsageError("show needs NAMES of tunnels, or --plan FILE, a plan that plan --out FILE saved")
    if options.quiet and options.verbose:
        raise UsageError("--quiet and --verbose can't go together")
    if options.command == "psk":
        _check_psk(options)
    if options.command == "doctor" and options.measure and (not options.network or len(options.account) != 1):
        raise UsageError("doctor --measure needs exactly one --account NAME, and --network CIDR")
    if options.command == "doctor" and not options.measure:
        own = ("network", "endpoint", "beside_live", "auto_approve")
        if given := next((name for name in own if getattr(options, name)), None):
            raise UsageError(f"{TABLE[given].flags[-1]} belongs to doctor --measure")


def _check_psk(options: Options) -> None:
    action = options.action
    for name, option in TABLE.items():
        if action not in option.actions and getattr(options, name) != Options._field_defaults[name]:
            owners = listed([f"psk {one}" for one in option.actions])
            raise UsageError(f"{option.flags[-1]} belongs to {owners}, not to psk {action}")
    if options.all and (options.names or options.overdue):
        raise UsageError(f"--all and {'NAMES' if options.names else '--overdue'} can't go together")
    if action == "set" and not (options.names or options.all):
        raise UsageError("psk set needs NAMES or --all")
    if action == "rotate" and not (options.names or options.all or options.overdue):
        raise UsageError("psk rotate needs NAMES, --all or --overdue")
