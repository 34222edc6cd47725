"""What makes the suite the same on every machine, however it was started and however busy it is."""

import os
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# `nohup … &` starts programs that ignore signals; those that are started here would inherit it.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# The caller's repository (in a hook git names it), proxy, token and settings are not for the tests.
for name in list(os.environ):
    if name.startswith(("GIT_", "GITHUB_", "CLOUDFLARE_", "RECONCILER_")) or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

# The same examples everywhere, and none judged by the time it takes.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite what is kept of outputs (review the diff)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """With `-n`, all tests of a file run in one process, so that what they share is made once."""
    # Files with few tests would go last otherwise, and the battery's, which are few, take longest.
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)
