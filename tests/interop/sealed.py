"""Opens and makes sealed messages with other people's tools: cbor2, pyca/cryptography, pycose.

    sealed.py open MESSAGE NAME KEY SIGNER   prints the claims and the body as hex, and the tools that opened it
    sealed.py seal NAME PUBLIC SIGNER        prints a message for NAME, as hex

Messages and keys are hex: private keys as scalars of P-256, public ones as uncompressed points.
"""

import hashlib
import os
import sys

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

try:
    from pycose.keys import EC2Key
    from pycose.keys.curves import P256
    from pycose.messages import CoseMessage
except ImportError:
    CoseMessage = None

PROFILE = "vnd.aseptic.message-1"
OURS = -65537
FROM_DEVICE, ALARM = 1, 7
CURVE = ec.SECP256R1()


def private(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)


def coordinates(key):
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def thumbprint(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).digest()


def wrapping_key(secret, protected):
    """RFC 9053 section 5.2: COSE_KDF_Context for A128KW, with nobody's identity in it."""
    nobody = [None, None, None]
    context = cbor2.dumps([-3, nobody, nobody, [128, protected]])
    return HKDF(hashes.SHA256(), 16, None, context).derive(secret)


def aad(direction, message_class):
    return cbor2.dumps([PROFILE, direction, message_class])


def open_with_pyca(message, name, key, message_class):
    protected, unprotected, ciphertext, recipients = cbor2.loads(message).value
    mine = next(recipient for recipient in recipients if recipient[1][4] == name)
    point = mine[1][-1]
    x, y = (int.from_bytes(point[label], "big") for label in (-2, -3))
    secret = key.exchange(ec.ECDH(), ec.EllipticCurvePublicNumbers(x, y, CURVE).public_key())
    content_key = aes_key_unwrap(wrapping_key(secret, mine[0]), mine[2])
    structure = cbor2.dumps(["Encrypt", protected, aad(FROM_DEVICE, message_class)])
    return AESGCM(content_key).decrypt(unprotected[5], ciphertext, structure)


def open_with_pycose(message, name, key, message_class):
    parsed = CoseMessage.decode(message)
    parsed.external_aad = aad(FROM_DEVICE, message_class)
    index = [recipient[1][4] for recipient in cbor2.loads(message).value[3]].index(name)
    x, y = coordinates(key.public_key())
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    parsed.recipients[index].key = EC2Key(crv=P256, x=x, y=y, d=scalar)
    return parsed.decrypt(parsed.recipients[index])


def open_message(message, name, scalar, signer):
    outer = cbor2.loads(cbor2.loads(message).value[0])
    message_class = outer[15][OURS]
    assert cbor2.loads(message).tag == 96 and outer[16] == PROFILE and outer[1] == 1
    inner = open_with_pyca(message, name, private(scalar), message_class)
    tools = "pyca/cryptography"
    if CoseMessage:
        assert inner == open_with_pycose(message, name, private(scalar), message_class)
        tools += " and pycose"
    sign1 = cbor2.loads(inner)
    protected, _, body, signature = sign1.value
    header = cbor2.loads(protected)
    key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, signer)
    assert sign1.tag == 18 and header[1] == -9 and header[16] == PROFILE and header[4] == thumbprint(key)
    halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    structure = cbor2.dumps(["Signature1", protected, b"", body])
    key.verify(encode_dss_signature(*halves), structure, ec.ECDSA(hashes.SHA256()))
    print(cbor2.dumps(header[15], canonical=True).hex())
    print(body.hex())
    print(tools)


def seal_message(name, public, scalar):
    signer = private(scalar)
    place = [0, ALARM, 1, bytes(8), 1, 0]
    claims = {1: "pump-1", 3: name.decode(), OURS: place}
    protected = cbor2.dumps({1: -9, 3: "text/plain", 4: thumbprint(signer.public_key()), 15: claims, 16: PROFILE})
    body = b"sealed in Python"
    der = signer.sign(cbor2.dumps(["Signature1", protected, b"", body]), ec.ECDSA(hashes.SHA256()))
    signature = b"".join(half.to_bytes(32, "big") for half in decode_dss_signature(der))
    inner = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, body, signature]))

    ephemeral = ec.generate_private_key(CURVE)
    x, y = coordinates(ephemeral.public_key())
    secret = ephemeral.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, public))
    to = cbor2.dumps({1: -29})
    content_key, nonce = os.urandom(16), os.urandom(12)
    wrapped = aes_key_wrap(wrapping_key(secret, to), content_key)
    outer = cbor2.dumps({1: 1, 15: {OURS: ALARM}, 16: PROFILE})
    structure = cbor2.dumps(["Encrypt", outer, aad(FROM_DEVICE, ALARM)])
    ciphertext = AESGCM(content_key).encrypt(nonce, inner, structure)
    recipient = [to, {4: name, -1: {1: 2, -1: 1, -2: x, -3: y}}, wrapped]
    print(cbor2.dumps(cbor2.CBORTag(96, [outer, {5: nonce}, ciphertext, [recipient]])).hex())


if __name__ == "__main__":
    arguments = [bytes.fromhex(argument) for argument in sys.argv[2:]]
    {"open": open_message, "seal": seal_message}[sys.argv[1]](*arguments)
