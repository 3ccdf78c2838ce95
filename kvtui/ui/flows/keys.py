"""Keys: a new one, another name, a copy, and away with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.content import Content

from kvtui.api.errors import Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.changes import KeyRef
from kvtui.core.draft import Draft
from kvtui.core.plans import AT_ONCE_MOST, COUNT_FROM
from kvtui.ui.cardwords import entry_words, price, subject
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.copyto import CopyDialog
from kvtui.ui.dialogs.newkey import NewKeyDialog
from kvtui.ui.dialogs.rename import RenameDialog
from kvtui.ui.flows import editing
from kvtui.ui.flows.applying import agreed, carry_out, carry_out_alone
from kvtui.ui.hands import Hands
from kvtui.ui.present import safe_content

SAMPLES = 5
"""Names that are shown of those that would be deleted."""


async def create(hands: Hands, namespace: Namespace) -> None:
    """Ask for a name, and begin a draft under it. It is stored when it is saved."""
    here, prefix = hands.ref, hands.keys_pane.prefix
    dialog = NewKeyDialog(namespace, prefix, duplicate_of=here.key if here else None)
    if (new := await hands.app.push_screen_wait(dialog)) is None:
        return
    ref = KeyRef(namespace, new.name)
    if hands.drafts.get(ref) is None:
        if await hands.stored_at(ref) is not None:
            raise Refused(f"{new.name} exists already.", "e edits it; c copies a key over another.")
        copied = None
        if new.duplicate and here:
            hands.refuse_a_draft(here)
            copied = await hands.entry_at(here)
        hands.desk.pin(await asyncio.to_thread(Draft.begin, ref, None, copied))
    hands.go_to(ref)
    draft = hands.drafts.get(ref)
    if hands.entry_pane.editing:
        hands.action_focus_pane("entry")
    elif draft is not None:  # a copy of something that cannot be edited here is complete as it is
        await editing.save(hands, draft)


async def rename(hands: Hands, ref: KeyRef) -> None:
    """Ask for another name; copy there, read back, delete the old key. The cursor goes along."""
    hands.refuse_a_draft(ref)
    name = await hands.app.push_screen_wait(RenameDialog(ref.key, about=subject(ref)))
    if name is None:
        return
    target = KeyRef(ref.namespace, name)
    entry = await hands.entry_at(ref)
    existing = await hands.stored_at(target)
    if existing is None or await _may_land_on(hands, target, existing):
        is_marked = hands.keys_pane.is_marked(ref.key)
        if await carry_out(hands, plans.rename(ref, entry, target, existing)) and hands.shows(ref):
            if hands.keys_pane.go_to(name) and is_marked:
                hands.keys_pane.mark_here()
            hands.go_to(target)


async def copy(hands: Hands, ref: KeyRef) -> None:
    """Ask where to, and copy the whole record there."""
    hands.refuse_a_draft(ref)
    target = await hands.app.push_screen_wait(CopyDialog(ref, hands.tree_pane.namespaces_by_account))
    if target is not None:
        entry = await hands.entry_at(ref)
        existing = await hands.stored_at(target)
        if existing is None or await _may_land_on(hands, target, existing):
            await carry_out_alone(hands, plans.copy(entry, target, existing))


async def _may_land_on(hands: Hands, target: KeyRef, existing: Entry) -> bool:
    """Whether a key that is there already is to be replaced."""
    hands.refuse_a_draft(target)
    body = Content.assemble(
        subject(target),
        " exists already:\n",
        entry_words(existing),
        f"\n\nIt would be replaced. {hands.undo_words}",
    )
    return await agreed(hands, ConfirmDialog("Replace it?", body, act="replace it"))


async def delete(hands: Hands, ref: KeyRef) -> None:
    """Delete one key, if that is meant."""
    hands.refuse_a_draft(ref)
    entry = await hands.entry_at(ref)
    body = Content.assemble(subject(ref), "\n", entry_words(entry), f"\n\n{hands.undo_words}")
    if await agreed(hands, ConfirmDialog("Delete this key?", body, act="delete it")):
        await carry_out_alone(hands, plans.delete([(ref, entry)]))


async def delete_marked(hands: Hands, namespace: Namespace) -> None:
    """Read the marked keys, show what they are, and delete them if that is meant."""
    if (count := len(hands.keys_pane.marks)) > AT_ONCE_MOST:
        raise Refused(
            f"{count:,} keys are marked. {AT_ONCE_MOST} are the most at once: each takes 5 requests.",
            "U unmarks all.",
        )
    refs = [KeyRef(namespace, name) for name in hands.keys_pane.marked_names]
    for ref in refs:
        hands.refuse_a_draft(ref)
    hands.doing(f"reading {len(refs):,} keys…")
    try:
        entries = await hands.store.read_many(refs)
    finally:
        hands.doing("")
    if not entries:
        raise Refused("The marked keys are gone already.", "R lists anew.")
    title = f"Delete {len(entries):,} keys?" if len(entries) > 1 else "Delete the marked key?"
    typed = str(len(entries)) if len(entries) >= COUNT_FROM else None
    body = _many_words(entries, hands.undo_words)
    if await agreed(hands, ConfirmDialog(title, body, act="delete them", typed=typed)):
        await carry_out_alone(hands, plans.delete(entries))


def _many_words(entries: Sequence[tuple[KeyRef, Entry]], undo: str) -> Content:
    """Some of the names, what is with them, the price and the way back."""
    lines = [safe_content(ref.key) for ref, _entry in entries[:SAMPLES]]
    if (more := len(entries) - SAMPLES) > 0:
        lines.append(Content.styled(f"… and {more:,} more", "dim"))
    with_metadata = sum(entry.metadata is not None for _ref, entry in entries)
    expiring = sum(entry.expiration is not None for _ref, entry in entries)
    known = f"{with_metadata:,} with metadata, {expiring:,} that expire."
    return Content("\n").join([*lines, Content(f"\n{known} {price(len(entries))}\n{undo}")])
