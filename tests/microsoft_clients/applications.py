"""azure-identity signs an application in, by a certificate and by a token of its cluster.

Everything is asked for once per resource that pimento asks for, in the same order: the test compares.
"""

import base64
import json

import emulator
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, WorkloadIdentityCredential

WORLD = emulator.WORLD
APP = WORLD["application"]
OPTIONS = {"client_id": APP["id"], "tenant_id": WORLD["tenant"], "disable_instance_discovery": True}


def payload(token):
    body = token.token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def certificate(path):
    return CertificateCredential(certificate_path=path, **OPTIONS)


def workload(path):
    return WorkloadIdentityCredential(token_file_path=path, **OPTIONS)


def refused(credential, code):
    try:
        credential.get_token("https://vault.azure.net/.default")
    except ClientAuthenticationError as error:
        assert f"AADSTS{code}:" in str(error), error
    else:
        raise AssertionError(f"answered, where {code} is due")


for credential in (certificate(APP["certificate"]), workload(APP["token"])):
    arm = payload(credential.get_token("https://management.azure.com/.default"))
    vault = payload(credential.get_token("https://vault.azure.net/.default"))
    assert arm["aud"] != vault["aud"], (arm["aud"], vault["aud"])
    for one in (arm, vault):
        assert one["oid"] == APP["object_id"] and one["appid"] == APP["id"], one
        assert one["idtyp"] == "app" and "scp" not in one and "upn" not in one, one

if WORLD.get("refusals"):
    refused(certificate(APP["unregistered"]), 700027)
    refused(workload(APP["foreign"]), 700211)
