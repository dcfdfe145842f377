"""azure-identity against the emulator: both sign-ins, tokens for two resources, and a step-up."""

import base64
import json
import threading
import webbrowser

import emulator
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential

WORLD = emulator.WORLD
CLAIMS = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
OPTIONS = {
    "client_id": WORLD["client_id"],
    "tenant_id": WORLD["tenant"],
    "disable_instance_discovery": True,
}


def payload(token):
    body = token.token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def opens(url, *_):
    """The person's browser: signs in on the page, and follows it back to loopback."""

    def browse():
        back = emulator.person(url)
        requests.get(back, timeout=20)

    threading.Thread(target=browse).start()
    return True


def device_code():
    def prompt(page, code, _expires):
        emulator.person(page, user_code=code)

    return DeviceCodeCredential(prompt_callback=prompt, **OPTIONS)


def browser():
    webbrowser.get = lambda *_: type("Browser", (), {"open": staticmethod(opens)})
    webbrowser.open = opens
    return InteractiveBrowserCredential(redirect_uri="http://localhost:8401", **OPTIONS)


for credential in (device_code(), browser()):
    graph = payload(credential.get_token(emulator.GRAPH_SCOPES[0]))
    vault = payload(credential.get_token(emulator.VAULT_SCOPE))
    assert graph["aud"] != vault["aud"], (graph["aud"], vault["aud"])
    assert graph["oid"] == vault["oid"] and vault["tid"] == WORLD["tenant"]

# In the browser a step-up is a sign-in with the claims; the token shows the context.
stepped_up = payload(credential.get_token(emulator.GRAPH_SCOPES[0], claims=CLAIMS))
assert stepped_up["acrs"] == ["c1"], stepped_up

# A person who is not the one the code was for gets nothing.
try:
    DeviceCodeCredential(
        prompt_callback=lambda page, code, _: requests.post(
            f"{WORLD['admin']}/devices/{code}/decline"
        ),
        **OPTIONS,
    ).get_token(emulator.GRAPH_SCOPES[0])
except ClientAuthenticationError as error:
    assert "authorization_declined" in str(error) or "declined" in str(error), error
else:
    raise AssertionError("a declined code gave a token")
