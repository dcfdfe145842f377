"""What the scripts share: the agent they talk to, and a verifier that knows no SSH client."""

import os
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

SOCKET = os.environ["SSH_AUTH_SOCK"]
# Private key files, one of each kind; those with a certificate have it next to them.
KEYS = os.environ["PIMENTO_TEST_KEYS"].split(":")
DATA = b"what somebody has to have signed"
HASHES = {
    b"ecdsa-sha2-nistp256": hashes.SHA256(),
    b"ecdsa-sha2-nistp384": hashes.SHA384(),
    b"ecdsa-sha2-nistp521": hashes.SHA512(),
    b"rsa-sha2-256": hashes.SHA256(),
    b"rsa-sha2-512": hashes.SHA512(),
}


def strings(blob):
    found = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        found.append(blob[4 : 4 + length])
        assert len(found[-1]) == length, "cut short"
        blob = blob[4 + length :]
    return found


def verify(file, data, signature):
    """Verifies by the file of the public key; returns the algorithm."""
    with open(file + ".pub", "rb") as public:
        key = load_ssh_public_key(public.read())
    algorithm, signed = strings(signature)
    if isinstance(key, ed25519.Ed25519PublicKey):
        assert algorithm == b"ssh-ed25519", algorithm
        key.verify(signed, data)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        assert algorithm.endswith(key.curve.name.replace("secp", "nistp")[:-2].encode()), algorithm
        r, s = (int.from_bytes(half, "big", signed=True) for half in strings(signed))
        key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(HASHES[algorithm]))
    else:
        assert len(signed) == key.key_size // 8, len(signed)
        key.verify(signed, data, padding.PKCS1v15(), HASHES[algorithm])
    return algorithm


def does_not_verify(file, data, signature):
    try:
        verify(file, data, signature)
    except InvalidSignature:
        return True
    return False
