"""`reconciler completion`: a completion script for a shell, made of the tables of commands and options.

Names of accounts and declared tunnels are asked of the program where one belongs, and nowhere else, so that a shell is
slow at most there. They are read from the files: nothing is asked of Cloudflare, so what is only live is not offered.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.options import ACTIONS, COMMANDS, TABLE, Option, taken_by
from reconciler.render import FORMATS


def run(ctx: Context) -> int:
    """Print the script, or the names that it offers."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    shell = ctx.options.shell
    lines = scripts[shell]() if shell in scripts else _names(ctx, shell)
    ctx.output.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _names(ctx: Context, kind: str) -> Iterator[str]:
    """Names in the files, as far as these can be read, and where a shell takes them as they are."""
    from reconciler.files.load import load
    from reconciler.files.tree import read_tree

    tree = read_tree(Path(ctx.options.dir))
    if kind == "accounts":
        found = {account.name for account in tree.accounts}
    else:
        desired = load(tree, ctx.now().date()).desired
        chosen = ctx.options.account or [one.account.name for one in desired]
        found = {name for one in desired if one.account.name in chosen for name in one.tunnels}
    return (name for name in sorted(found) if re.fullmatch(r"[\w./:@-]+", name))


_NAMED = {"account": "accounts", "target": "tunnels", "names": "tunnels"}
"""Options whose value is a name of these."""


def _values(option: Option) -> str | None:
    """The words that a value can be, with blanks between; None where no value follows as a word of its own.

    `FILE` or `DIR` for a name of one, `accounts` or `tunnels` for names in the files, "" for anything else.
    """
    argument = option.argument
    if not option.takes_value or (option.flags and argument.get("nargs") == "?"):
        return None
    if option.name in _NAMED:
        return _NAMED[option.name]
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
    return next((_values(option) or "" for option in taken_by(command) if option.positional), "")


def _bash() -> Iterator[str]:
    every = "|".join(COMMANDS)
    yield f"""_reconciler() {{
  local IFS=$' \\t\\n' command= action= dir= last= names= word words files=
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  [[ $cur == = ]] && cur=  # bash makes three words of --dir=x
  [[ $prev == = ]] && prev=${{COMP_WORDS[COMP_CWORD-2]}}
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    [[ $word == = ]] && continue
    [[ $last == --dir ]] && dir=$word
    last=$word
    case $word in
      --dir=*) dir=${{word#--dir=}} ;;
      {every}) command=${{command:-$word}} ;;
      {"|".join(ACTIONS)}) action=$word ;;
    esac
  done
  case $prev in"""
    kinds: dict[str, set[str]] = {}
    for option in TABLE.values():
        if option.flags and (values := _values(option)) is not None:
            kinds.setdefault(values, set()).update(option.flags)
    for values, flags in sorted(kinds.items()):
        named = {kind: f"names={kind}" for kind in _NAMED.values()}
        offer = {"FILE": "files=-f", "DIR": "files=-d", "": "return", **named}.get(values, f'words="{values}"')
        yield f"    {'|'.join(sorted(flags))}) {offer} ;;"
    yield "    *) case $command in"
    for command in (*COMMANDS, ""):
        words, files = ("", " files=-f") if _words(command) == "FILE" else (_words(command), "")
        offered = " ".join([*words.split(), *(flag for _, flag in _flags(command)), "--help"])
        yield f'      {command or "*"}) words="{offered}{"" if command else " --version"}"{files} ;;'
    yield """    esac
    [[ $command == psk && $action ]] && names=tunnels ;;
  esac
  if [[ $names && $cur != -* ]]; then
    words=$("${COMP_WORDS[0]}" completion $names ${dir:+"--dir=$dir"} 2>/dev/null)
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ $files && $cur != -* ]]; then
    IFS=$'\\n'
    compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen $files -- "$cur"))
  fi
}
complete -F _reconciler reconciler"""


def _zsh() -> Iterator[str]:
    yield f"""#compdef reconciler
_reconciler_names() {{
  local -a dir
  [[ -n $opt_args[--dir] ]] && dir=(--dir=${{(Q)opt_args[--dir]}})
  compadd "${{@[1,-2]}}" -- ${{(f)"$($words[1] completion $@[-1] $dir 2>/dev/null)"}}
}}
_reconciler() {{
  local command= word
  local -A opt_args
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
            actions |= {kind: f":name:_reconciler_names {kind}" for kind in _NAMED.values()}
            told = _escaped(option.argument["help"].replace("[", "(").replace("]", ")"))
            value = actions.get(values, f":value:({values})")
            yield f"      {_quoted(f'{many}{flag}[{told}]{value}')} \\"
        if command:
            words = _words(command)
            rest = {"FILE": "*:FILE:_files", "": "*: : "}.get(words, f"*:value:({words})")
            if command == "psk":
                rest = f"2:action:({words})' '*:name:_reconciler_names tunnels"
                yield f"      '1:command:({command})' '{rest}' '--help[show help]' ;;"
            else:
                yield f"      '1:command:({command})' {_quoted(rest)} '--help[show help]' ;;"
    listed = " ".join(f'{name}\\:"{_escaped(about.help)}"' for name, about in COMMANDS.items())
    yield f"""      {_quoted(f"1:command:(({listed}))")} '--version[show the version]' '--help[show help]' ;;
  esac
}}
[[ $funcstack[1] == _reconciler ]] && _reconciler "$@" || compdef _reconciler reconciler"""


def _fish() -> Iterator[str]:
    def line(where: str, *words: str) -> str:
        return " ".join(("complete -c reconciler", *(("-n", _quoted(where)) if where else ()), *words))

    yield """function __reconciler_names
  set -l dir
  set -l last
  for word in (commandline -opc)
    string match -q -- '--dir=*' $word; and set dir $word
    test "$last" = --dir; and set dir --dir=$word
    set last $word
  end
  command reconciler completion $argv[1] $dir 2>/dev/null
end"""
    first = "__fish_use_subcommand"
    yield line("", "-f")
    for name, about in COMMANDS.items():
        yield line(first, "-a", name, "-d", _quoted(about.help))
    yield line("", "-l help -d 'show help'")
    yield line(first, "-l version -d 'show the version'")
    kinds = {None: "", "FILE": "-r -F", "DIR": "-x -a '(__fish_complete_directories)'", "": "-x"}
    kinds |= {kind: f"-x -a '(__reconciler_names {kind})'" for kind in _NAMED.values()}
    for option in TABLE.values():
        values = _values(option)
        where = f"__fish_seen_subcommand_from {' '.join(option.on)}"
        if option.positional:
            if option.name == "names":
                where = f"__fish_seen_subcommand_from psk; and __fish_seen_subcommand_from {' '.join(ACTIONS)}"
                values = f"(__reconciler_names {values})"
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
