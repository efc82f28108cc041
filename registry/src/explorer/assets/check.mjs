// Checks a receipt in the reader's browser: with the founding document (genesis file), the changes of members, the record and the
// receipt, and no word of the node that served this script. SHA-256, Ed25519 and ECDSA are WebCrypto's; nothing else is
// loaded. (Ed25519 is RFC 8032's here, which is stricter than the registry's ZIP-215: a record with an odd signature is refused that
// the registry took.) Formats: specs/registry.md.

const RECORD_BYTES_MAX = 16 * 1024;
const ORDINARY_RECORD_BYTES_MAX = 4096;
const RECEIPT_CHARACTERS_MAX = 80 * 1024;
const PATH_MAX = 64;
const GROUP_EVENTS_MAX = 64;
const EXTENSIONS = ["height", "time", "trusted-parties", "blocks"];
const PROPOSAL = 7;
const GROUP = 9;

const encoder = new TextEncoder();

/** Why a receipt does not show that the record is on the ledger; `code` names the sentence that people read. */
export class Refused extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

function check(holds, code, values) {
  if (!holds) throw new Refused(code, values);
}

/**
 * Says where a record stands and who vouches for it, or throws `Refused`.
 *
 * `genesis` and `receipt` are bytes; `handovers` is what `GET /handovers` lists; `record` gives the bytes of the record at an
 * index; `fingerprint` is what the reader knows, or "". `passed(step, values)` is told each step that holds.
 */
export async function verify({ genesis, fingerprint, handovers, receipt, record }, passed) {
  const { index, path, note } = readReceipt(text(receipt, "receipt_malformed"));
  const claim = readBody(bodyOf(note, "receipt_malformed"), "receipt_malformed");
  passed("form", { index });

  const network = hex(await sha256(genesis));
  check(fingerprint === "" || fingerprint === network, "fingerprint");
  check(claim.network === network, "network_other", { other: claim.network });
  passed("network", { fingerprint: network, compared: fingerprint !== "" });

  const committees = foundedBy(genesis);
  for (const handover of handovers) await follow(handover, committees, network);
  const { members, quorum } = inForce(committees, claim.height);
  passed("members", { changes: committees.length - 1, height: claim.height, members: members.length, quorum });

  const checkpoint = await readCheckpoint(note, network, committees);
  const names = [...checkpoint.signers.keys()];
  passed("signatures", { count: names.length, names });

  check(index < checkpoint.size, "path");
  const bytes = await record(index);
  const leaf = await sha256(concat([0], bytes));
  const root = await rootOf(path, index, checkpoint.size, leaf);
  check(equal(root, checkpoint.root), "path");
  passed("inclusion", { index, size: checkpoint.size });

  const kind = await readRecord(bytes, network);
  passed("record", { kind });
  const times = [...checkpoint.signers.values()].sort((a, b) => (a < b ? 1 : -1));
  return { index, kind, time: times[quorum - 1] };
}

/** The committee that the founding document names, from height 0 on. */
function foundedBy(genesis) {
  const document = json(text(genesis, "genesis"), "genesis");
  check(document?.tegata === "genesis/1" && Number.isSafeInteger(document.epoch_blocks), "genesis");
  const members = membersOf(document.members, "genesis");
  return [{ from: 0n, members, epochBlocks: document.epoch_blocks }];
}

/** Those who take part, of a list of members. */
function membersOf(list, code) {
  check(Array.isArray(list) && list.length > 0 && list.length <= 64, code);
  const members = list.filter((member) => member?.suspended !== true).map((member) => {
    check(typeof member?.name === "string" && typeof member.cosigning_key === "string", code);
    const base64 = member.cosigning_key.replaceAll("-", "+").replaceAll("_", "/");
    const key = unbase64(`${base64}=`, code);
    check(key.length === 32, code);
    return { name: member.name, key };
  });
  check(new Set(members.map((member) => member.name)).size === members.length, code);
  return members;
}

function inForce(committees, height) {
  const { members } = committees.findLast(({ from }) => from <= height);
  return { members, quorum: members.length - Math.floor((members.length - 1) / 3) };
}

