"""Stories that once ended with a breach; each is kept."""

import pytest

from tests.battery.batteries import parse_replay, tell

CASES = [
    # A list read because of a lost answer showed what another applier had changed, and it was overwritten.
    "rivals/10/3/2=409-before,12=huge-body/122",
    # A list on the way showed a tunnel of the name that was to be created, and the create was sent.
    "one/0/0/1=foreign-create-lost/0",
    "one/0/0/1=foreign-create-unsent/0",
    "one/19/0/0=stop,1=stale-list,4=null-result,6=foreign-create-lost,8=clock-forward/53",
    "one/112008/0/1=foreign-create-lost/1",
    # The only tunnel of a list was dropped by a fault, and nothing was left of the result.
    "rivals/1036/1/0=partial-list,9=429-seconds/128",
    # A key was called settled by a list that did not show it yet, and the next run, on another such list, doubted it.
    "sinks/80013/0/-1=sink-fails/0",
    "shared/80013/0//9",
    # A list that did not show it yet hid that a key had been overtaken.
    "shared/61/0/3=wrong-length,13=500-before/35",
    # An empty list asked to make a tunnel with an MD5 key that could not be read: apply must not begin.
    "one/900056/0/0=empty-list/73",
    "named/950003/0/0=empty-list/0",
    # The last list while watching showed the old values, and they were taken for rolled back.
    "waves/0/0/14=lost-write/1",
    "waves/3/0/20=stale-list/1",
]


@pytest.mark.parametrize("replay", CASES)
def test_a_story_that_failed_once_holds(replay):
    assert tell(parse_replay(replay)).breaches == []
