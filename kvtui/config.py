"""Where kvtui looks, and as whom: flags come before the environment. Reading it sends nothing.

The variables are those of wrangler and of the official SDKs, so that a shell set up for either works here.
A token is preferred to a global key where both are set: it is the narrower of the two.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from kvtui.api.credentials import Credentials, is_loopback
from kvtui.api.errors import Refused

CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"

TOKEN = ("CLOUDFLARE_API_TOKEN", "CF_API_TOKEN")
KEY = ("CLOUDFLARE_API_KEY", "CF_API_KEY")
EMAIL = ("CLOUDFLARE_EMAIL", "CF_EMAIL")
ACCOUNT = ("CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID")
BASE_URL = ("CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL", "CLOUDFLARE_BASE_URL")

SECRETS = (*TOKEN, *KEY)
"""Taken out of this process's environment once read, so that no child inherits them."""


MIB = 1024 * 1024


class Source(Enum):
    """Which KV is looked at."""

    DEMO = "demo"
    LOCAL = "local"
    API = "api"
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class JournalSettings:
    """Where before-images are kept, how many bytes at most, and for how many days."""

    folder: Path
    cap: int = 1024 * MIB
    keep_days: float = 30


@dataclass(frozen=True)
class Config:
    """All that was said on the command line and in the environment.

    `namespace` is a title or an id; `account` is an id; empty stands for not given. Without a journal nothing
    can be taken back.
    """

    source: Source
    local: Path = Path()
    api_url: str = CLOUDFLARE_API
    credentials: Credentials | None = None
    account: str = ""
    namespace: str = ""
    prefix: str = ""
    read_only: bool = False
    clipboard: str = "auto"
    journal: JournalSettings | None = None

    @property
    def label(self) -> str:
        """The source in a word or two, for the header."""
        match self.source:
            case Source.DEMO:
                return "demo"
            case Source.LOCAL:
                return f"local {_folder_name(self.local)}"
            case _:
                host = self.api_url.split("//", 1)[-1].split("/", 1)[0]
                return "cloudflare" if self.api_url == CLOUDFLARE_API else host


def _folder_name(path: Path) -> str:
    try:
        return path.resolve().name
    except OSError:  # the current folder is gone, or a name is too long: opening it will say so
        return path.name


def read(flags: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Put flags and environment together; a variable that is set but empty counts as not set."""
    here = flags.demo or flags.local is not None
    credentials = None if here else find_credentials(environ)
    api_url = flags.api_url or _first(environ, BASE_URL)
    if flags.demo:
        source = Source.DEMO
    elif flags.local is not None:
        source = Source.LOCAL
    elif api_url or credentials:
        source = Source.API
    else:
        source = Source.NOWHERE
    return Config(
        source=source,
        local=Path(flags.local or "."),
        api_url=(api_url or CLOUDFLARE_API).rstrip("/"),
        credentials=credentials,
        # KV on this machine has accounts of its own: the environment's would only hide them.
        account=flags.account or ("" if here or _is_here(api_url) else _first(environ, ACCOUNT)),
        namespace=flags.namespace,
        prefix=flags.prefix,
        read_only=flags.read_only,
        clipboard=flags.clipboard or environ.get("KVTUI_CLIPBOARD", "") or "auto",
        journal=None if flags.no_journal else find_journal(environ),
    )


def find_journal(environ: Mapping[str, str]) -> JournalSettings | None:
    """The journal's settings; None where KVTUI_JOURNAL is "off". Raises Refused where a number is none."""
    if environ.get("KVTUI_JOURNAL", "").lower() == "off":
        return None
    return JournalSettings(
        state_folder(environ),
        int(_number(environ, "KVTUI_JOURNAL_MB", JournalSettings.cap / MIB) * MIB),
        _number(environ, "KVTUI_JOURNAL_DAYS", JournalSettings.keep_days),
    )


def state_folder(environ: Mapping[str, str]) -> Path:
    """The user's own folder for what kvtui must remember."""
    if home := environ.get("XDG_STATE_HOME"):
        return Path(home) / "kvtui"
    from platformdirs import user_state_path  # 4 ms that only this asks for

    return user_state_path("kvtui")


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        number = float(environ.get(name) or default)
    except ValueError:
        number = -1
    if not 0 < number < 1e9:
        raise Refused(f"{name} is not a number above zero.", "Set it to one, or leave it out.")
    return number


def find_credentials(environ: Mapping[str, str]) -> Credentials | None:
    """The credentials that the environment holds, if any."""
    if token := _first(environ, TOKEN):
        return Credentials.token(token)
    key, email = _first(environ, KEY), _first(environ, EMAIL)
    return Credentials.key(email, key) if key and email else None


def _is_here(api_url: str) -> bool:
    return bool(api_url) and is_loopback(urlsplit(api_url).hostname or "")


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
