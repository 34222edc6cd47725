import threading

import pytest

from reconciler.api.baseurl import check_base_url
from reconciler.api.call import ApiError, Call, Pause, Refused, Send, Verb
from reconciler.api.exchange import Allowance, Client, SecretAccess
from reconciler.api.wire import Reply


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com/client/v4"),
        ("HTTPS://API.Cloudflare.com/client/v4/", "https://api.cloudflare.com/client/v4"),
        ("https://api.example:8443", "https://api.example:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://localhost:1", "http://localhost:1"),
        ("https://api.cloudflare.com:443/client/v4", "https://api.cloudflare.com/client/v4"),
        ("https://api.cloudflare.com:/client/v4", "https://api.cloudflare.com/client/v4"),
        ("https://api.cloudflare.com.:0443/client/v4", "https://api.cloudflare.com/client/v4"),
        ("https://api.cloudflare.com//client///v4//", "https://api.cloudflare.com/client/v4"),
        ("https://api.cloudflare.com:80", "https://api.cloudflare.com:80"),
        ("https://api.example/Client", "https://api.example/Client"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443"),
        ("http://LOCALHOST.:1", "http://localhost:1"),
        ("http://[0:0::1]:80/x", "http://[::1]/x"),
    ],
)
def test_a_base_url_is_https_or_loopback_and_has_one_spelling(text, url):
    assert check_base_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.cloudflare.com",
        "//api.cloudflare.com",
        "http://api.cloudflare.com",
        "http://169.254.169.254",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://0.0.0.0",
        "http://2130706433",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https:///client",
        "https://./client",
        "https://api.cloudflare.com..",
        "https://",
        "https://api.cloudflare.com@evil.example",
        "https://user:pa55@api.cloudflare.com",
        "https://@api.cloudflare.com",
        "https://api.cloudflare.com?x=1",
        "https://api.cloudflare.com#x",
        "https://api.cloudflare.com/client?",
        "https://api.cloudflare.com:99999",
        "https://api.cloudflare.com:port",
        "https://api.cloudflare.com:0",
        "https://[::1",
        "https://api.cloudflare.com/../x",
        "https://api.cloudflare.com/%2e%2e/x",
        "https://api.cloudflare.com\\@evil.example",
        "https://api.cloudflare.com /x",
        "https://api.cloudflare.com\n",
        "https://api.cloudfl\u0430re.com",
    ],
)
def test_any_other_base_url_is_refused_with_a_remedy(text):
    with pytest.raises(ValueError, match="give an https URL") as caught:
        check_base_url(text)
    assert "pa55" not in str(caught.value)


class Port:
    """Refuses a create with its name as the reason, and only when `together` calls are there at once."""

    def __init__(self, together=1):
        self.barrier = threading.Barrier(together)
        self.slept = []

    def send(self, request, timeout):
        self.barrier.wait(timeout)
        name = request.body.decode().split('"')[3]
        return Reply(400, {}, f'{{"errors":[{{"code":1,"message":"{name}"}}]}}'.encode())

    def now(self):
        return 0.0

    def epoch(self):
        return 0.0

    def sleep(self, seconds):
        self.slept.append(seconds)

    def random(self):
        return 0.0

    def stopping(self):
        return False


def client(port, parallelism=4):
    return Client("acc", Allowance(5.0, SecretAccess(lambda _, name: name, str, lambda _: False)), port, parallelism)


def creates(*names):
    return Send(tuple(Call(Verb.CREATE, {"name": name}) for name in names))


def results(*names):
    return tuple(Refused(400, (ApiError("1", name),)) for name in names)


def test_calls_go_side_by_side_and_outcomes_keep_their_order():
    before = threading.active_count()
    one = client(Port(together=4))
    assert one.run(creates("d", "c", "b", "a")) == results("d", "c", "b", "a")
    one.close()
    assert threading.active_count() == before


def test_one_call_or_one_thread_needs_no_pool():
    before = threading.active_count()
    assert client(Port()).run(creates("a")) == results("a")
    assert client(Port(), parallelism=1).run(creates("a", "b")) == results("a", "b")
    assert threading.active_count() == before


@pytest.mark.parametrize(("asked", "slept"), [(3.0, 3.0), (60.0, 5.0)])
def test_a_pause_ends_with_the_time_of_the_run(asked, slept):
    port = Port()
    assert client(port).run(Pause(asked, "settling")) == ()
    assert port.slept == [slept]


def test_each_call_that_has_ended_is_told_with_its_outcome():
    told = {}
    carrier = client(Port())
    carrier.watch = lambda call, outcome: told.update({call.body["name"]: outcome})
    outcomes = carrier.run(creates("a", "b", "c"))
    carrier.close()
    assert told == dict(zip("abc", outcomes, strict=True))
