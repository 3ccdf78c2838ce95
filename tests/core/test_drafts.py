"""Drafts: what is to be stored, what is kept on the disk, and what comes back from there."""

from __future__ import annotations

import gzip

import pytest
from msgspec.structs import replace

from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import KeyRef
from kvtui.core.draft import Draft
from kvtui.core.drafts import Drafts

NAMESPACE = Namespace("0" * 32, "sessions", "a" * 32)
REF = KeyRef(NAMESPACE, "user:1")
STORED = Entry(b'{"b":1.0,"a":[1e400],"b":2}', '{"v":3}', 1_800_000_000)
BINARY = Entry(bytes(range(256)), '{"v": 3}', None)
PACKED = Entry(gzip.compress(b'{"a": 1}'), None, 1_800_000_000)


def back(draft: Draft) -> Draft:
    """A draft that went to the disk and came back after a crash."""
    return Draft.from_saved(draft.to_save("test", 1.0))


@pytest.mark.parametrize("stored", [STORED, BINARY, PACKED, Entry(b"")])
def test_what_is_not_touched_is_stored_again_to_the_byte(stored: Entry) -> None:
    draft = Draft.begin(REF, stored)
    assert not draft.touched
    assert draft.wanted() == stored
    assert back(draft).wanted() == stored


def test_an_edit_of_one_part_keeps_the_others_to_the_byte() -> None:
    draft = Draft.begin(REF, STORED)
    edited = draft.with_data(draft.data.replace(b"1.0", b"7.50"))
    assert edited.touched
    assert edited.wanted() == replace(STORED, value=b'{"b":7.50,"a":[1e400],"b":2}')
    assert draft.with_expiration(None).wanted() == replace(STORED, expiration=None)
    assert draft.with_metadata('{ "v": 4.0 }').wanted() == replace(STORED, metadata='{"v":4.0}')
    assert draft.with_metadata("").wanted() == replace(STORED, metadata=None)


@pytest.mark.parametrize("stored", [STORED, PACKED])
def test_an_edit_comes_back_from_the_disk(stored: Entry) -> None:
    draft = Draft.begin(REF, stored)
    edited = draft.with_data(draft.data.replace(b"1", b"9")).with_expiration(1_900_000_000)
    assert back(edited).wanted() == edited.wanted() != stored
    assert back(edited).base == stored
    unfinished = draft.with_data(b'{"a": ').with_metadata("{")
    assert (back(unfinished).data, back(unfinished).metadata) == (b'{"a": ', "{")


@pytest.mark.parametrize("copied", [None, STORED, BINARY, PACKED])
def test_a_new_key_comes_back_whole(copied: Entry | None) -> None:
    draft = Draft.begin(REF, None, copied)
    assert draft.touched, "a key that is not stored yet is always something to save"
    assert back(draft).wanted() == draft.wanted() == (copied or Entry(b""))
    assert back(draft).base is None


def test_an_edit_that_was_put_onto_what_someone_else_stored_stays_the_same_edit() -> None:
    theirs = Entry(b'{"b":5}', None, None)
    mine = Draft.begin(REF, STORED).with_metadata('{"v":9}').onto(theirs)
    assert mine.wanted() == replace(STORED, metadata='{"v":9}')
    assert back(mine).base == theirs
    assert back(mine).wanted().metadata == '{"v":9}'
    assert b"1e400" in back(mine).data


def test_what_is_wrong_with_the_metadata_is_placed() -> None:
    draft = Draft.begin(REF, STORED)
    assert draft.metadata_state == (7, "")
    size, problem = draft.with_metadata('{\n  "v": ,\n}').metadata_state
    assert size > 0
    assert "line 2" in problem
    assert draft.with_metadata('"' + "x" * 1023 + '"').metadata_state[1]


def test_drafts_are_found_by_their_key_whatever_its_namespace_is_titled_by_now() -> None:
    drafts = Drafts()
    drafts.put(Draft.begin(REF, STORED).with_data(b"1"))
    renamed = Namespace(NAMESPACE.id, "renamed", NAMESPACE.account)
    assert drafts.get(KeyRef(renamed, "user:1")) is not None
    assert drafts.names(renamed) == {"user:1"}
    assert drafts.names(Namespace("1" * 32, "other", NAMESPACE.account)) == frozenset()
    assert drafts.drop(KeyRef(renamed, "user:1"))
    assert not drafts.drop(REF)
    assert len(drafts) == 0
