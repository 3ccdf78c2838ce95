"""What the pane of keys says about itself: its title, its state line, and what an empty list teaches."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from kvtui.core.listing import Listing


class Doing(Enum):
    """What is under way in the pane."""

    NOTHING = auto()
    LOADING = auto()
    LOADING_ALL = auto()
    REFRESHING = auto()


class Facts(NamedTuple):
    """All that the words depend on. `passing` is None without a filter; `fresh` is a refresh under way.

    `drafts` counts the keys that have an edit which was not saved.
    """

    listing: Listing | None
    prefix: str
    passing: int | None
    marked: int
    doing: Doing
    searching: bool
    note: str
    fresh: Listing | None
    drafts: int = 0


def title_words(facts: Facts) -> str:
    """`Keys  user:*  41,880+`: the + says that there may be more."""
    if (listing := facts.listing) is None:
        return "Keys"
    prefix = f"  {facts.prefix}*" if facts.prefix else ""
    more = "" if listing.state == "complete" else "+"
    marked = f"  {facts.marked:,} marked" if facts.marked else ""
    drafts = f"  {_drafts(facts.drafts)}" if facts.drafts else ""
    return f"Keys{prefix}  {len(listing.table):,}{more}{marked}{drafts}"


def state_words(facts: Facts) -> str:
    """What is loaded, what is going on, and which key does what about it."""
    if (listing := facts.listing) is None:
        return "Choose a namespace: enter lists its keys."
    drafts = [_drafts(facts.drafts)] if facts.drafts else []
    return facts.note or " · ".join([_going_on(listing, facts), *drafts, *_next(listing, facts)])


def _going_on(listing: Listing, facts: Facts) -> str:
    loaded = _keys(len(listing.table))
    if facts.passing is not None:
        loaded = f"filter: {facts.passing:,} of {len(listing.table):,}"
    if facts.doing is Doing.REFRESHING:
        return f"● refreshing, {_keys(len(facts.fresh.table) if facts.fresh else 0)}"
    if facts.doing is not Doing.NOTHING or listing.state == "idle":
        return f"● loading page {listing.pages + 1:,} · {loaded}"
    if listing.state == "failed" and listing.error is not None:
        return f"✗ failed: {listing.error.message} {loaded} kept"
    if facts.searching:
        return f"● {loaded}"
    return loaded


def _next(listing: Listing, facts: Facts) -> list[str]:
    if facts.doing in (Doing.LOADING_ALL, Doing.REFRESHING):
        return ["esc stops"]
    if facts.doing is Doing.LOADING or listing.state == "idle":
        return []
    if listing.state == "failed":
        return ["L tries again"]
    clear = ["esc clears the filter"] if facts.passing is not None else []
    return [*clear, "complete"] if listing.state == "complete" else ["L next page", "ctrl+l all", *clear]


def empty_words(facts: Facts) -> list[str]:
    """For the list itself where it has no rows."""
    listing = facts.listing
    if listing is None:
        return ["No namespace is open.", "Choose one on the left."]
    if (facts.doing is not Doing.NOTHING or listing.state == "idle") and not len(listing.table):
        return ["Loading..."]
    if listing.state == "failed" and listing.error is not None and not len(listing.table):
        return [listing.error.message, listing.error.remedy, "L tries again."]
    if facts.passing is not None and len(listing.table):
        return ["Searching..."] if facts.searching else ["Nothing passes the filter.", "esc clears it."]
    if listing.state == "complete":
        return ["No keys here.", "a makes one, p lists another prefix."]
    return ["No keys so far.", "L looks further."]


def _keys(count: int) -> str:
    return f"{count:,} {'key' if count == 1 else 'keys'}"


def _drafts(count: int) -> str:
    """With the sign that such a key has in the list."""
    return f"{count:,} {'draft' if count == 1 else 'drafts'} (~)"
