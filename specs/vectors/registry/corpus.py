#!/usr/bin/env python3
"""Writes the corpus of receipts in receipts-v1: every later build must verify all of them.

A ledger of 1,000 records, checkpoints at many of its sizes, a receipt for each record against the first checkpoint that covers it,
and what shows that the largest extends each of the others. Uses the formats of generate.py; the same bytes each time.
"""

import json

import generate
from generate import Ed25519Key, b64, consistency, cosign, inclusion, record, root, sha256, struct

FOLDER = generate.HERE / "receipts-v1"
RECORDS = 1000
CODES = [1, 2, 3, 4, 5, 6]


def lines(name, items):
    text = "".join(json.dumps(item, separators=(",", ":")) + "\n" for item in items)
    (FOLDER / name).write_text(text, encoding="utf-8")


def entries_of(network, issuer):
    """Cases of six events each, a credential batch before every tenth case."""
    made, batches = [], 0
    for case in range(RECORDS):
        if case % 10 == 0:
            made.append(record(network, 1, [batches, generate.filler(f"batch {batches}"), 3], issuer))
            batches += 1
        identifier = generate.filler(f"corpus case {case}", 16)
        for sequence, code in enumerate(CODES):
            body = [identifier, sequence, code, 1, generate.filler(f"corpus {case} {sequence}")]
            made.append(record(network, 3, body, issuer))
        if len(made) >= RECORDS:
            return [bytes.fromhex(entry["record"]) for entry in made[:RECORDS]]


def main():
    FOLDER.mkdir(exist_ok=True)
    cosigners = [Ed25519Key(f"cosigning {name}") for name in generate.MEMBERS]
    issuer = Ed25519Key("issuer records")
    genesis = generate.genesis_document(cosigners, issuer)
    genesis_file = json.dumps(genesis, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "genesis.json").write_text(genesis_file, encoding="utf-8")
    network = sha256(genesis_file.encode())
    entries = entries_of(network, issuer)

    sizes = sorted({1, 2, 3, 255, 256, 257, 511, 512, 513, 999, RECORDS} | set(range(40, RECORDS, 40)))
    checkpoints, receipts, blocks, first = [], [], bytes(32), 0
    for number, size in enumerate(sizes):
        height, time = 3 * number + 1, 1_795_000_000 + number
        blocks = sha256(b"tegata/blocks/v1\0" + blocks + struct.pack(">QQQ", first, height, time))
        text = f"tegata/{network.hex()}\n{size}\n{b64(root(entries[:size]))}\nheight {height}\ntime {time}\n"
        digest = sha256(generate.trusted_parties(genesis, network, [], height).encode())
        text += f"trusted-parties {b64(digest)}\nblocks {b64(blocks)}\n"
        # A different quorum signs each time.
        quorum = [n for n in range(4) if n != number % 4]
        signed = "".join(cosign(generate.MEMBERS[n], cosigners[n], text, time + 5) for n in quorum)
        proof = [b64(h) for h in consistency(size, entries)]
        checkpoints.append({"size": size, "note": text + "\n" + signed, "to_last": proof})
        for index in range(first, size):
            path = [b64(h) for h in inclusion(index, entries[:size])]
            receipts.append({"record": b64(entries[index]), "checkpoint": number, "path": path})
        first = size
    lines("checkpoints.jsonl", checkpoints)
    lines("receipts.jsonl", receipts)


if __name__ == "__main__":
    main()
