import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cli.streams import RedactingStream, install, traceback_text
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
    stream = RedactingStream(redactor, target)
    edges = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    for start, end in pairwise(edges):
        stream.write(text[start:end])
        stream.flush()
        assert not any(key in target.getvalue() for key in keys)
    stream.finish()
    assert target.getvalue() == redactor.clean(text)


def test_only_the_possible_beginning_of_a_key_is_held_back() -> None:
    target = io.StringIO()
    stream = RedactingStream(Redactor([Secret(" lead-key")]), target)
    stream.write("Approve? [y/N]: le")
    stream.flush()
    assert target.getvalue() == "Approve? [y/N]:"
    stream.write("ad")
    stream.finish()
    assert target.getvalue() == "Approve? [y/N]: lead"


def test_closing_writes_the_rest_and_leaves_the_target_open() -> None:
    target = io.StringIO()
    with RedactingStream(Redactor([Secret("s3cret")]), target) as stream:
        stream.write("is s3c")
    assert target.getvalue() == "is s3c"
    assert not hasattr(stream, "buffer")


@contextmanager
def installed() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    undo = install(Redactor([Secret("s3cret")]), out, err)
    try:
        yield out, err
    finally:
        undo()


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
    with installed() as streams:
        sys.stdout.write("my s3cret\n")
        sys.stderr.write("s3")
        sys.stderr.flush()
        sys.stderr.write("cret\n")
    assert [s.getvalue() for s in streams] == ["my ***\n", "***\n"]


def test_uncaught_exceptions_are_cleaned_and_show_no_locals() -> None:
    with installed() as (_, stderr):
        sys.excepthook(ValueError, caught(), None)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert stderr.getvalue().count("ValueError: bad ***\n") == 2
    assert "s3cret" not in stderr.getvalue()


def test_install_is_undone() -> None:
    before = sys.stdout, sys.stderr, sys.excepthook, threading.excepthook, sys.unraisablehook
    install(Redactor(), io.StringIO(), io.StringIO())()
    assert (sys.stdout, sys.stderr, sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_a_traceback_names_the_place_and_no_values_of_locals() -> None:
    text = traceback_text(caught())
    assert "in fail" in text
    assert "local-42" not in text
