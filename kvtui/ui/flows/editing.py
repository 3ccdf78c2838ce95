"""Editing a record: in the pane, in $EDITOR, its expiration; and saving what came of it, by the card."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from textual.content import Content

from kvtui.api.models import Entry
from kvtui.core import plans
from kvtui.core.changes import Change, KeyRef, same
from kvtui.core.draft import Draft
from kvtui.core.stops import Conflict
from kvtui.ui.cardwords import LAYOUTS_UP_TO, draft_card, subject
from kvtui.ui.dialogs.card import Card, ChangeCard
from kvtui.ui.dialogs.choose import Choice, ChooseDialog
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.conflict import ConflictDialog
from kvtui.ui.dialogs.expiration import ExpirationDialog
from kvtui.ui.editor import edit_outside
from kvtui.ui.flows.applying import agreed, carry_out
from kvtui.ui.hands import ELSEWHERE_S, Hands

if TYPE_CHECKING:
    from kvtui.ui.panes.entryedit import What


async def when_read(hands: Hands, ref: KeyRef, what: What) -> None:
    """Open the editor as soon as the entry is there."""
    entry = await hands.entry_at(ref)
    draft = await asyncio.to_thread(Draft.begin, ref, entry)
    if hands.shows(ref):
        hands.open_editor(draft, what)


async def outside(hands: Hands, ref: KeyRef) -> None:
    """Edit the value, or on its tab the metadata, in $EDITOR; then the card."""
    draft = await draft_at(hands, ref)
    of_metadata = hands.entry_pane.tab == "metadata"
    before = draft.metadata.encode("utf-8", "surrogatepass") if of_metadata else draft.data
    suffix = ".json" if of_metadata else draft.editable.suffix
    data, ended_well = await edit_outside(hands.app, before, suffix, hands.environ)
    if data == before:
        hands.say("Nothing was changed." if ended_well else "The editor was left: nothing was changed.")
        return
    draft = (
        draft.with_metadata(data.decode("utf-8", "surrogateescape")) if of_metadata else draft.with_data(data)
    )
    hands.entry_pane.stop_editing(discard=True)  # it is a part of this draft
    hands.desk.pin(draft)
    if ended_well:
        await save(hands, draft)
    else:
        hands.say("The editor did not end well. What it wrote is kept as a draft (~): ctrl+s saves it.")


async def expire(hands: Hands, ref: KeyRef) -> None:
    """Ask when the key is to expire; then the card."""
    draft = await draft_at(hands, ref)
    was_draft = hands.drafts.get(ref) is not None
    dialog = ExpirationDialog(draft.expiration, time.time, subject=subject(ref))
    if (chosen := await hands.app.push_screen_wait(dialog)) is None:
        return
    draft = draft.with_expiration(chosen.expiration)
    if was_draft:
        hands.desk.pin(draft)
        hands.entry_pane.take(draft)
    if not await save(hands, draft) and hands.drafts.get(ref) is None:
        hands.say("The expiration was left as it is.")


async def draft_at(hands: Hands, ref: KeyRef) -> Draft:
    """The draft of the current key, or a fresh one of what is stored."""
    if (draft := hands.draft_here()) is not None:
        return draft
    return await asyncio.to_thread(Draft.begin, ref, await hands.entry_at(ref))


async def save(hands: Hands, draft: Draft) -> bool:
    """Show the card, and store the draft if it says yes; whether it did. Whatever fails, the draft stays."""
    if problem := draft.metadata_state[1]:
        hands.say(f"KV would not take this metadata: {problem}", "error")
        return True
    while (agreed := await _ask_card(hands, draft)) is not None:
        draft, wanted = agreed
        step = plans.edit(draft.ref, draft.base, wanted) if draft.base else plans.create(draft.ref, wanted)
        hands.desk.pin(draft)
        try:
            applied = await carry_out(hands, step)
        except Conflict as conflict:
            found = conflict.found if isinstance(conflict.found, Entry) else None
            again = await _settle(hands, draft, wanted, found)
            if again is None:
                return True
            draft = again
        else:
            if applied is not None:
                # Its expiration may be another than was wanted: it was asked about on the way.
                _saved(hands, draft, applied.step.pairs[0].after)
            return True
    return False


async def _settle(hands: Hands, draft: Draft, wanted: Entry, found: Entry | None) -> Draft | None:
    """Someone else was quicker: the draft to try again with, if that is wanted."""
    if same(found, wanted):
        _saved(hands, draft, wanted, f"{draft.ref.key} is so already: someone stored just this.")
        return None
    typed = hands.entry_pane.edited()
    if hands.entry_pane.has_keyboard and typed is not None and typed.data != draft.data:
        # A question now would take the letters that are being typed for answers.
        hands.say(f"{draft.ref.key} was changed by someone else meanwhile: ctrl+s on it shows both.", "error")
        return None
    choice = await hands.app.push_screen_wait(ConflictDialog(subject(draft.ref), draft.base, found, wanted))
    if choice == "theirs":
        _saved(hands, draft, found, f"{draft.ref.key}: your draft was dropped, theirs is shown.")
        hands.show_changes([Change(draft.ref, draft.base, found)])
    elif choice is not None:
        draft = draft.onto(found)
        hands.desk.pin(draft)
        hands.entry_pane.take(draft)
    return draft if choice == "mine" else None


async def _ask_card(hands: Hands, draft: Draft) -> tuple[Draft, Entry] | None:
    """The draft in the layout that was agreed to, and the record to store; None to go on editing."""
    can_undo = hands.store.history is not None

    def prepare() -> tuple[list[Draft], int, Entry]:
        """The draft in each of its layouts, which of them is the present one, and what it would store."""
        layouts = draft.layouts if len(draft.data) <= LAYOUTS_UP_TO else []
        choices = [draft.with_layout(layout) for _name, layout in layouts] or [draft]
        now = next((at for at, one in enumerate(choices) if one.layout == draft.layout), 0)
        return choices, now, choices[now].wanted()

    choices, now, wanted = await asyncio.to_thread(prepare)
    if wanted == draft.base:
        _saved(hands, draft, wanted, "Nothing to save: this is as it is stored.")
        return None

    def card(at: int) -> Card:
        return draft_card(choices[at], choices[at].wanted(), at, undo=can_undo)

    answer = await hands.app.push_screen_wait(ChangeCard(await asyncio.to_thread(card, now), card))
    if answer is None:
        return None
    draft = choices[answer.layout]
    return draft, await asyncio.to_thread(draft.wanted)


def _saved(hands: Hands, draft: Draft, stored: Entry | None, words: str = "") -> None:
    """The draft is what is stored, or has given way to it. What was typed meanwhile goes on as a draft."""
    typed = hands.draft_here() if hands.shows(draft.ref) else hands.drafts.get(draft.ref)
    if typed is not None and (typed.data, typed.metadata) != (draft.data, draft.metadata):
        typed = typed.onto(stored)
        hands.desk.pin(typed)
        hands.entry_pane.take(typed)
        hands.say(f"{words or 'Saved.'} What you typed since then is a draft.")
        return
    hands.desk.drop(draft.ref)
    if hands.shows(draft.ref):
        hands.entry_pane.stop_editing(discard=True)
        if stored is None:
            hands.entry_pane.action_refresh_entry()
        else:
            hands.entry_pane.put(stored, 0 if words else time.time() + ELSEWHERE_S)
    if words:
        hands.say(words)
    elif draft.base is None and not _is_listed(hands, draft.ref):
        hands.say(f"Created {draft.ref.key}. It stands further down than is loaded: ctrl+l loads all.")


def _is_listed(hands: Hands, ref: KeyRef) -> bool:
    """Put the cursor on a key; False where it is not loaded in the list that shows its namespace."""
    return not hands.is_here(ref.namespace) or hands.keys_pane.go_to(ref.key)


async def drop(hands: Hands, draft: Draft) -> None:
    """Give up a draft, if that is meant."""
    body = Content.assemble("What you typed is lost; what is stored stays.\n", subject(draft.ref))
    if await agreed(hands, ConfirmDialog("Drop this draft?", body, act="drop it")):
        hands.desk.drop(draft.ref)
        if hands.shows(draft.ref):
            hands.entry_pane.stop_editing(discard=True)
            if draft.base is None:
                hands.key = hands.keys_pane.name_at_cursor
            else:
                hands.entry_pane.action_refresh_entry()
        hands.say("The draft is dropped.")


async def choose(hands: Hands) -> None:
    """List the drafts, and go to the one that is chosen."""
    drafts = list(hands.drafts)
    choices = [Choice(str(at), one.ref.key, one.ref.namespace.title) for at, one in enumerate(drafts)]
    question = Content("Edited, and not saved. Enter goes there; ctrl+s saves, ctrl+r drops.")
    at = await hands.app.push_screen_wait(ChooseDialog("Drafts", question, choices))
    if at is not None:
        hands.go_to(drafts[int(at)].ref)
