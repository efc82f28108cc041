#!/usr/bin/env python3
"""Writes the seeds of each target from the ledger in specs/vectors/registry/receipts-v1."""

import base64
import json
import pathlib

HERE = pathlib.Path(__file__).parent
LEDGER = HERE.parents[2] / "specs" / "vectors" / "registry" / "receipts-v1"


def lines(name):
    return [json.loads(line) for line in (LEDGER / name).read_text().splitlines()]


def write(target, name, content):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def varint(number):
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def listed(items):
    return varint(len(items)) + b"".join(varint(len(item)) + item for item in items)


receipts, checkpoints = lines("receipts.jsonl"), lines("checkpoints.jsonl")
records = [base64.b64decode(receipt["record"]) for receipt in receipts]
held = next(n for n, receipt in enumerate(receipts) if receipt["checkpoint"] == 6)
known, following = records[:held], records[held:]
forged = following[0][:-1] + bytes([following[0][-1] ^ 1])
note = checkpoints[6]["note"].encode()

write("gossip", "record", b"\x01" + following[0])
write("gossip", "known-record", b"\x01" + known[0])
write("gossip", "forged-record", b"\x01" + forged)
write("gossip", "checkpoint", b"\x02" + checkpoints[5]["note"].encode())
write("gossip", "later-checkpoint", b"\x02" + note)
write("gossip", "fork", b"\x02" + note.replace(b"height 19", b"height 16"))
write("gossip", "cell", b"\x10" + bytes(range(256)) * 8)
write("gossip", "unknown-kind", b"\x03")

write("frame", "three", listed([b"\x01" + following[0], b"\x02" + note, b"\x03"]))
write("frame", "none", listed([]))
write("frame", "empty-message", listed([b""]))
write("frame", "gibibyte", b"\x01" + varint(1 << 30))

member = json.loads((LEDGER / "genesis.json").read_text())["members"][0]
leader = base64.urlsafe_b64decode(member["consensus_key"] + "=")
context = varint(1) + varint(70) + leader + varint(69) + bytes([6]) * 32
head = context + bytes([6]) * 32 + varint(51) + (1795392000000).to_bytes(8, "big")
write("block", "two-records", head + listed(following[:2]))
write("block", "empty", head + listed([]))
write("block", "too-many", head + varint(2049))
write("block", "gibibyte", head + b"\x01" + varint(1 << 30))

framed = lambda them: b"".join(len(record).to_bytes(2, "big") + record for record in them)
write("proposal", "next-event", framed(following[:1]))
write("proposal", "next-events", framed(following[:7]))
write("proposal", "again", framed(known[-1:]))
write("proposal", "gap", framed(following[1:2]))
write("proposal", "forged", framed([forged]))
write("proposal", "twice", framed(following[:1] * 2))

CBOR = b"application/cbor\n"
for name, path in {
    "checkpoint": "/checkpoint", "entry": "/entries/3", "far-entry": "/entries/18446744073709551615", "proof": "/proofs/3",
    "consistency": "/consistency?from=3&to=40", "backward": "/consistency?from=40&to=3", "zero": "/consistency?from=0&to=0",
    "tile": "/tile/0/000.p/40", "entry-tile": "/tile/entries/000.p/40", "block-tile": "/tile/blocks/000.p/40",
    "far-tile": "/tile/0/x999/x999/999", "odd-tile": "/tile/0/../../checkpoint", "trusted-parties": "/trusted-parties",
    "finalization": "/finalization?height=1", "application": "/applications/" + "0" * 32,
    "list": "/status-lists/" + "0" * 64, "health": "/healthz", "nothing": "/nothing", "twice": "/consistency?from=1&from=2&to=3",
    "escaped": "/entries/%33", "encoded-nul": "/cases/%00",
}.items():
    write("http", f"get-{name}", f"GET {path}\n\n")
case = known[1][known[1].index(b"\x85\x50") + 2:][:16].hex()
write("http", "get-case", f"GET /cases/{case}\n\n")
write("http", "post-known-record", b"POST /records\n" + CBOR + known[0])
write("http", "post-next-record", b"POST /records\n" + CBOR + following[0])
write("http", "post-forged-record", b"POST /records\n" + CBOR + forged)
write("http", "post-text", b"POST /records\ntext/plain\n" + following[0])
write("http", "post-no-record", b"POST /records\n" + CBOR)
write("http", "relay", b"POST /relay\n" + CBOR + following[0])
write("http", "delete-record", b"DELETE /entries/1\n\n")
write("http", "put-list", b"PUT /status-lists/" + b"0" * 64 + b"\napplication/statuslist+jwt\ntoken")
write("http", "head", b"HEAD /nothing\n\n")
