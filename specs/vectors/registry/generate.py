#!/usr/bin/env python3
"""Writes the vectors of the registry's formats, beside this file, without any code of the project.

Needs Python 3.11 and the `cryptography` package (Ed25519 and deterministic P-256 signatures). Running it again writes the
same bytes. CBOR, Merkle trees, notes, cosignatures and proofs are made here by hand from the specifications.
"""

import base64
import hashlib
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

HERE = Path(__file__).parent


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def filler(label, length=32):
    """Bytes that look random and come from a label."""
    return hashlib.shake_256(label.encode()).digest(length)


def write(name, content):
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (HERE / f"{name}.json").write_text(text, encoding="utf-8")


# --- RFC 6962 -------------------------------------------------------------------------------------------------------


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def split(n):
    """The largest power of two below n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def inclusion(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return inclusion(m, leaves[:k]) + [root(leaves[k:])]
    return inclusion(m - k, leaves[k:]) + [root(leaves[:k])]


def consistency(m, leaves, complete=True):
    if m == len(leaves):
        return [] if complete else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return consistency(m, leaves[:k], complete) + [root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [root(leaves[:k])]


def merkle_vectors():
    leaves = [filler(f"leaf {i}", i * 7 % 50) for i in range(20)]
    trees = []
    for size in range(21):
        part = leaves[:size]
        trees.append(
            {
                "size": size,
                "root": b64(root(part)),
                "inclusion": [[b64(h) for h in inclusion(i, part)] for i in range(size)],
                "consistency_from": [[b64(h) for h in consistency(m, part)] for m in range(1, size + 1)],
            }
        )
    write("merkle", {"leaves": [b64(leaf) for leaf in leaves], "trees": trees})


# --- keys -----------------------------------------------------------------------------------------------------------


class Ed25519Key:
    algorithm = 0

    def __init__(self, label):
        self.seed = sha256(label.encode())
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        self.public = self.key.public_key().public_bytes(*raw)

    def sign(self, message):
        return self.key.sign(message)

    def thumbprint(self):
        return sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{b64u(self.public)}"}}'.encode())


class P256Key:
    algorithm = 1

    def __init__(self, label):
        self.seed = sha256(label.encode())
        self.key = ec.derive_private_key(int.from_bytes(self.seed), ec.SECP256R1())
        point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        self.public = self.key.public_key().public_bytes(*point)

    def sign(self, message):
        der = self.key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(32) + s.to_bytes(32)

    def thumbprint(self):
        x, y = b64u(self.public[1:33]), b64u(self.public[33:])
        return sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode())


# --- C2SP signed notes and cosignatures -----------------------------------------------------------------------------


def key_id(name, kind, public):
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]


def vkey(name, kind, public):
    return f"{name}+{key_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def signature_line(name, kind, key, signature):
    return f"\u2014 {name} {b64(key_id(name, kind, key.public) + signature)}\n"


def sign_note(name, key, text):
    return signature_line(name, 1, key, key.sign(text.encode()))


def cosign(name, key, text, time):
    message = f"cosignature/v1\ntime {time}\n{text}"
    return signature_line(name, 4, key, struct.pack(">Q", time) + key.sign(message.encode()))


def note_vectors():
    alpha, beta = Ed25519Key("note alpha"), Ed25519Key("note beta")
    text = "This is an example.\n\nWith an empty line, and 本人確認.\n"
    write(
        "notes",
        {
            "text": text,
            "keys": [
                {"seed": b64(alpha.seed), "vkey": vkey("alpha.example/log", 1, alpha.public)},
                {"seed": b64(beta.seed), "vkey": vkey("beta.example", 1, beta.public)},
            ],
            "note": text + "\n" + sign_note("alpha.example/log", alpha, text) + sign_note("beta.example", beta, text),
        },
    )


# --- deterministic CBOR (RFC 8949, section 4.2.1) -------------------------------------------------------------------


def cbor_head(major, n):
    for size, info in ((24, None), (1 << 8, 24), (1 << 16, 25), (1 << 32, 26), (1 << 64, 27)):
        if n < size:
            if info is None:
                return bytes([major << 5 | n])
            return bytes([major << 5 | info]) + n.to_bytes(1 << info - 24)
    raise ValueError(n)


def cbor(value):
    if isinstance(value, int):
        return cbor_head(0, value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    return cbor_head(4, len(value)) + b"".join(cbor(item) for item in value)


# --- commitments and anchors ----------------------------------------------------------------------------------------


def commitment(domain, salt, fields):
    def counted(data):
        return struct.pack(">I", len(data)) + data

    parts = [b"tegata/commitment/v1\0", counted(domain.encode()), salt] + [counted(field) for field in fields]
    return sha256(b"".join(parts))


def commitment_vectors():
    salt = filler("salt")
    evidence = [filler("front"), filler("back")]
    claims = ['["verified_claims","claims","family_name"]', '["verified_claims","verification","checks",null]']
    case_event = ["residence", "passed", "2026-11-23", "reviewer-7f3a"]
    time = "2026-11-23T06:00:00Z"
    vectors = [
        {"domain": "case-event", "text": case_event, "evidence": [e.hex() for e in evidence]},
        {"domain": "case-event", "text": ["closed", "none", "2026-11-23", ""], "evidence": []},
        {"domain": "designation", "text": ["https://a.securities.example", "account_opening"] + claims},
        {"domain": "outcome", "text": ["opened", time]},
        {"domain": "erasure", "text": ["3", time]},
    ]
    for vector in vectors:
        fields = [text.encode() for text in vector["text"]]
        if "evidence" in vector:
            fields.append(b"".join(bytes.fromhex(digest) for digest in vector["evidence"]))
        vector["commitment"] = commitment(vector["domain"], salt, fields).hex()
    write("commitments", {"salt": salt.hex(), "vectors": vectors})


def anchor_leaf(nonce, signing_input_hash, thumbprint):
    return sha256(b"tegata/anchor/v1\0" + nonce + signing_input_hash + thumbprint)


def anchor_vectors(holders):
    leaves, anchors = [], []
    for n, holder in enumerate(holders):
        nonce, signing_input_hash = filler(f"nonce {n}"), filler(f"signing input {n}")
        leaves.append(anchor_leaf(nonce, signing_input_hash, holder.thumbprint()))
        anchors.append(
            {
                "algorithm": holder.algorithm,
                "public_key": holder.public.hex(),
                "thumbprint": holder.thumbprint().hex(),
                "nonce": nonce.hex(),
                "signing_input_hash": signing_input_hash.hex(),
                "leaf_data": leaves[-1].hex(),
            }
        )
    leaves += [filler(f"decoy {n}") for n in range(8 - len(leaves))]
    for n, anchor in enumerate(anchors):
        anchor["leaf"] = n
        anchor["path"] = [b64(h) for h in inclusion(n, leaves)]
    write("anchors", {"root": b64(root(leaves)), "depth": 3, "anchors": anchors})
    return leaves, anchors


# --- genesis, records, checkpoints, receipts ------------------------------------------------------------------------

MEMBERS = ["consortium.example", "a.securities.example", "b.securities.example", "notary.example"]
EPOCH_BLOCKS = 50
STEPS = [
    {"code": 1, "name": "opened", "after": []},
    {"code": 2, "name": "identity_document", "after": [1]},
    {"code": 3, "name": "name_identification", "after": [1]},
    {"code": 4, "name": "asf_collation", "after": [1]},
    {"code": 5, "name": "residence", "after": [2, 3, 4]},
    {"code": 6, "name": "closed", "after": [1], "terminal": True},
]


def genesis_document(cosigners, issuer):
    roles = ["consortium", "company", "company", "notary"]
    members = [
        {
            "name": name,
            "role": roles[n],
            "url": f"http://127.0.0.1:710{n}",
            "peer_address": f"127.0.0.1:720{n}",
            "consensus_key": b64u(Ed25519Key(f"consensus {name}").public),
            "cosigning_key": b64u(cosigners[n].public),
            "governance_key": b64u(Ed25519Key(f"governance {name}").public),
            "validator": True,
        }
        for n, name in enumerate(MEMBERS)
    ]
    issuers = [
        {
            "id": "https://issuer.consortium.example",
            "name": "本人確認コンソーシアム",
            "member": "consortium.example",
            "record_key": b64u(issuer.public),
            "application_key": b64u(filler("application key")),
            "trust_anchors": [b64(b"not a certificate, and nothing here reads it")],
            "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": b64u(Ed25519Key("credentials").public)}]},
        }
    ]
    verifiers = [
        {
            "id": "https://a.securities.example",
            "name": "A証券株式会社",
            "member": "a.securities.example",
            "url": "http://127.0.0.1:7301",
            "trust_anchors": [],
            "purposes": [
                {
                    "id": "account_opening",
                    "text": {"ja": "口座開設", "en": "Opening an account"},
                    "claims": [["verified_claims", "claims", "family_name"], ["verified_claims", "verification", "checks", None]],
                }
            ],
        }
    ]
    return {
        "tegata": "genesis/1",
        "name": "Vectors",
        "epoch_blocks": EPOCH_BLOCKS,
        "members": members,
        "issuers": issuers,
        "verifiers": verifiers,
        "process_definitions": [{"version": 1, "activation_height": 0, "steps": STEPS}],
    }


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def record(network, kind, body, key):
    statement = [1, network, kind, body, [key.algorithm, key.public]]
    # Of a group of events its size and root are signed in the place of the events.
    signed = [len(body), root([cbor(event) for event in body])] if kind == 9 else body
    encoding = cbor([1, network, kind, signed, [key.algorithm, key.public]])
    signature = key.sign(b"tegata/record/v1\0" + encoding)
    return {
        "kind": kind,
        "author_seed": key.seed.hex(),
        "algorithm": key.algorithm,
        "id": sha256(b"tegata/record-id/v1\0" + encoding).hex(),
        "signed": (b"tegata/record/v1\0" + encoding).hex(),
        "record": cbor(statement + [signature]).hex(),
    }


def records(network, issuer, holder, outcome, leaves, anchors):
    case, application = filler("case", 16), filler("application", 16)
    uri = "https://issuer.consortium.example/status/0"
    opening = [
        bytes.fromhex(anchors[1]["nonce"]),
        bytes.fromhex(anchors[1]["signing_input_hash"]),
        0,
        1,
        inclusion(1, leaves),
    ]
    made = [record(network, 1, [0, root(leaves), 3], issuer)]
    made.append(record(network, 2, [sha256(uri.encode())[:16], 0, sha256(b"a status list token")], issuer))
    for sequence, code in enumerate([1, 2, 3, 4, 5, 6]):
        made.append(record(network, 3, [case, sequence, code, 1, filler(f"event {sequence}")], issuer))
    expires = 1_795_500_000
    designation = [application, opening, filler("designation"), outcome.public, expires]
    made.append(record(network, 4, designation, holder))
    made.append(record(network, 5, [application, 0, 1, filler("received")], outcome))
    made.append(record(network, 5, [application, 1, 2, filler("decided")], outcome))
    made.append(record(network, 6, [case, filler("erasure")], issuer))
    change = canonical({"suspend_member": {"name": MEMBERS[3]}}).encode()
    proposal = record(network, 7, [0, expires, change], Ed25519Key(f"governance {MEMBERS[0]}"))
    made.append(proposal)
    approval = [bytes.fromhex(proposal["id"])]
    made.append(record(network, 8, approval, Ed25519Key(f"governance {MEMBERS[1]}")))
    group = [[filler(f"case of group {n % 2}", 16), n // 2, n // 2 + 1, 1, filler(f"grouped {n}")] for n in range(5)]
    made.append(record(network, 9, group, issuer))
    return made, uri


def trusted_parties(genesis, network, status_lists, height, members=None, scheduled=()):
    document = {
        "tegata": "trusted-parties/2",
        "network": network.hex(),
        "epoch": height // EPOCH_BLOCKS,
        "epoch_blocks": EPOCH_BLOCKS,
        "members": members or genesis["members"],
        "scheduled": list(scheduled),
        "issuers": genesis["issuers"],
        "verifiers": genesis["verifiers"],
        "process_definitions": genesis["process_definitions"],
        "status_lists": status_lists,
    }
    return canonical(document)


def ledger_vectors():
    cosigners = [Ed25519Key(f"cosigning {name}") for name in MEMBERS]
    issuer, outcome = Ed25519Key("issuer records"), Ed25519Key("outcome")
    holders = [Ed25519Key("holder 0"), P256Key("holder 1"), Ed25519Key("holder 2")]
    leaves, anchors = anchor_vectors(holders)

    genesis = genesis_document(cosigners, issuer)
    genesis_file = json.dumps(genesis, indent=2, ensure_ascii=False) + "\n"
    (HERE / "genesis.json").write_text(genesis_file, encoding="utf-8")
    network = sha256(genesis_file.encode())

    made, uri = records(network, issuer, holders[1], outcome, leaves, anchors)
    write("records", {"network": network.hex(), "records": made})

    entries = [bytes.fromhex(entry["record"]) for entry in made]
    status_lists = [
        {
            "issuer": genesis["issuers"][0]["id"],
            "list": sha256(uri.encode())[:16].hex(),
            "sequence": 0,
            "digest": sha256(b"a status list token").hex(),
        }
    ]
    document = trusted_parties(genesis, network, status_lists, 10 * len(entries))
    checkpoints, receipts = [], []
    blocks = [bytes(32)]
    for first in range(len(entries)):
        place = struct.pack(">QQQ", first, 10 * (first + 1), 1_795_000_001 + first)
        blocks.append(sha256(b"tegata/blocks/v1\0" + blocks[-1] + place))
    for size in (1, 2, 7, len(entries)):
        lists = status_lists if size > 1 else []
        digest = sha256(trusted_parties(genesis, network, lists, 10 * size).encode())
        text = f"tegata/{network.hex()}\n{size}\n{b64(root(entries[:size]))}\nheight {10 * size}\ntime {1_795_000_000 + size}\n"
        text += f"trusted-parties {b64(digest)}\nblocks {b64(blocks[size])}\n"
        time = 1_795_000_010 + size
        lines = [cosign(name, key, text, time + n) for n, (name, key) in enumerate(zip(MEMBERS, cosigners))]
        note = text + "\n" + "".join(lines[:3])
        checkpoints.append({"size": size, "text": text, "note": note, "all_cosignatures": lines, "cosigned_at": time})
        for index in {0, size // 2, size - 1}:
            path = "".join(b64(h) + "\n" for h in inclusion(index, entries[:size]))
            receipt = f"c2sp.org/tlog-proof@v1\nindex {index}\n{path}\n{note}"
            receipts.append({"index": index, "size": size, "receipt": receipt})
    seeds = [key.seed.hex() for key in cosigners]
    write("checkpoints", {"cosigning_seeds": seeds, "checkpoints": checkpoints})
    write("receipts", {"receipts": receipts})
    write("trusted-parties", {"status_list_uri": uri, "document": document, "sha256": sha256(document.encode()).hex()})
    handover_vectors(genesis, network, cosigners, issuer)


def handover_vectors(genesis, network, cosigners, issuer):
    """A member changes its cosigning key at height 150: the checkpoint of height 40 says so, and that of 160 is signed with it."""
    entries = [bytes.fromhex(record(network, 1, [n, filler(f"batch {n}"), 3], issuer)["record"]) for n in range(2)]
    renewed = Ed25519Key("cosigning again")
    members = [dict(member) for member in genesis["members"]]
    members[2]["cosigning_key"] = b64u(renewed.public)

    def checkpoint(size, height, document, keys):
        text = f"tegata/{network.hex()}\n{size}\n{b64(root(entries[:size]))}\nheight {height}\ntime {1_795_000_000 + height}\n"
        text += f"trusted-parties {b64(sha256(document.encode()))}\nblocks {b64(filler('blocks'))}\n"
        lines = [cosign(MEMBERS[n], keys[n], text, 1_795_000_001 + height) for n in (0, 2, 3)]
        return text + "\n" + "".join(lines)

    first = trusted_parties(genesis, network, [], 40, scheduled=[{"height": 150, "members": members}])
    then = trusted_parties(genesis, network, [], 160, members=members)
    after = checkpoint(2, 160, then, [cosigners[0], None, renewed, cosigners[3]])
    path = "".join(b64(h) + "\n" for h in inclusion(1, entries))
    write(
        "handovers",
        {
            "handovers": [{"checkpoint": checkpoint(1, 40, first, cosigners), "document": first}],
            "changed_at": 150,
            "checkpoint": after,
            "by_the_old_committee": checkpoint(2, 160, then, cosigners),
            "document": then,
            "record": entries[1].hex(),
            "receipt": f"c2sp.org/tlog-proof@v1\nindex 1\n{path}\n{after}",
        },
    )


if __name__ == "__main__":
    merkle_vectors()
    note_vectors()
    commitment_vectors()
    ledger_vectors()
