"""COSE messages with two independent implementations, pycose and cwt; countersignatures and ML-DSA with pyca/cryptography.

    cose.py read FILE    opens the messages of a JSON file; prints for each the payload that every tool found, as JSON
    cose.py write FILE   makes messages for the keys in a JSON file; prints them as JSON

The file holds {"keys": {name: hex}, "messages": [{"kind": name of a function below, "message": hex}]}.
"""

import json
import sys

import cbor2
import cwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from pycose.algorithms import A128KW, A256GCM, HMAC256, Direct, EcdhEsA128KW, EcdhEsHKDF256, EdDSA, Es256
from pycose.headers import IV, KID, Algorithm, EphemeralKey, StaticKey
from pycose.keys import EC2Key, OKPKey, SymmetricKey
from pycose.keys.curves import P256, Ed25519
from pycose.messages import CoseMessage, Enc0Message, EncMessage, Mac0Message, Sign1Message, SignMessage
from pycose.messages.recipient import DirectEncryption, DirectKeyAgreement, KeyAgreementWithKeyWrap, KeyWrap
from pycose.messages.signer import CoseSignature

PAYLOAD = b"written in Python"
NONCE = bytes(range(12))
ESP256, ED25519_FULL, ML_DSA_44 = -9, -19, -48

FULLY_SPECIFIED = "does not know the algorithm numbers of RFC 9864"
NO_COUNTERSIGNATURES = "does not know countersignatures"
NO_ML_DSA = "does not know ML-DSA (RFC 9964)"
# What each library does not read of what we write, and why.
UNREAD = {
    "sign1-p256": {"pycose": FULLY_SPECIFIED},
    "sign1-ed25519": {"pycose": FULLY_SPECIFIED},
    "sign": {"pycose": FULLY_SPECIFIED},
    "sign1-ml-dsa": {"pycose": NO_ML_DSA, "cwt": NO_ML_DSA},
    "encrypt0-chacha": {"pycose": "does not know ChaCha20-Poly1305"},
    "encrypt-x25519": {"pycose": "agrees on P-256, P-384 and P-521 alone", "cwt": "does not wrap keys with X25519"},
    "encrypt-x25519-direct": {"pycose": "agrees on P-256, P-384 and P-521 alone"},
    "counter-sign1": {"pycose": NO_COUNTERSIGNATURES},
    "counter-sign": {"pycose": NO_COUNTERSIGNATURES},
}

# What each does not make, where that is not the same.
UNWRITTEN = UNREAD | {
    "sign1-p256": {},
    "sign1-ed25519": {},
    "sign": {},
    "encrypt-x25519-direct": UNREAD["encrypt-x25519-direct"] | {"cwt": "makes no ephemeral key of X25519 (3.3.0)"},
    "counter-sign1": {
        "pycose": NO_COUNTERSIGNATURES,
        "cwt": "puts other_fields into the structure without the array around them, unlike RFC 9338 section 3.3",
    },
    "counter-mac0": {
        "pycose": NO_COUNTERSIGNATURES,
        "cwt": "puts other_fields into the structure without the array around them, unlike RFC 9338 section 3.3",
    },
    "counter-encrypt0": {"pycose": NO_COUNTERSIGNATURES},
    "counter-encrypt": {"pycose": NO_COUNTERSIGNATURES},
}


