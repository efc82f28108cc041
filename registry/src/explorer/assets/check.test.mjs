// node --test registry/src/explorer/assets: the page's check against the kept corpora of receipts and handovers, and against damage.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Refused, unbase64, verify } from "./check.mjs";

const folder = new URL("../../../../specs/vectors/registry/", import.meta.url);
const bytes = (name) => new Uint8Array(readFileSync(new URL(name, folder)));
const lines = (name) => readFileSync(new URL(name, folder), "utf8").trim().split("\n").map((line) => JSON.parse(line));
const encode = (text) => new TextEncoder().encode(text);
const genesis = bytes("receipts-v1/genesis.json");
const receipts = lines("receipts-v1/receipts.jsonl");
const checkpoints = lines("receipts-v1/checkpoints.jsonl");

function receiptOf(index) {
  const { record, checkpoint, path } = receipts[index];
  const head = ["c2sp.org/tlog-proof@v1", `index ${index}`, ...path].join("\n");
  return { record: unbase64(record, "record"), receipt: encode(`${head}\n\n${checkpoints[checkpoint].note}`) };
}

function found({ record, ...rest }, passed = () => {}) {
  const given = { genesis, fingerprint: "", handovers: [], record: async () => record, ...rest };
  return verify(given, passed);
}

async function refusedWith(code, given) {
  await assert.rejects(found(given), (error) => error instanceof Refused && (code === null || error.code === code));
}

test("every receipt of the corpus is genuine", async () => {
  for (let index = 0; index < receipts.length; index += 1) {
    const steps = [];
    const { index: at, time } = await found(receiptOf(index), (step) => steps.push(step));
    assert.equal(at, BigInt(index));
    assert.ok(time > 0n);
    assert.deepEqual(steps, ["form", "network", "members", "signatures", "inclusion", "record"]);
  }
});

test("a receipt or record of which one byte is changed is refused", async () => {
  const { record, receipt } = receiptOf(700);
  for (const whole of [record, receipt]) {
    for (let place = 0; place < whole.length; place += 7) {
      const changed = whole.slice();
      changed[place] ^= 1;
      await refusedWith(null, whole === record ? { record: changed, receipt } : { record, receipt: changed });
    }
  }
});

test("reasons are told apart", async () => {
  const { record, receipt } = receiptOf(700);
  await refusedWith("path", { record: receiptOf(701).record, receipt });
  const text = new TextDecoder().decode(receipt);
  const few = `${text.trimEnd().split("\n").slice(0, -2).join("\n")}\n`;
  await refusedWith("quorum", { record, receipt: encode(few) });
  const elsewhere = encode(new TextDecoder().decode(genesis).replace("Vectors", "Elsewhere"));
  await refusedWith("network_other", { genesis: elsewhere, record, receipt });
  await refusedWith("fingerprint", { record, receipt, fingerprint: "00".repeat(32) });
  await refusedWith("receipt_malformed", { record, receipt: new Uint8Array() });
  await refusedWith("receipt_malformed", { record, receipt: receipt.slice(0, 300) });
  await refusedWith("path", { record: new Uint8Array(), receipt });
});

test("the members are followed from the founding document through handovers", async () => {
  const vectors = JSON.parse(readFileSync(new URL("handovers.json", folder), "utf8"));
  const given = {
    genesis: bytes("genesis.json"),
    receipt: encode(vectors.receipt),
    record: Uint8Array.from(vectors.record.match(/../g), (digits) => Number.parseInt(digits, 16)),
  };
  // The founding document alone does not know the key that signed.
  await refusedWith(null, given);
  const members = [];
  await found({ ...given, handovers: vectors.handovers }, (step, values) => step === "members" && members.push(values));
  assert.equal(members[0].changes, 1);
  const [good] = vectors.handovers;
  for (const forged of [
    { ...good, document: good.document.replace("150", "100") },
    { ...good, checkpoint: good.checkpoint.split("\n\n")[0] },
    { checkpoint: vectors.checkpoint, document: vectors.document },
    {},
  ]) {
    await refusedWith("handover", { ...given, handovers: [forged] });
  }
});
