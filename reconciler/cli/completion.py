"""`reconciler completion`: a completion script for a shell.

The scripts know nothing: they send the words of the line to `reconciler completion words`, which knows the tables of
commands and options and the names in the files, and offer what it answers. Nothing is asked of Cloudflare, so a tunnel
that is only live is not offered.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.options import ACTIONS, COMMANDS, TABLE, Option, taken_by
from reconciler.render import FORMATS

_SCRIPTS = {
    "bash": """_reconciler() {
  local IFS=$'\\n' cur=${COMP_WORDS[COMP_CWORD]} found
  [[ $cur == = ]] && cur=
  found=$(printf '%s\\n' "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur" | "${COMP_WORDS[0]}" completion words 2>/dev/null)
  case $found in
    FILE) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    DIR) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")) ;;
    *) COMPREPLY=($(cut -f 1 <<< "$found")) ;;
  esac
}
complete -F _reconciler reconciler
""",
    "zsh": """#compdef reconciler
_reconciler() {
  local -a found
  found=(${(f)"$(print -rl -- "${(@Q)words[2,CURRENT]}" | $words[1] completion words 2>/dev/null)"})
  compset -P '--*='
  case $found in
    FILE) _files ;;
    DIR) _files -/ ;;
    *) found=(${found//:/\\\\:}); found=(${found/$'\\t'/:}); _describe -V reconciler found ;;
  esac
}
[[ $funcstack[1] == _reconciler ]] && _reconciler "$@" || compdef _reconciler reconciler
""",
    "fish": """function __reconciler
  set -l line (commandline -opc) (commandline -ct)
  set -l found (printf '%s\\n' $line[2..-1] | command reconciler completion words 2>/dev/null)
  set -l given (string match -r -- '^--.*?=' $line[-1])
  switch "$found"
    case FILE
      __fish_complete_path $line[-1]
    case DIR
      __fish_complete_directories $line[-1]
    case '*'
      printf '%s\\n' "$given"$found
  end
end
complete -c reconciler -f -k -a '(__reconciler)'
""",
}


def run(ctx: Context) -> int:
    """Print the script; or, of the words of a line, what the last one can be, each with what it does."""
    if script := _SCRIPTS.get(ctx.options.shell):
        ctx.output.stdout.write(script)
        return 0
    line = ctx.stdin.read().removesuffix("\n").split("\n")
    # What follows --dir= is a word of its own; bash makes one of the sign too.
    parts = [part for word in line for part in (word.split("=", 1) if word.startswith("--") else [word])]
    *before, current = [part for part in parts if part != "="]
    for offered in _offered(ctx, before, current):
        if offered.startswith(current) or offered in ("FILE", "DIR"):
            ctx.output.stdout.write(f"{offered}\n")
    return 0


def _offered(ctx: Context, before: Sequence[str], current: str) -> Iterator[str]:
    by_flag = {flag: option for option in TABLE.values() for flag in option.flags}
    awaited: Option | None = None  # the option whose value comes next
    given: list[str] = []
    root = ctx.options.dir
    for word in before:
        if awaited is not None:
            root = word if awaited.name == "dir" else root
            awaited = None
        elif (option := by_flag.get(word)) is None:
            given.append(word)
        elif option.takes_value and "nargs" not in option.argument:
            awaited = option
    command, action = [*given, "", ""][:2]
    taken = taken_by(command, action if action in ACTIONS else "")
    words = [option for option in taken if option.positional]
    if awaited is not None:
        yield from _values(ctx, awaited, root)
    elif command in ("", "help") and not current.startswith("-"):
        yield from (f"{name}\t{about.help}" for name, about in COMMANDS.items())
    elif words and not current.startswith("-"):
        if len(given) <= len(words) or words[-1].argument.get("nargs") == "*":
            yield from _values(ctx, words[min(len(given), len(words)) - 1], root)
    else:
        yield from (f"{flag}\t{option.argument['help']}" for option in taken for flag in option.flags)
        yield "--help\tshow help"
        if not command:
            yield "--version\tshow the version"


def _values(ctx: Context, option: Option, root: str) -> Iterator[str]:
    """What the value of an option can be, or `FILE` or `DIR` for the name of one."""
    argument = option.argument
    if option.name in ("account", "target", "names"):
        yield from _names(ctx, Path(root), tunnels=option.name != "account")
    elif option.name == "output":
        yield from FORMATS
    elif "choices" in argument:
        yield from argument["choices"]
    elif argument.get("metavar") in ("FILE", "DIR", "REPORT.json"):
        yield argument["metavar"].replace("REPORT.json", "FILE")


def _names(ctx: Context, root: Path, *, tunnels: bool) -> Iterator[str]:
    """Names in the files, as far as these can be read and a shell takes them as they are."""
    from reconciler.files.load import load
    from reconciler.files.tree import read_tree

    tree = read_tree(root)
    found = {account.name for account in tree.accounts}
    if tunnels:
        found = {name for one in load(tree, ctx.now().date()).desired for name in one.tunnels}
    return (name for name in sorted(found) if re.fullmatch(r"[\w./:@-]+", name))
