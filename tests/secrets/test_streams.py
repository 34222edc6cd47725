import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cli.output import Output, Stream
from reconciler.secrets.redact import Redactor
from reconciler.secrets.secret import Secret


@settings(max_examples=200)
@given(
    st.lists(st.text("ab\n", min_size=4, max_size=9).filter(str.strip), min_size=1, max_size=3),
    st.text("ab\n", max_size=60),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_a_stream_writes_the_same_wherever_its_writes_are_cut(keys: list[str], text: str, cuts: list[int]) -> None:
    redactor = Redactor(map(Secret, keys))
    target = io.StringIO()
    stream = Stream(target, redactor)
    edges = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    for start, end in pairwise(edges):
        stream.write(text[start:end])
        stream.flush()
        assert not any(key in target.getvalue() for key in keys)
    stream.finish()
    assert target.getvalue() == redactor.clean(text)


def test_only_the_possible_beginning_of_a_key_is_held_back() -> None:
    target = io.StringIO()
    stream = Stream(target, Redactor([Secret(" lead-key")]))
    stream.write("Approve? [y/N]: le")
    stream.flush()
    assert target.getvalue() == "Approve? [y/N]:"
    stream.write("ad")
    stream.finish()
    assert target.getvalue() == "Approve? [y/N]: lead"


def test_no_bytes_go_past_the_redactor() -> None:
    assert not hasattr(Stream(io.StringIO(), Redactor()), "buffer")


def test_a_stream_whose_target_was_closed_loses_what_follows_in_silence() -> None:
    target = io.StringIO()
    stream = Stream(target, Redactor([Secret("s3cret")]))
    stream.write("is s3c")
    target.close()
    stream.write("late")
    stream.finish()
    assert stream.failed is None


@contextmanager
def entered() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with Output(Redactor([Secret("s3cret")]), out, err):
        yield out, err


def fail() -> None:
    local = f"local-{6 * 7}"
    raise ValueError("bad s3cret"[: len(local) + 2])


def caught() -> ValueError:
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError


def test_what_is_printed_is_cleaned_on_both_streams() -> None:
    with entered() as streams:
        sys.stdout.write("my s3cret\n")
        sys.stderr.write("s3")
        sys.stderr.flush()
        sys.stderr.write("cret\n")
    assert [s.getvalue() for s in streams] == ["my ***\n", "***\n"]


class Failing:
    def __del__(self) -> None:
        fail()


def test_uncaught_exceptions_are_cleaned_and_show_no_locals(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, f"__{hook}__"))  # pytest has its own
    with entered() as (_, stderr):
        sys.excepthook(ValueError, caught(), None)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Failing()
    assert stderr.getvalue().count("ValueError: bad ***\n") == 3
    assert "s3cret" not in stderr.getvalue()
    assert "local-42" not in stderr.getvalue()


def test_the_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    with entered() as (out, err):
        assert (sys.stdout, sys.stderr) != before
    assert (sys.stdout, sys.stderr) == before
    assert not out.closed
    assert not err.closed


def test_a_bug_is_shown_with_its_place_and_no_values_of_locals() -> None:
    err = io.StringIO()
    with Output(Redactor([Secret("s3cret")]), io.StringIO(), err) as output:
        output.show_bug(caught(), "account prod")
    assert "in fail" in err.getvalue()
    assert "ValueError: bad ***" in err.getvalue()
    assert "reconciler: internal error in account prod." in err.getvalue()
    assert "local-42" not in err.getvalue()
