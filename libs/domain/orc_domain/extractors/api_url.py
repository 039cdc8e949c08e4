"""URLs that a config writes: where they may lead, and that no secret is written in one."""

from urllib.parse import SplitResult, parse_qsl, urlsplit

from orc_domain.config import REFERENCE
from orc_domain.fields import is_visible
from orc_domain.rejection import Invalid
from orc_domain.secret_places import is_secret_name, is_secret_value


def check_url(text: str, field: str) -> None:
    """Refuse a URL that leads nowhere, is read in two ways or holds a secret; raises Invalid, not saying it back."""
    url = _split(text, field)
    # Some servers split a query at `;` too, and a fragment may hold what an OAuth server put there.
    given = parse_qsl(
        url.query.replace(";", "&") + "&" + url.fragment.replace(";", "&"), keep_blank_values=True
    )
    for name, value in given:
        if (value and is_secret_name(name)) or is_secret_value(name, value) or is_secret_value("", name):
            raise Invalid(field, "a secret is written in the URL", valid=f"params with {REFERENCE}")
    if is_secret_value("", url.path):
        raise Invalid(field, "a secret is written in the URL", valid=f"auth, or params with {REFERENCE}")


def _split(text: str, field: str) -> SplitResult:
    valid = "http://host/path or https://host/path"
    if "\\" in text or not is_visible(text) or any(character.isspace() for character in text):
        raise Invalid(field, "the URL holds a space, a backslash or a control character", valid=valid)
    try:
        url = urlsplit(text)
        has_port = url.port != 0
    except ValueError:
        # What cannot be read may hold a password where a port is looked for, so the reason is not told.
        raise Invalid(field, "the URL cannot be read", valid=valid) from None
    if url.scheme.lower() not in {"http", "https"}:
        raise Invalid(field, "the URL's scheme is not http or https", valid=valid)
    if "@" in url.netloc:
        raise Invalid(
            field,
            "the URL holds a user or password",
            valid=f'auth: {{"type": "bearer", "token": {REFERENCE}}}',
        )
    if not (url.hostname or "").strip(".") or not has_port:
        raise Invalid(field, "the URL names no host, or port 0", valid=valid)
    if "%" in url.netloc:
        # A zone or an escape: each client reads it in its own way.
        raise Invalid(field, "the URL's host holds a '%'", valid=valid)
    if "{" in url.netloc:
        # What a record holds must not say who gets the secrets.
        raise Invalid(field, "a part to fill in stands in the host", valid="https://host/path/{parent.id}")
    return url
