"""Puts the lines of the secret RECONCILER_ENV into the environment, then becomes the command that follows.

    # Cloudflare             comments (not of a bare #) and blank lines are left out
    LAB_TOKEN=token          NAME=value: the value is all that stands behind the first =, to the end of the line

Each value is masked in the log before anybody can print it. GitHub itself masks only the secret as a whole and each of
its lines. A line that is wrong is an error, which says its number and never what stands there; the command then does
not run.
"""
# ruff: noqa: INP001 - a script, in no package

import os
import re
import sys
from collections.abc import Mapping

LINE = re.compile(r"([A-Z_][A-Z0-9_]*)=(.*)", re.ASCII | re.DOTALL)

SHORTEST = 8
"""A mask of `1` or `prod` would blot out half the log, and GitHub drops a job's outputs with a masked text in them."""

FORBIDDEN = re.compile(
    # What steers the runner, the shell, Python and git; and the action's own inputs and the tool's settings.
    r"(ACTIONS|BASH|DYLD|GIT|GITHUB|GLIBC|LC|LD|NODE|NPM|OPENSSL|PIP|PYTHON|RECONCILER|RUNNER|SSL|VIRTUAL|XDG)_.*"
    r"|(BASH|PYTHON|SSL).*|CDPATH|CI|ENV|EUID|FUNCNEST|GLOBIGNORE|HOME|HOSTALIASES|IFS|LANG|LANGUAGE|LINENO|OLDPWD"
    r"|OPTIND|PATH|POSIXLY_CORRECT|PPID|PS4|PWD|RANDOM|SECONDS|SHELL|SHELLOPTS|SHLVL|TEMP|TERM|TMOUT|TMP|TMPDIR|UID|USER|_"
)


def read(text: str, already: Mapping[str, str]) -> tuple[dict[str, str], list[str], list[str]]:
    """The variables in the text, what is wrong with its lines, and what may be: a key with quotes fits no device."""
    found: dict[str, str] = {}
    wrong, odd = [], []
    for number, ended in enumerate(text.split("\n"), 1):
        line = ended.removesuffix("\r")
        pair = LINE.fullmatch(line)
        fault = ""
        if not line.strip() or (line.startswith("#") and line.strip("# ")):
            continue
        if line.startswith("#"):
            fault = "the comment says nothing, and GitHub masks each line of a secret, so each # in the log: drop it"
        elif not pair:
            fault = "it is not NAME=value, with a name of capital letters, digits and _"
        elif FORBIDDEN.fullmatch(pair[1]):
            fault = "its name is one that steers the runner, the shell or the tool: give the variable another one"
        elif pair[1] in found or already.get(pair[1]):
            fault = "its variable is set already: give each one once"
        elif len(pair[2].strip()) < SHORTEST:
            fault = f"its value has fewer than {SHORTEST} characters: to mask that would blot out the log"
        else:
            found[pair[1]] = value = pair[2]
            if value != value.strip() or value[0] == value[-1] in "\"'":
                odd.append(f"Line {number}: its value has quotes or blanks around it, which are taken as part of it.")
        wrong += [f"Line {number}: {fault}."] if fault else []
    return found, wrong, odd


def escaped(text: str) -> str:
    """As a workflow command takes a text."""
    return text.replace("%", "%25").replace("\r", "%0D")


def main() -> None:
    """Mask, complain or go on."""
    found, wrong, odd = read(os.environ.pop("RECONCILER_ENV", ""), os.environ)
    # Without the blanks around it too: so the tool uses, and might show, a token.
    masks = dict.fromkeys(form for value in found.values() for form in (value, value.strip()))
    lines = [f"::add-mask::{escaped(mask)}" for mask in masks]
    told = [("error", fault) for fault in wrong] + [("warning", doubt) for doubt in odd]
    lines += [f"::{level} title=The secret RECONCILER_ENV::{what}" for level, what in told]
    sys.stdout.buffer.write(os.fsencode("".join(f"{line}\n" for line in lines)))
    sys.stdout.flush()
    if wrong:
        sys.exit(64)
    os.environ.update(found)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - in its place, so that the runner's signals arrive


main()