class Keys:
    """The same keys as each library wants them."""

    def __init__(self, told):
        self.raw = {name: bytes.fromhex(value) for name, value in told.items()}

    def shared(self, alg):
        return cwt.COSEKey.from_symmetric_key(alg=alg, key=self.raw["shared"], kid=b"kid")

    def p256(self, alg=ESP256, name="p256", private=False, kid=b"p256"):
        key = {1: 2, 2: kid, 3: alg, -1: 1, -2: self.raw[name + "-x"], -3: self.raw[name + "-y"]}
        return cwt.COSEKey.new(key | ({-4: self.raw[name + "-d"]} if private else {}))

    def ed25519(self, alg=ED25519_FULL, private=False):
        key = {1: 1, 2: b"ed25519", 3: alg, -1: 6, -2: self.raw["ed25519-x"]}
        return cwt.COSEKey.new(key | ({-4: self.raw["ed25519-d"]} if private else {}))

    def x25519(self, alg, private=False):
        key = {1: 1, 2: b"x25519", 3: alg, -1: 4, -2: self.raw["x25519-x"]}
        return cwt.COSEKey.new(key | ({-4: self.raw["x25519-d"]} if private else {}))

    def wrapping(self):
        return cwt.COSEKey.new({1: 4, 2: b"kid", 3: -3, 4: [5, 6], -1: self.raw["shared"][:16]})

    def pycose_p256(self, name="p256"):
        return EC2Key(crv=P256, x=self.raw[name + "-x"], y=self.raw[name + "-y"], d=self.raw[name + "-d"])

    def pycose_ed25519(self):
        return OKPKey(crv=Ed25519, x=self.raw["ed25519-x"], d=self.raw["ed25519-d"])


def by_cwt(message, keys, derived_for=None):
    """`derived_for` is what an agreed secret is derived for (AlgorithmID of RFC 9053 section 5.2)."""
    return cwt.COSE.new().decode(message, keys, {"alg": derived_for} if derived_for else None)


def decoded(message, key):
    parsed = CoseMessage.decode(message)
    parsed.key = key
    return parsed


def read_sign1_p256(message, keys):
    return {"cwt": by_cwt(message, keys.p256())}


def read_sign1_ed25519(message, keys):
    return {"cwt": by_cwt(message, keys.ed25519())}


def read_sign(message, keys):
    return {"cwt, P-256": by_cwt(message, keys.p256()), "cwt, Ed25519": by_cwt(message, keys.ed25519())}


def read_mac0(message, keys):
    parsed = decoded(message, SymmetricKey(k=keys.raw["shared"]))
    assert parsed.verify_tag()
    return {"pycose": parsed.payload, "cwt": by_cwt(message, keys.shared("HS256"))}


def read_encrypt0_gcm(message, keys):
    parsed = decoded(message, SymmetricKey(k=keys.raw["shared"]))
    return {"pycose": parsed.decrypt(), "cwt": by_cwt(message, keys.shared("A256GCM"))}


def read_encrypt0_chacha(message, keys):
    return {"cwt": by_cwt(message, keys.shared("ChaCha20/Poly1305"))}


def read_encrypt_wrap(message, keys):
    parsed = CoseMessage.decode(message)
    parsed.recipients[0].key = SymmetricKey(k=keys.raw["shared"][:16])
    return {"pycose": parsed.decrypt(parsed.recipients[0]), "cwt": by_cwt(message, keys.wrapping())}


def read_encrypt_direct(message, keys):
    parsed = CoseMessage.decode(message)
    parsed.key = SymmetricKey(k=keys.raw["shared"])
    return {"pycose": parsed.decrypt(parsed.recipients[0]), "cwt": by_cwt(message, keys.shared("A256GCM"))}


def x25519_derived(private, public, protected, alg=-3, length=16):
    """RFC 9053 sections 5.2, 6.3.1 and 6.4.1: for A128KW, or for the content, with nothing said of the parties."""
    context = cbor2.dumps([alg, [None] * 3, [None] * 3, [8 * length, protected]])
    return HKDF(SHA256(), length, None, context).derive(private.exchange(public))


def read_encrypt_x25519(message, keys):
    body, unprotected, ciphertext, [[protected, recipient, wrapped]] = cbor2.loads(message).value
    private = X25519PrivateKey.from_private_bytes(keys.raw["x25519-d"])
    kek = x25519_derived(private, X25519PublicKey.from_public_bytes(recipient[-1][-2]), protected)
    cipher = AESGCM(aes_key_unwrap(kek, wrapped))
    return {"pyca": cipher.decrypt(unprotected[5], ciphertext, cbor2.dumps(["Encrypt", body, b""]))}


def read_encrypt_x25519_direct(message, keys):
    return {"cwt": by_cwt(message, keys.x25519(-25, True), "A256GCM")}


