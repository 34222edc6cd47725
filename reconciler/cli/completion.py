"""`reconciler completion`: a completion script for a shell, made of the tables of commands and options.

It runs nothing by itself, so that a shell is never slow, and completes no names of tunnels or accounts.
"""

from collections.abc import Iterator

from reconciler.cli.context import Context
from reconciler.cli.options import COMMANDS, TABLE, Option, taken_by
from reconciler.render import FORMATS


def run(ctx: Context) -> int:
    """Print the script."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    ctx.output.stdout.write("\n".join(scripts[ctx.options.shell]()) + "\n")
    return 0


def _values(option: Option) -> str | None:
    """The words that a value can be, with blanks between; `FILE` or `DIR` for a name of one, "" for anything else.

    None where no value follows as a word of its own.
    """
    argument = option.argument
    if not option.takes_value or (option.flags and argument.get("nargs") == "?"):
        return None
    if option.name == "output":
        return " ".join(FORMATS)
    if "choices" in argument:
        return " ".join(argument["choices"])
    return {"FILE": "FILE", "REPORT.json": "FILE", "DIR": "DIR"}.get(argument.get("metavar", ""), "")


def _flags(command: str) -> Iterator[tuple[Option, str]]:
    """What a command takes, and each flag of it; without one, what stands before it."""
    return ((option, flag) for option in taken_by(command) for flag in option.flags)


def _words(command: str) -> str:
    """What a positional argument can be, as of `_values`."""
    if command in ("", "help"):
        return " ".join(COMMANDS)
    return " ".join(_values(option) or "" for option in taken_by(command) if option.positional).strip()


def _bash() -> Iterator[str]:
    every = "|".join(COMMANDS)
    yield f"""_reconciler() {{
  local IFS=$' \\t\\n' command= word words files=
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in {every}) command=$word; break ;; esac
  done
  case $prev in"""
    kinds: dict[str, set[str]] = {}
    for option in TABLE.values():
        if option.flags and (values := _values(option)) is not None:
            kinds.setdefault(values, set()).update(option.flags)
    for values, flags in sorted(kinds.items()):
        offer = {"FILE": "files=-f", "DIR": "files=-d", "": "return"}.get(values, f'words="{values}"')
        yield f"    {'|'.join(sorted(flags))}) {offer} ;;"
    yield "    *) case $command in"
    for command in (*COMMANDS, ""):
        words, files = ("", " files=-f") if _words(command) == "FILE" else (_words(command), "")
        offered = " ".join([*words.split(), *(flag for _, flag in _flags(command)), "--help"])
        yield f'      {command or "*"}) words="{offered}{"" if command else " --version"}"{files} ;;'
    yield """    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ $files && $cur != -* ]]; then
    IFS=$'\\n'
    compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen $files -- "$cur"))
  fi
}
complete -F _reconciler reconciler"""


def _zsh() -> Iterator[str]:
    yield f"""#compdef reconciler
_reconciler() {{
  local command= word
  for word in ${{words[2,CURRENT-1]}}; do
    case $word in ({"|".join(COMMANDS)}) command=$word; break ;; esac
  done
  case $command in"""
    for command in (*COMMANDS, ""):
        yield f"    ({command or '*'}) _arguments -s \\"
        for option, flag in _flags(command):
            values = _values(option)
            many = "*" if option.argument.get("action") in ("append", "count") else ""
            actions = {None: "", "FILE": ":FILE:_files", "DIR": ":DIR:_files -/", "": ":value: "}
            told = _escaped(option.argument["help"].replace("[", "(").replace("]", ")"))
            value = actions.get(values, f":value:({values})")
            yield f"      {_quoted(f'{many}{flag}[{told}]{value}')} \\"
        if command:
            words = _words(command)
            rest = {"FILE": "*:FILE:_files", "": "*: : "}.get(words, f"*:value:({words})")
            yield f"      '1:command:({command})' {_quoted(rest)} '--help[show help]' ;;"
    listed = " ".join(f'{name}\\:"{_escaped(about.help)}"' for name, about in COMMANDS.items())
    yield f"""      {_quoted(f"1:command:(({listed}))")} '--version[show the version]' '--help[show help]' ;;
  esac
}}
[[ $funcstack[1] == _reconciler ]] && _reconciler "$@" || compdef _reconciler reconciler"""


def _fish() -> Iterator[str]:
    def line(where: str, *words: str) -> str:
        return " ".join(("complete -c reconciler", *(("-n", _quoted(where)) if where else ()), *words))

    first = "__fish_use_subcommand"
    yield line("", "-f")
    for name, about in COMMANDS.items():
        yield line(first, "-a", name, "-d", _quoted(about.help))
    yield line("", "-l help -d 'show help'")
    yield line(first, "-l version -d 'show the version'")
    kinds = {None: "", "FILE": "-r -F", "DIR": "-x -a '(__fish_complete_directories)'", "": "-x"}
    for option in TABLE.values():
        values = _values(option)
        where = f"__fish_seen_subcommand_from {' '.join(option.on)}"
        if option.positional:
            yield line(where, "-F" if values == "FILE" else f"-a {_quoted(values or '')}")
            continue
        flags = (f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        kind = kinds.get(values, f"-x -a {_quoted(values or '')}")
        where = f"{where}; or {first}" if option.general else where
        yield line(where, *flags, kind, "-d", _quoted(option.argument["help"]))
    yield line("__fish_seen_subcommand_from help", "-a", _quoted(" ".join(COMMANDS)))


def _quoted(text: str) -> str:
    """For zsh and fish, whose single quotes know different escapes: an apostrophe stands in double quotes."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _escaped(text: str) -> str:
    """Text of zsh, where a colon parts what is completed from what is said of it."""
    return text.replace(":", "\\:")
