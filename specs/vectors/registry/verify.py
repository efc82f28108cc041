#!/usr/bin/env python3
"""Checks receipts offline: verify.py [--handovers FILE] GENESIS RECORD RECEIPT [RECORD RECEIPT ...]

A second reader of specs/registry.md, which shares no code with the project. Needs Python 3.11 and `cryptography`. It says what each
record is and where it stands, or fails. FILE is what a node answers to GET /handovers?from=0. (Ed25519 by RFC 8032: stricter than ZIP-215.)
"""

import base64, hashlib, json, sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

KINDS = "credential batch,status list version,case event,designation,outcome,erasure,proposal,approval,case event group".split(",")
sha256 = lambda data: hashlib.sha256(data).digest()


def check(holds, problem):
    if not holds:
        raise ValueError(problem)


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    check(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


def cbor(data):
    """Reads one deterministic CBOR item of numbers, byte strings and arrays; gives it and what follows."""
    major, number, data = data[0] >> 5, data[0] & 31, data[1:]
    if number >= 24:
        check(number <= 27, "an indefinite length")
        width = 1 << number - 24
        number, data = int.from_bytes(data[:width]), data[width:]
        check(number >= (24 if width == 1 else 1 << 4 * width), "a number in a longer spelling")
    if major == 0:
        return number, data
    check(major in (2, 4) and len(data) >= number, "neither number, bytes nor array, or cut short")
    if major == 2:
        return data[:number], data[number:]
    items = []
    for _ in range(number):
        item, data = cbor(data)
        items.append(item)
    return items, data


def read_record(data, network):
    """The kind and the id of a record, its author's signature checked."""
    (version, of_network, kind, body, (algorithm, key), signature), rest = cbor(data)
    whole = not rest and len(data) <= (16384 if kind == 7 else 4096)
    check(whole and version == 1 and of_network == network and kind in range(1, 10), "not a record of this network")
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
        numbers = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        point.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(hashes.SHA256()))
    return kind, sha256(b"tegata/record-id/v1\0" + statement)


def members_of(entries):
    """The cosigning keys of the members in force, by name."""
    key = lambda member: base64.urlsafe_b64decode(member["cosigning_key"] + "=")
    return {member["name"]: key(member) for member in entries if not member.get("suspended")}


def read_checkpoint(note, network, committees):
    """Lines of a checkpoint, which a quorum of the members in force at its height signed, and those members."""
    text, _, signatures = note.rpartition("\n\n")
    check(signatures.endswith("\n"), "a line without an end")
    origin, size, root, *extensions = text.split("\n")
    names, values = zip(*(line.split(" ") for line in extensions))
    check((origin, *names) == (f"tegata/{network.hex()}", "height", "time", "trusted-parties", "blocks"), "not of this network")
    members, signed = [members for start, members in committees if start <= int(values[0])][-1], set()
    for line in signatures[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        check(dash == "\u2014", "not a signature line")
        blob = unbase64(encoded)
        if name not in members:
            continue
        key = members[name]
        if blob[:4] == sha256(name.encode() + b"\n\x04" + key)[:4]:
            message = f"cosignature/v1\ntime {int.from_bytes(blob[4:12])}\n{text}\n".encode()
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(blob[12:], message)
            signed.add(name)
    check(len(signed) >= len(members) - (len(members) - 1) // 3, "no quorum")
    return int(size), unbase64(root), int(values[0]), unbase64(values[2]), members


def follow(committees, followed, handover, network):
    """Who signs from which height on, as the members in force announce it, and the last height that was followed."""
    _, _, height, digest, members = read_checkpoint(handover["checkpoint"], network, committees)
    check(sha256(handover["document"].encode()) == digest, "another document")
    document = json.loads(handover["document"])
    check(members_of(document["members"]) == members, "other members than those in force")
    if height < followed:  # It says nothing new, and takes nothing back.
        return committees, followed
    known = [(start, members) for start, members in committees if start <= height]
    return known + [(next["height"], members_of(next["members"])) for next in document["scheduled"]], height


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


def verify(network, committees, record, receipt):
    """What a record is and where it stands; fails unless the receipt shows it."""
    proof, _, note = receipt.partition("\n\n")
    header, *lines = proof.split("\n")
    lines = lines[1:] if lines[0].startswith("extra ") else lines
    word, index = lines.pop(0).split(" ")
    check((header, word) == ("c2sp.org/tlog-proof@v1", "index") and str(int(index)) == index, "not a receipt")
    kind, identifier = read_record(record, network)
    size, root, *_ = read_checkpoint(note, network, committees)
    check(root_of(map(unbase64, lines), int(index), size, sha256(b"\x00" + record)) == root, "the path leads elsewhere")
    return f"{KINDS[kind - 1]} {identifier.hex()} stands at {index} of {size}"


if __name__ == "__main__":
    announced = sys.argv[1] == "--handovers"
    handovers = json.loads(Path(sys.argv[2]).read_bytes())["handovers"] if announced else []
    genesis, *files = (Path(name).read_bytes() for name in sys.argv[3 if announced else 1 :])
    network, committees, followed = sha256(genesis), [(0, members_of(json.loads(genesis)["members"]))], 0
    for handover in handovers:
        committees, followed = follow(committees, followed, handover, network)
    for record, receipt in zip(files[::2], files[1::2], strict=True):
        print(verify(network, committees, record, receipt.decode()))
