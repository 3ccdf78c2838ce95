"""The namespace tree: accounts, their namespaces, and the prefixes found in the keys that are loaded.

Prefixes belong to the namespace that is open, and are known only as far as its keys are loaded: a count
that may still grow ends in +. Names come in UTF-8 byte order, so only the last group can grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static, Tree
from textual.widgets.tree import TreeNode

from kvtui.api.models import Account, Namespace
from kvtui.core.listing import Listing
from kvtui.core.prefixes import Level
from kvtui.core.store import Branch
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.lineinput import LineInput
from kvtui.ui.panes.places import Place as Place
from kvtui.ui.panes.places import by_prefix, lies_in, own_name, renamed, with_changed
from kvtui.ui.present import safe_content, safe_text

Node = Account | Place


class NamespaceTree(Tree[Node]):
    """The tree itself, with the keys of every other pane."""

    BINDINGS = [
        verb("enter", "select_cursor", "open", "tree.open", "List the keys of this namespace or prefix."),
        quiet("j,down", "cursor_down", "Down", "tree.down", "Next line."),
        quiet("k,up", "cursor_up", "Up", "tree.up", "The line before."),
        verb("l,right", "unfold", "unfold", "tree.unfold", "Unfold the prefixes below."),
        quiet("h,left", "fold", "Fold", "tree.fold", "Fold, or go up one level."),
        quiet("g,home", "scroll_home", "Top", "tree.top", "First line."),
        quiet("G,end", "scroll_end", "Bottom", "tree.bottom", "Last line."),
        quiet("ctrl+d,pagedown", "page_down", "Page down", "tree.page_down", "One page down."),
        quiet("ctrl+u,pageup", "page_up", "Page up", "tree.page_up", "One page up."),
    ]

    def __init__(self) -> None:
        super().__init__("")
        self.show_root = False
        self.auto_expand = False
        self.guide_depth = 2

    def action_unfold(self) -> None:
        """Show what lies below."""
        if self.cursor_node is not None and self.cursor_node.allow_expand:
            self.cursor_node.expand()

    def action_fold(self) -> None:
        """Hide what lies below; where nothing is shown, go to the parent."""
        node = self.cursor_node
        if node is None:
            return
        if node.is_expanded and node.children:
            node.collapse()
        elif node.parent is not None and not node.parent.is_root:
            self.move_cursor(node.parent)


class NamespacesPane(Vertical, inherit_bindings=False):
    """The left pane. It is told what there is, and asks for nothing itself."""

    BINDINGS = [
        verb("slash", "filter", "filter", "tree.filter", "Show only namespaces whose title has this text."),
        quiet("escape", "clear_filter", "Clear", "tree.clear", "Leave the filter, then clear it."),
        verb("R", "refresh_tree", "refresh", "tree.refresh", "List the namespaces again."),
    ]

    class RefreshWanted(Message):
        """The namespaces are to be listed anew."""

    class Chosen(Message):
        """A namespace or a prefix was opened."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    def __init__(self) -> None:
        super().__init__(id="tree", classes="pane")
        self.border_title = "Namespaces"
        self._branches: Sequence[Branch] = ()
        self._listing: tuple[Place, Listing] | None = None
        self._lines: dict[Place, TreeNode[Node]] = {}
        self._hidden: dict[Place, TreeNode[Node]] = {}
        self._levels: dict[str, Level] = {}
        self._counts: dict[Place, tuple[int, bool]] = {}
        self._shifts = 0
        self._aim: Place | None = None

    def compose(self) -> ComposeResult:
        yield LineInput("filter titles")
        yield Static(classes="note")
        yield NamespaceTree()

    def on_mount(self) -> None:
        self.query_one(".note").display = False

    @property
    def tree_view(self) -> NamespaceTree:
        """The tree widget."""
        return self.query_one(NamespaceTree)

    @property
    def accounts(self) -> list[Account]:
        """The accounts that are shown."""
        return [branch.account for branch in self._branches]

    @property
    def namespaces(self) -> list[Namespace]:
        """All namespaces that are known, whatever the filter shows."""
        return [namespace for branch in self._branches for namespace in branch.namespaces]

    @property
    def place_at_cursor(self) -> Place | None:
        """The namespace or prefix under the cursor; None on an account's line."""
        at = self._node_at_cursor
        return at.data if at is not None and isinstance(at.data, Place) and at.data in self._lines else None

    @property
    def account_at_cursor(self) -> Account | None:
        """The account under the cursor, or the one that holds what is."""
        node = self._node_at_cursor
        while node is not None and not isinstance(node.data, Account):
            node = node.parent
        return node.data if node is not None and isinstance(node.data, Account) else None

    @property
    def _node_at_cursor(self) -> TreeNode[Node] | None:
        # Until it is drawn anew, the tree's own cursor may be on a node that is no more.
        return self._aimed or self.tree_view.cursor_node

    @property
    def namespaces_by_account(self) -> list[tuple[Account, Namespace]]:
        """All namespaces that are known, each with its account."""
        return [(branch.account, namespace) for branch in self._branches for namespace in branch.namespaces]

    def account_of(self, namespace: Namespace) -> Account | None:
        """The account that a namespace is in."""
        return next((one for one in self.accounts if one.id == namespace.account), None)

    def count_of(self, namespace: Namespace) -> int:
        """How many keys have been seen in a namespace."""
        return self._counts.get(Place(namespace), (0, False))[0]

    def focus_inside(self) -> None:
        """Give the tree the keyboard, at once: the next key may be here already."""
        self.screen.set_focus(self.tree_view)

    def say(self, *lines: str) -> None:
        """Show a few lines above the tree; none to take them away."""
        note = self.query_one(".note", Static)
        note.update(Content("\n").join(map(safe_content, lines)))
        note.display = bool(lines)

    def fill(self, branches: Sequence[Branch]) -> None:
        """Show these accounts and their namespaces, in place of what was shown."""
        self._branches = branches
        self.say()
        self._rebuild()

    def action_refresh_tree(self) -> None:
        """Ask for a fresh list."""
        self.post_message(self.RefreshWanted())

    def count(self, place: Place, listing: Listing) -> None:
        """Take the prefixes and the counts of what is loaded at a place."""
        if self._listing is None or self._listing[0].namespace != place.namespace:
            self._drop_prefixes()
        shifts = listing.table.shifts
        if self._listing is None or self._listing[1] is not listing or shifts != self._shifts:
            self._levels = {}  # another table, or changed without a word: to be counted anew
        self._listing, self._shifts = (place, listing), shifts
        node = self._lines.get(place)
        if node is None:
            return
        node.set_label(
            self._label(place, own_name(place), len(listing.table), partial=listing.state != "complete")
        )
        folded = not node.allow_expand
        self._grow(node)
        if folded and node.allow_expand:
            node.expand()

    def point_at(self, place: Place) -> None:
        """Move the cursor to a place, or to its namespace where the place is not shown."""
        self._aim = place
        # The tree numbers its lines when it is next drawn.
        self.call_after_refresh(self._take_aim)

    def _take_aim(self) -> None:
        if (node := self._aimed) is not None:
            self._aim = None
            self.tree_view.move_cursor(node)

    @property
    def _aimed(self) -> TreeNode[Node] | None:
        """Where the cursor will be with the next drawing, where it was pointed at something."""
        if self._aim is None:
            return None
        first = next(iter(self._lines.values()), None)
        return self._lines.get(self._aim) or self._lines.get(Place(self._aim.namespace)) or first

    # The tree

    def _rebuild(self) -> None:
        tree = self.tree_view
        node = self._node_at_cursor
        at = node.data if node is not None else None
        before = {**self._hidden, **self._lines}
        wanted = self._line.value.casefold()
        tree.clear()
        self._lines = {}
        for account, namespaces, problem in self._branches:
            title = safe_text(account.name or account.id or "this machine", "bold")
            branch = tree.root.add(title, account, expand=True)
            for namespace in namespaces:
                if wanted in namespace.title.casefold() or wanted in namespace.id:
                    place = Place(namespace)
                    label = self._known_label(place) or safe_text(namespace.title)
                    self._add(branch, place, label, below=False)
            if problem is not None:
                branch.add_leaf(safe_text(f"{problem.message} {problem.remedy}", "italic"))
            elif not branch.children:
                branch.add_leaf(Text("no such title" if wanted else "no namespaces yet", "dim italic"))
        self._plant_again(before)
        if self._listing:
            self.count(*self._listing)
        tree.root.expand()
        first = next(iter(self._lines), None)
        if (aim := at if isinstance(at, Place) else first) is not None:
            self.point_at(aim)

    def _plant_again(self, before: dict[Place, TreeNode[Node]]) -> None:
        """Put the prefixes that were shown back below their namespaces, folded or unfolded as they were."""
        for place, old in sorted(before.items(), key=lambda item: item[0].prefix):
            above = old.parent.data if old.parent else None
            if place.prefix and isinstance(above, Place) and above in self._lines:
                assert isinstance(old.label, Text)
                label = self._known_label(place) or old.label
                self._add(self._lines[above], place, label, below=old.allow_expand)
        for place, old in before.items():
            if (node := self._lines.get(place)) is not None:
                node.allow_expand = old.allow_expand
                if old.is_expanded:
                    node.expand()
        self._hidden = {place: old for place, old in before.items() if place not in self._lines}

    def _add(
        self, parent: TreeNode[Node], place: Place, label: Text, *, below: bool, at: int | None = None
    ) -> TreeNode[Node]:
        node = parent.add(label, place, before=at, allow_expand=below)
        self._lines[place] = node
        return node

    def _known_label(self, place: Place) -> Text | None:
        """A place's own name with the count that is known; None where none is."""
        if (known := self._counts.get(place)) is None:
            return None
        return self._label(place, own_name(place), known[0], partial=known[1])

    def _label(self, place: Place, name: str, count: int, *, partial: bool) -> Text:
        """A name with its count. Where a fresh listing has only begun, what was known before stays."""
        known, _ = self._counts.get(place, (0, False))
        if not partial or count > known:
            self._counts[place] = count, partial
        count, partial = self._counts.get(place, (count, partial))
        return Text.assemble(safe_text(name), (f"  {count:,}{'+' if partial else ''}", "dim"))

    def _drop_prefixes(self) -> None:
        self._counts, self._hidden = {}, {}
        for place, node in list(self._lines.items()):
            if place.prefix:
                del self._lines[place]
            else:
                node.remove_children()
                node.allow_expand = False
                node.set_label(safe_text(place.namespace.title))

    def _grow(self, node: TreeNode[Node]) -> None:
        """Bring the nodes below one up to date with what is loaded, as deep as they are unfolded."""
        place = node.data
        if not isinstance(place, Place) or self._listing is None:
            return
        at, listing = self._listing
        if place.namespace != at.namespace or not place.prefix.startswith(at.prefix):
            return
        level = self._levels.setdefault(place.prefix, Level(place.prefix))
        level.grow(listing.table.names)
        groups = level.groups
        open_end = listing.table.names[-1] if listing.state != "complete" and listing.table.names else None
        self._keep_only(node, [Place(at.namespace, group.prefix) for group in groups])
        node.allow_expand = bool(groups)
        for rank, group in enumerate(groups):
            below = Place(at.namespace, group.prefix)
            grows = open_end is not None and open_end.startswith(group.prefix)
            label = self._label(below, group.prefix[len(place.prefix) :], group.size, partial=grows)
            if below in self._lines:
                self._lines[below].set_label(label)
            else:
                self._add(node, below, label, below=group.deeper, at=rank)
            self._lines[below].allow_expand = group.deeper
            if self._lines[below].is_expanded:
                self._grow(self._lines[below])
        if level.full and all(child.data is not None for child in node.children):
            node.add_leaf(Text("and more · p lists a prefix", "dim italic"))

    def _keep_only(self, node: TreeNode[Node], wanted: list[Place]) -> None:
        """Remove the nodes that are gone; where the order would break, remove all and add them anew."""
        shown = [(child, child.data) for child in node.children if isinstance(child.data, Place)]
        ranks = {place: rank for rank, place in enumerate(wanted)}
        stay = [ranks[place] for _child, place in shown if place in ranks]
        in_order = stay == sorted(stay)
        for child, place in shown:
            if place not in ranks or not in_order:
                self._forget(child)

    def _forget(self, node: TreeNode[Node]) -> None:
        """Take a node away, with what is below it."""
        if isinstance(above := node.data, Place):
            for place in [place for place in self._lines if lies_in(place, above)]:
                del self._lines[place]
        node.remove()

    # Changes

    def keys_changed(
        self, namespace: Namespace, deltas: Iterable[tuple[str, int]], loaded: Sequence[tuple[str, int]] = ()
    ) -> None:
        """Keys of a namespace were created (+1) or removed (-1); `loaded` is what the list took of it.

        To be called right behind KeyRows.show_changes, whose answer `loaded` is, in the order of names.
        """
        if self._listing is None or self._listing[0].namespace != namespace:
            return
        at, listing = self._listing
        names, shifts = listing.table.names, listing.table.shifts
        if shifts != self._shifts + bool(loaded):
            self._levels = {}  # it was changed without a word as well
        for level in self._levels.values():
            for name, by in loaded:
                (level.put if by > 0 else level.removed)(names, name)
        self._shifts = shifts
        everywhere, seen = by_prefix(deltas), by_prefix(loaded)
        for place, (size, partial) in list(self._counts.items()):
            # Where pages are still to come, a count is of what is loaded; elsewhere it was true before.
            counted = partial and place.prefix.startswith(at.prefix)
            if by := (seen if counted else everywhere)[place.prefix]:
                self._recount(place, max(size + by, 0), partial)
        self.count(at, listing)

    def _recount(self, place: Place, size: int, partial: bool) -> None:
        """Show another count; a prefix that no key has any more goes."""
        node = self._lines.get(place)
        self._counts[place] = size, partial
        if place.prefix and not size and not partial:
            del self._counts[place]
            self._hidden.pop(place, None)
            if node is not None:
                self._forget(node)
        elif node is not None:
            node.set_label(self._label(place, own_name(place), size, partial=partial))

    def namespace_changed(self, before: Namespace | None, after: Namespace | None) -> None:
        """A namespace was created (no `before`), renamed, or removed (no `after`): nothing is listed again.

        Titles are a part of a Place: whoever else holds one in a renamed namespace has to take it anew.
        """
        at, beside = self.place_at_cursor, None
        if before is not None:
            beside = self._beside(Place(before))
            self._lines = renamed(self._lines, before, after)
            self._hidden = renamed(self._hidden, before, after)
            self._counts = renamed(self._counts, before, after)
            for place, node in [*self._lines.items(), *self._hidden.items()]:
                node.data = place
            if self._aim is not None and self._aim.namespace == before:
                self._aim = self._aim._replace(namespace=after) if after else None
            if self._listing is not None and self._listing[0].namespace == before:
                self._listing = (
                    (self._listing[0]._replace(namespace=after), self._listing[1]) if after else None
                )
        self._branches = [with_changed(branch, before, after) for branch in self._branches]
        self._rebuild()
        if after is None and beside is not None and at is not None and at.namespace == before:
            self.point_at(beside)

    def _beside(self, place: Place) -> Place | None:
        """The namespace that is shown below one, or else above it."""
        node = self._lines.get(place)
        for near in (node.next_sibling, node.previous_sibling) if node is not None else ():
            if near is not None and isinstance(near.data, Place):
                return near.data
        return None

    @on(Tree.NodeExpanded)
    def _unfolded(self, event: Tree.NodeExpanded[Node]) -> None:
        event.stop()
        self._grow(event.node)

    @on(Tree.NodeSelected)
    def _chosen(self, event: Tree.NodeSelected[Node]) -> None:
        event.stop()
        if isinstance(event.node.data, Place):
            self.post_message(self.Chosen(event.node.data))
        elif event.node.allow_expand:
            event.node.toggle()

    # The filter

    @property
    def _line(self) -> LineInput:
        return self.query_one(LineInput)

    def action_filter(self) -> None:
        """Open the filter line."""
        self._line.open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is the pane's own only while there is a filter to leave."""
        return action != "clear_filter" or self._line.display

    def action_clear_filter(self) -> None:
        """Leave the filter line, or clear it when it was left."""
        if not (self._line.has_focus and self._line.value):
            self._line.close()
            self._rebuild()
        self.focus_inside()

    @on(Input.Submitted)
    def _filter_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_inside()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._rebuild()
