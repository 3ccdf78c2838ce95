"""Asks for a name, a key's or a namespace's, and says what is wrong with it while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.highlighter import Highlighter
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from kvtui.api.limits import KEY_BYTES
from kvtui.core.escape import escape, escape_each
from kvtui.ui.dialogs.dialog import PAGING, Dialog, T
from kvtui.ui.present import safe_content

HIDDEN_SIGN = "·"
"""Stands in the line for each character that cannot be seen or would be obeyed."""

FIRST_LINE_ONLY = "Only the first line of what was pasted was taken."


class _Drawn(Highlighter):
    """Puts signs in the places of what must not be drawn."""

    def __call__(self, text: str | Text) -> Text:
        return _drawn(str(text))

    def highlight(self, text: Text) -> None:
        """Not asked for: the text itself is another one."""


class NameField(Input):
    """A line for a name: each character takes a place in it, also one without a shape of its own."""

    class PasteCut(Message):
        """More lines were pasted than a name can have."""

    def __init__(self, value: str, *, placeholder: str = "") -> None:
        super().__init__(
            value,
            placeholder=placeholder,
            classes="line-input",
            compact=True,
            select_on_focus=False,
            highlighter=_Drawn(),
        )
        self._cut: str | None = None

    def on_mount(self) -> None:
        self.cursor_position = len(self.value)

    @property
    def was_cut(self) -> bool:
        """Whether this value is what was kept of a paste of several lines."""
        return self.value == self._cut

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()  # Textual would call the inherited one once more
        super()._on_paste(event)
        self._cut = None
        if len(event.text.strip("\r\n").splitlines()) > 1:
            self._cut = self.value
            self.post_message(self.PasteCut())

    def _position_to_cell(self, position: int) -> int:
        # Textual counts no cell for a hidden character, but here each has one.
        return cell_len(_drawn(self.value[:position]).plain)


class Naming(Dialog[T | None]):
    """A question whose answer is mainly a name. What comes of the name is for those who ask to say."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel"), *PAGING]

    def __init__(self, title: str, about: Content, initial: str, *, placeholder: str, act: str) -> None:
        super().__init__()
        self._title = title
        self._about = about
        self._initial = initial
        self._placeholder = placeholder
        self._act = act

    def compose(self) -> ComposeResult:
        with self.frame(safe_content(self._title)):
            yield from self.compose_above()
            yield NameField(self._initial, placeholder=self._placeholder)
            yield from self.compose_below()
            yield Static(id="said")

    def compose_above(self) -> ComposeResult:
        """What stands above the line."""
        with VerticalScroll(can_focus=False, classes="gives"):
            yield Static(self._about)

    def compose_below(self) -> ComposeResult:
        """What stands between the line and what is said of it."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one(NameField).focus()
        self.review()

    def hints(self) -> Sequence[str]:
        return (f"enter {self._act} · esc cancel", "enter do it · esc cancel")

    def problem(self, name: str) -> str | None:
        """Why this cannot be the name, as a sentence."""
        raise NotImplementedError

    def facts(self, name: str) -> Content:
        """What is known of a name that can be taken."""
        raise NotImplementedError

    def answer(self, name: str) -> T:
        """What the dialog returns for a name that can be taken."""
        raise NotImplementedError

    @property
    def name_typed(self) -> str:
        """The name as it stands in the line. It is never stripped: a space may belong to a key."""
        return self.query_one(NameField).value

    def review(self) -> None:
        """Say what there is to say of the name."""
        field = self.query_one(NameField)
        problem = self.problem(field.value)
        known = Content.styled(problem, "$text-warning") if problem else self.facts(field.value)
        if field.was_cut:
            known = Content.assemble((FIRST_LINE_ONLY, "$text-warning"), "\n", known)
        self.say(known)

    def on_resize(self) -> None:
        super().on_resize()
        self.review()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.review()

    def on_name_field_paste_cut(self) -> None:
        self.review()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value and self.problem(event.value) is None:
            self.dismiss(self.answer(event.value))
        else:
            self.app.bell()


class NameDialog(Naming[str]):
    """Returns the name, or None. `problem` and `facts` are asked at each change of it."""

    def __init__(
        self,
        title: str,
        about: Content,
        initial: str,
        *,
        problem: Callable[[str], str | None],
        facts: Callable[[str], Content],
        placeholder: str,
        act: str,
    ) -> None:
        super().__init__(title, about, initial, placeholder=placeholder, act=act)
        self._problem = problem
        self._facts = facts

    def problem(self, name: str) -> str | None:
        return self._problem(name)

    def facts(self, name: str) -> Content:
        return self._facts(name)

    def answer(self, name: str) -> str:
        return name


def key_facts(name: str) -> Content:
    """A key's name in bytes, and how it reads where that is not plain to see."""
    size = len(name.encode("utf-8", "surrogatepass"))
    facts = [Content.styled(f"{size:,} of at most {KEY_BYTES} bytes", "dim"), *_spaces(name)]
    if any(hidden for _shown, hidden in escape(name)):
        facts.append(Content.assemble(("It reads ", "dim"), safe_content(name)))
    return Content("\n").join(facts)


def title_facts(title: str) -> Content:
    """How a namespace's title reads where that is not plain to see."""
    facts = _spaces(title)
    if any(hidden for _shown, hidden in escape(title)):
        facts.append(Content.assemble(("It reads ", "dim"), safe_content(title)))
    return Content("\n").join(facts)


def _spaces(name: str) -> list[Content]:
    ends = [words for words, at in (("begins", name[:1]), ("ends", name[-1:])) if at == " "]
    return [Content.styled(f"It {' and '.join(ends)} with a space.", "$text-warning")] if ends else []


def _drawn(value: str) -> Text:
    """A text for a line: as many characters, those that must not be drawn as a sign, turned round."""
    text = Text(no_wrap=True, overflow="ignore", end="")
    for shown, hidden in escape_each(value):
        text.append(HIDDEN_SIGN if hidden else shown, "reverse" if hidden else None)
    return text
