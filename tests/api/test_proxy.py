import pytest

from reconciler.api.proxy import check_proxy, proxy_passwords, proxy_scheme


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("localhost", "http://localhost"),
        ("https://proxy", "https://proxy"),
        (" http://proxy:3128/ ", "http://proxy:3128/"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://user:p%40ss@proxy:3128", "http://user:p%40ss@proxy:3128"),
        ("http://user:p@ss@proxy:3128", "http://user:p@ss@proxy:3128"),
    ],
)
def test_an_http_proxy_is_taken(text, url):
    assert check_proxy(text) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("socks5://proxy:1080", "It is a SOCKS proxy"),
        ("SOCKS5H://proxy:1080", "It is a SOCKS proxy"),
        ("socks4://proxy:1080", "It is a SOCKS proxy"),
        ("ftp://proxy", "Its scheme is neither http nor https"),
        ("://proxy", "Its scheme is neither http nor https"),
        ("http://", "It is not the URL of a proxy"),
        ("http://:3128", "It is not the URL of a proxy"),
        ("http://proxy:port", "It is not the URL of a proxy"),
        ("http://proxy:99999", "It is not the URL of a proxy"),
        ("http://proxy:0", "It is not the URL of a proxy"),
        ("http://[::1", "It is not the URL of a proxy"),
        ("http:/proxy:3128", "It is not the URL of a proxy"),
        ("https//proxy", "It is not the URL of a proxy"),
        ("http://pro xy:3128", "It is not the URL of a proxy"),
        ("http://pro\x01xy:3128", "It is not the URL of a proxy"),
        ("http://a..b:3128", "It is not the URL of a proxy"),
        (f"http://{'a' * 64}:3128", "It is not the URL of a proxy"),
        ("http://proxy:3128/path", "It is not the URL of a proxy"),
        ("http://user:pa#ss@proxy:3128", "It is not the URL of a proxy"),
        ("http://user:pa/ss@proxy:3128", "It is not the URL of a proxy"),
    ],
)
def test_any_other_is_refused_and_not_repeated(text, why):
    with pytest.raises(ValueError, match=f"^{why}") as refused:
        check_proxy(text)
    assert "pa" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize(
    ("found", "scheme"),
    [
        ({}, None),
        ({"http": "http://a"}, None),
        ({"https": "http://a", "all": "socks5://b"}, "https"),
        ({"all": "http://b"}, "all"),
        ({"all": "http://b", "no": "localhost, *"}, None),
        ({"all": "http://b", "no": "localhost"}, "all"),
    ],
    ids=str,
)
def test_the_proxy_for_https_goes_before_the_one_for_all(found, scheme):
    assert proxy_scheme(found) == scheme


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("http://proxy:3128", []),
        ("http://user@proxy:3128", []),
        ("http://user:s3cret@proxy:3128", ["s3cret"]),
        ("user:s3cret@proxy", ["s3cret"]),
        ("http://user:s3%40cret@proxy", ["s3%40cret", "s3@cret"]),
        ("http://user:s3@c:ret@proxy", ["s3@c:ret"]),
        ("socks4://user:s3/c#ret@proxy", ["s3/c#ret"]),
        ("http:/user:s3cret@proxy", ["s3cret"]),
        ("https//user:s3cret@proxy", ["s3cret"]),
    ],
)
def test_the_password_is_found_also_in_an_url_that_can_not_be_used(url, passwords):
    assert list(proxy_passwords({"Https_Proxy": url, "PATH": "a:b@c"})) == passwords
