"""The entry pane while it edits: a text area in the place of the rows, and the words about what is typed.

The pane edits a draft and stores nothing. However the editor is closed, what was typed is handed to whoever
keeps drafts first; only `discard` says that it is no longer wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from kvtui.core.values import SMALL
from kvtui.ui.panes.entrybody import EntryBody
from kvtui.ui.present import safe_content

if TYPE_CHECKING:
    from textual.widgets import TextArea

    from kvtui.core.draft import Draft
    from kvtui.ui.textarea import Editor

What = Literal["value", "metadata"]

KEPT_S = 0.5
"""How long what is typed is in the editor alone: then it is kept as a draft, and its JSON is looked at."""


class EntryEditing(EntryBody):
    """The half of the entry pane that edits."""

    def __init__(self, keep: Callable[[Draft], None], *, id: str, classes: str) -> None:
        super().__init__(id=id, classes=classes)
        self._keep = keep
        self._draft: Draft | None = None
        self._what: What = "value"
        self._editor: Editor | None = None
        self._typing: Timer | None = None
        self._size_words = ""
        self._problem_line = Static()

    @property
    def editing(self) -> What | None:
        """What is in the editor; None while it is closed."""
        return self._what if self._editor is not None else None

    def edit(self, draft: Draft, what: What, *, focus: bool = True) -> str:
        """Open the editor on the value or the metadata of a draft; why not, in words, where it may not be."""
        from kvtui.core.editing import in_place_problem
        from kvtui.ui.textarea import Editor, gives_back

        data = draft.data if what == "value" else draft.metadata.encode("utf-8", "surrogatepass")
        if problem := in_place_problem(data, gives_back):
            return problem
        self.stop_editing()
        self._draft, self._what = draft, what
        self._editor = Editor(data.decode())
        self._problem_line = Static(classes="problem-line")
        self.view.display = self.query_one(VerticalScroll).display = False
        self.mount(self._editor, self._problem_line)
        if focus:
            self.screen.set_focus(self._editor)
        self._review()
        self.refresh_bindings()
        return ""

    @property
    def has_keyboard(self) -> bool:
        """Whether the person types in the editor."""
        return self._editor is not None and self._editor.has_focus

    def take(self, draft: Draft) -> None:
        """Go on with the same text in a draft whose other parts have changed, if it is that key's."""
        if self._draft is not None and self._draft.ref.address == draft.ref.address:
            self._draft = draft
            self._review()

    def edited(self) -> Draft | None:
        """The draft as it stands in the editor; None while nothing is edited."""
        if self._draft is None or self._editor is None:
            return None
        text = self._editor.text
        if self._what == "metadata":
            return self._draft.with_metadata(text)
        return self._draft.with_data(text.encode("utf-8", "surrogatepass"))

    def stop_editing(self, *, discard: bool = False) -> None:
        """Close the editor. What was typed is kept as a draft, unless it is to be discarded."""
        if not discard and (draft := self.edited()) is not None:
            self._keep(draft)
        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        editor, self._editor, self._draft = self._editor, None, None
        if editor is not None:
            had_focus = editor.has_focus
            editor.remove()
            self._problem_line.remove()
            self.view.display = True  # until it is known what there is to show
            if had_focus:
                self.focus_inside()
            self.refresh_bindings()

    def focus_inside(self) -> None:
        if self._editor is not None:
            self.screen.set_focus(self._editor)
        else:
            super().focus_inside()

    def show_body(self, *, view: bool) -> None:
        if self._editor is None:
            super().show_body(view=view)

    @property
    def editing_words(self) -> Content:
        """What is edited, and how much room it takes."""
        if self._draft is None:
            return Content("")
        about = self._draft.editable.words if self._what == "value" else self._size_words
        return Content.assemble((f"editing {self._what}", "bold reverse"), " ", (about, "$text-muted"))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if event.text_area is not self._editor:
            return
        if self._what == "metadata":
            self._review()
        if self._typing is None:  # one that runs goes on: who never pauses is to lose no more than that
            self._typing = self.set_timer(KEPT_S, self._keep_typed)

    def _keep_typed(self) -> None:
        self._typing = None
        self._review()
        if (draft := self.edited()) is not None:
            self._keep(draft)

    def _review(self) -> None:
        """Say what is wrong with what is typed, and how much room it takes."""
        draft = self.edited()
        if draft is None:
            return
        problem = ""
        if self._what == "metadata":
            size, problem = draft.metadata_state
            self._size_words = f"{size:,} of 1,024 B"
        elif len(draft.data) <= SMALL and draft.invalid_json:
            problem = f"No JSON now: {draft.invalid_json}"
        self._problem_line.update(safe_content(problem, "$text-warning"))
        self._problem_line.display = bool(problem)
        self.draw_lines()

    def draw_lines(self) -> None:
        """Draw the lines above the body again where they differ: the pane knows them."""
