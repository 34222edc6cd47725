"""`reconciler completion`: a completion script for a shell, made of the table of options. It runs nothing by itself."""

from collections.abc import Iterator
from typing import Any

from reconciler.cli.context import Context
from reconciler.cli.options import COMMANDS, TABLE, flags_of, taken_by
from reconciler.render import FORMATS


def run(ctx: Context) -> int:
    """Print the script."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    ctx.output.stdout.write("\n".join(scripts[ctx.options.shell]()) + "\n")
    return 0


def _values(field: str) -> str | None:
    """The words that a value can be, with blanks between; `FILE` or `DIR` for a name of one, "" for anything else.

    None where no value follows as a word of its own.
    """
    argument = TABLE[field].argument
    if argument.get("action") in ("store_true", "count") or (argument.get("nargs") == "?" and flags_of(field)):
        return None
    if field == "output":
        return " ".join(FORMATS)
    if "choices" in argument:
        return " ".join(argument["choices"])
    if field == "names":
        return ""
    metavar = str(argument.get("metavar", ""))
    return metavar if metavar in ("FILE", "DIR") else "FILE" if metavar.endswith(".json") else ""


def _flags(command: str) -> Iterator[tuple[str, str]]:
    """Field and flag of what a command takes; without one, of what stands before it."""
    for field in taken_by(command):
        for flag in flags_of(field):
            yield field, flag


def _positional(command: str) -> list[str]:
    return [field for field in taken_by(command) if not flags_of(field)]


def _words(command: str) -> str:
    """What a positional argument can be, as of `_values`."""
    if command == "help":
        return " ".join(COMMANDS)
    return " ".join(_values(field) or "" for field in _positional(command)).strip()


def _bash() -> Iterator[str]:
    yield "_reconciler() {"
    yield "  local IFS=$' \\t\\n' command= word words files="
    yield "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
    yield '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    every = "|".join(COMMANDS)
    yield f"    case $word in {every}) command=$word; break ;; esac"
    yield "  done"
    yield "  case $prev in"
    kinds: dict[str, set[str]] = {}
    for command in ("", *COMMANDS):
        for field, flag in _flags(command):
            if (values := _values(field)) is not None:
                kinds.setdefault(values, set()).add(flag)
    actions = {"FILE": "files=-f", "DIR": "files=-d", "": "return"}
    for values, flags in sorted(kinds.items()):
        offer = actions.get(values, 'words="' + values + '"')
        yield f"    {'|'.join(sorted(flags))}) {offer} ;;"
    yield "    *) case $command in"
    for command in (*COMMANDS, ""):
        words = _words(command) if command else " ".join((*COMMANDS, "--version"))
        files = " files=-f" if words == "FILE" else ""
        every = " ".join([*words.replace("FILE", "").split(), *(flag for _, flag in _flags(command)), "--help"])
        yield f'      {command or "*"}) words="{every}"{files} ;;'
    yield "    esac ;;"
    yield "  esac"
    yield '  COMPREPLY=($(compgen -W "$words" -- "$cur"))'
    yield "  if [[ $files && $cur != -* ]]; then"
    yield "    IFS=$'\\n'"
    yield '    compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen $files -- "$cur"))'
    yield "  fi"
    yield "}"
    yield "complete -F _reconciler reconciler"


def _zsh() -> Iterator[str]:
    actions = {"FILE": ":FILE:_files", "DIR": ":DIR:_files -/", "": ":value: "}
    yield "#compdef reconciler"
    yield "_reconciler() {"
    yield "  local command= word"
    yield "  for word in ${words[2,CURRENT-1]}; do"
    yield f"    case $word in ({'|'.join(COMMANDS)}) command=$word; break ;; esac"
    yield "  done"
    yield "  case $command in"
    for command in (*COMMANDS, ""):
        yield f"    ({command or '*'}) _arguments -s \\"
        for field, flag in _flags(command):
            argument, values = TABLE[field].argument, _values(field)
            many = "*" if argument.get("action") in ("append", "count") else ""
            value = "" if values is None else actions.get(values, f":value:({values})")
            told = _escaped(argument["help"])
            yield f"      {_quoted(f'{many}{flag}[{told}]{value}')} \\"
        if not command:
            listed = " ".join(f"{name}\\:{_quoted_in(text)}" for name, text in COMMANDS.items())
            yield f"      {_quoted(f'1:command:(({listed}))')} '--version[show the version]' '--help[show help]' ;;"
            continue
        rest = {"FILE": "'*:FILE:_files'", "": "'*: : '"}.get(_words(command), _quoted(f"*:value:({_words(command)})"))
        yield f"      '1:command:({command})' {rest} '--help[show help]' ;;"
    yield "  esac"
    yield "}"
    yield '[[ $funcstack[1] == _reconciler ]] && _reconciler "$@" || compdef _reconciler reconciler'


def _fish() -> Iterator[str]:
    yield "complete -c reconciler -f"
    for name, text in COMMANDS.items():
        yield f"complete -c reconciler -n __fish_use_subcommand -a {name} -d {_quoted(text)}"
    yield "complete -c reconciler -l help -d 'show help'"
    yield "complete -c reconciler -n __fish_use_subcommand -l version -d 'show the version'"
    kinds = {None: "", "FILE": " -r -F", "DIR": " -x -a '(__fish_complete_directories)'", "": " -x"}
    for field, option in TABLE.items():
        values = _values(field)
        kind = kinds.get(values, f" -x -a {_quoted(values or '')}")
        where = f"__fish_seen_subcommand_from {' '.join(option.on)}"
        if option.general:
            where = f"{where}; or __fish_use_subcommand"
        flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in flags_of(field))
        if flags:
            yield f"complete -c reconciler -n {_quoted(where)} {flags}{kind} -d {_quoted(option.argument['help'])}"
        elif values:
            words = " -F" if values == "FILE" else f" -a {_quoted(values)}"
            yield f"complete -c reconciler -n {_quoted(where)}{words}"
    yield f"complete -c reconciler -n '__fish_seen_subcommand_from help' -a {_quoted(' '.join(COMMANDS))}"


def _escaped(text: Any) -> str:
    """Text inside the brackets of zsh's `_arguments`."""
    return str(text).replace("[", "(").replace("]", ")").replace(":", "\\:")


def _quoted_in(text: str) -> str:
    """A description inside zsh's double parentheses."""
    return '"' + text.replace(":", "\\:") + '"'


def _quoted(text: str) -> str:
    """For zsh and fish, whose single quotes know different escapes: an apostrophe stands in double quotes."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
