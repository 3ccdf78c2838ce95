"""JSON with comments and trailing commas, as wrangler.jsonc (and wrangler.json) may hold them."""

from __future__ import annotations

import json
import re

_STRING = r'"(?:[^"\\]|\\.)*"'
_COMMENT = re.compile(rf"(?P<keep>{_STRING})|//[^\n\r]*|/\*.*?\*/", re.DOTALL)
_TRAILING = re.compile(rf"(?P<keep>{_STRING})|,(?=\s*[}}\]])", re.DOTALL)


def loads(text: str) -> object:
    """The value of a JSONC text. Raises ValueError when it is none."""
    bare = _COMMENT.sub(lambda found: found["keep"] or " ", text.removeprefix("\ufeff"))
    return json.loads(_TRAILING.sub(lambda found: found["keep"] or "", bare))
