#!/usr/bin/env python3
"""Writes the seeds of each target from specs/vectors. Needs the package `cryptography` for one signature."""

import base64
import importlib
import json
import pathlib
import sys
import zlib

from cryptography.hazmat.primitives.asymmetric import ed25519

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parents[2] / "specs" / "vectors"
NOW = 1795392000


def load(name):
    return json.loads((VECTORS / name).read_text())


def write(target, name, content):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header, payload):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(payload).encode())
    return text + "." + b64(key.sign(text.encode()))


KEPT = {
    "sd_jwt": [
        "accept-all-disclosed", "accept-any-order", "accept-none-disclosed", "accept-recursion-8", "accept-spacing",
        "refuse-recursion-9", "refuse-s08-digest-twice", "refuse-s10-orphan", "refuse-s13-dots-beside", "refuse-s15-empty-disclosure",
    ],
    "key_binding": ["accept-es256", "accept-key-binding", "refuse-k01-missing", "refuse-k06-no-iat", "refuse-k08-transaction-data"],
}
for target, names in KEPT.items():
    for name in names:
        write(target, name, load(f"credential/{name}.json")["presentation"])

credential = load("credential/accept-all-disclosed.json")["presentation"]
write("jws", "sd-jwt", credential.split("~")[0])
write("jws", "kb-jwt", load("credential/accept-key-binding.json")["presentation"].split("~")[-1])
for vector in load("identity/jws.json")["vectors"]:
    write("jws", vector["typ"].replace("+", "-") + "-" + vector["jwk"]["crv"], vector["jws"])

payload, *disclosures = credential.rstrip("~").split("~")
decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
write("disclosures", "all", "\n".join([decode(payload.split(".")[1]), *map(decode, disclosures)]))
write("disclosures", "reserved", '{"a":{"_sd":["x"]},"b":[{"...":"y"}]}\n["s","_sd",1]\n["s","n",{"...":"z"}]')

entries = zlib.compress(bytes([0xC9, 0x44, 0xF9]) * 1000, 9)
claims = {"sub": "https://issuer.example/status/1", "iat": NOW, "exp": NOW + 86400, "ttl": 3600,
          "status_list": {"bits": 2, "lst": b64(entries)}}
header = {"alg": "EdDSA", "typ": "statuslist+jwt", "kid": "k1"}
write("status_list_token", "good", token(header, claims))
write("status_list_token", "bomb", token(header, {**claims, "status_list": {"bits": 2, "lst": b64(zlib.compress(bytes(17 << 20), 9))}}))
write("status_list_token", "float-bits", token(header, {**claims, "status_list": {"bits": 2.5, "lst": ""}}))

for number, vector in enumerate(load("envelope/jwe.json")["vectors"]):
    write("jwe", f"vector-{number}", vector["jwe"])

kyc = {"id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": ["https://tegata.example/kyc/jp/1"]},
       "claims": [{"id": "a", "path": ["verified_claims", "claims", "birthdate"]}, {"id": "b", "path": ["checks", None, "process"], "values": ["x", 1, True]}],
       "claim_sets": [["a", "b"], ["a"]]}
