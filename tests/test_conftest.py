import signal
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent


def said(program: str, before: str = ":", **env: str) -> str:
    """What a program says that loads what all tests load first, started by a shell after a command of the shell's."""
    command = ["/bin/sh", "-c", f'{before}; exec "$0" -c "$1"', sys.executable, f"import tests.conftest\n{program}"]
    return subprocess.check_output(command, cwd=ROOT, env=env, text=True)  # noqa: S603


def test_signals_that_the_caller_ignores_are_not_ignored_here():
    program = "import signal; print([signal.getsignal(n) == signal.SIG_IGN for n in (2, 3, 15)])"
    assert said(program, "trap '' INT QUIT TERM") == "[False, False, False]\n"
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_what_the_caller_has_in_the_environment_is_not_seen_here():
    theirs = {
        "GIT_DIR": "/x",
        "GITHUB_ACTIONS": "true",
        "CLOUDFLARE_API_TOKEN": "t",
        "https_proxy": "x",
        "ALL_PROXY": "x",
    }
    program = "import os; print(sorted(os.environ.keys() - {'PWD', '_', 'SHLVL', 'LC_CTYPE'}))"
    assert said(program, **theirs) == "['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_NOSYSTEM']\n"


def test_examples_are_the_same_everywhere_and_may_take_their_time():
    assert settings.default.derandomize
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
