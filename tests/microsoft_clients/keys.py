"""azure-keyvault-keys against the emulator: keys that never leave the vault, and their signatures."""

import hashlib

import emulator
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

MESSAGE = b"what the host asked to be signed"
CURVES = {
    "P-256": (ec.SECP256R1(), hashes.SHA256(), SignatureAlgorithm.es256),
    "P-384": (ec.SECP384R1(), hashes.SHA384(), SignatureAlgorithm.es384),
    "P-521": (ec.SECP521R1(), hashes.SHA512(), SignatureAlgorithm.es512),
}


def number(octets):
    return int.from_bytes(octets, "big")


def digest(algorithm):
    return hashlib.new(algorithm.name, MESSAGE).digest()


def signs(key, credential):
    """Signs in the vault, and verifies with nothing but the public half the vault gave out."""
    vault = CryptographyClient(key, credential)
    jwk = key.key
    if key.key_type.startswith("RSA"):
        public = rsa.RSAPublicNumbers(number(jwk.e), number(jwk.n)).public_key()
        for algorithm, digested in (
            (SignatureAlgorithm.rs256, hashes.SHA256()),
            (SignatureAlgorithm.rs512, hashes.SHA512()),
        ):
            signature = vault.sign(algorithm, digest(digested)).signature
            public.verify(signature, MESSAGE, padding.PKCS1v15(), digested)
        return
    curve, digested, algorithm = CURVES[jwk.crv]
    numbers = ec.EllipticCurvePublicNumbers(number(jwk.x), number(jwk.y), curve)
    signature = vault.sign(algorithm, digest(digested)).signature
    half = (curve.key_size + 7) // 8
    # Raw r||s, as JWS has it; not DER.
    assert len(signature) == 2 * half, len(signature)
    der = utils.encode_dss_signature(number(signature[:half]), number(signature[half:]))
    numbers.public_key().verify(der, MESSAGE, ec.ECDSA(digested))


names = emulator.WORLD["keys"]
app = emulator.application()
emulator.sign_in(app)
vault_token = [emulator.VAULT_SCOPE]
outside = emulator.Held(emulator.token(app, vault_token))
held = KeyClient(emulator.WORLD["vault"], outside)
emulator.refused(
    HttpResponseError, 403, "Forbidden", lambda: held.get_key(names[0]), "ForbiddenByRbac"
)

emulator.activate(app)
credential = emulator.Held(emulator.token(app, vault_token, fresh=True))
client = KeyClient(emulator.WORLD["vault"], credential)
listed = {one.name for one in client.list_properties_of_keys()}
assert set(names) <= listed, listed
for name in names:
    key = client.get_key(name)
    assert key.key.d is None, "a private half left the vault"
    signs(key, credential)
emulator.refused(ResourceNotFoundError, 404, "KeyNotFound", lambda: client.get_key("no-such-key"))
# The vault refuses to sign for a token from before the activation, whoever knows the key's name.
signer = CryptographyClient(client.get_key(names[0]), outside)
algorithm = (
    SignatureAlgorithm.rs256
    if client.get_key(names[0]).key_type.startswith("RSA")
    else CURVES[client.get_key(names[0]).key.crv][2]
)
emulator.refused(
    HttpResponseError,
    403,
    "Forbidden",
    lambda: signer.sign(algorithm, hashlib.sha256(MESSAGE).digest()),
    "ForbiddenByRbac",
)
