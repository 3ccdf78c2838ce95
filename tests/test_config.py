"""Where kvtui looks, from flags and environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvtui.cli import parse, parser
from kvtui.config import CLOUDFLARE_API, Config, Source, find_credentials, read


def config(*arguments: str, **environ: str) -> Config:
    return read(parser().parse_args(arguments), environ)


def test_nothing_set_leads_nowhere() -> None:
    assert config().source is Source.NOWHERE


def test_a_variable_that_is_set_but_empty_counts_as_not_set() -> None:
    assert config(CLOUDFLARE_API_TOKEN="", CF_API_TOKEN="").source is Source.NOWHERE


@pytest.mark.parametrize("name", ["CLOUDFLARE_API_TOKEN", "CF_API_TOKEN"])
def test_a_token_leads_to_cloudflare(name: str) -> None:
    found = config(**{name: "tok"})
    assert (found.source, found.api_url) == (Source.API, CLOUDFLARE_API)
    assert found.credentials is not None
    assert found.credentials.headers() == {"Authorization": "Bearer tok"}


def test_a_key_needs_its_email() -> None:
    assert find_credentials({"CLOUDFLARE_API_KEY": "k"}) is None
    both = find_credentials({"CF_API_KEY": "k", "CLOUDFLARE_EMAIL": "me@example.com"})
    assert both is not None
    assert both.headers() == {"X-Auth-Email": "me@example.com", "X-Auth-Key": "k"}


def test_the_token_goes_before_the_key() -> None:
    found = find_credentials(
        {"CLOUDFLARE_API_TOKEN": "t", "CLOUDFLARE_API_KEY": "k", "CLOUDFLARE_EMAIL": "me@example.com"}
    )
    assert found is not None
    assert "Authorization" in found.headers()


@pytest.mark.parametrize("name", ["CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL", "CLOUDFLARE_BASE_URL"])
def test_a_base_url_is_a_source_of_its_own(name: str) -> None:
    found = config(**{name: "http://127.0.0.1:8799/client/v4/"})
    assert (found.source, found.api_url) == (Source.API, "http://127.0.0.1:8799/client/v4")


def test_flags_go_before_the_environment() -> None:
    environ = {
        "CLOUDFLARE_API_TOKEN": "t",
        "CLOUDFLARE_ACCOUNT_ID": "a",
        "CLOUDFLARE_BASE_URL": "http://localhost:1",
    }
    assert config("--demo", **environ).source is Source.DEMO
    assert config("--local", "/p", **environ).local == Path("/p")
    assert config("--api-url", "http://localhost:2", **environ).api_url == "http://localhost:2"
    assert config("--account", "b", **environ).account == "b"


def test_the_environments_account_does_not_narrow_a_local_source() -> None:
    assert config("--demo", CLOUDFLARE_ACCOUNT_ID="a").account == ""


@pytest.mark.parametrize("arguments", [["--demo", "ls"], ["ls", "--demo"]])
def test_source_flags_work_before_and_after_a_command(arguments: list[str]) -> None:
    assert config(*arguments).source is Source.DEMO


def test_a_prefix_given_before_a_command_is_kept() -> None:
    assert config("--prefix", "user:", "ls", "flags").prefix == "user:"


def test_the_environments_account_does_not_narrow_a_server_on_this_machine() -> None:
    assert config("--api-url", "http://127.0.0.1:8799/client/v4", CLOUDFLARE_ACCOUNT_ID="a").account == ""
    assert config("--api-url", "https://kv.example.com/v4", CLOUDFLARE_ACCOUNT_ID="a").account == "a"


def test_a_namespace_given_before_ls_is_kept() -> None:
    assert config("--namespace", "flags", "ls").namespace == "flags"
    assert config("ls", "cache").namespace == "cache"


@pytest.mark.parametrize("words", ["--demo ls --local .", "--read-only serve", "--demo serve"])
def test_flags_that_contradict_each_other_are_refused(words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words.split())
    assert ended.value.code == 2


def test_serve_takes_its_folder_and_account_before_or_behind_its_name() -> None:
    for words in ("--local p --account a serve", "serve --local p --account a"):
        flags = parse(words.split())
        assert (flags.local, flags.account) == ("p", "a")


def test_no_secret_shows_in_the_settings() -> None:
    assert "s3cret" not in repr(config(CLOUDFLARE_API_TOKEN="s3cret"))
    assert "s3cret" not in repr(config(CLOUDFLARE_API_KEY="s3cret", CLOUDFLARE_EMAIL="me@example.com"))
