"""Credentials that cannot be printed by accident, and where they may travel."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from kvtui.api.errors import Refused


def _checked(secret: str, what: str) -> str:
    """The secret itself, when an HTTP header can carry it. The refusal names a position, never the secret."""
    if not secret:
        raise Refused(f"The {what} is empty.", "Set it, or leave it out.")
    for position, character in enumerate(secret, 1):
        if not "!" <= character <= "~":
            kind = "white space" if character.isspace() else f"U+{ord(character):04X}"
            raise Refused(
                f"The {what} has {kind} at position {position} of {len(secret)}, which no token has.",
                "It was probably cut or changed while copying: copy it again.",
            )
    return secret


@dataclass(frozen=True, repr=False, slots=True)
class Credentials:
    """What proves who is asking: an API or OAuth token, or a global key with its e-mail address."""

    kind: str
    _headers: tuple[tuple[str, str], ...]

    @classmethod
    def token(cls, token: str) -> Credentials:
        """An API token (of a user or an account) or an OAuth token. Raises Refused when it is malformed."""
        return cls("token", (("Authorization", f"Bearer {_checked(token, 'API token')}"),))

    @classmethod
    def key(cls, email: str, key: str) -> Credentials:
        """A global API key. Raises Refused when it or the address is malformed."""
        pairs = (
            ("X-Auth-Email", _checked(email, "e-mail address")),
            ("X-Auth-Key", _checked(key, "global API key")),
        )
        return cls("key", pairs)

    @property
    def owned_by_account(self) -> bool:
        """Whether the token's own prefix says that an account, not a user, owns it."""
        return any(value.startswith("Bearer cfat_") for _, value in self._headers)

    def headers(self) -> dict[str, str]:
        return dict(self._headers)

    def __repr__(self) -> str:
        return f"Credentials.{self.kind}('****')"

    __str__ = __repr__


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine, without asking anyone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked_base_url(url: str, credentials: Credentials | None) -> str:
    """The base URL without its trailing slash. Raises Refused when requests must not go there.

    Credentials travel over https or to this machine only.
    """
    shape = "Write it like https://api.cloudflare.com/client/v4 or http://127.0.0.1:8799/client/v4."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as reason:
        raise Refused("The API address is not a URL.", shape) from reason
    if parts.scheme not in ("http", "https") or not host:
        raise Refused("The API address is not an http or https URL.", shape)
    if "@" in parts.netloc:
        raise Refused(
            "The API address holds a user name or a password.",
            "Leave it out; a token comes from the environment.",
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise Refused("The API address ends in a query or a fragment.", shape)
    if any(segment in (".", "..") for segment in parts.path.split("/")):
        raise Refused('The API address has "." or ".." in its path.', shape)
    if credentials and parts.scheme == "http" and not is_loopback(host):
        raise Refused(
            f"Credentials would travel unencrypted to {host}, so nothing was sent.",
            "Use https, or an address of this machine (127.0.0.1).",
        )
    return url.rstrip("/")