write("dcql", "full", json.dumps({"credentials": [kyc], "credential_sets": [{"options": [["kyc"]], "required": False}]}))
write("dcql", "minimal", json.dumps({"credentials": [{"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}}]}))
write("dcql", "bad-path", json.dumps({"credentials": [{**kyc, "claims": [{"path": [-1]}]}]}))

for number, vector in enumerate(load("registry/records.json")["records"]):
    write("record", f"record-{number}", bytes.fromhex(vector["record"]))
for number, vector in enumerate(load("registry/checkpoints.json")["checkpoints"]):
    write("checkpoint", f"checkpoint-{number}", vector["note"])
write("checkpoint", "note", load("registry/notes.json")["note"])
for number, vector in enumerate(load("registry/receipts.json")["receipts"]):
    write("receipt", f"receipt-{number}", vector["receipt"])

sys.path.insert(0, str(VECTORS / "registry"))
sys.dont_write_bytecode = True
generate = importlib.import_module("generate")
KEYS = {name: generate.Ed25519Key(f"cosigning {name}") for name in generate.MEMBERS}
smaller, larger = (load("registry/checkpoints.json")["checkpoints"][n] for n in (2, 3))


def signed(text, members):
    return text + "\n" + "".join(generate.cosign(name, KEYS[name], text, NOW) for name in members)


forked = larger["text"].replace("\nheight ", "\nheight 1")
forked = "".join("A" * 43 + "=\n" if n == 2 else line for n, line in enumerate(forked.splitlines(True)))
both = {"tegata": "evidence/1", "first": larger["note"], "second": signed(forked, generate.MEMBERS[1:])}
write("evidence", "one-size", json.dumps(both))
entries = [bytes.fromhex(entry["record"]) for entry in load("registry/records.json")["records"]]
fork = "".join("A" * 43 + "=\n" if n == 2 else line for n, line in enumerate(smaller["text"].splitlines(True)))
size = smaller["size"]
prefix = {"root": generate.b64(generate.root(entries[:size])), "hashes": [generate.b64(h) for h in generate.consistency(size, entries)]}
write("evidence", "prefix", json.dumps({"tegata": "evidence/1", "first": signed(fork, generate.MEMBERS[:1]), "second": larger["note"], "prefix": prefix}))
write("evidence", "no-contradiction", json.dumps({"tegata": "evidence/1", "first": smaller["note"], "second": larger["note"], "prefix": prefix}))

merkle = load("registry/merkle.json")
leaves = [generate.leaf_hash(base64.b64decode(leaf)) for leaf in merkle["leaves"]]
numbers = lambda *them: b"".join(n.to_bytes(8, "big") for n in them)
hashes = lambda them: b"".join(base64.b64decode(h) for h in them)
for size in (1, 3, 8, 13, 20):
    tree = merkle["trees"][size]
    index = size * 2 // 3
    path = hashes(tree["inclusion"][index])
    write("proof", f"inclusion-{index}-of-{size}", numbers(index, size) + leaves[index] + hashes([tree["root"]]) + path)
    old = size // 2 or 1
    proof = generate.consistency(old, [base64.b64decode(leaf) for leaf in merkle["leaves"][:size]]) if old < size else []
    write("proof", f"consistency-{old}-to-{size}", numbers(old, size) + hashes([merkle["trees"][old]["root"], tree["root"]]) + b"".join(proof))

write("note", "note", load("registry/notes.json")["note"])
write("note", "checkpoint", larger["note"])
write("note", "no-signature", larger["text"] + "\n")
write("note", "control", larger["note"].replace("height", "heig\x07ht"))

handovers = load("registry/handovers.json")
for number, handover in enumerate(handovers["handovers"]):
    write("handover", f"handover-{number}", handover["checkpoint"] + "\0" + handover["document"])
write("handover", "later-document", handovers["handovers"][0]["checkpoint"] + "\0" + handovers["document"])
write("handover", "not-yet-known", handovers["checkpoint"] + "\0" + handovers["document"])

parties = load("registry/genesis.json")
canonical = lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
member, issuer, definition = parties["members"][1], parties["issuers"][0], parties["process_definitions"][0]
for name, value in {
    "suspend": {"suspend_member": {"name": member["name"]}},
    "remove": {"remove_member": {"name": member["name"]}},
    "remove-nobody": {"remove_member": {"name": "nobody.example"}},
    "update": {"update_member": {"member": {**member, "validator": not member["validator"]}}},
    "admit-again": {"admit_member": {"member": member}},
    "retire": {"retire_issuer": {"id": issuer["id"]}},
    "register": {"register_issuer": {"issuer": {**issuer, "name": "Another name"}}},
    "definition": {"publish_definition": {"definition": {**definition, "version": definition["version"] + 1, "activation_height": 200}}},
}.items():
    write("change", name, canonical(value))

write("json", "escapes", '{"a":"\\u0061\\ud83d\\ude00","b":[1,-2.5e3,true,null,{}]}')
write("json", "duplicate", '{"iss":1,"\\u0069ss":2}')
write("json", "private-number", '{"$serde_json::private::Number":"1"}')
write("json", "deep", "[" * 33 + "]" * 33)
write("json", "lone-surrogate", '"\\ud800"')
write("json", "long-number", "1" * 33)
