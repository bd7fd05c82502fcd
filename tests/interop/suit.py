"""SUIT envelopes with cbor2, pycose and pyca/cryptography alone.

suit.py verify ENVELOPE SPKI_HEX   prints what an authentic envelope says, as JSON; fails for any other
suit.py author ENVELOPE IMAGE      signs an envelope for the image with a fresh key; prints its SubjectPublicKeyInfo in hex
suit.py set ENVELOPE SPKI_HEX      the same for a set of components, as a list; digests of severed members are checked
suit.py open INFO PAYLOAD KEK_HEX  decrypts a payload with pycose, or pyca/cryptography in counter mode; prints it in hex
suit.py block ENVELOPE BLOCK       signs the envelope with pycose and a fresh key, as an HSM would; prints the public key in hex
suit.py key ALGORITHM PEM          makes a private key of ML-DSA-44, -65 or -87; prints its SubjectPublicKeyInfo in hex
suit.py quantum ENVELOPE SPKI_HEX  verifies the one signature of an envelope, which is one of ML-DSA with its key beside it
suit.py raw MESSAGE PEM            the bare signature of a message by such a private key, in hex
"""

import hashlib
import json
import sys
import uuid

import cbor2
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

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


def commands(sequence):
    """Pairs of a command sequence; the last index that was set stands with each."""
    items, index = cbor2.loads(sequence), 0
    for code, argument in zip(items[::2], items[1::2]):
        if code == 12:
            index = argument
        else:
            yield index, code, argument


def read_set(path, spki):
    key = serialization.load_der_public_key(bytes.fromhex(spki))
    members = cbor2.loads(open(path, "rb").read()).value
    digest, block = cbor2.loads(members[2])
    assert cbor2.loads(digest) == [SHA_256, hashlib.sha256(encode(members[3])).digest()]
    protected, _, payload, signature = cbor2.loads(block).value
    assert payload is None
    key.verify(signature, tbs(protected, digest))
    manifest = cbor2.loads(members[3])
    assert encode(manifest) == members[3]

    def member(label):
        if isinstance(manifest[label], bytes):
            return manifest[label]
        assert manifest[label] == [SHA_256, hashlib.sha256(encode(members[label])).digest()]
        return members[label]

    common = cbor2.loads(manifest[3])
    parameters = {index: {} for index in range(len(common[2]))}
    linked, done = {}, []
    for index, code, argument in commands(common[4]):
        if code == 20:
            parameters[index].update(argument)
        if code == 15:
            for branch in argument:
                items = [argument for _, code, argument in commands(branch) if code == 20]
                linked.setdefault(index, []).append({key: value for item in items for key, value in item.items()})
    for index, code, argument in commands(member(20)):
        if code == 20:
            parameters[index].update(argument)
        if code in (18, 21, 22):
            done.append([index, code])
    installed = []
    for index, name in enumerate(common[2]):
        found = linked.get(index) or [parameters[index]]
        installed.append({
            "id": [part.decode() for part in name],
            "images": [[cbor2.loads(image[3])[1].hex(), image[14]] for image in found if 3 in image],
            "uris": [image[21] for image in found if 21 in image],
            "source": parameters[index].get(22),
            "encrypted": cbor2.loads(parameters[index][19]).tag if 19 in parameters[index] else None,
        })
    text = cbor2.loads(member(23))
    print(json.dumps({
        "components": installed,
        "directives": done,
        "use_before": parameters[0].get(4),
        "update": text["en"][2],
        "sbom": text["en"][-257],
    }, sort_keys=True))


def open_payload(info_path, payload_path, kek):
    from pycose.keys import SymmetricKey
    from pycose.messages import EncMessage

    message = cbor2.loads(open(info_path, "rb").read())
    assert message.tag == 96 and message.value[2] is None
    payload = open(payload_path, "rb").read()
    if message.value[0] == b"":
        # Counter mode (RFC 9459), which pycose does not know.
        [[_, _, wrapped]] = message.value[3]
        key = keywrap.aes_key_unwrap(bytes.fromhex(kek), wrapped)
        assert message.value[1][1] == {16: -65534, 32: -65532}[len(key)]
        cipher = Cipher(algorithms.AES(key), modes.CTR(message.value[1][5])).decryptor()
        print((cipher.update(payload) + cipher.finalize()).hex())
        return
    message.value[2] = payload
    decoded = EncMessage.decode(cbor2.dumps(message))
    [recipient] = decoded.recipients
    recipient.key = SymmetricKey(bytes.fromhex(kek))
    print(decoded.decrypt(recipient).hex())


def block(path, block_path):
    from pycose.algorithms import Es256
    from pycose.headers import Algorithm
    from pycose.keys import EC2Key
    from pycose.keys.curves import P256
    from pycose.messages import Sign1Message

    digest = cbor2.loads(cbor2.loads(open(path, "rb").read()).value[2])[0]
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    public = numbers.public_numbers
    message = Sign1Message(phdr={Algorithm: Es256}, payload=digest)
    message.key = EC2Key(
        crv=P256,
        x=public.x.to_bytes(32, "big"),
        y=public.y.to_bytes(32, "big"),
        d=numbers.private_value.to_bytes(32, "big"),
    )
    open(block_path, "wb").write(detach(message.encode()))
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    print(spki.hex())


def quantum_key(algorithm, path):
    kinds = {"ML-DSA-44": mldsa.MLDSA44PrivateKey, "ML-DSA-65": mldsa.MLDSA65PrivateKey, "ML-DSA-87": mldsa.MLDSA87PrivateKey}
    key = kinds[algorithm].generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    open(path, "wb").write(pem)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    print(spki.hex())


def quantum(path, spki):
    spki = bytes.fromhex(spki)
    key = serialization.load_der_public_key(spki)
    digest, block = cbor2.loads(cbor2.loads(open(path, "rb").read()).value[2])
    message = cbor2.loads(block)
    protected, unprotected, payload, signature = message.value
    header = cbor2.loads(protected)
    algorithm = {1312: -48, 1952: -49, 2592: -50}[len(key.public_bytes_raw())]
    assert message.tag == 18 and payload is None
    assert header == {1: algorithm, 4: hashlib.sha256(spki).digest()}
    assert dict(unprotected) == {-65537: key.public_bytes_raw()}
    key.verify(signature, tbs(protected, digest))
    print("verified")


def raw(path, pem):
    key = serialization.load_pem_private_key(open(pem, "rb").read(), None)
    print(key.sign(open(path, "rb").read()).hex())


def detach(message):
    """The same COSE_Sign1 with its payload apart."""
    decoded = cbor2.loads(message)
    decoded.value[2] = None
    return cbor2.dumps(decoded)


if __name__ == "__main__":
    {"verify": verify, "author": author, "set": read_set, "open": open_payload, "block": block,
     "key": quantum_key, "quantum": quantum, "raw": raw}[sys.argv[1]](*sys.argv[2:])
