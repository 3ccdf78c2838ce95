"""The one main screen. Its state is two facts, the place and the key; all else belongs to the panes.

Panes read, and send their intents up here; this screen decides where they lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.dom import DOMNode
from textual.events import DescendantFocus
from textual.reactive import reactive
from textual.widgets import Static

from kvtui.api.errors import KVError
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import KeyRef
from kvtui.core.listing import Listing
from kvtui.core.store import Progress, Store, choose_namespace
from kvtui.ui.bindings import Group, declared, footer_hints, quiet, verb
from kvtui.ui.copying import Carry, Copier
from kvtui.ui.hands import Hands
from kvtui.ui.panes.bars import FootLine, TopLine
from kvtui.ui.panes.entry import EntryPane
from kvtui.ui.panes.keys import KeysPane
from kvtui.ui.panes.namespaces import NamespacesPane, NamespaceTree, Place
from kvtui.ui.present import safe_content
from kvtui.ui.start import Start, Way

LEAST_SIZE = (40, 12)
TOO_SMALL = "kvtui needs 40×12 cells."

SIDE_BY_SIDE_FROM = 100
"""Columns under which the entry stands below the list."""

ALL_PANES_FROM = 60
"""Columns under which one pane shows at a time."""


class Browser(Hands):
    """Namespaces, keys and the entry under the cursor."""

    BINDINGS = [
        verb("question_mark,f1", "help", "help", "app.help", "Explain the focused pane and its keys."),
        quiet("colon,ctrl+p", "app.command_palette", "Commands", "app.palette", "Find any action by name."),
        verb("y", "copy", "copy", "app.copy", "Copy the current key's value: the stored bytes."),
        quiet("tab", "focus_next_pane(1)", "Next pane", "app.next_pane", "Go to the next pane."),
        quiet("shift+tab", "focus_next_pane(-1)", "Pane before", "app.previous_pane", "Go one pane back."),
        quiet("1", "focus_pane('tree')", "Namespaces", "app.namespaces", "Go to the namespaces."),
        quiet("2", "focus_pane('keys')", "Keys", "app.keys", "Go to the keys."),
        quiet("3", "focus_pane('entry')", "Entry", "app.entry", "Go to the entry."),
        quiet("plus", "zoom(True)", "Zoom", "app.zoom", "Show the focused pane alone, or all again."),
        quiet("underscore", "zoom(False)", "Unzoom", "app.unzoom", "Show all panes again."),
        quiet("escape", "back", "Back", "app.back", "Leave an input, filter, marks; then one pane back."),
        verb("q,ctrl+q", "app.quit", "quit", "app.quit", "Quit. Drafts are kept for the next start."),
    ]
    AUTO_FOCUS = None

    place: reactive[Place | None] = reactive[Place | None](None)
    key: reactive[str | None] = reactive[str | None](None)

    PANES = ("tree", "keys", "entry")
    at: reactive[str] = reactive("tree")
    zoomed: reactive[bool] = reactive(False)

    def __init__(self, way: Way, start: Start, carry: Carry, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._environ = environ
        self._way = way
        self._start = start
        self._copier = Copier(carry)
        self._store: Store | None = None
        self._aim: str | None = None
        self._beside: tuple[str | None] | None = None
        self._greeted = False

    def compose(self) -> ComposeResult:
        yield TopLine()
        with Horizontal(id="panes"):
            yield NamespacesPane()
            with Container(id="right"):
                yield KeysPane(self._listing)
                yield EntryPane(self._read, environ=self._environ, keep=self.desk.keep)
        yield FootLine()
        yield Static(TOO_SMALL, id="too-small")

    def on_mount(self) -> None:
        self.bindings_updated_signal.subscribe(self, lambda _screen: self._show_hints())
        self.action_focus_pane("tree")
        # The first frame goes out before anything else is loaded.
        self.call_after_refresh(self.connect)

    async def on_unmount(self) -> None:
        if self._store:
            await self.desk.settled()
            await self._store.close()

    def leave(self) -> None:
        """Quit: at once where nothing is at stake."""
        if self._store is None or not (self.draft_here() or len(self.drafts) or self._store.busy):
            self.app.exit()
        elif not any(worker.group == "leave" and not worker.is_finished for worker in self.workers):
            from kvtui.ui.flows import leaving

            self.run_worker(leaving.leave(self), group="leave")

    @property
    def store(self) -> Store:
        """The open source. Panes ask for it only once there is a place, which comes from it."""
        assert self._store is not None
        return self._store

    @property
    def connected(self) -> bool:
        """Whether the source is open."""
        return self._store is not None

    def _listing(self, namespace: Namespace, prefix: str) -> Listing:
        return self.store.listing(namespace, prefix)

    async def _read(self, namespace: Namespace, key: str, progress: Progress) -> Entry:
        return await self.store.read(namespace, key, progress)

    # Connecting

    @work(exclusive=True, group="connect")
    async def connect(self) -> None:
        """Open the source, where it is not open yet, and show its namespaces."""
        tree = self.query_one(NamespacesPane)
        tree.say("Connecting...")
        try:
            self._store = self.query_one(TopLine).store = self._store or await self._way.open()
            self.desk.store = self._store
            self._store.permission.ask_again()
            self.store.listen(self.heard)
            tree.fill(await self.store.branches())
            self.say("")
            if self._start.namespace and self.place is None:
                self.open(Place(choose_namespace(tree.namespaces, self._start.namespace)))
            if not self._greeted:
                from kvtui.ui.flows import history

                self._greeted = True
                self.start(history.greet(self))
        except KVError as error:
            tree.say(error.message, error.remedy, "", "R tries again.")
            self.say(error.message, "error")

    @on(NamespacesPane.RefreshWanted)
    def _reconnect(self) -> None:
        # What opens a source runs on in its thread when its worker is cancelled: it is not begun twice.
        if not any(worker.group == "connect" and worker.is_running for worker in self.workers):
            self.connect()

    # Going places

    def open(self, place: Place) -> None:
        """List a place's keys. The prefix that kvtui was started with goes with the first of them."""
        if self.place is None and not place.prefix:
            place = place._replace(prefix=self._start.prefix)
        self.place = place
        self.key = self._aim = self._beside = None
        self.query_one(NamespacesPane).point_at(place)
        self.query_one(KeysPane).show(*place)
        self.action_focus_pane("keys")

    def watch_place(self, place: Place | None) -> None:
        top = self.query_one(TopLine)
        top.place = place
        self.show_drafts()
        if place:
            names = {account.id: account.name for account in self.query_one(NamespacesPane).accounts}
            top.account_name = names.get(place.namespace.account, "") or place.namespace.account

    def watch_key(self, key: str | None) -> None:
        self.keep_draft()
        draft = self.drafts.get(self.ref) if self.ref else None
        self.query_one(EntryPane).show(self.place.namespace if self.place else None, key, draft)

    def go_to(self, ref: KeyRef) -> None:
        if not self.is_here(ref.namespace):
            self.open(Place(ref.namespace))
            self._aim = ref.key
        elif not self.keys_pane.go_to(ref.key):
            self._beside = (self.keys_pane.name_at_cursor,)
            self.keys_pane.note(f"{ref.key} is shown, which is not in this list · moving goes back to it")
        if self.key == ref.key:
            self.watch_key(ref.key)
        self.key = ref.key

    def key_at_hand(self) -> str | None:
        """The key under the cursor, unless another one is shown that is not in the list."""
        name = self.keys_pane.name_at_cursor
        return self.key if self._beside == (name,) else name or self.key

    @property
    def environ(self) -> Mapping[str, str]:
        return self._environ

    def namespace_moved(self, before: Namespace, after: Namespace | None) -> None:
        if after is None:
            self.key = self.place = None
            self.keys_pane.show(None)
            self.action_focus_pane("tree")
        elif self.place is not None:
            self.place = self.place._replace(namespace=after)
            self.keys_pane.renamed(after)
            self.entry_pane.renamed(after)

    @on(NamespacesPane.Chosen)
    def _place_chosen(self, event: NamespacesPane.Chosen) -> None:
        self.open(event.place)

    @on(KeysPane.PrefixWanted)
    def _prefix_wanted(self, event: KeysPane.PrefixWanted) -> None:
        if self.place and self._is_current(event.listing):
            self.open(Place(self.place.namespace, event.prefix))

    @on(KeysPane.Changed)
    def _keys_changed(self) -> None:
        listing = self.query_one(KeysPane).listing
        if self.place and listing:
            self.query_one(NamespacesPane).count(self.place, listing)

    @on(KeysPane.Rested)
    def _key_rested(self, event: KeysPane.Rested) -> None:
        """The entry follows the cursor, unless the person types in it, or it was gone to by itself."""
        if not self._is_current(event.listing) or self.entry_pane.has_keyboard:
            return
        if self._aim is not None:  # the place was opened for this key's sake
            if event.name is None:
                return
            aim, self._aim = self._aim, None
            if event.name != aim and not self.keys_pane.go_to(aim):
                self._beside = (event.name,)  # it is not loaded, and shown all the same
            return
        if self._beside != (event.name,):
            if self._beside is not None:
                self._beside = None
                self.keys_pane.note("")
            self.key = event.name

    @on(KeysPane.Refreshed)
    def _keys_refreshed(self) -> None:
        if self.entry_pane.editing is None:
            self.entry_pane.action_refresh_entry()

    @on(KeysPane.Opened)
    def _key_opened(self, event: KeysPane.Opened) -> None:
        if self._is_current(event.listing):
            self._beside = None
            self.key = event.name
            self.action_focus_pane("entry")

    def _is_current(self, listing: Listing | None) -> bool:
        """Whether a message speaks of the listing that is shown: a late one may name another place's key."""
        return listing is self.query_one(KeysPane).listing

    # Panes

    def action_focus_pane(self, name: str) -> None:
        """Go to a pane; where only one is shown, it is shown instead."""
        self.at = name
        pane = self._panes[self.PANES.index(name)]
        pane.focus_inside()

    def action_focus_next_pane(self, step: int) -> None:
        """Go to the pane after, or before."""
        self.action_focus_pane(self.PANES[(self.PANES.index(self.at) + step) % len(self.PANES)])

    def action_back(self) -> None:
        """Go from the entry to the keys, from the keys to the namespaces."""
        if (place := self.PANES.index(self.at)) > 0:
            self.action_focus_pane(self.PANES[place - 1])

    def action_zoom(self, alone: bool) -> None:
        """Show the focused pane alone, or all of them."""
        self.zoomed = alone and not self.zoomed

    @property
    def _panes(self) -> tuple[NamespacesPane, KeysPane, EntryPane]:
        return self.query_one(NamespacesPane), self.query_one(KeysPane), self.query_one(EntryPane)

    def watch_at(self) -> None:
        self._share_room()

    def watch_zoomed(self) -> None:
        self._share_room()

    def on_resize(self) -> None:
        self._share_room()

    def _share_room(self) -> None:
        """Show all panes, or only the one that has the focus where it is zoomed or there is no room."""
        width, height = self.app.size
        alone = self.zoomed or width < ALL_PANES_FROM
        self.query_one("#too-small").display = width < LEAST_SIZE[0] or height < LEAST_SIZE[1]
        right = self.query_one("#right")
        right.display = not alone or self.at != "tree"
        right.set_class(width < SIDE_BY_SIDE_FROM, "stacked")
        self.query_one(NamespacesPane).set_class(alone, "alone")
        for name, pane in zip(self.PANES, self._panes, strict=True):
            pane.display = not alone or name == self.at

    @on(DescendantFocus)
    def _follow_focus(self, event: DescendantFocus) -> None:
        for node in event.widget.ancestors_with_self:
            if node.id in self.PANES:
                self.at = node.id
        self._show_hints()

    # Copying

    def action_copy(self) -> None:
        """Copy the value of the key under the cursor, also before the cursor has rested."""
        if self.at != "entry":
            self.key = self.key_at_hand()
        if self.key is None:
            self.say("Choose a key first: y copies its value.")
        else:
            self.copy_value(self.key)

    @work(group="copy")
    async def copy_value(self, key: str) -> None:
        """Copy a key's value as soon as it is read."""
        entry = await self.query_one(EntryPane).once_read()
        if self.key != key:
            self.say(f"{key}: not copied, for the cursor has moved on.")
        elif entry is None:
            self.say(f"{key}: not copied, for its value could not be read. R reads again.", "error")
        else:
            await self._copy(entry.value, key)

    @on(EntryPane.CopyRequested)
    def _copy_requested(self, event: EntryPane.CopyRequested) -> None:
        self.copy(event.data, event.what)

    @work(group="copy")
    async def copy(self, data: bytes, what: str) -> None:
        """Copy bytes that are at hand."""
        await self._copy(data, what)

    async def _copy(self, data: bytes, what: str) -> None:
        words, ok = await self._copier.copy(self.app, data, what)
        self.say(words, "" if ok else "error")

    # Drafts

    @on(EntryPane.EditorLeft)
    def _editor_left(self) -> None:
        """Out of the editor: what was typed stays as a draft."""
        draft = self.keep_draft()
        if draft is not None and draft.touched:
            self.say("The draft is kept (~): ctrl+s saves it, ctrl+r drops it.")
            self.action_focus_pane("keys")
        else:
            self.entry_pane.stop_editing()
            self.entry_pane.redraw()
            self.action_focus_pane("entry")

    # Words

    def on_key(self) -> None:
        """A message stays until the next key, whose own message comes after this."""
        self.say("")

    @on(EntryPane.Said)
    def _said(self, event: EntryPane.Said) -> None:
        self.say(event.words, event.tone)

    def say(self, words: str, tone: str = "") -> None:
        """Show a sentence on the bottom line."""
        style = "bold $text-error" if tone == "error" else "bold $text-success"
        for foot in self.query(FootLine):
            foot.message = safe_content(words, style)

    def permission_changed(self) -> None:
        self.query_one(TopLine).note_time()
        self._show_hints()

    def doing(self, words: str) -> None:
        """Show what is under way, on the top line."""
        for top in self.query(TopLine):  # gone, where a flow ends because the program does
            top.doing = words

    def _show_hints(self) -> None:
        self.query_one(FootLine).hints = footer_hints(self.active_bindings.values(), self, self._is_refused)

    def _is_refused(self, action: str) -> bool:
        return self.connected and bool(self.why_not(action))

    def groups(self) -> list[Group]:
        """All bindings by place, that of the focus first."""
        places = {
            "tree": [Group("Namespaces", declared(NamespacesPane) + declared(NamespaceTree))],
            "keys": [Group("Keys", declared(KeysPane))],
            "entry": [Group("Entry", declared(EntryPane))],
        }
        first = places.pop(self.at)
        refusal = self.why_not("edit") if self.connected else ""
        return [
            *first,
            Group(f"Change · {refusal}" if refusal else "Change", declared(Hands)),
            Group("Everywhere", declared(Browser)),
            *(group for rest in places.values() for group in rest),
        ]

    def actions(self) -> Iterator[tuple[DOMNode, Binding]]:
        """Every action there is, with the node that it runs on: what the palette offers."""
        for node in (self.query_one(kind) for kind in (KeysPane, EntryPane, NamespacesPane, NamespaceTree)):
            yield from ((node, binding) for binding in declared(type(node)))
        yield from ((self, binding) for binding in declared(Hands) + declared(Browser))

    def action_help(self) -> None:
        """Explain the focused pane."""
        from kvtui.ui.dialogs.help import HelpDialog

        self.app.push_screen(HelpDialog(self.groups()))
