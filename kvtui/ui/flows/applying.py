"""Applying a step: the questions that come up on the way, and the words about how it ended."""

from __future__ import annotations

import asyncio
import time

from textual.content import Content
from textual.screen import ModalScreen

from kvtui.api.errors import KVError
from kvtui.api.models import Namespace
from kvtui.core import plans
from kvtui.core.changes import Change, Step, Verb, same
from kvtui.core.journal.errors import JournalFull
from kvtui.core.stops import Conflict, Stopped, TooSoon
from kvtui.core.writing import Applied
from kvtui.ui.cardwords import NO_UNDO, UNDO, done_words, subject
from kvtui.ui.dialogs.choose import Choice, ChooseDialog
from kvtui.ui.dialogs.conflict import ConflictDialog
from kvtui.ui.hands import Hands
from kvtui.ui.present import safe_content


async def agreed(hands: Hands, dialog: ModalScreen[bool]) -> bool:
    """Ask; a no is answered too, so that nobody takes it for done."""
    if await hands.app.push_screen_wait(dialog):
        return True
    hands.say("Nothing was changed.")
    return False


async def carry_out(hands: Hands, step: Step, *, again: bool = False) -> Applied | None:
    """Apply a step, asking what must be asked on the way. None where it was left or has stopped.

    Raises Conflict where one key alone was to be changed: whoever asked knows what that means.
    """
    images = True
    while step.changes or step.undoes or step.redoes:  # of a step back all may have expired
        hands.asks_no_more()
        hands.doing(f"{step.verb}…")
        try:
            applied = await hands.store.apply(step, images=images, again=again)
        except TooSoon as asked:
            if (settled := await _ask_soon(hands, asked)) is None:
                return None
            step = settled
        except JournalFull as full:
            if (kept := await _ask_full(hands, full)) is None:
                return None
            images = kept
        except Stopped as stopped:
            hands.show_changes(stopped.done)
            if isinstance(stopped, Conflict) and len(step.changes) == 1:
                raise
            hands.say(_stopped_words(stopped), "error")
            return None
        else:
            hands.show_changes(applied.step.changes)
            hands.say(applied_words(applied, images))
            return applied
        finally:
            hands.doing("")
    hands.say("Nothing was changed.")
    return None


async def carry_out_alone(hands: Hands, step: Step, *, again: bool = False) -> Applied | None:
    """Apply a step; where someone else was quicker, show the versions and ask."""
    while True:
        try:
            return await carry_out(hands, step, again=again)
        except Conflict as conflict:
            change, found = conflict.change, conflict.found
            if not isinstance(change, Change) or isinstance(found, Namespace):
                hands.say(str(conflict), "error")
                return None
            if same(found, change.after):
                hands.show_changes([change])
                hands.say(f"{change.ref.key} is so already: someone else was quicker.")
                return None
            dialog = ConflictDialog(subject(change.ref), change.before, found, change.after, of_draft=False)
            if await hands.app.push_screen_wait(dialog) != "mine":
                hands.show_changes([Change(change.ref, change.before, found)])
                hands.say("It was left as it is.")
                return None
            over = Change(change.ref, found, change.after)
            step = Step(step.verb, (over,), undoes=step.undoes, redoes=step.redoes)


def applied_words(applied: Applied, images: bool) -> str:
    """What has been done, what is still to be seen, and the way back."""
    words = [done_words(applied.step)]
    if applied.unconfirmed:
        words.append("It does not show yet, which KV may take a minute for: it is looked for again.")
    if applied.step.undoes is None and applied.step.verb is not Verb.REMOVE_NAMESPACE:
        words.append(UNDO if applied.id is not None and images else NO_UNDO)
    return " ".join([*words, applied.note]).strip()


async def _ask_soon(hands: Hands, asked: TooSoon) -> Step | None:
    """KV takes no expiration less than 60 s ahead: what is it to be?"""
    what = f"{len(asked.changes):,} of these keys expire" if len(asked.changes) > 1 else "This key expires"
    choice = await hands.app.push_screen_wait(
        ChooseDialog(
            "It expires within a minute",
            Content(f"{what} in less than 60 s, and KV refuses to write that."),
            [
                Choice(plans.Soon.LET_EXPIRE.value, "Let it expire", "and write nothing"),
                Choice(plans.Soon.EXTEND.value, "Extend", "to a little over a minute from now"),
                Choice(plans.Soon.PERMANENT.value, "Make it permanent", "it never expires then"),
            ],
        )
    )
    return None if choice is None else plans.settle_soon(asked.step, plans.Soon(choice), time.time())


async def _ask_full(hands: Hands, full: KVError) -> bool | None:
    """The journal is full: make room, go on without a way back, or stop. None stops."""
    choice = await hands.app.push_screen_wait(
        ChooseDialog(
            "The journal is full",
            safe_content(full.message),
            [
                Choice("stop", "Stop", "and change nothing"),
                Choice("purge", "Make room", "nothing that was done until now can be taken back then"),
                Choice("without", "Go on without", "this change cannot be taken back"),
            ],
        )
    )
    if choice == "purge" and hands.store.history is not None:
        await asyncio.to_thread(hands.store.history.journal.purge)
        return True
    return False if choice == "without" else None


def _stopped_words(stopped: Stopped) -> str:
    words = str(stopped)
    if stopped.done:
        of = len(stopped.done) + len(stopped.rest.changes)
        words = f"Stopped after {len(stopped.done)} of {of}: {words}"
    return f"{words} @ tells how far it came." if stopped.id is not None else words
