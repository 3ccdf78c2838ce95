"""The official SDKs do all of their KV operations against our server over loopback."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cloudflare
import pytest
from cloudflare import Cloudflare

from kvtui.local.server import ACCOUNT
from tests.local.kit import Served
from tests.peers import Peers

pytestmark = pytest.mark.peer

LARGE = random.Random(4).randbytes(25 * 1024 * 1024)
NAME = "a/b:é %2F"

NPM = """\
import Cloudflare from "cloudflare";
import { deepStrictEqual as same, rejects } from "node:assert";
import { randomBytes } from "node:crypto";

const account_id = "0".repeat(32);
const client = new Cloudflare({ apiToken: "any", baseURL: process.env.BASE_URL, maxRetries: 0 });
const kv = client.kv.namespaces;
const all = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
};
const count = async (answer) => (await answer).successful_key_count;
const bytes = async (answer) => Buffer.from(await answer.arrayBuffer());

const made = await kv.create({ account_id, title: "npm" });
const namespace_id = made.id;
const others = [];
for (let n = 0; n < 22; n++) others.push(await kv.create({ account_id, title: `other ${n}` }));
same((await all(kv.list({ account_id }))).length, 23);
same((await kv.get(made.id, { account_id })).title, "npm");
same((await kv.update(made.id, { account_id, title: "renamed" })).title, "renamed");
for (const other of others) await kv.delete(other.id, { account_id });
same((await all(kv.list({ account_id }))).map((n) => n.title), ["renamed"]);

const name = "a/b:é %2F";
const large = randomBytes(25 * 1024 * 1024);
await kv.values.update(name, { account_id, namespace_id, value: new File([large], "upload") });
same(Buffer.compare(await bytes(await kv.values.get(name, { account_id, namespace_id })), large), 0);
const metadata = { a: "1", b: { c: ["x", "y"] } };
await kv.values.update("text", { account_id, namespace_id, value: "välue", metadata, expiration_ttl: 600 });
same((await bytes(await kv.values.get("text", { account_id, namespace_id }))).toString(), "välue");
same(await kv.metadata.get("text", { account_id, namespace_id }), metadata);
const long = "\\r\\n--é".repeat(25 * 1024 * 170);  // without a filename, and the size of the largest value
await kv.values.update("text", { account_id, namespace_id, value: long });
same((await bytes(await kv.values.get("text", { account_id, namespace_id }))).toString() === long, true);
await kv.values.update("string", { account_id, namespace_id, value: "", metadata: '{"n":1}' });
same(await kv.metadata.get("string", { account_id, namespace_id }), { n: 1 });

