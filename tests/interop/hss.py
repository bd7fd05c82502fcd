"""HSS/LMS signatures with an independent implementation, pyhsslms.

    hss.py write                 makes keys of one to three levels and signs; prints [{"key", "message", "signature"}] in hex
    hss.py read KEY MESSAGE SIG  (hex) prints whether the signature verifies
    hss.py make FILE             makes a key of two levels and keeps it in a file; prints the public key in hex
    hss.py sign FILE MESSAGE     (hex) signs with it, prints the signature in hex and keeps what is left of the key
"""

import json
import sys

from pyhsslms import pyhsslms

MESSAGE = b"written in Python"
SETS = [
    (1, pyhsslms.lms_sha256_m32_h5, pyhsslms.lmots_sha256_n32_w1),
    (1, pyhsslms.lms_sha256_m32_h5, pyhsslms.lmots_sha256_n32_w2),
    (2, pyhsslms.lms_sha256_m32_h5, pyhsslms.lmots_sha256_n32_w4),
    (3, pyhsslms.lms_sha256_m32_h5, pyhsslms.lmots_sha256_n32_w8),
    (1, pyhsslms.lms_sha256_m24_h5, pyhsslms.lmots_sha256_n24_w1),
    (1, pyhsslms.lms_sha256_m24_h5, pyhsslms.lmots_sha256_n24_w2),
    (3, pyhsslms.lms_sha256_m24_h5, pyhsslms.lmots_sha256_n24_w4),
    (2, pyhsslms.lms_sha256_m24_h5, pyhsslms.lmots_sha256_n24_w8),
]


def write():
    cases = []
    for levels, lms, ots in SETS:
        key = pyhsslms.HssPrivateKey(levels=levels, lms_type=lms, lmots_type=ots)
        public = key.publicKey().serialize()
        for _ in range(2):
            signature = key.sign(MESSAGE)
            cases.append({"key": public.hex(), "message": MESSAGE.hex(), "signature": signature.hex()})
    print(json.dumps(cases))


def read(key, message, signature):
    public = pyhsslms.HssPublicKey.deserialize(bytes.fromhex(key))
    print("true" if public.verify(bytes.fromhex(message), bytes.fromhex(signature)) else "false")


def make(path):
    key = pyhsslms.HssPrivateKey()
    open(path, "wb").write(key.serialize())
    print(key.publicKey().serialize().hex())


def sign(path, message):
    key = pyhsslms.HssPrivateKey.deserialize(open(path, "rb").read())
    signature = key.sign(bytes.fromhex(message))
    open(path, "wb").write(key.serialize())
    print(signature.hex())


{"write": write, "read": read, "make": make, "sign": sign}[sys.argv[1]](*sys.argv[2:])
