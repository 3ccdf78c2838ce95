"""Which folder is meant: from what a person names to the persist folder and wrangler's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kvtui.local import layout, wrangler


class StateNotFound(Exception):
    """There is no local KV state here: a sentence that says where it was looked for."""


class Place(NamedTuple):
    """A persist folder, existing or to be made, and the configuration that names its namespaces."""

    persist: Path
    config: Path | None


def find(path: Path, *, create: bool = False) -> Place:
    """The place that a folder means: a project's folder, a `.wrangler` folder or a --persist-to folder.

    `.` means the project here or in the nearest folder above. With `create`, a folder that is none of
    these becomes a --persist-to folder, and `.` becomes a project. Raises StateNotFound.
    """
    here = str(path) in ("", ".")
    folder = path.expanduser().absolute()
    try:
        return _found(folder, here, create)
    except PermissionError as problem:
        raise StateNotFound(f"You may not look into {problem.filename}.") from problem


def _found(folder: Path, here: bool, create: bool) -> Place:
    if folder.exists() and not folder.is_dir():
        raise StateNotFound(f"{folder} is a file; local KV state lies in a folder.")
    for candidate in (folder, *folder.parents) if here else (folder,):
        if (create or candidate.exists()) and (place := _known(candidate)):
            return place
    if create:
        return Place(folder / ".wrangler" / "state" if here else folder, wrangler.config_above(folder))
    raise StateNotFound(_sentence(folder, here))


def _known(folder: Path) -> Place | None:
    """What a folder is recognised as."""
    if layout.kv_folder(folder).is_dir():
        return Place(folder, wrangler.config_above(folder))
    if folder.name == ".wrangler" or (folder.name == "state" and folder.parent.name == ".wrangler"):
        persist = folder / "state" if folder.name == ".wrangler" else folder
        return Place(persist, wrangler.config_above(folder))
    if folder.name == "kv" and folder.parent.name == "v3" and folder.is_dir():
        return Place(folder.parent.parent, wrangler.config_above(folder))
    # A `.wrangler` without state may be the home folder's, where wrangler keeps its login.
    if wrangler.config_in(folder) or (folder / ".wrangler" / "state").is_dir():
        return Place(folder / ".wrangler" / "state", wrangler.config_above(folder))
    return None


def _sentence(folder: Path, here: bool) -> str:
    if not folder.exists():
        return f"There is no folder {folder}."
    where = f"{folder} or a folder above it" if here else str(folder)
    return (
        f"There is no local KV in {where}: neither wrangler's configuration nor .wrangler/state nor v3/kv. "
        "Run `wrangler dev` once, or name another folder."
    )
