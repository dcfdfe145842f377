"""msal against the emulator: both sign-ins, and tokens for two resources from one refresh token."""

import base64
import json

import emulator


def claims(tokens):
    body = tokens["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def device_code():
    app = emulator.application()
    flow = app.initiate_device_flow(emulator.GRAPH_SCOPES)
    assert "user_code" in flow, flow
    pending = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert pending["error"] == "authorization_pending", pending
    emulator.person(flow["verification_uri"], user_code=flow["user_code"])
    tokens = app.acquire_token_by_device_flow(flow)
    assert "access_token" in tokens, tokens
    again = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert "error" in again, "a device code was redeemed twice"
    return app


def authorization_code():
    app = emulator.application()
    tokens = emulator.sign_in(app)
    assert tokens["id_token_claims"]["tid"] == emulator.WORLD["tenant"]
    assert tokens["id_token_claims"]["preferred_username"] == emulator.WORLD["user"]
    return app


def one_refresh_token_serves_two_resources(app):
    graph = claims(emulator.token(app, emulator.GRAPH_SCOPES, fresh=True))
    vault = claims(emulator.token(app, [emulator.VAULT_SCOPE], fresh=True))
    assert graph["aud"] != vault["aud"], (graph["aud"], vault["aud"])
    assert graph["oid"] == vault["oid"] and vault["tid"] == emulator.WORLD["tenant"]
    for one in (graph, vault):
        # msal announces CP1; the service repeats what was announced.
        assert [c.lower() for c in one["xms_cc"]] == ["cp1"], one


def a_wrong_password_signs_nobody_in():
    app = emulator.application()
    flow = app.initiate_auth_code_flow(emulator.GRAPH_SCOPES, redirect_uri="http://localhost:8400")
    try:
        back = emulator.person(flow["auth_uri"], password="not the password")
    except (PermissionError, AssertionError):
        return
    assert back is None or "code=" not in back, back


def an_answer_with_another_state_is_refused_by_msal():
    app = emulator.application()
    flow = app.initiate_auth_code_flow(emulator.GRAPH_SCOPES, redirect_uri="http://localhost:8400")
    try:
        app.acquire_token_by_auth_code_flow(flow, {"code": "x", "state": "another"})
    except ValueError:
        return
    raise AssertionError("msal took an answer with another state")


def an_unregistered_redirect_is_refused():
    app = emulator.application()
    flow = app.initiate_auth_code_flow(
        emulator.GRAPH_SCOPES, redirect_uri="http://localhost:8400/elsewhere"
    )
    try:
        back = emulator.person(flow["auth_uri"])
    except (PermissionError, AssertionError):
        return
    assert back is None, back


one_refresh_token_serves_two_resources(device_code())
one_refresh_token_serves_two_resources(authorization_code())
a_wrong_password_signs_nobody_in()
an_answer_with_another_state_is_refused_by_msal()
an_unregistered_redirect_is_refused()
