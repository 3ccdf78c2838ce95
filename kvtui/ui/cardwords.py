"""Changes in words: what the change card, the questions and the bottom line say of them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from kvtui.api.models import Account, Entry, Namespace
from kvtui.core.changes import AnyChange, Change, KeyRef, NamespaceChange, Step, Verb
from kvtui.core.diffs import diff_values
from kvtui.core.draft import Draft
from kvtui.core.history import Back
from kvtui.core.journal.records import Outcome, Record
from kvtui.core.values import SMALL, kind_of
from kvtui.core.wording import size_words, when_words
from kvtui.core.writing import REQUESTS_A_CHANGE
from kvtui.ui.dialogs.card import ERASED, Card, Part, diff_content
from kvtui.ui.present import safe_content

LAYOUTS_UP_TO = 1024 * 1024
"""Bytes of JSON up to which the card offers other layouts: each is worked out while one waits."""

DIFFERENCE_MOST = 12
"""Lines of a difference that a question about taking back shows."""

TRUTHS = (
    "KV cannot compare and swap: whoever writes in this very moment still wins. "
    "Other places may serve the old record for 60 s or more."
)
UNDO = "z takes it back."
NO_UNDO = "The journal is off: this cannot be taken back."

DONE = {
    Verb.CREATE: "Created",
    Verb.EDIT: "Saved",
    Verb.EXPIRE: "Saved",
    Verb.COPY: "Copied to",
    Verb.RENAME: "Renamed to",
    Verb.DELETE: "Deleted",
    Verb.RESTORE: "Brought back",
    Verb.CREATE_NAMESPACE: "Created the namespace",
    Verb.RENAME_NAMESPACE: "Renamed to",
    Verb.REMOVE_NAMESPACE: "Removed the namespace",
}

OUTCOMES = {
    Outcome.PLANNED: "did not begin",
    Outcome.SENT: "was sent; it is not known whether it arrived",
    Outcome.CONFIRMED: "is done",
    Outcome.UNCONFIRMED: "was accepted, and has not been seen yet",
    Outcome.UNKNOWN: "was sent, and does not show",
    Outcome.FAILED: "was refused",
    Outcome.DROPPED: "did not begin",
}


def subject(ref: KeyRef) -> Content:
    """Namespace and key."""
    return Content.assemble(safe_content(ref.namespace.title), (" ▸ ", "dim"), safe_content(ref.key, "bold"))


def draft_card(draft: Draft, wanted: Entry, layout: int, *, undo: bool) -> Card:
    """What saving a draft would change. In a thread where the values are big."""
    layouts = tuple(name for name, _layout in draft.layouts) if len(draft.data) <= LAYOUTS_UP_TO else ()
    untouched = draft.data == draft.editable.data
    warnings = []
    if not untouched and (problem := draft.invalid_json):
        warnings.append(f"This was JSON and is none any more ({problem}). It would be stored as typed.")
    return Card(
        title="Create this key?" if draft.base is None else "Save these changes?",
        subject=subject(draft.ref),
        parts=parts(draft.base, wanted),
        diff=tuple(diff_values(draft.base.value if draft.base else None, wanted.value)),
        warnings=tuple(warnings),
        price=price(1),
        truths=TRUTHS,
        layouts=() if untouched else layouts,
        layout=layout,
        undoable=UNDO if undo else NO_UNDO,
        act="create" if draft.base is None else "save it as text" if warnings else "save",
    )


def parts(before: Entry | None, after: Entry) -> tuple[Part, ...]:
    """The three rows of a card."""
    value = Content(f"{size_words(len(after.value))}, {kind_of(after.value)}")
    if before is None:
        return (
            Part("value", "new", value),
            Part("metadata", "new" if after.metadata is not None else "none", _metadata(after.metadata)),
            Part("expires", "new" if after.expiration is not None else "none", _expiry(after.expiration)),
        )
    if before.value == after.value:
        of_value = Part("value", "kept", value)
    else:
        was = Content(f"{size_words(len(before.value))} → ")
        of_value = Part("value", "changed" if after.value else ERASED, Content.assemble(was, value))
    return (
        of_value,
        _part(
            "metadata", before.metadata, after.metadata, _metadata(before.metadata), _metadata(after.metadata)
        ),
        _part(
            "expires",
            before.expiration,
            after.expiration,
            _expiry(before.expiration),
            _expiry(after.expiration),
        ),
    )


def _part(name: str, before: object, after: object, was: Content, now: Content) -> Part:
    if before == after:
        return Part(name, "kept", now)
    # An expiration that is taken away loses nothing: the key lives longer.
    erased = after is None and name == "metadata"
    return Part(name, ERASED if erased else "changed", Content.assemble(was, " → ", now))


def _metadata(text: str | None) -> Content:
    return Content("none") if text is None else safe_content(text).truncate(60, ellipsis=True)


def _expiry(expiration: int | None) -> Content:
    return Content("never" if expiration is None else when_words(expiration))


def price(changes: int) -> str:
    """How many requests it takes."""
    return f"{changes * REQUESTS_A_CHANGE:,} requests: each key is read, written and read back."


def entry_words(entry: Entry) -> Content:
    """A record in a line."""
    known = [f"{size_words(len(entry.value))}, {kind_of(entry.value)}"]
    known.append("with metadata" if entry.metadata is not None else "no metadata")
    known.append("never expires" if entry.expiration is None else f"expires {when_words(entry.expiration)}")
    return Content(" · ".join(known))


def back_words(back: Back) -> Content:
    """What taking a step back, or making it again, would do, a line each."""
    record = back.record
    lines = [
        Content.assemble((f"{record.verb}", "bold"), f" of {when_words(record.begun)}"),
        *(_change_words(change) for change in back.step.changes[:6]),
    ]
    if (more := len(back.step.changes) - 6) > 0:
        lines.append(Content.styled(f"… and {more:,} more", "dim"))
    for ref in back.expired[:3]:
        lines.append(
            Content.assemble(
                ("! ", "bold"), safe_content(ref.key), " has expired since: what is there now stays."
            )
        )
    lines += _difference(back.step.pairs)
    if pairs := len(back.step.pairs):
        lines.append(Content.styled(price(pairs), "dim"))
    return Content("\n").join(lines)


def _difference(changes: Sequence[Change]) -> list[Content]:
    """What becomes of the value, where it is one and short enough to be compared at once."""
    if len(changes) != 1 or (before := changes[0].before) is None or (after := changes[0].after) is None:
        return []
    if before.value == after.value or max(len(before.value), len(after.value)) > SMALL:
        return []
    return [diff_content(diff_values(before.value, after.value, lines=DIFFERENCE_MOST))]


def record_words(record: Record) -> Content:
    """An interrupted step, and what is known of each change."""
    lines = [Content.assemble((str(record.verb), "bold"), f" of {when_words(record.begun)}")]
    for noted in record.changes[:6]:
        name = safe_content(noted.ref.key if noted.ref else noted.namespace.title, "bold")
        gone = noted.after is None
        outcome = OUTCOMES[noted.outcome] if noted.ref else str(noted.outcome)
        lines.append(Content.assemble("  ", name, ": ", ("deletion" if gone else "writing"), f" {outcome}"))
    if (more := len(record.changes) - 6) > 0:
        lines.append(Content.styled(f"  … and {more:,} more", "dim"))
    return Content("\n").join(lines)


def _change_words(change: AnyChange) -> Content:
    if isinstance(change, NamespaceChange):
        before, after = change.before, change.after
        if before is None or after is None:
            what = "make" if before is None else "remove"
            return Content.assemble(f"{what} the namespace ", safe_content(change.namespace.title, "bold"))
        return Content.assemble(safe_content(before.title), " → ", safe_content(after.title, "bold"))
    name = subject(change.ref)
    if change.after is None:
        what = "is not there, and stays so" if change.before is None else "goes"
        return Content.assemble(name, f": {what}")
    verb = "comes back: " if change.before is None else "becomes again: "
    return Content.assemble(name, f": {verb}", entry_words(change.after))


def done_words(step: Step) -> str:
    """What has been done, for the bottom line."""
    if not step.changes:
        return "Nothing was put back: it has expired meanwhile."
    count = len(step.changes)
    what = f"{count:,} keys" if step.verb is Verb.DELETE and count > 1 else ""
    if step.undoes is not None:
        return f"Taken back: {step.verb} {what or _of(step.changes[-1])}. Z makes it again."
    if step.redoes is not None:
        return f"Made again: {step.verb} {what or _of(step.changes[0])}."
    return f"{DONE[step.verb]} {what or _of(step.changes[0])}."


def _of(change: AnyChange) -> str:
    return change.ref.key if isinstance(change, Change) else change.namespace.title


def namespace_words(namespace: Namespace, account: Account | None) -> Content:
    """A namespace with its id, and the account that it is in."""
    name = (account.name or account.id) if account else namespace.account
    return Content.assemble(
        safe_content(namespace.title, "bold"),
        "\n",
        safe_content(f"id {namespace.id}", "dim"),
        "\n",
        safe_content(f"in {name or 'this machine'}", "dim"),
    )
