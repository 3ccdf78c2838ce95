"""History: taking back, making again, the log, and what was under way when kvtui last ended."""

from __future__ import annotations

import asyncio
import time

from textual.content import Content

from kvtui.api.errors import KVError, Refused
from kvtui.api.models import Entry
from kvtui.core.draft import Draft
from kvtui.core.history import Back, History
from kvtui.core.journal.records import Record
from kvtui.core.stops import TooSoon
from kvtui.ui.cardwords import back_words, entry_words, record_words, subject
from kvtui.ui.dialogs.choose import Choice, ChooseDialog
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.operations import OperationsDialog, Undo
from kvtui.ui.flows.applying import agreed, applied_words, carry_out_alone
from kvtui.ui.hands import Hands


async def undo(hands: Hands, id: int | None) -> None:
    """Take a step back: this one, or the newest that can be."""
    await _go_back(hands, await hands.history().to_undo(id), "Take this back?", "take it back")


async def redo(hands: Hands) -> None:
    """Make again what was taken back last."""
    await _go_back(hands, await hands.history().to_redo(), "Make this again?", "make it again")


async def _go_back(hands: Hands, back: Back, title: str, act: str) -> None:
    for change in back.step.pairs:
        hands.refuse_a_draft(change.ref)
    # To take the making of a namespace back is to remove it: like any removal, it needs its title.
    removed = next((one.before for one in back.step.namespaces if one.after is None), None)
    dialog = ConfirmDialog(title, back_words(back), act=act, typed=removed.title if removed else None)
    if await agreed(hands, dialog):
        await carry_out_alone(hands, back.step, again=True)


async def operations(hands: Hands) -> None:
    """Show the log; take back or bring back what is chosen there."""
    answer = await hands.app.push_screen_wait(OperationsDialog(await hands.history().log(), time.time))
    if answer is None:
        return
    hands.store.permission.check()
    if isinstance(answer, Undo):
        await undo(hands, answer.id)
    else:
        await _restore(hands, answer.id, answer.index)


async def _restore(hands: Hands, id: int, index: int) -> None:
    """Bring back the record that was there before a change."""
    ref = await hands.history().ref_of(id, index)
    hands.refuse_a_draft(ref)
    now = await hands.stored_at(ref)
    step = await hands.history().to_restore(id, index, now)
    if step is None:
        raise Refused(
            "That record has expired since: there is nothing to bring back.", "Nothing was changed."
        )
    (change,) = step.pairs
    if change.before == change.after:
        raise Refused("This is how it is stored now.", "Nothing was changed.")

    def words(entry: Entry | None) -> Content:
        return Content("no such key") if entry is None else entry_words(entry)

    body = Content.assemble(subject(ref), "\nnow:  ", words(change.before), "\nthen: ", words(change.after))
    if await agreed(hands, ConfirmDialog("Bring this record back?", body, act="bring it back")):
        await carry_out_alone(hands, step)


async def greet(hands: Hands) -> None:
    """Once connected: drafts from last time, and what was under way when kvtui was ended."""
    if (history := hands.store.history) is None:
        return
    await _take_drafts(hands, history)
    for record in await history.interrupted():
        try:
            await _ask_about(hands, await hands.store.find_out(record))
        except KVError as error:  # the next one may fare better
            hands.say(str(error), "error")
    await asyncio.to_thread(history.journal.retire)


async def _take_drafts(hands: Hands, history: History) -> None:
    # Of several of one key the newest, which comes first; the others stay on the disk, for the next start.
    lost = {saved.ref.address: saved for saved in reversed(await history.lost_drafts())}
    hands.keep_draft()
    # What was begun meanwhile goes before; what it would replace stays on the disk too.
    lost = {address: saved for address, saved in lost.items() if hands.drafts.get(saved.ref) is None}
    for saved in lost.values():
        await history.save_draft(saved)  # from now on it is this process's
        hands.drafts.put(await asyncio.to_thread(Draft.from_saved, saved))
    if lost:
        hands.show_drafts()
        what = "A draft from last time is" if len(lost) == 1 else f"{len(lost):,} drafts from last time are"
        hands.say(f"{what} here again. ~ lists, ctrl+s saves, ctrl+r drops.")


async def _ask_about(hands: Hands, record: Record) -> None:
    """An interrupted step: what landed of it has been read by now."""
    choices = [
        Choice("later", "Decide later", "you are asked at the next start"),
        Choice("finish", "Finish it", "what has landed is not done twice"),
        Choice("back", "Take it back", "as far as it came"),
        Choice("leave", "Leave it so", "@ goes on to list it"),
    ]
    dialog = ChooseDialog("kvtui was ended in the middle of this", record_words(record), choices)
    choice = await hands.app.push_screen_wait(dialog)
    if choice in ("finish", "back"):
        hands.store.permission.check()
    if choice == "finish":
        await _finish(hands, record)
    elif choice in ("back", "leave"):
        await hands.store.leave(record)
        if choice == "back":
            await undo(hands, record.id)


async def _finish(hands: Hands, record: Record) -> None:
    """Go on with an interrupted step."""
    try:
        applied = await hands.store.finish(record)
    except TooSoon:
        hands.say(
            "It cannot be finished: a record in it expires within a minute. Take it back, or leave it.",
            "error",
        )
    else:
        hands.show_changes(applied.step.changes)
        hands.say(applied_words(applied, images=True))
