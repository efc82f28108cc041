#!/usr/bin/env python3
"""Checks receipts offline: verify.py GENESIS RECORD RECEIPT [RECORD RECEIPT ...]

A second reader of specs/registry.md, which shares no code with the project. Needs Python 3.11 and `cryptography`. It says what each
record is and where it stands, or fails. (It accepts Ed25519 by RFC 8032, which is stricter than the project's ZIP-215.)
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

KINDS = {1: "credential batch", 2: "status list version", 3: "case event", 4: "designation", 5: "outcome", 6: "erasure"}
KINDS |= {7: "proposal", 8: "approval", 9: "case event group"}
sha256 = lambda data: hashlib.sha256(data).digest()


def check(holds, problem):
    if not holds:
        raise ValueError(problem)


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    check(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


def lines_of(text):
    check(text.endswith("\n"), "a line without an end")
    return text[:-1].split("\n")


def cbor(data):
    """Reads one deterministic CBOR item of numbers, byte strings and arrays; gives it and what follows."""
    check(data, "the record is cut short")
    major, info, data = data[0] >> 5, data[0] & 31, data[1:]
    number = info
    if info >= 24:
        check(info <= 27, "an indefinite length")
        width = 1 << info - 24
        number, data = int.from_bytes(data[:width]), data[width:]
        check(number >= (24 if width == 1 else 1 << 4 * width), "a number in a longer spelling")
    if major == 0:
        return number, data
    if major == 2:
        check(len(data) >= number, "the record is cut short")
        return data[:number], data[number:]
    check(major == 4, "neither number, bytes nor array")
    items = []
    for _ in range(number):
        item, data = cbor(data)
        items.append(item)
    return items, data


def read_record(data, network):
    """The kind and the id of a record, its author's signature checked."""
    (version, of_network, kind, body, (algorithm, key), signature), rest = cbor(data)
    check(len(data) <= (16384 if kind == 7 else 4096), "the record is too long")
    check(not rest and version == 1 and of_network == network and kind in KINDS, "not a record of this network")
    # The signed statement is the record with an array of five and without the signature (a head of two bytes and 64).
    statement = b"\x85" + data[1:-66]
    if kind == 9:  # Of a group of events their number and the root over them are signed (RFC 6962, section 2.1).
        head, nodes = 1 if len(body) < 24 else 2, []
        rest = data[37 + head :]
        for _ in body:
            event, rest = rest, cbor(rest)[1]
            nodes.append(sha256(b"\x00" + event[: len(event) - len(rest)]))
        while len(nodes) > 1:
            pairs = (nodes[at : at + 2] for at in range(0, len(nodes), 2))
            nodes = [sha256(b"\x01" + b"".join(pair)) if pair[1:] else pair[0] for pair in pairs]
        statement = statement[:37] + bytes([0x82, data[37] & 31, *data[38 : 37 + head], 0x58, 0x20]) + nodes[0] + statement[-36:]
    message = b"tegata/record/v1\0" + statement
    if algorithm == 0:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    else:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        point.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    return kind, sha256(b"tegata/record-id/v1\0" + statement)


def read_checkpoint(note, network, members):
    """Size and root of the ledger, which a quorum of the members signed."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    signed = set()
    for line in lines_of(lines):
        dash, name, encoded = line.split(" ")
        check(dash == "\u2014", "not a signature line")
        blob = unbase64(encoded)
        key = members.get(name)
        if key is None or blob[:4] != sha256(name.encode() + b"\n\x04" + key)[:4]:
            continue
        time = int.from_bytes(blob[4:12])
        message = f"cosignature/v1\ntime {time}\n{text}".encode()
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(blob[12:], message)
        signed.add(name)
    check(len(signed) >= len(members) - (len(members) - 1) // 3, "no quorum")
    origin, size, root, *extensions = lines_of(text)
    check(origin == f"tegata/{network.hex()}", "another network")
    check([line.split(" ")[0] for line in extensions] == ["height", "time", "trusted-parties", "blocks"], "extension lines")
    return int(size), unbase64(root)


def root_of(path, index, size, leaf):
    """The root that a path leads to (RFC 9162, section 2.1.3.2)."""
    check(index < size, "outside the tree")
    first, last = index, size - 1
    for sibling in path:
        check(last > 0, "the path is too long")
        if first % 2 or first == last:
            leaf = sha256(b"\x01" + sibling + leaf)
            while first % 2 == 0 and first:
                first, last = first >> 1, last >> 1
        else:
            leaf = sha256(b"\x01" + leaf + sibling)
        first, last = first >> 1, last >> 1
    check(last == 0, "the path is too short")
    return leaf


def verify(genesis, record, receipt):
    """Where a record stands; fails unless the receipt shows it."""
    network = sha256(genesis)
    members = {
        member["name"]: base64.urlsafe_b64decode(member["cosigning_key"] + "=") for member in json.loads(genesis)["members"]
    }
    proof, _, note = receipt.partition("\n\n")
    header, *lines = proof.split("\n")
    check(header == "c2sp.org/tlog-proof@v1", "not a receipt")
    if lines[0].startswith("extra "):
        lines.pop(0)
    word, index = lines.pop(0).split(" ")
    check(word == "index" and str(int(index)) == index, "no index")
    kind, identifier = read_record(record, network)
    size, root = read_checkpoint(note, network, members)
    path = [unbase64(line) for line in lines]
    check(root_of(path, int(index), size, sha256(b"\x00" + record)) == root, "the path leads elsewhere")
    return kind, int(index), size, identifier


if __name__ == "__main__":
    genesis = Path(sys.argv[1]).read_bytes()
    for record, receipt in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
        kind, index, size, identifier = verify(genesis, Path(record).read_bytes(), Path(receipt).read_bytes().decode())
        print(f"{KINDS[kind]} {identifier.hex()} stands at {index} of {size}")