def read_sign1_ml_dsa(message, keys):
    protected, _, payload, signature = cbor2.loads(message).value
    assert cbor2.loads(protected)[1] == ML_DSA_44
    key = MLDSA44PublicKey.from_public_bytes(keys.raw["ml-dsa"])
    key.verify(signature, cbor2.dumps(["Signature1", protected, b"", payload]))
    return {"pyca": payload}


def read_encrypt_agree(message, keys):
    parsed = CoseMessage.decode(message)
    parsed.recipients[0].key = keys.pycose_p256("agree")
    return {
        "pycose": parsed.decrypt(parsed.recipients[0]),
        "cwt": by_cwt(message, keys.p256(-29, "agree", True, b"agree"), "A128KW"),
    }


def read_encrypt_agree_direct(message, keys):
    parsed = CoseMessage.decode(message)
    parsed.recipients[0].key = keys.pycose_p256("agree")
    return {
        "pycose": parsed.decrypt(parsed.recipients[0]),
        "cwt": by_cwt(message, keys.p256(-25, "agree", True, b"agree"), "A256GCM"),
    }


def countersign_structure(message, protected):
    """RFC 9338 section 3.3, for a full countersignature."""
    body, _, payload, *others = message.value
    others = [other for other in others if isinstance(other, bytes)]
    context = "CounterSignatureV2" if others else "CounterSignature"
    return cbor2.dumps([context, body, protected, b"", payload] + ([others] if others else []))


def counter_pyca(message, keys):
    """Verifies the two hops of a message, Ed25519 both, and gives the payload or ciphertext under them."""
    parsed = cbor2.loads(message)
    hops = parsed.value[1][11]
    assert len(hops) == 2
    for protected, _, signature in hops:
        assert cbor2.loads(protected)[4] == b"ed25519"
        key = Ed25519PublicKey.from_public_bytes(keys.raw["ed25519-x"])
        key.verify(signature, countersign_structure(parsed, protected))
    return parsed.value[2]


def counter_cwt(message, keys):
    """cwt 3.3.0 puts other_fields into the structure without the array around them, unlike RFC 9338 section 3.3 and its
    examples; so it is asked where there are none."""
    parsed = cwt.COSEMessage.loads(message)
    assert parsed.counterverify(keys.ed25519())
    return parsed.payload


def read_counter_encrypt0(message, keys):
    assert counter_pyca(message, keys) == counter_cwt(message, keys)
    return read_encrypt0_gcm(message, keys)


def read_counter_encrypt(message, keys):
    assert counter_pyca(message, keys) == counter_cwt(message, keys)
    return read_encrypt_wrap(message, keys)


def read_counter_sign(message, keys):
    assert counter_pyca(message, keys) == counter_cwt(message, keys)
    return read_sign(message, keys)


def read_counter_sign1(message, keys):
    return {"pyca": counter_pyca(message, keys)} | read_sign1_p256(message, keys)


def read_counter_mac0(message, keys):
    return {"pyca": counter_pyca(message, keys)} | read_mac0(message, keys)


def countersigned_by_cwt(message, keys):
    signer = cwt.Signer.new(keys.ed25519(private=True), {1: ED25519_FULL}, {4: b"ed25519"})
    parsed = cwt.COSEMessage.loads(message)
    return parsed.countersign(signer).countersign(signer).dumps()


def countersigned_by_pyca(message, keys):
    key, parsed = Ed25519PrivateKey.from_private_bytes(keys.raw["ed25519-d"]), cbor2.loads(message)
    protected = cbor2.dumps({1: ED25519_FULL})
    hop = [protected, {4: b"ed25519"}, key.sign(countersign_structure(parsed, protected))]
    body, unprotected, *fields = parsed.value
    return cbor2.dumps(cbor2.CBORTag(parsed.tag, [body, unprotected | {11: [hop, hop]}, *fields]))


