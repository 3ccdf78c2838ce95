"""What a wrangler configuration says about KV: which namespace ids there are, and what they are called.

Facts: wrangler 4's configuration (kv_namespaces of {binding, id?, preview_id?}, not inherited by
environments). Under `wrangler dev` a namespace's id is `preview_id`, else `id`, else the binding's name.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from kvtui.local import jsonc

NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")
"""The names of a configuration, in the order in which wrangler looks for them."""


def config_in(folder: Path) -> Path | None:
    """The configuration that lies in a folder."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def config_above(folder: Path) -> Path | None:
    """The configuration that wrangler would use here: each name is looked for all the way up."""
    folders = (folder, *folder.parents)
    return next((above / name for name in NAMES for above in folders if (above / name).is_file()), None)


def namespaces(config: Path | None) -> dict[str, str]:
    """Namespace ids and their titles, in the configuration's order; none when it cannot be understood.

    The title is the binding's name; `<binding>_preview` for the preview id beside an id, and
    `<environment>-<binding>` in an environment, as wrangler itself titles what it creates.
    """
    settings = _settings(config) if config else {}
    found: dict[str, str] = {}
    _collect(found, settings, "")
    environments = settings.get("env")
    if isinstance(environments, dict):
        for name, environment in environments.items():
            _collect(found, environment, f"{name}-")
    return found


def _settings(config: Path) -> dict[str, object]:
    try:
        text = config.read_text(encoding="utf-8")
        settings = tomllib.loads(text) if config.suffix == ".toml" else jsonc.loads(text)
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _collect(found: dict[str, str], settings: object, before: str) -> None:
    listed = settings.get("kv_namespaces") if isinstance(settings, dict) else None
    for binding in listed if isinstance(listed, list) else []:
        if not isinstance(binding, dict) or not (name := _text(binding, "binding")):
            continue
        real, preview = _text(binding, "id"), _text(binding, "preview_id")
        title = before + name
        if real:
            found.setdefault(real, title)
        if preview:
            found.setdefault(preview, f"{title}_preview" if real else title)
        if not real and not preview:
            found.setdefault(name, title)


def _text(binding: dict[str, object], name: str) -> str:
    value = binding.get(name)
    return value if isinstance(value, str) else ""
