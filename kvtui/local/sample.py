"""What the demo holds: four namespaces of a small web shop, and some names that nobody would wish for.

Everything is drawn from a seed, so two demos differ only in the times, which count from `now`.
"""

from __future__ import annotations

import gzip
import json
import random
import struct
import zlib
from collections.abc import Iterator

from kvtui.api.models import Entry

MINUTE, HOUR, DAY = 60, 3600, 86400

FIRST = ("Ada", "Amir", "Bea", "Chen", "Dara", "Emil", "Farah", "Gus", "Hana", "Ines", "Jun", "Kai", "Lena")
LAST = ("Abbott", "Berg", "Castro", "Diaz", "Endo", "Fischer", "Gupta", "Hansen", "Ito", "Jensen", "Kim")
CITIES = ("Lisbon", "Berlin", "Oslo", "Kyoto", "Austin", "Lagos", "Lima", "Pune", "Turin", "Ghent", "Bergen")
PAGES = ("home", "cart", "checkout", "search", "product/{n}", "category/{n}", "blog/{n}", "help/{n}")
FLAGS = (
    "checkout-v2",
    "dark-mode",
    "fast-search",
    "gift-cards",
    "new-nav",
    "one-click",
    "passkeys",
    "alerts",
)
USERS = range(1001, 2201)
LANGUAGES = {
    "en": ("Your cart is empty", "Place order", "Thank you, {name}!"),
    "de": ("Ihr Warenkorb ist leer", "Bestellen", "Danke, {name}!"),
    "fr": ("Votre panier est vide", "Commander", "Merci, {name} !"),
    "ja": ("カートは空です", "注文する", "{name}さん、ありがとう！"),
    "ar": ("سلة التسوق فارغة", "إتمام الطلب", "شكراً {name}!"),
}

Pair = tuple[str, Entry]


def namespaces(now: float) -> dict[str, list[Pair]]:
    """The pairs of each namespace, by its title."""
    dice = random.Random(4711)
    start = int(now)
    return {
        "sessions": list(_sessions(dice, start)),
        "flags": list(_flags(dice, start)),
        "cache": list(_cache(dice, start)),
        "content": list(_content(dice, start)),
    }


def _sessions(dice: random.Random, start: int) -> Iterator[Pair]:
    for number in USERS:
        yield f"user:{number}", _user(dice, number, start)
    for _ in range(1300):
        session = {
            "locale": dice.choice(tuple(LANGUAGES)),
            "theme": dice.choice(("dark", "light")),
            "cart": 0,
        }
        lifetime = dice.choice((MINUTE, 10 * MINUTE, HOUR, 8 * HOUR)) + dice.randrange(1, MINUTE)
        facts = {"user": dice.choice(USERS), "ip": _address(dice)}
        yield f"session:{dice.getrandbits(128):032x}", _json(session, facts, start + lifetime)
    parts = [dice.randbytes(dice.randrange(200, 900)) for _ in range(9)]
    for number in range(310):
        name = f"tmp:upload/{start - start % DAY - number % 3 * DAY}/{number:04}"
        part = number % len(parts)
        yield name, Entry(parts[part], f'{{"part":{part}}}', start + MINUTE + dice.randrange(HOUR))
    for number in range(90):
        yield f"lock:order/{88000 + number}", Entry(b"", None, start + MINUTE + dice.randrange(5 * MINUTE))


def _user(dice: random.Random, number: int, start: int) -> Entry:
    first, last = dice.choice(FIRST), dice.choice(LAST)
    user = {
        "id": number,
        "name": f"{first} {last}",
        "email": f"{first}.{last}{number}@example.com".lower(),
        "city": dice.choice(CITIES),
        "plan": dice.choice(("free", "free", "plus", "pro")),
        "cart": [
            {"sku": f"SKU-{dice.randrange(9000)}", "qty": dice.randrange(1, 4)} for _ in range(number % 4)
        ],
        "seen": start - dice.randrange(30 * DAY),
    }
    lasting = dice.choice((None, None, HOUR, DAY, 30 * DAY, 365 * DAY))
    expires = None if lasting is None else start + lasting + dice.randrange(1, HOUR)
    return _json(user, {"v": 3} if number % 3 else None, expires)


def _flags(dice: random.Random, start: int) -> Iterator[Pair]:
    for place in ("prod", "staging", "dev"):
        for name in FLAGS:
            flag = {
                "enabled": dice.random() < 0.6,
                "rollout": dice.choice((0, 5, 25, 50, 100)),
                "allow": [f"user:{dice.choice(USERS)}" for _ in range(dice.randrange(4))],
                "note": f"Owned by {dice.choice(FIRST)}; ask before a change.",
            }
            yield f"{place}:{name}", _json(flag, {"by": dice.choice(FIRST), "v": dice.randrange(1, 40)}, None)
    for name in FLAGS:
        yield f"override:{name}", Entry(b"true", None, start + DAY + dice.randrange(7 * DAY))
    yield "maintenance", Entry(b"off")
    yield "kill-switch", Entry(b"", '{"armed":false}')


