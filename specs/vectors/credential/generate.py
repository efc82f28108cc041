#!/usr/bin/env python3
"""Writes the vectors beside this file: SD-JWTs made by another hand than the one that reads them.

Needs the package `cryptography`. Signatures are deterministic, so a second run writes the same bytes.
"""

import base64
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

HERE = pathlib.Path(__file__).parent
NOW = 1795392000
AUD, NONCE = "x509_hash:abc", "n-0S6_WzA2Mj"


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def digest(text):
    return b64(hashlib.sha256(text.encode()).digest())


class Ed25519:
    alg = "EdDSA"

    def __init__(self, number):
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)

    def jwk(self):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.key.public_key().public_bytes_raw())}

    def sign(self, message):
        return self.key.sign(message)


class P256:
    alg = "ES256"

    def __init__(self, number):
        self.key = ec.derive_private_key(int.from_bytes(bytes([number]) * 32, "big"), ec.SECP256R1())

    def jwk(self):
        point = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": b64(point.x.to_bytes(32, "big")), "y": b64(point.y.to_bytes(32, "big"))}

    def sign(self, message):
        der = self.key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


ISSUER, HOLDER = Ed25519(1), Ed25519(2)


def jws(key, typ, payload, **header):
    head = {"alg": key.alg, "typ": typ, **header}
    text = b64(compact(head).encode()) + "." + b64(compact(payload).encode())
    return text + "." + b64(key.sign(text.encode()))


class Disclosures(list):
    """Makes disclosures and remembers them in order."""

    def of(self, *parts, text=None):
        number = len(self) + 1
        salt = b64(hashlib.sha256(b"salt %d" % number).digest()[:16])
        encoded = b64((text or compact([salt, *parts])).encode())
        self.append(encoded)
        return digest(encoded)


def sd_jwt(payload, disclosures, key=ISSUER):
    return "~".join([jws(key, "example+sd-jwt", payload), *disclosures]) + "~"


def presented(text, key=HOLDER, typ="kb+jwt", **changes):
    claims = {"iat": NOW, "aud": AUD, "nonce": NONCE, "sd_hash": digest(text), **changes}
    return text + jws(key, typ, {name: value for name, value in claims.items() if value is not None})


def write(name, note, text, payload=None, key=ISSUER, binding=False):
    vector = {
        "name": name,
        "note": note,
        "presentation": text,
        "issuer_jwk": key.jwk(),
        "key_binding": {"required": True, "aud": AUD, "nonce": NONCE, "max_age": 300} if binding else None,
        "now": NOW,
        "expected": {"valid": True, "payload": payload} if payload is not None else {"valid": False},
    }
    (HERE / f"{name}.json").write_text(json.dumps(vector, indent=1, ensure_ascii=False) + "\n")


def base(disclosures):
    """A payload with a concealed member, a concealed element, and a concealed object with a concealed member."""
    name = disclosures.of("family_name", "山田")
    element = disclosures.of("JP")
    region = disclosures.of("region", "東京都")
    address = disclosures.of("address", {"country": "JP", "_sd": [region]})
    return {
        "iss": "https://issuer.example",
        "exp": NOW + 86400,
        "cnf": {"jwk": HOLDER.jwk()},
        "nationalities": [{"...": element}, {"...": digest("decoy in an array")}, "plain"],
        "_sd": sorted([name, address, digest("decoy in an object")]),
        "_sd_alg": "sha-256",
    }


def read(**more):
    return {
        "iss": "https://issuer.example",
        "exp": NOW + 86400,
        "cnf": {"jwk": HOLDER.jwk()},
        "nationalities": ["plain"],
        **more,
    }


def accepted():
    d = Disclosures()
    payload = base(d)
    full = read(nationalities=["JP", "plain"], family_name="山田", address={"country": "JP", "region": "東京都"})
    write("accept-all-disclosed", "every disclosure", sd_jwt(payload, d), full)
    write("accept-none-disclosed", "no disclosure", sd_jwt(payload, []), read())
    write("accept-element-only", "one array element", sd_jwt(payload, [d[1]]), read(nationalities=["JP", "plain"]))
    write("accept-parent-only", "an object without its inner disclosure", sd_jwt(payload, [d[3]]), read(address={"country": "JP"}))
    write("accept-any-order", "a child before its parent", sd_jwt(payload, [d[2], d[3]]), read(address={"country": "JP", "region": "東京都"}))
    write("accept-key-binding", "Ed25519 holder", presented(sd_jwt(payload, d[:1])), read(family_name="山田"), binding=True)

    es256 = P256(3)
    bound = {**payload, "cnf": {"jwk": es256.jwk()}}
    text = presented(sd_jwt(bound, [], key=P256(4)), key=es256)
    write("accept-es256", "P-256 issuer and holder", text, {**read(), "cnf": {"jwk": es256.jwk()}}, key=P256(4), binding=True)

    e = Disclosures()
    spaced = e.of(text='[ "salt of 128 bits..." ,\n "n\\u0061me" , {"a": [1, 2.5, true, null]} ]')
    write("accept-spacing", "white space and escapes are the issuer's", sd_jwt({"_sd": [spaced]}, e), {"name": {"a": [1, 2.5, True, None]}})
    write("accept-empty-digests", "an empty _sd leaves an empty object", sd_jwt({"a": {"_sd": []}, "b": [{"...": digest("x")}]}, []), {"a": {}, "b": []})
    deep = Disclosures()
    inner = deep.of("n", 1)
    for _ in range(7):
        inner = deep.of("n", {"_sd": [inner]})
    nested = 1
    for _ in range(8):
        nested = {"n": nested}
    write("accept-recursion-8", "eight disclosures inside one another", sd_jwt({"_sd": [inner]}, deep), nested)
    inner = deep.of("n", {"_sd": [inner]})
    write("refuse-recursion-9", "nine disclosures inside one another", sd_jwt({"_sd": [inner]}, deep))


