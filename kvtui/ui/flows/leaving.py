"""Leaving: what is under way is waited for, and drafts are not dropped without a word."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from kvtui.core.draft import Draft
from kvtui.ui.dialogs.choose import Choice, ChooseDialog
from kvtui.ui.hands import Hands
from kvtui.ui.present import safe_content

NAMED = 5
"""Drafts that are named."""


async def leave(hands: Hands) -> None:
    """Wait for the change that is under way, ask about the drafts that are left then, and quit."""
    if hands.store.busy:
        hands.say("Waiting for the change that is under way; then kvtui quits.")
        await hands.store.settled()
        await hands.flow_ended()  # what it saved is a draft until then
        hands.keep_draft()
    drafts = list(hands.drafts)
    await hands.desk.settled()
    if drafts and not await _may_leave(hands, drafts):
        return
    await hands.store.settled()
    hands.app.exit()


async def _may_leave(hands: Hands, drafts: Sequence[Draft]) -> bool:
    names = Content("\n").join(safe_content(f"  {draft.ref.key}") for draft in drafts[:NAMED])
    more = f"\n  and {len(drafts) - NAMED:,} more" if len(drafts) > NAMED else ""
    count = "A draft is" if len(drafts) == 1 else f"{len(drafts):,} drafts are"
    keep = Choice("keep", "Quit, keep them", "they are here again at the next start")
    choices = [
        Choice("stay", "Stay", "~ lists the drafts"),
        *([keep] if hands.desk.all_on_disk else []),
        Choice("drop", "Quit, drop them", "what was typed is lost"),
    ]
    question = Content.assemble(f"{count} not saved:\n", names, more)
    choice = await hands.app.push_screen_wait(ChooseDialog("Quit?", question, choices))
    if choice == "drop":
        hands.entry_pane.stop_editing(discard=True)
        for draft in drafts:
            hands.desk.drop(draft.ref)
    return choice in ("keep", "drop")
