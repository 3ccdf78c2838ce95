"""The hands: the verbs that change something, as bindings and actions of the main screen.

An action decides whether its verb makes sense where one is; the flow behind it (flows/) asks, plans, applies
and says. Flows and their dialogs are loaded when they are first wanted.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.screen import Screen
from textual.worker import WorkerCancelled, WorkerFailed

from kvtui.api.errors import KeyNotFound, KVError, Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import AnyChange, Change, KeyRef, NamespaceChange, home_of
from kvtui.core.values import SMALL
from kvtui.core.wording import countdown
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.draftdesk import DraftDesk
from kvtui.ui.panes.entry import EntryPane
from kvtui.ui.panes.entryedit import What
from kvtui.ui.panes.keys import KeysPane
from kvtui.ui.panes.namespaces import NamespacesPane
from kvtui.ui.typeahead import TypeAheadApp

if TYPE_CHECKING:
    from textual.reactive import reactive

    from kvtui.core.draft import Draft
    from kvtui.core.drafts import Drafts
    from kvtui.core.history import History
    from kvtui.core.store import Store
    from kvtui.core.watching import News
    from kvtui.ui.panes.places import Place

ELSEWHERE_S = 60.0
"""How long other places may go on serving what was there before a change, as far as Cloudflare says."""

WRITING = frozenset(
    {
        *("edit", "edit_metadata", "edit_outside", "expiration", "save", "undo", "redo"),
        *("new_key", "rename", "copy_to", "delete", "new_namespace"),
    }
)
"""Actions that need permission to write. Where it is missing they stay in sight, and say why."""

JOURNALLED = frozenset({"undo", "redo", "operations"})
JOURNAL_OFF = "The journal is off: nothing is listed, and nothing can be taken back."


class Hands(Screen[None]):
    """The half of the Browser that changes things. It is told by the other half where one is."""

    BINDINGS = [
        verb("e", "edit", "edit", "change.edit", "Edit the value here: text, or JSON made readable."),
        verb("d", "delete", "delete", "change.delete", "Delete the marked keys or this one; or a namespace."),
        verb("z", "undo", "undo", "change.undo", "Take the last change back."),
        verb("ctrl+s", "save", "save", "change.save", "Save the draft. First shows what would change."),
        quiet("Z", "redo", "Redo", "change.redo", "Make again what was taken back last."),
        quiet("E", "edit_outside", "Edit outside", "change.edit_outside", "Edit the value in $EDITOR."),
        quiet("m", "edit_metadata", "Metadata", "change.metadata", "Edit the metadata, as JSON."),
        quiet("t", "expiration", "Expiration", "change.expiration", "Choose when the key expires."),
        quiet("r", "rename", "Rename", "change.rename", "Rename the key; in the tree, the namespace."),
        quiet("c", "copy_to", "Copy to", "change.copy_to", "Copy the key to another name or namespace."),
        quiet("a", "new_key", "New key", "change.new_key", "Make a new key, empty or as a copy of this one."),
        quiet("N", "new_namespace", "New namespace", "change.new_namespace", "Make a new namespace."),
        quiet("tilde", "drafts", "Drafts", "change.drafts", "List the drafts that are not saved."),
        quiet("ctrl+r", "drop_draft", "Drop draft", "change.drop_draft", "Drop the draft of this key."),
        quiet("at", "operations", "Operations", "change.operations", "What was changed, and the way back."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._leads_on = False
        self.desk = DraftDesk(self.show_drafts, lambda words: self.say(words, "error"))

    # What the other half knows

    if TYPE_CHECKING:
        at: reactive[str]
        key: reactive[str | None]
        place: reactive[Place | None]

    @property
    def connected(self) -> bool:
        """Whether the source is open."""
        raise NotImplementedError

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that editors and pagers get; what is secret in it is taken out on the way."""
        raise NotImplementedError

    def key_at_hand(self) -> str | None:
        """The key that the verbs are about where the list has the focus."""
        raise NotImplementedError

    @property
    def store(self) -> Store:
        """The open source."""
        raise NotImplementedError

    def say(self, words: str, tone: str = "") -> None:
        """Show a sentence on the bottom line."""
        raise NotImplementedError

    def doing(self, words: str) -> None:
        """Show what is under way; nothing when it has ended."""
        raise NotImplementedError

    def action_focus_pane(self, name: str) -> None:
        """Go to a pane."""
        raise NotImplementedError

    def go_to(self, ref: KeyRef) -> None:
        """Show a key's entry, in its namespace."""
        raise NotImplementedError

    def namespace_moved(self, before: Namespace, after: Namespace | None) -> None:
        """The open namespace has another title, or is no more."""
        raise NotImplementedError

    @property
    def tree_pane(self) -> NamespacesPane:
        """The left pane."""
        return self.query_one(NamespacesPane)

    @property
    def keys_pane(self) -> KeysPane:
        """The middle pane."""
        return self.query_one(KeysPane)

    @property
    def entry_pane(self) -> EntryPane:
        """The right pane."""
        return self.query_one(EntryPane)

    @property
    def ref(self) -> KeyRef | None:
        """The key whose entry is shown."""
        return KeyRef(self.place.namespace, self.key) if self.place and self.key is not None else None

    def shows(self, ref: KeyRef) -> bool:
        """Whether this is the key whose entry is shown."""
        return self.ref is not None and self.ref.address == ref.address

    @property
    def drafts(self) -> Drafts:
        """What was edited and is not saved."""
        return self.desk.drafts

    # Flows

    def start(self, flow: Coroutine[Any, Any, object]) -> None:
        """Run a flow. One at a time: two would stack their questions.

        What is typed behind the verb waits for the question or the editor that it leads to.
        """
        if any(worker.group == "change" and not worker.is_finished for worker in self.workers):
            flow.close()
            self.say("The change before is still under way.")
        else:
            self._leads_on = True
            self._hold_keys(True)
            self.run_worker(self._run(flow), group="change")

    def on_screen_suspend(self) -> None:
        """A question has come up: the keys are for it."""
        self._hold_keys(False)

    def on_screen_resume(self) -> None:
        """It was answered: the flow goes on, maybe to another question or to the editor."""
        self._hold_keys(self._leads_on)

    def asks_no_more(self) -> None:
        """From here on the flow needs nothing of the person: the keys are theirs again."""
        self._leads_on = False
        self._hold_keys(False)

    def _hold_keys(self, held: bool) -> None:
        if isinstance(self.app, TypeAheadApp):
            self.app.hold_keys() if held else self.app.release_keys()

    async def flow_ended(self) -> None:
        """Wait until the flow that runs has said its last, and been answered where it asks."""
        for worker in [one for one in self.workers if one.group == "change" and not one.is_finished]:
            with suppress(WorkerFailed, WorkerCancelled):
                await worker.wait()

    async def _run(self, flow: Coroutine[Any, Any, object]) -> None:
        try:
            await flow
        except KVError as error:
            self.say(str(error), "error")
        finally:
            self.asks_no_more()

    def open_writing(self, seconds: float, reason: str) -> None:
        """`:rw 10m REASON`: allow changes in a read-only session for a while."""
        permission = self.store.permission
        permission.ask_again()
        if not permission.read_only:
            self.say("Changes are allowed already, as far as the token goes.")
            return
        permission.open(seconds, reason)
        left = countdown(permission.open_for or 0)
        self.say(f"Changes are allowed for {left}. :ro ends it. The journal notes: {reason}")
        self.permission_changed()

    def close_writing(self) -> None:
        """`:ro`: read-only from now on."""
        permission = self.store.permission
        permission.read_only = True
        permission.close()
        self.say("Read-only from now on. :rw 10m REASON opens it for ten minutes.")
        self.permission_changed()

    def permission_changed(self) -> None:
        """Show at once what may be done by now."""
        raise NotImplementedError

    def why_not(self, action: str) -> str:
        """Why a verb cannot be used now; empty where it can."""
        if not self.connected:
            return "Nothing is open yet."
        if action in JOURNALLED and self.store.history is None:
            return JOURNAL_OFF
        account = self.place.namespace.account if self.place else ""
        return self.store.permission.refusal_in(account) if action in WRITING else ""

    def refuses(self, action: str) -> bool:
        """Whether a verb cannot be used now; the person is told why."""
        if why := self.why_not(action):
            self.say(why, "error")
        return bool(why)

    def ready(self, action: str) -> KeyRef | None:
        """The key that a verb is about; None where there is none, or the verb cannot be used now."""
        if self.refuses(action):
            return None
        if self.at == "tree":
            self.say("This is about a key: 2 goes to the keys.")
            return None
        if self.at != "entry":
            self.key = self.key_at_hand()
        if self.ref is None:
            self.say("Choose a key first.")
        return self.ref

    async def entry_at(self, ref: KeyRef) -> Entry:
        """The entry of the key under the cursor, once it is read. Raises Refused."""
        entry = await self.entry_pane.once_read()
        if not self.shows(ref):
            raise Refused("The cursor has moved on.", "Nothing was changed.")
        if entry is None:
            raise Refused(f"{ref.key} could not be read.", "R reads it again.")
        return entry

    async def stored_at(self, ref: KeyRef) -> Entry | None:
        """What is stored under a key now."""
        try:
            return await self.store.read(*ref)
        except KeyNotFound:
            return None

    def history(self) -> History:
        """The journal of this source. Raises Refused where it is off."""
        if self.store.history is None:
            raise Refused(JOURNAL_OFF, "Start without --no-journal.")
        return self.store.history

    @property
    def undo_words(self) -> str:
        """Whether what is about to be done can be taken back."""
        from kvtui.ui.cardwords import NO_UNDO, UNDO

        return UNDO if self.store.history else NO_UNDO

    # What a change means on screen

    def show_changes(self, changes: Sequence[AnyChange]) -> None:
        """Show at once in every pane what has landed."""
        for change in changes:
            if isinstance(change, NamespaceChange):
                self.tree_pane.namespace_changed(change.before, change.after)
                if change.before and self.is_here(change.before):
                    self.namespace_moved(change.before, change.after)
        pairs = [change for change in changes if isinstance(change, Change)]
        for home in dict.fromkeys(home_of(change.ref.namespace) for change in pairs):
            self._show_pairs([change for change in pairs if home_of(change.ref.namespace) == home])
        for change in pairs:
            if self.shows(change.ref):
                self._show_entry(change)

    def _show_entry(self, change: Change) -> None:
        """What is shown is another record by now. An editor stays as it is while anything was typed in it."""
        what, draft = self.entry_pane.editing, self.draft_here()
        if draft is not None and draft.touched:
            return
        if change.after is None:
            if what is None:
                self.entry_pane.action_refresh_entry()
            return
        self.entry_pane.put(change.after, time.time() + ELSEWHERE_S)
        if what is not None:
            from kvtui.core.draft import Draft

            had_keyboard = self.entry_pane.has_keyboard
            self.entry_pane.edit(Draft.begin(change.ref, change.after), what, focus=had_keyboard)

    def _show_pairs(self, changes: Sequence[Change]) -> None:
        """Changes to keys of one namespace: in the list if that is open, and in the tree."""
        namespace = changes[0].ref.namespace
        rows = [
            (one.ref.key, (one.after.expiration, one.after.metadata) if one.after else None)
            for one in changes
        ]
        came_and_went = [
            (one.ref.key, 1 if one.before is None else -1)
            for one in changes
            if (one.before is None) != (one.after is None)
        ]
        if self.place is not None and self.is_here(namespace):
            loaded = self.keys_pane.show_changes(rows)
            self.tree_pane.keys_changed(self.place.namespace, came_and_went, loaded)
        else:
            self.tree_pane.keys_changed(namespace, came_and_went)

    def is_here(self, namespace: Namespace) -> bool:
        """Whether it is the namespace that is open."""
        return self.place is not None and home_of(self.place.namespace) == home_of(namespace)

    def heard(self, news: News) -> None:
        """What was unconfirmed when it was written is seen by now, or was not seen for a minute."""
        if isinstance(news.change, Change):
            key = news.change.ref.key
            if news.confirmed:
                self.say(f"{key}: what was written shows now.")
            else:
                self.say(f"{key}: written a minute ago, and still not seen. R reads it again.", "error")

    # Drafts

    def keep_draft(self) -> Draft | None:
        """Take what stands in the editor into the drafts; None while nothing is edited."""
        if (draft := self.entry_pane.edited()) is not None:
            self.desk.keep(draft)
        return draft

    def draft_here(self) -> Draft | None:
        """The draft of the current key."""
        return self.keep_draft() or (self.drafts.get(self.ref) if self.ref else None)

    def refuse_a_draft(self, ref: KeyRef) -> None:
        """Raises Refused where a key has a draft: what is done to the key would pass over it."""
        self.keep_draft()
        if self.drafts.get(ref) is not None:
            raise Refused(f"{ref.key} has a draft.", "ctrl+s saves it, ctrl+r drops it; then try again.")

    def show_drafts(self) -> None:
        """Mark the keys that have a draft."""
        if self.place is not None and self.is_mounted:
            self.keys_pane.show_drafts(self.drafts.names(self.place.namespace))

    # Editing

    def action_edit(self) -> None:
        """Edit the value in the pane."""
        self._edit("edit", "value")

    def action_edit_metadata(self) -> None:
        """Edit the metadata in the pane."""
        self._edit("edit_metadata", "metadata")

    def _edit(self, action: str, what: What) -> None:
        """At once where the entry is there, so that what is typed behind the key goes into the editor."""
        if (ref := self.ready(action)) is None:
            return
        draft, entry = self.draft_here(), self.entry_pane.entry
        if draft is not None:
            self.open_editor(draft, what)
        elif entry is not None and self.entry_pane.key == ref.key and len(entry.value) <= SMALL:
            from kvtui.core.draft import Draft

            self.open_editor(Draft.begin(ref, entry), what)
        else:
            from kvtui.ui.flows import editing

            self.start(editing.when_read(self, ref, what))

    def open_editor(self, draft: Draft, what: What) -> None:
        """Give the editor a draft and the keyboard, or say why it may not be edited here."""
        if self.entry_pane.editing == what:
            self.action_focus_pane("entry")
        elif problem := self.entry_pane.edit(draft, what):
            self.say(problem, "error")
        else:
            self.action_focus_pane("entry")
        self.asks_no_more()

    def action_edit_outside(self) -> None:
        """Edit the value, or on its tab the metadata, in $EDITOR."""
        if ref := self.ready("edit_outside"):
            from kvtui.ui.flows import editing

            self.start(editing.outside(self, ref))

    def action_expiration(self) -> None:
        """Choose when the key expires."""
        if ref := self.ready("expiration"):
            from kvtui.ui.flows import editing

            self.start(editing.expire(self, ref))

    def action_save(self) -> None:
        """Save the draft of the current key."""
        if self.refuses("save"):
            return
        draft = self.draft_here()
        if draft is None or not draft.touched:
            self.say("Nothing to save: this is as it is stored. e edits it.")
        else:
            from kvtui.ui.flows import editing

            self.start(editing.save(self, draft))

    def action_drop_draft(self) -> None:
        """Drop the draft of this key."""
        if (draft := self.draft_here()) is None:
            self.say("There is no draft of this key.")
        else:
            from kvtui.ui.flows import editing

            self.start(editing.drop(self, draft))

    def action_drafts(self) -> None:
        """List the drafts, and go to one."""
        self.keep_draft()
        if not len(self.drafts):
            self.say("No drafts: all that was edited is saved.")
        else:
            from kvtui.ui.flows import editing

            self.start(editing.choose(self))

    # Keys and namespaces

    def action_new_key(self) -> None:
        """Make a new key."""
        if self.refuses("new_key"):
            return
        if self.place is None:
            self.say("Choose a namespace first.")
        else:
            from kvtui.ui.flows import keys

            self.start(keys.create(self, self.place.namespace))

    def action_copy_to(self) -> None:
        """Copy the key to another name or namespace."""
        if ref := self.ready("copy_to"):
            from kvtui.ui.flows import keys

            self.start(keys.copy(self, ref))

    def action_rename(self) -> None:
        """Rename the key; in the tree, the namespace."""
        if self.at == "tree":
            if (namespace := self._namespace_for("rename")) is not None:
                from kvtui.ui.flows import namespaces

                self.start(namespaces.rename(self, namespace))
        elif ref := self.ready("rename"):
            from kvtui.ui.flows import keys

            self.start(keys.rename(self, ref))

    def action_delete(self) -> None:
        """Delete the marked keys or the current one; in the tree, remove the namespace."""
        if self.at == "tree":
            if (namespace := self._namespace_for("delete")) is not None:
                from kvtui.ui.flows import namespaces

                self.start(namespaces.remove(self, namespace))
            return
        from kvtui.ui.flows import keys

        if self.at == "keys" and len(self.keys_pane.marks) and self.place:
            if not self.refuses("delete"):
                self.start(keys.delete_marked(self, self.place.namespace))
        elif ref := self.ready("delete"):
            self.start(keys.delete(self, ref))

    def action_new_namespace(self) -> None:
        """Make a new namespace."""
        account = self.tree_pane.account_at_cursor or next(iter(self.tree_pane.accounts), None)
        if self.refuses("new_namespace"):
            return
        if account is None:
            self.say("There is no account to make it in.")
        else:
            from kvtui.ui.flows import namespaces

            self.start(namespaces.create(self, account))

    def _namespace_for(self, action: str) -> Namespace | None:
        """The namespace under the tree's cursor; the person is told where there is none."""
        if self.refuses(action):
            return None
        place = self.tree_pane.place_at_cursor
        if place is None or place.prefix:
            self.say(
                f"Go to a namespace to {action} it. A prefix is a part of its keys' names: enter opens it."
            )
            return None
        return place.namespace

    # History

    def action_undo(self) -> None:
        """Take the last change back."""
        if not self.refuses("undo"):
            from kvtui.ui.flows import history

            self.start(history.undo(self, None))

    def action_redo(self) -> None:
        """Make again what was taken back last."""
        if not self.refuses("redo"):
            from kvtui.ui.flows import history

            self.start(history.redo(self))

    def action_operations(self) -> None:
        """The log of what was changed."""
        if not self.refuses("operations"):
            from kvtui.ui.flows import history

            self.start(history.operations(self))
