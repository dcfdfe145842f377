"""msal asks for tokens in every way that pimento does; the test compares what it asked for."""

import json

import emulator

STEP_UP = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
SCOPES = [
    f"https://graph.microsoft.com/{name}"
    for name in (
        "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
        "PrivilegedEligibilitySchedule.Read.AzureADGroup",
        "RoleManagementPolicy.Read.AzureADGroup",
        "User.Read",
    )
]

app = emulator.application()
flow = app.initiate_device_flow(SCOPES)
emulator.person(flow["verification_uri"], user_code=flow["user_code"])
assert "access_token" in app.acquire_token_by_device_flow(flow)

app = emulator.application()
emulator.sign_in(app, SCOPES, prompt="select_account")
emulator.token(app, [emulator.VAULT_SCOPE], fresh=True)

# A step-up: first without the person, then with what the refusal says.
account = app.get_accounts()[0]
refused = app.acquire_token_silent_with_error(SCOPES, account, claims_challenge=STEP_UP)
assert refused["error"] == "invalid_grant" and "claims" in refused, refused
emulator.sign_in(app, SCOPES, login_hint=emulator.WORLD["user"], claims_challenge=STEP_UP)