/** Learns from a checkpoint that the committee in force signed, and its document, which committee follows. */
async function follow(handover, committees, network) {
  const note = handover?.checkpoint;
  const document = handover?.document;
  check(typeof note === "string" && typeof document === "string", "handover");
  let checkpoint;
  try {
    checkpoint = await readCheckpoint(note, network, committees);
  } catch (error) {
    throw new Refused(error.code === "browser" ? "browser" : "handover");
  }
  const digest = await sha256(encoder.encode(document));
  check(equal(digest, checkpoint.trustedParties), "handover");
  const said = json(document, "handover");
  check(said?.tegata === "trusted-parties/2" && said.network === network, "handover");
  check(said.epoch_blocks === committees[0].epochBlocks && Array.isArray(said.scheduled), "handover");
  const known = inForce(committees, checkpoint.height).members;
  const named = membersOf(said.members, "handover");
  const same = known.length === named.length
    && known.every((member, at) => member.name === named[at].name && equal(member.key, named[at].key));
  check(same, "handover");
  while (committees.at(-1).from > checkpoint.height) committees.pop();
  for (const committee of said.scheduled) {
    check(Number.isSafeInteger(committee?.height), "handover");
    const from = BigInt(committee.height);
    check(from > checkpoint.height && from > committees.at(-1).from, "handover");
    committees.push({ from, members: membersOf(committee.members, "handover") });
  }
}

function readReceipt(receipt) {
  check(receipt.length <= RECEIPT_CHARACTERS_MAX, "receipt_malformed");
  const end = receipt.indexOf("\n\n");
  check(end > 0, "receipt_malformed");
  const lines = receipt.slice(0, end).split("\n");
  check(lines.shift() === "c2sp.org/tlog-proof@v1", "receipt_malformed");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const named = /^index (0|[1-9][0-9]{0,19})$/.exec(lines.shift() ?? "");
  check(named !== null && lines.length <= PATH_MAX, "receipt_malformed");
  const path = lines.map((line) => unbase64(line, "receipt_malformed"));
  check(path.every((hash) => hash.length === 32), "receipt_malformed");
  return { index: BigInt(named[1]), path, note: receipt.slice(end + 2) };
}

/** The text of a note, which is what was signed. */
function bodyOf(note, code) {
  const end = note.lastIndexOf("\n\n");
  check(end > 0 && note.endsWith("\n"), code);
  return note.slice(0, end + 1);
}

function readBody(body, code) {
  const [origin, size, root, ...extensions] = body.slice(0, -1).split("\n");
  const network = /^tegata\/([0-9a-f]{64})$/.exec(origin);
  const values = extensions.map((line) => line.split(" "));
  const shaped = values.every((words) => words.length === 2)
    && values.map(([word]) => word).join() === EXTENSIONS.join();
  const decimal = /^(0|[1-9][0-9]{0,19})$/;
  check(network !== null && shaped, code);
  check([size, values[0][1], values[1][1]].every((number) => decimal.test(number ?? "")), code);
  return {
    network: network[1],
    size: BigInt(size),
    root: hash(root, code),
    height: BigInt(values[0][1]),
    trustedParties: hash(values[2][1], code),
  };
}

/** What a quorum of the members in force signed; a wrong signature of a member is no small matter, and ends it. */
async function readCheckpoint(note, network, committees) {
  const body = bodyOf(note, "receipt_malformed");
  const claim = readBody(body, "receipt_malformed");
  check(claim.network === network, "network_other", { other: claim.network });
  const { members, quorum } = inForce(committees, claim.height);
  const signers = new Map();
  for (const line of note.slice(body.length + 1, -1).split("\n")) {
    const [dash, name, encoded, more] = line.split(" ");
    check(dash === "\u2014" && encoded !== undefined && more === undefined, "receipt_malformed");
    const blob = unbase64(encoded, "receipt_malformed");
    const member = members.find((member) => member.name === name);
    if (member === undefined) continue;
    const id = await sha256(concat(encoder.encode(`${name}\n\x04`), member.key));
    if (!equal(blob.slice(0, 4), id.slice(0, 4))) continue;
    check(blob.length === 76, "signature_wrong");
    const time = new DataView(blob.buffer, blob.byteOffset + 4, 8).getBigUint64(0);
    const message = encoder.encode(`cosignature/v1\ntime ${time}\n${body}`);
    check(await ed25519(member.key, blob.slice(12), message), "signature_wrong");
    if (!(signers.get(name) >= time)) signers.set(name, time);
  }
  check(signers.size >= quorum, "quorum", { count: signers.size, quorum });
  return { ...claim, signers };
}

/** The root that a path leads to (RFC 9162, section 2.1.3.2). */
async function rootOf(path, index, size, leaf) {
  let [hash, first, last] = [leaf, index, size - 1n];
  for (const sibling of path) {
    check(last > 0n, "path");
    if (first % 2n === 1n || first === last) {
      hash = await sha256(concat([1], sibling, hash));
      while (first % 2n === 0n && first > 0n) [first, last] = [first / 2n, last / 2n];
    } else {
      hash = await sha256(concat([1], hash, sibling));
    }
    [first, last] = [first / 2n, last / 2n];
  }
  check(last === 0n, "path");
  return hash;
}

/** The kind of a record that its author signed for this network. Signed is the record without its signature, and of a group of
 * events the root over them. */