def refused():
    def forged(name, note, change, row):
        d = Disclosures()
        payload = base(d)
        change(payload, d)
        write(f"refuse-{row}-{name}", note, sd_jwt(payload, d))

    def member(payload, d, *parts, text=None):
        payload["_sd"].append(d.of(*parts, text=text))

    forged("hash-algorithm", "sha-512", lambda p, d: p.update(_sd_alg="sha-512"), "s03")
    forged("hash-algorithm-nested", "_sd_alg below the top", lambda p, d: p.update(a={"_sd_alg": "sha-256"}), "s03")
    forged("four-elements", "a disclosure of four elements", lambda p, d: member(p, d, "a", 1, 2), "s04")
    forged("number-as-name", "a name that is no string", lambda p, d: member(p, d, 1, 1), "s04")
    forged("duplicate-member", "a value with two members of one name", lambda p, d: member(p, d, text='["s","n",{"a":1,"a":2}]'), "s04")
    forged("claim-named-sd", "a claim named _sd", lambda p, d: member(p, d, "_sd", ["x"]), "s05")
    forged("claim-named-dots", "a claim named ...", lambda p, d: member(p, d, "...", "x"), "s05")
    forged("over-plain", "a claim over a plain one", lambda p, d: member(p, d, "iss", "https://evil.example"), "s06")
    forged("over-disclosed", "a claim over a disclosed one", lambda p, d: member(p, d, "family_name", "鈴木"), "s06")
    forged("element-in-object", "an element among members", lambda p, d: member(p, d, "JP"), "s07")
    forged("member-in-array", "a member among elements", lambda p, d: p["nationalities"].append({"...": d.of("a", 1)}), "s07")
    forged("digest-twice", "a digest in two objects", lambda p, d: p.update(a={"_sd": [p["_sd"][0]]}), "s08")
    forged("decoy-twice", "a decoy in two objects", lambda p, d: p.update(a={"_sd": ["x"]}, b={"_sd": ["x"]}), "s08")
    forged("unreferenced", "a disclosure without a digest", lambda p, d: d.of("a", 1), "s09")
    forged("orphan", "a disclosure without its parent", lambda p, d: d.pop(3), "s10")
    forged("disclosure-twice", "one disclosure sent twice", lambda p, d: d.append(d[0]), "s11")
    forged("sd-no-array", "_sd that is no array", lambda p, d: p.update(a={"_sd": "x"}), "s13")
    forged("dots-beside", "... beside another member", lambda p, d: p["nationalities"].append({"...": "x", "a": 1}), "s13")
    forged("dots-in-object", "... outside an array", lambda p, d: p.update(a={"...": "x"}), "s13")
    forged("expired", "exp has passed", lambda p, d: p.update(exp=NOW - 3600), "s14")
    forged("nbf", "nbf has not come", lambda p, d: p.update(nbf=NOW + 3600), "s14")

    d = Disclosures()
    payload = base(d)
    good = sd_jwt(payload, d)
    write("refuse-s01-other-key", "signed with another key", sd_jwt(payload, d, key=Ed25519(9)))
    write("refuse-s15-no-tilde", "the last tilde is missing", good[:-1])
    write("refuse-s15-empty-disclosure", "nothing between two tildes", good.replace("~", "~~", 1))
    write("refuse-s16-key-binding", "a presentation where none belongs", presented(good))

    def bound(name, note, row, **changes):
        write(f"refuse-{row}-{name}", note, presented(good, **changes), binding=True)

    write("refuse-k01-missing", "no Key Binding JWT", good, binding=True)
    bound("other-key", "signed with another key", "k02", key=Ed25519(9))
    bound("typ", "of another type", "k03", typ="JWT")
    bound("aud", "without the prefix", "k04", aud="abc")
    bound("aud-array", "an array of one", "k04", aud=[AUD])
    bound("nonce", "another nonce", "k05", nonce="other")
    bound("old", "301 seconds old", "k06", iat=NOW - 301)
    bound("future", "61 seconds early", "k06", iat=NOW + 61)
    bound("no-iat", "without iat", "k06", iat=None)
    bound("sd-hash", "without the last tilde", "k07", sd_hash=digest(good[:-1]))
    bound("transaction-data", "confirmed and not asked for", "k08", transaction_data_hashes=[digest("x")])
    bound("expired", "exp has passed", "k09", exp=NOW - 60)


accepted()
refused()