def write_all(keys):
    """One message of each kind by each library, as far as it knows the algorithms, and with hops where that says so."""
    made = {}
    for kind, tool, message in write_bare(keys):
        made[kind] = message
        yield kind, tool, message
    for kind, of in [("encrypt0", "encrypt0-gcm"), ("encrypt", "encrypt-wrap"), ("sign", "sign")]:
        yield "counter-" + kind, "cwt", countersigned_by_cwt(made[of], keys)
    for kind, of in [("sign1", "sign1-p256"), ("mac0", "mac0")]:
        yield "counter-" + kind, "pyca", countersigned_by_pyca(made[of], keys)


def write_bare(keys):
    shared = SymmetricKey(k=keys.raw["shared"])

    def pycose_sign1(alg, key):
        message = Sign1Message(phdr={Algorithm: alg}, payload=PAYLOAD)
        message.key = key
        return message.encode()

    yield "sign1-p256", "pycose", pycose_sign1(Es256, keys.pycose_p256())
    yield "sign1-ed25519", "pycose", pycose_sign1(EdDSA, keys.pycose_ed25519())
    cose = cwt.COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
    yield "sign1-p256", "cwt", cose.encode_and_sign(PAYLOAD, keys.p256(private=True))
    yield "sign1-ed25519", "cwt", cose.encode_and_sign(PAYLOAD, keys.ed25519(private=True))

    signers = [
        CoseSignature(phdr={Algorithm: Es256, KID: b"p256"}, key=keys.pycose_p256()),
        CoseSignature(phdr={Algorithm: EdDSA, KID: b"ed25519"}, key=keys.pycose_ed25519()),
    ]
    yield "sign", "pycose", SignMessage(payload=PAYLOAD, signers=signers).encode()
    both = [cwt.Signer.new(key, {1: alg, 4: key.kid}) for key, alg in
            [(keys.p256(private=True), ESP256), (keys.ed25519(private=True), ED25519_FULL)]]
    yield "sign", "cwt", cwt.COSE.new().encode_and_sign(PAYLOAD, signers=both)

    mac = Mac0Message(phdr={Algorithm: HMAC256}, payload=PAYLOAD)
    mac.key = shared
    yield "mac0", "pycose", mac.encode()
    yield "mac0", "cwt", cose.encode_and_mac(PAYLOAD, keys.shared("HS256"))

    encrypt0 = Enc0Message(phdr={Algorithm: A256GCM}, uhdr={IV: NONCE}, payload=PAYLOAD)
    encrypt0.key = shared
    yield "encrypt0-gcm", "pycose", encrypt0.encode()
    for kind, alg in [("encrypt0-gcm", "A256GCM"), ("encrypt0-chacha", "ChaCha20/Poly1305")]:
        yield kind, "cwt", cose.encode_and_encrypt(PAYLOAD, keys.shared(alg), unprotected={5: NONCE})

    recipient = KeyWrap(uhdr={Algorithm: A128KW, KID: b"kid"})
    recipient.key = SymmetricKey(k=keys.raw["shared"][:16])
    wrapped = EncMessage(phdr={Algorithm: A256GCM}, uhdr={IV: NONCE}, payload=PAYLOAD, recipients=[recipient])
    wrapped.key = shared
    yield "encrypt-wrap", "pycose", wrapped.encode()

    to = cwt.Recipient.new(unprotected={1: -3, 4: b"kid"}, sender_key=keys.wrapping())
    outer = {"protected": {1: 3}, "unprotected": {5: NONCE}}
    content = cwt.COSEKey.generate_symmetric_key(alg="A256GCM")
    yield "encrypt-wrap", "cwt", cwt.COSE.new().encode_and_encrypt(PAYLOAD, content, recipients=[to], **outer)

    direct = DirectEncryption(uhdr={Algorithm: Direct, KID: b"kid"})
    made = EncMessage(phdr={Algorithm: A256GCM}, uhdr={IV: NONCE}, payload=PAYLOAD, recipients=[direct])
    made.key = shared
    yield "encrypt-direct", "pycose", made.encode()
    to = cwt.Recipient.new(unprotected={1: -6, 4: b"kid"})
    content = keys.shared("A256GCM")
    yield "encrypt-direct", "cwt", cwt.COSE.new().encode_and_encrypt(PAYLOAD, content, recipients=[to], **outer)

    agree = EC2Key(crv=P256, x=keys.raw["agree-x"], y=keys.raw["agree-y"])
    for alg, layer, kind in [
        (EcdhEsA128KW, KeyAgreementWithKeyWrap, "encrypt-agree"),
        (EcdhEsHKDF256, DirectKeyAgreement, "encrypt-agree-direct"),
    ]:
        ephemeral = EC2Key.generate_key(P256)
        sent = EC2Key(crv=P256, x=ephemeral.x, y=ephemeral.y)
        to = layer(phdr={Algorithm: alg}, uhdr={KID: b"agree", EphemeralKey: sent})
        to.key, to.local_attrs = ephemeral, {StaticKey: agree}
        made = EncMessage(phdr={Algorithm: A256GCM}, uhdr={IV: NONCE}, payload=PAYLOAD, recipients=[to])
        made.key = shared
        yield kind, "pycose", made.encode()

    public = {1: 2, 2: b"agree", -1: 1, -2: keys.raw["agree-x"], -3: keys.raw["agree-y"]}
    for alg, derived_for, kind in [(-29, "A128KW", "encrypt-agree"), (-25, "A256GCM", "encrypt-agree-direct")]:
        to = cwt.Recipient.new(
            protected={1: alg},
            unprotected={4: b"agree"},
            recipient_key=cwt.COSEKey.new(public | {3: alg}),
            context={"alg": derived_for},
        )
        content = cwt.COSEKey.generate_symmetric_key(alg="A256GCM") if alg == -29 else None
        yield kind, "cwt", cwt.COSE.new().encode_and_encrypt(PAYLOAD, content, recipients=[to], **outer)

    recipient = X25519PublicKey.from_public_bytes(keys.raw["x25519-x"])
    for alg, kind in [(-29, "encrypt-x25519"), (-25, "encrypt-x25519-direct")]:
        ephemeral, body, protected = X25519PrivateKey.generate(), cbor2.dumps({1: 3}), cbor2.dumps({1: alg})
        if alg == -29:
            content = AESGCM.generate_key(256)
            wrapped = aes_key_wrap(x25519_derived(ephemeral, recipient, protected), content)
        else:
            content, wrapped = x25519_derived(ephemeral, recipient, protected, 3, 32), b""
        sent = {4: b"x25519", -1: {1: 1, -1: 4, -2: ephemeral.public_key().public_bytes_raw()}}
        ciphertext = AESGCM(content).encrypt(NONCE, PAYLOAD, cbor2.dumps(["Encrypt", body, b""]))
        to = [protected, sent, wrapped]
        yield kind, "pyca", cbor2.dumps(cbor2.CBORTag(96, [body, {5: NONCE}, ciphertext, [to]]))

    protected = cbor2.dumps({1: ML_DSA_44})
    signature = MLDSA44PrivateKey.from_seed_bytes(keys.raw["ml-dsa-seed"]).sign(
        cbor2.dumps(["Signature1", protected, b"", PAYLOAD]))
    yield "sign1-ml-dsa", "pyca", cbor2.dumps(cbor2.CBORTag(18, [protected, {}, PAYLOAD, signature]))


def read_all(keys, messages):
    for entry in messages:
        read = globals()["read_" + entry["kind"].replace("-", "_")]
        found = read(bytes.fromhex(entry["message"]), keys)
        unread = UNREAD.get(entry["kind"], {})
        yield {"kind": entry["kind"], "found": {tool: payload.hex() for tool, payload in found.items()}, "unread": unread}


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        told = json.load(file)
    keys = Keys(told["keys"])
    if sys.argv[1] == "read":
        print(json.dumps(list(read_all(keys, told["messages"]))))
    else:
        made = [{"kind": kind, "tool": tool, "message": made.hex()} for kind, tool, made in write_all(keys)]
        print(json.dumps({"made": made, "unwritten": UNWRITTEN}))