def _cache(dice: random.Random, start: int) -> Iterator[Pair]:
    for number in range(1500):
        path = PAGES[number % len(PAGES)].format(n=number // len(PAGES) % 25)
        page = f"<!doctype html>\n<title>{path}</title>\n<h1>{path}</h1>\n<p>Rendered for everyone.</p>\n"
        zipped = number % 5 == 0
        kind = '{"type":"text/html","encoding":"gzip"}' if zipped else '{"type":"text/html"}'
        body = gzip.compress(page.encode(), 1, mtime=0) if zipped else page.encode()
        lifetime = dice.choice((5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR)) + dice.randrange(MINUTE)
        yield f"page/{tuple(LANGUAGES)[number % 5]}/{path}?v={number}", Entry(body, kind, start + lifetime)
    yield "image/logo.png", Entry(_png(), '{"type":"image/png","width":64,"height":64}')
    yield "feed/products.json", Entry(_feed(), '{"type":"application/json"}', start + 12 * HOUR)


def _content(dice: random.Random, start: int) -> Iterator[Pair]:
    for language, texts in LANGUAGES.items():
        for number in range(100):
            yield f"i18n/{language}/shop.text.{number:03}", Entry(texts[number % len(texts)].encode())
    for number in range(60):
        words = " ".join(dice.choice(CITIES) for _ in range(80))
        page = f"# Letter {number} from {dice.choice(CITIES)}\n\n{words}\n\n- one\n- two\n"
        yield f"blog/2026/{number % 12 + 1:02}/letter-{number}", Entry(page.encode(), _blog_facts(dice))
    yield "banner", Entry("Free shipping until Sunday 🚚".encode(), None, start + 3 * DAY)
    yield from _hostile(start)


def _blog_facts(dice: random.Random) -> str:
    return json.dumps({"author": dice.choice(FIRST), "tags": ["news", dice.choice(CITIES).lower()]})


def _hostile(start: int) -> Iterator[Pair]:
    """Names and values that have broken other tools. None of them may touch the terminal."""
    clear = b"\x1b[2J\x1b[H\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07 a value that clears screens\x9b2J\n"
    yield "hostile:innocent\x1b[c-key", Entry(clear, '{"note":"\\u001b[31mred"}')
    yield "hostile:[/]", Entry(b"[bold red]markup[/] [@click=app.quit]here[/]", '{"[/]":"[red]"}')
    yield "hostile:bidi \u202egnp.live\u202c", Entry("user\u202e\u2066 admin\u2069".encode())
    yield "hostile:zero\u200bwidth\u2060", Entry("pay\u200bpal \ufeff\u00ad".encode())
    yield "hostile:two\nlines\tand\ra tab", Entry(b"line one\r\nline two\rline three\x85\n")
    yield "hostile:nul\x00inside", Entry(b"before\x00after")
    yield "hostile:" + "x" * (512 - len("hostile:")), Entry(b"a name of 512 bytes")
    yield "hostile:a/../b", Entry(b"a path, if one is careless")
    yield "hostile:%2F", Entry(b"not a slash")
    yield "hostile:?query=1&b#fragment", Entry(b"not a query")
    yield "hostile: ends with a space ", Entry(b"")
    yield "hostile:café", Entry(b"composed")
    yield "hostile:cafe\u0301", Entry(b"decomposed, and another key")
    yield "hostile:number", Entry(b'{"id":12345678901234567890,"rate":1e400,"id":0.10}')
    yield "hostile:deep", Entry(b"[" * 3000 + b"]" * 3000, None, start + HOUR)


def _feed() -> bytes:
    """A single line of JSON of 5 MB, as feeds are."""
    items = ",".join(f'{{"sku":"SKU-{n:05}","price":{n % 900 + 0.99},"stock":{n % 37}}}' for n in range(1000))
    count = 5_000_000 // (len(items) + 1) + 1
    return b'{"items":[' + b",".join([items.encode()] * count) + b"]}"


def _png() -> bytes:
    """A picture of 64 by 64 pixels: a gradient in two colours."""
    rows = b"".join(
        b"\x00" + b"".join(bytes((243, 56 + x * 3, (x ^ y) * 4 % 256)) for x in range(64)) for y in range(64)
    )
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _json(value: object, metadata: object | None, expires: int | None) -> Entry:
    text = None if metadata is None else json.dumps(metadata, separators=(",", ":"))
    return Entry(json.dumps(value).encode(), text, expires)


def _address(dice: random.Random) -> str:
    """An address out of those that are set aside for documents."""
    return f"203.0.113.{dice.randrange(1, 255)}"
