"""A certificate, as asyncssh and Python's cryptography read it: both have to agree with what is expected."""

import json
import os

import asyncssh
from cryptography.hazmat.primitives import serialization

wanted = json.loads(os.environ["PIMENTO_TEST_WANTED"])
line = wanted["line"]

read = serialization.load_ssh_public_identity(line.encode())
read.verify_cert_signature()
kinds = {serialization.SSHCertificateType.USER: "user", serialization.SSHCertificateType.HOST: "host"}
found = {
    "line": line,
    "kind": kinds[read.type],
    "key_id": read.key_id.decode(),
    "principals": [principal.decode() for principal in read.valid_principals],
    "valid_before": read.valid_before,
    "critical": {name.decode(): value.decode() for name, value in read.critical_options.items()},
    "extensions": sorted(name.decode() for name in read.extensions),
    "authority": read.signature_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode(),
}
assert found == wanted, f"cryptography reads {found}, wanted is {wanted}"

certificate = asyncssh.import_certificate(line)
certificate.validate(
    1 if wanted["kind"] == "user" else 2, wanted["principals"][0]
)
assert list(certificate.principals) == wanted["principals"], certificate.principals
try:
    certificate.validate(1 if wanted["kind"] == "user" else 2, "somebody-else")
except ValueError:
    pass
else:
    raise AssertionError("asyncssh takes it for everybody")
authority = certificate.signing_key.export_public_key("openssh").decode().strip()
assert authority == wanted["authority"], authority
