"""A draft: what a person has made of a record and not stored yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from kvtui.api.models import Entry
from kvtui.core.changes import KeyRef
from kvtui.core.editing import (
    KEEP,
    Editable,
    Keep,
    close_metadata,
    close_value,
    metadata_editable,
    metadata_state,
    open_value,
)
from kvtui.core.journal.records import SavedDraft
from kvtui.core.layouts import INDENTED, MINIFIED, Layout, json_problem

WHOLE = "whole"
"""Marks a saved draft that holds all of the record, not an edit of what is stored."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record under the hands of a person.

    `base` is what was stored when it was begun, None for a key that is not there yet; `start` is what the
    editing began with. `data` is the value as it is edited (editing.Editable) and `metadata` its JSON as
    edited, "" for none.
    """

    ref: KeyRef
    base: Entry | None
    start: Entry
    editable: Editable
    data: bytes
    metadata: str
    expiration: int | None
    layout: Layout | Keep | None = KEEP

    @classmethod
    def begin(cls, ref: KeyRef, base: Entry | None, copied: Entry | None = None) -> Self:
        """A draft of a record as it is, or of a new key, empty or a copy. Above values.SMALL for a thread."""
        start = base or copied or Entry(b"")
        editable = open_value(start.value)
        text, _layout = metadata_editable(start.metadata)
        return cls(ref, base, start, editable, editable.data, text, start.expiration)

    def with_data(self, data: bytes) -> Draft:
        """Another value, as it is edited."""
        return replace(self, data=data)

    def with_metadata(self, text: str) -> Draft:
        """Other metadata, as it is edited."""
        return replace(self, metadata=text)

    def with_expiration(self, expiration: int | None) -> Draft:
        """Another expiration in Unix seconds."""
        return replace(self, expiration=expiration)

    def with_layout(self, layout: Layout | Keep | None) -> Draft:
        """Its JSON is to be stored in this layout; None stores what is typed."""
        return replace(self, layout=layout)

    def onto(self, base: Entry | None) -> Draft:
        """The same edit over what is stored by now."""
        return replace(self, base=base)

    @property
    def touched(self) -> bool:
        """Whether there is anything in it that is not stored."""
        _text, _layout = metadata_editable(self.start.metadata)
        return (
            self.base is None
            or self.base != self.start
            or self.data != self.editable.data
            or self.metadata != _text
            or self.expiration != self.start.expiration
        )

    @property
    def only_metadata(self) -> bool:
        """Whether the metadata was edited, and the value was not."""
        text, _layout = metadata_editable(self.start.metadata)
        return self.data == self.editable.data and self.metadata != text

    def wanted(self) -> Entry:
        """The record to store. Above values.SMALL for a thread."""
        _text, layout = metadata_editable(self.start.metadata)
        value = close_value(self.editable, self.data, self.layout)
        return Entry(value, close_metadata(self.metadata, layout, self.start.metadata), self.expiration)

    @property
    def layouts(self) -> list[tuple[str, Layout | Keep]]:
        """The layouts that its JSON may be stored in, by name, as it was first; none for other text."""
        if not self.editable.is_json or self.invalid_json:
            return []
        own = self.editable.layout
        kept = f"{own.name}, as it was" if own else "as typed"
        return [(kept, KEEP), *((one.name, one) for one in (INDENTED, MINIFIED) if one != own)]

    @property
    def invalid_json(self) -> str:
        """What is wrong with a value that was JSON; empty when nothing is."""
        problem = json_problem(self.data) if self.editable.is_json else None
        return problem.words if problem else ""

    @property
    def metadata_state(self) -> tuple[int, str]:
        """The bytes that its metadata takes when it is stored, and why KV would not take it, if so."""
        text, layout = metadata_editable(self.start.metadata)
        if self.metadata == text and self.start.metadata is not None:
            return len(self.start.metadata.encode("utf-8", "surrogateescape")), ""
        size, problem = metadata_state(self.metadata, layout)
        return size, problem or ""

    def to_save(self, source: str, at: float) -> SavedDraft:
        """As it is kept on the disk, in a thread: an edit of what is stored, or else the whole record.

        It is whole where it did not begin with what is stored: a new key, or an edit over someone else's.
        """
        data: bytes | None = self.data
        metadata, whole = self.metadata, self.start != self.base
        if whole:
            wanted = self.wanted()
            data, metadata = wanted.value, wanted.metadata or ""
        elif data == self.editable.data:
            data = None
        return SavedDraft(
            source, self.ref, self.base, data, WHOLE if whole else "", metadata, self.expiration, at
        )

    @classmethod
    def from_saved(cls, saved: SavedDraft) -> Self:
        """A draft that was kept on the disk."""
        if saved.layout == WHOLE:
            record = Entry(saved.data or b"", saved.metadata or None, saved.expiration)
            return replace(cls.begin(saved.ref, None, record), base=saved.base)
        draft = cls.begin(saved.ref, saved.base)
        data = draft.data if saved.data is None else saved.data
        return replace(draft, data=data, metadata=saved.metadata or "", expiration=saved.expiration)
