"""URLs that clients read in different ways are refused by their form, before anybody connects."""

import pytest

from orc_domain.extractors.api_url import check_url
from orc_domain.rejection import Invalid


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://[fe80::1%25eth0]/", "holds a '%'"), ("http://127%2e0.0.1/", "holds a '%'"), ("http://127.0.0.1%2f.example/", "holds a '%'"),
        ("http://public.example@127.0.0.1/", "user or password"), ("http://@127.0.0.1/", "user or password"),
        ("http://127.0.0.1\\@public.example/", "backslash"), ("http:\\\\127.0.0.1/", "backslash"), ("http://127.0.0.1\t/", "space"),
        ("http://127.0.0.1\u2028/", "space"), ("ht\ntp://127.0.0.1/", "space"), ("http://127.0.0.1\0/", "control character"),
        ("file:///etc/passwd", "scheme"), ("gopher://127.0.0.1/", "scheme"), ("//127.0.0.1/", "scheme"), ("HTTP+unix://x/", "scheme"),
        ("http:///127.0.0.1/", "names no host"), ("http://./", "names no host"), ("http://127.0.0.1:0/", "port 0"),
        ("http://127.0.0.1:65536/", "cannot be read"), ("http://127.0.0.1:\uff18/", "cannot be read"), ("http://[::1/", "cannot be read"),
    ],
)  # fmt: skip
def test_an_ambiguous_url_is_refused(url, said):
    """Naming the field and what is wrong with its form; nothing of the URL is said back."""
    with pytest.raises(Invalid) as refusal:
        check_url(url, "url")
    assert (refusal.value.field, said in refusal.value.detail) == ("url", True)
    assert "127" not in refusal.value.detail


@pytest.mark.parametrize(
    "url", ["HTTPS://example.com/a%2Fb?c=%20", "http://[2606:4700::7]:8080/x", "https://b\u00fccher.example/"]
)
def test_a_plain_url_is_not(url):
    """Escapes belong into path and query."""
    check_url(url, "url")
