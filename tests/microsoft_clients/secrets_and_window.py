"""azure-keyvault-secrets against the emulator, before, in and after a window."""

import emulator
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

WORLD = emulator.WORLD


def client(tokens):
    return SecretClient(WORLD["vault"], emulator.Held(tokens))


def before(held):
    refused = emulator.refused
    name = WORLD["secret"]
    forbidden = (HttpResponseError, 403, "Forbidden")
    refused(*forbidden, lambda: held.get_secret(name), "ForbiddenByRbac")
    refused(*forbidden, lambda: list(held.list_properties_of_secrets()), "ForbiddenByRbac")
    refused(*forbidden, lambda: held.set_secret("mine", "x"), "ForbiddenByRbac")


def within(opened):
    names = {one.name for one in opened.list_properties_of_secrets()}
    assert WORLD["secret"] in names, names
    assert opened.get_secret(WORLD["secret"]).value == WORLD["value"]

    first = opened.set_secret("rotated", "one", content_type="text/plain", tags={"user": "root"})
    second = opened.set_secret("rotated", "two")
    versions = {one.version for one in opened.list_properties_of_secret_versions("rotated")}
    assert versions == {first.properties.version, second.properties.version}, versions
    assert opened.get_secret("rotated").value == "two"
    assert opened.get_secret("rotated", first.properties.version).value == "one"
    assert opened.get_secret("rotated", first.properties.version).properties.tags == {"user": "root"}

    for index in range(60):
        opened.set_secret(f"page-{index}", "x")
    pages = list(opened.list_properties_of_secrets().by_page())
    listed = [one.name for page in pages for one in page]
    assert len(listed) == len(set(listed)) and len(listed) >= 61, len(listed)


def refusals(opened):
    refused = emulator.refused
    missing = (ResourceNotFoundError, 404, "SecretNotFound")
    refused(*missing, lambda: opened.get_secret("no-such-secret"))
    refused(*missing, lambda: opened.get_secret(WORLD["secret"], "0" * 32))
    refused(HttpResponseError, 400, "BadParameter", lambda: opened.get_secret("under_score"))
    opened.set_secret("disabled", "x", enabled=False)
    refused(
        HttpResponseError, 403, "Forbidden", lambda: opened.get_secret("disabled"), "SecretDisabled"
    )


app = emulator.application()
emulator.sign_in(app)
held = client(emulator.token(app, [emulator.VAULT_SCOPE], fresh=True))
before(held)
emulator.activate(app)
# The groups are fixed inside a token: activating does not change one that is already out.
before(held)

opened = client(emulator.token(app, [emulator.VAULT_SCOPE], fresh=True))
within(opened)
refusals(opened)

# A token from the last minutes of the window outlives the window, as in Azure.
emulator.advance(3500)
late = client(emulator.token(app, [emulator.VAULT_SCOPE], fresh=True))
assert late.get_secret(WORLD["secret"]).value == WORLD["value"]
emulator.advance(300)
assert late.get_secret(WORLD["secret"]).value == WORLD["value"]
before(client(emulator.token(app, [emulator.VAULT_SCOPE], fresh=True)))
