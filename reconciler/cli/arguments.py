"""From the words of the command line, and the environment, to the options; or to the help, or to what is wrong.

Argparse does the parsing. What it does not do by itself stands here: general options on both sides of the command,
names after options, an environment behind the command line, and slips that are explained.
"""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from reconciler.cli.options import (
    ACTIONS,
    CALLING,
    COMMANDS,
    SANDBOX_FILE,
    TABLE,
    Options,
    UsageError,
    flags_of,
    near,
    taken_by,
)

_EXAMPLES = {
    "": "reconciler plan --sandbox     in the built-in simulator, without a token",
    "validate": "reconciler validate --strict",
    "plan": "reconciler plan --account prod --out plan.json",
    "apply": "reconciler apply --plan plan.json",
    "drift": "reconciler drift -o text -o json=drift.json",
    "show": "reconciler show --plan plan.json",
    "import": "reconciler import --account prod --account-id 023e105f4ecef8ad9ca31a8372d0c353",
    "psk": """reconciler psk status
  reconciler psk set lon-a lon-b
  reconciler psk rotate 'par-*'""",
    "psk set": "reconciler psk set lon-a 'par-*'",
    "psk rotate": "reconciler psk rotate --overdue --auto-approve",
    "psk status": "reconciler psk status 'lon-*'",
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
        action = _action(argv) if command == "psk" else ""
        helped = " ".join(filter(None, ("reconciler", command, action, "--help")))
        raise UsageError(f"{wrong}\nRun '{helped}' to see what it takes.") from None
    return options


def _parse(argv: Sequence[str], env: Mapping[str, str]) -> Options:
    # First the general options are taken out, wherever they stand; a bare --sandbox must not swallow what follows it.
    words = [f"--sandbox={SANDBOX_FILE}" if word == "--sandbox" else word for word in argv]
    general = _Parser("reconciler", add_help=False)
    _add(general, (field for field, option in TABLE.items() if option.general))
    found, rest = general.parse_known_args(words)
    if rest[:1] == ["help"]:
        rest = [*rest[1:3], "--help"]
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
    more = _help(command, _action(before) if command == "psk" else "").parse_known_args(rest, found)[1]
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


def _action(words: Sequence[str]) -> str:
    return next((word for word in words if word in ACTIONS), "")


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
        raise UsageError(f"there is no command {first!r}{near(first, tuple(COMMANDS))}")
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
    return UsageError(f"there is no option {name}{near(name, tuple(known))}")


def _help(command: str, action: str = "") -> argparse.ArgumentParser:
    """The parser that shows the help of a command, or of the program, and takes positional arguments."""
    name = f"{command} {action}".rstrip()
    example = f"example:\n  {_EXAMPLES[name]}"
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
        epilog = f"{example}\n\n{_TOKEN}" if command in CALLING.split() else example
        text = ACTIONS[action] if action else COMMANDS[command]
        shown = [field for field in taken_by(command, action) if field != "action" or not action]
        positional = [_POSITIONAL[field] for field in shown if not flags_of(field)]
        positional += ["[COMMAND]"] if command == "help" else []
        parser = _Parser(
            f"reconciler {name}",
            usage=" ".join(("reconciler", name, *positional, "[options]")),
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=epilog,
        )
        if action:
            parser.add_argument("action", help=argparse.SUPPRESS)
        _add(parser, (field for field in shown if not TABLE[field].general))
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
    if options.command == "psk":
        _check_psk(options)


def _check_psk(options: Options) -> None:
    action = options.action
    for field, option in TABLE.items():
        if action not in option.actions and getattr(options, field) != Options._field_defaults[field]:
            owners = " and ".join(f"psk {one}" for one in option.actions)
            raise UsageError(f"{flags_of(field)[0]} belongs to {owners}, not to psk {action}")
    if options.all and (options.names or options.overdue):
        raise UsageError(f"--all and {'NAMES' if options.names else '--overdue'} can't go together")
    if action == "set" and not (options.names or options.all):
        raise UsageError("psk set needs NAMES or --all")
    if action == "rotate" and not (options.names or options.all or options.overdue):
        raise UsageError("psk rotate needs NAMES, --all or --overdue")