const pair = (_, n) => ({ key: `bulk:${n}`, value: String(n), metadata: { n } });
const body = Array.from({ length: 1500 }, pair);
same(await count(kv.bulkUpdate(made.id, { account_id, body })), 1500);
same((await all(kv.keys.list(made.id, { account_id, limit: 1000 }))).length, 1503);
same((await all(kv.keys.list(made.id, { account_id, prefix: "a/b:é " }))).map((k) => k.name), [name]);
const got = await kv.bulkGet(made.id, { account_id, keys: ["bulk:7", "none"], withMetadata: true });
same(got.values, { "bulk:7": { value: "7", metadata: { n: 7 } }, none: null });
same((await kv.bulkGet(made.id, { account_id, keys: ["bulk:7"], type: "json" })).values, { "bulk:7": 7 });
same(await count(kv.bulkDelete(made.id, { account_id, body: body.map((p) => p.key) })), 1500);
await kv.values.delete(name, { account_id, namespace_id });
const missing = (error) => error.status === 404 && error.errors[0].code === 10009;
await rejects(kv.values.get(name, { account_id, namespace_id }), missing);
same((await all(kv.keys.list(made.id, { account_id }))).map((k) => k.name), ["string", "text"]);
same((await all(client.accounts.list())).map((a) => a.id), [account_id]);
same((await client.user.tokens.verify()).status, "active");
await kv.delete(made.id, { account_id });
console.log("done");
"""


def test_the_npm_sdk_does_everything(peers: Peers, served: Served, tmp_path: Path) -> None:
    done = peers.script(NPM, cwd=tmp_path, env={"BASE_URL": served.base_url})
    assert done.stdout == b"done\n"
    assert served.state.namespaces() == []


def test_the_python_sdk_does_everything(served: Served) -> None:
    with Cloudflare(api_token="any", base_url=served.base_url, max_retries=0) as client:
        kv = client.kv.namespaces
        made = kv.create(account_id=ACCOUNT, title="python")
        assert made is not None
        others = [kv.create(account_id=ACCOUNT, title=f"other {number}") for number in range(22)]
        assert len(list(kv.list(account_id=ACCOUNT))) == 23
        for other in others:
            assert other is not None
            kv.delete(other.id, account_id=ACCOUNT)
        found = kv.get(made.id, account_id=ACCOUNT)
        assert found is not None
        assert found.title == "python"
        renamed = kv.update(made.id, account_id=ACCOUNT, title="renamed")
        assert renamed is not None
        assert [namespace.title for namespace in kv.list(account_id=ACCOUNT)] == ["renamed"]

        kv.values.update(NAME, account_id=ACCOUNT, namespace_id=made.id, value=LARGE)
        assert kv.values.get(NAME, account_id=ACCOUNT, namespace_id=made.id).read() == LARGE
        facts = {"a": 1, "b": {"c": ["x"]}}
        kv.values.update(
            "text",
            account_id=ACCOUNT,
            namespace_id=made.id,
            value="välue".encode(),
            metadata=facts,
            expiration_ttl=600,
        )
        answer = kv.values.get("text", account_id=ACCOUNT, namespace_id=made.id)
        assert answer.read() == "välue".encode()
        assert "expiration" in answer.headers
        assert kv.metadata.get("text", account_id=ACCOUNT, namespace_id=made.id) == facts
        kv.values.update("string", account_id=ACCOUNT, namespace_id=made.id, value=b"", metadata='{"n":1}')
        assert kv.metadata.get("string", account_id=ACCOUNT, namespace_id=made.id) == {"n": 1}

        pairs = [{"key": f"bulk:{number}", "value": str(number)} for number in range(1500)]
        written = kv.bulk_update(made.id, account_id=ACCOUNT, body=pairs)  # type: ignore[arg-type]  # TypedDicts
        assert written is not None
        assert written.successful_key_count == 1500
        assert len(list(kv.keys.list(made.id, account_id=ACCOUNT))) == 1503
        assert [key.name for key in kv.keys.list(made.id, account_id=ACCOUNT, prefix="a/b:é ")] == [NAME]
        got = kv.bulk_get(made.id, account_id=ACCOUNT, keys=["bulk:7", "none"], with_metadata=True)
        assert got is not None
        assert json.loads(got.to_json())["values"] == {
            "bulk:7": {"metadata": None, "value": "7"},
            "none": None,
        }
        deleted = kv.bulk_delete(made.id, account_id=ACCOUNT, body=[pair["key"] for pair in pairs])
        assert deleted is not None
        assert deleted.successful_key_count == 1500
        kv.values.delete(NAME, account_id=ACCOUNT, namespace_id=made.id)
        with pytest.raises(cloudflare.NotFoundError) as error:
            kv.values.get(NAME, account_id=ACCOUNT, namespace_id=made.id)
        assert error.value.errors[0].code == 10009
        assert [key.name for key in kv.keys.list(made.id, account_id=ACCOUNT)] == ["string", "text"]

        assert [account.id for account in client.accounts.list()] == [ACCOUNT]
        assert len(list(client.memberships.list())) == 1
        verified = client.user.tokens.verify()
        assert verified is not None
        assert verified.status == "active"
        kv.delete(made.id, account_id=ACCOUNT)
    assert served.state.namespaces() == []
