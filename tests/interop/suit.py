"""SUIT envelopes with cbor2 and pyca/cryptography alone.

suit.py verify ENVELOPE SPKI_HEX   prints what an authentic envelope says, as JSON; fails for any other
suit.py author ENVELOPE IMAGE      signs an envelope for the image with a fresh key; prints its SubjectPublicKeyInfo in hex
"""

import hashlib
import json
import sys
import uuid

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

ESP256 = -9
SHA_256 = -16
POLICY = 15


def encode(value):
    return cbor2.dumps(value, canonical=True)


def tbs(protected, payload):
    return encode(["Signature1", protected, b"", payload])


def verify(path, spki):
    key = serialization.load_der_public_key(bytes.fromhex(spki))
    envelope = cbor2.loads(open(path, "rb").read())
    assert envelope.tag == 107
    members = envelope.value
    digest, block = cbor2.loads(members[2])
    assert cbor2.loads(digest) == [SHA_256, hashlib.sha256(encode(members[3])).digest()]
    message = cbor2.loads(block)
    assert message.tag == 18
    protected, unprotected, payload, signature = message.value
    header = cbor2.loads(protected)
    assert dict(unprotected) == {} and payload is None and header[1] == ESP256
    assert header[4] == hashlib.sha256(bytes.fromhex(spki)).digest()
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(utils.encode_dss_signature(r, s), tbs(protected, digest), ec.ECDSA(hashes.SHA256()))

    manifest = cbor2.loads(members[3])
    # One encoding of each value: what is read is what would be written.
    for map_bytes in (members[3], manifest[3]):
        assert encode(cbor2.loads(map_bytes)) == map_bytes
    shared = cbor2.loads(cbor2.loads(manifest[3])[4])
    install = cbor2.loads(manifest[20])
    parameters, fetch = shared[1], install[1]
    print(json.dumps({
        "version": manifest[1],
        "sequence": manifest[2],
        "vendor": str(uuid.UUID(bytes=parameters[1])),
        "class": str(uuid.UUID(bytes=parameters[2])),
        "digest": cbor2.loads(parameters[3])[1].hex(),
        "size": parameters[14],
        "uri": fetch[21],
        "payload": members[fetch[21]].hex() if fetch[21] in members else None,
    }, sort_keys=True))


def author(path, image_path):
    image = open(image_path, "rb").read()
    vendor = uuid.uuid5(uuid.NAMESPACE_DNS, "pumps.example")
    device_class = uuid.uuid5(vendor, "infusion pump 2")
    parameters = {
        1: vendor.bytes,
        2: device_class.bytes,
        3: encode([SHA_256, hashlib.sha256(image).digest()]),
        14: len(image),
    }
    shared = encode([20, parameters, 1, POLICY, 2, POLICY])
    manifest = encode({
        1: 1,
        2: 9,
        3: encode({2: [[b"main"]], 4: shared}),
        7: encode([3, POLICY]),
        20: encode([20, {21: "#image"}, 21, POLICY, 3, POLICY]),
    })
    digest = encode([SHA_256, hashlib.sha256(encode(manifest)).digest()])
    key = ec.generate_private_key(ec.SECP256R1())
    protected = encode({1: ESP256})
    r, s = utils.decode_dss_signature(key.sign(tbs(protected, digest), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    block = encode(cbor2.CBORTag(18, [protected, {}, None, signature]))
    # The order of the draft: what authenticates, the manifest, what is carried along.
    envelope = cbor2.dumps(cbor2.CBORTag(107, {2: encode([digest, block]), 3: manifest, "#image": image}))
    open(path, "wb").write(envelope)
    public = key.public_key()
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    print(spki.hex())


if __name__ == "__main__":
    {"verify": verify, "author": author}[sys.argv[1]](*sys.argv[2:])