async function readRecord(bytes, network) {
  check(bytes.length <= RECORD_BYTES_MAX, "record_malformed");
  const from = new Cbor(bytes);
  from.array(6);
  check(from.uint() === 1n, "record_malformed");
  check(hex(from.bytes(32)) === network, "record_network");
  const kind = Number(from.uint());
  check(kind === PROPOSAL || bytes.length <= ORDINARY_RECORD_BYTES_MAX, "record_malformed");
  const head = bytes.slice(1, from.at);
  const events = from.events(kind);
  const body = bytes.slice(1 + head.length, from.at);
  const authorFrom = from.at;
  from.array(2);
  const algorithm = from.uint();
  const key = from.bytes(algorithm === 0n ? 32 : 65);
  const author = bytes.slice(authorFrom, from.at);
  const signature = from.bytes(64);
  check(from.at === bytes.length && algorithm <= 1n, "record_malformed");
  const said = kind === GROUP ? await groupSigned(events) : body;
  const message = concat(encoder.encode("tegata/record/v1\0"), [0x85], head, said, author);
  const signed = algorithm === 0n ? await ed25519(key, signature, message) : await p256(key, signature, message);
  check(signed, "record_signature");
  return kind;
}

/** Number and root of a group's events, as they are signed. */
async function groupSigned(events) {
  const count = events.length < 24 ? [events.length] : [0x18, events.length];
  const leaves = await Promise.all(events.map((event) => sha256(concat([0], event))));
  return concat([0x82], count, [0x58, 0x20], await merkleRoot(leaves));
}

async function merkleRoot(leaves) {
  if (leaves.length === 1) return leaves[0];
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  const halves = [merkleRoot(leaves.slice(0, left)), merkleRoot(leaves.slice(left))];
  return sha256(concat([1], ...(await Promise.all(halves))));
}

/** The part of deterministic CBOR that records are made of. */
class Cbor {
  constructor(bytes) {
    this.source = bytes;
    this.at = 0;
  }

  head() {
    const first = this.source[this.at++];
    check(first !== undefined, "record_malformed");
    const length = { 24: 1, 25: 2, 26: 4, 27: 8 }[first & 31] ?? 0;
    check(length > 0 || (first & 31) < 24, "record_malformed");
    let value = length > 0 ? 0n : BigInt(first & 31);
    for (const byte of this.take(length)) value = value * 256n + BigInt(byte);
    const least = { 0: 0n, 1: 24n, 2: 256n, 4: 65536n, 8: 4294967296n }[length];
    check(value >= least, "record_malformed");
    return [first >> 5, value];
  }

  take(length) {
    check(length <= this.source.length - this.at, "record_malformed");
    this.at += length;
    return this.source.slice(this.at - length, this.at);
  }

  of(major) {
    const [found, value] = this.head();
    check(found === major, "record_malformed");
    return value;
  }

  uint() {
    return this.of(0);
  }

  bytes(length) {
    check(this.of(2) === BigInt(length), "record_malformed");
    return this.take(length);
  }

  array(length) {
    check(this.of(4) === BigInt(length), "record_malformed");
  }

  /** Steps over a body and answers with the encodings of its elements. */
  events(kind) {
    const count = this.of(4);
    check(count > 0n && count <= BigInt(GROUP_EVENTS_MAX), "record_malformed");
    const events = [];
    for (let event = 0n; event < count; event += 1n) {
      const from = this.at;
      this.skip(kind === GROUP ? 1 : 2);
      events.push(this.source.slice(from, this.at));
    }
    return events;
  }

  skip(depth) {
    const [major, value] = this.head();
    check(major === 0 || major === 2 || (major === 4 && depth > 0 && value <= 64n), "record_malformed");
    if (major === 2) this.take(Number(value));
    if (major === 4) for (let element = 0n; element < value; element += 1n) this.skip(depth - 1);
  }
}

async function ed25519(key, signature, message) {
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signature, message);
  } catch (error) {
    check(error.name !== "NotSupportedError" && error.name !== "TypeError", "browser");
    return false;
  }
}

async function p256(key, signature, message) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  try {
    const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, imported, signature, message);
  } catch {
    return false;
  }
}

async function sha256(bytes) {
  check(globalThis.crypto?.subtle !== undefined, "browser");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function text(bytes, code) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(code);
  }
}

function json(source, code) {
  try {
    return JSON.parse(source);
  } catch {
    throw new Refused(code);
  }
}

function hash(encoded, code) {
  const bytes = unbase64(encoded ?? "", code);
  check(bytes.length === 32, code);
  return bytes;
}

/** Standard base64 in its one spelling. */
export function unbase64(encoded, code) {
  let binary;
  try {
    binary = atob(encoded);
  } catch {
    throw new Refused(code);
  }
  check(btoa(binary) === encoded, code);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function concat(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function equal(a, b) {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
