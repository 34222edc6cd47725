import signal
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
IGNORED = 'trap \'\' INT QUIT TERM; exec "$0" -c "$1"'
SAY = "import signal, tests.conftest; print([signal.getsignal(n) == signal.SIG_IGN for n in (2, 3, 15)])"


def test_signals_that_the_caller_ignores_are_not_ignored_here():
    command = ["/bin/sh", "-c", IGNORED, sys.executable, SAY]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "[False, False, False]\n"  # noqa: S603
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_examples_are_the_same_everywhere_and_may_take_their_time():
    assert settings.default.derandomize
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
