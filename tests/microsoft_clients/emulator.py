"""Leads Microsoft's clients to the emulator, and plays the person at the browser.

The clients themselves stay untouched: their URLs name the real hosts on port 443; only the answer to
"what address has this host" is ours. A host the emulator does not have is refused, so that a script
can never talk to the real service.
"""

import html.parser
import json
import os
import socket
import urllib.parse

import msal
import requests
from azure.core.credentials import AccessToken

WORLD = json.loads(os.environ["PIMENTO_WORLD"])
GRAPH = "https://graph.microsoft.com/v1.0/identityGovernance/privilegedAccess/group"
GRAPH_SCOPES = [
    "https://graph.microsoft.com/PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "https://graph.microsoft.com/PrivilegedEligibilitySchedule.Read.AzureADGroup",
]
VAULT_SCOPE = "https://vault.azure.net/user_impersonation"

_real_getaddrinfo = socket.getaddrinfo


def _getaddrinfo(host, port, *rest, **named):
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("127.0.0.1", "localhost"):
        return _real_getaddrinfo(host, port, *rest, **named)
    if name not in WORLD["hosts"] or int(port) != 443:
        raise socket.gaierror(socket.EAI_NONAME, f"the emulator has no host {name}:{port}")
    address = ("127.0.0.1", WORLD["port"])
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


socket.getaddrinfo = _getaddrinfo


class _Form(html.parser.HTMLParser):
    """The first form of a page: where it goes, and its fields with their types."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields, self.types = None, {}, {}
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action, self._inside = attributes.get("action", ""), True
        elif tag in ("input", "button") and self._inside and attributes.get("name"):
            name, kind = attributes["name"], attributes.get("type", "text")
            if kind == "submit" or tag == "button":
                # The first button is the one a person presses to go on.
                if "submit" in self.types.values():
                    return
                kind = "submit"
            self.fields[name], self.types[name] = attributes.get("value") or "", kind

    def handle_endtag(self, tag):
        if tag == "form":
            self._inside = False


def person(url, user_code=None, user=None, password=None):
    """Fills in the pages as a person would; returns the redirect out of the sign-in, or None."""
    browser = requests.Session()
    answer = browser.get(url, allow_redirects=False)
    for _ in range(8):
        while answer.is_redirect:
            target = urllib.parse.urljoin(answer.url, answer.headers["Location"])
            if urllib.parse.urlsplit(target).hostname == "localhost":
                return target
            answer = browser.get(target, allow_redirects=False)
        form = _Form(answer.text)
        if form.action is None:
            assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
            return None
        for name, kind in form.types.items():
            if kind == "password":
                form.fields[name] = password or WORLD["password"]
            elif "code" in name and kind != "hidden" and user_code:
                form.fields[name] = user_code
            elif kind in ("text", "email"):
                form.fields[name] = user or WORLD["user"]
        target = urllib.parse.urljoin(answer.url, form.action)
        answer = browser.post(target, data=form.fields, allow_redirects=False)
        if "password" in form.types.values() and answer.status_code >= 400:
            raise PermissionError(answer.text)
    raise AssertionError(f"the sign-in does not end: {answer.text}")


def application():
    return msal.PublicClientApplication(
        WORLD["client_id"],
        authority=f"https://login.microsoftonline.com/{WORLD['tenant']}",
        client_capabilities=["CP1"],
    )


def sign_in(app, scopes=GRAPH_SCOPES, **options):
    """Authorization code with PKCE, as msal does it."""
    options = options or {"login_hint": WORLD["user"]}
    flow = app.initiate_auth_code_flow(scopes, redirect_uri="http://localhost:8400", **options)
    back = person(flow["auth_uri"])
    assert back and back.startswith("http://localhost:8400"), back
    answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    tokens = app.acquire_token_by_auth_code_flow(flow, answer)
    assert "access_token" in tokens, tokens
    return tokens


def token(app, scopes, fresh=False):
    """A token for one resource from the one refresh token."""
    account = app.get_accounts()[0]
    tokens = app.acquire_token_silent_with_error(scopes, account, force_refresh=fresh)
    assert tokens and "access_token" in tokens, tokens
    return tokens


class Held:
    """A credential that gives one token, always the same: what a client that caches holds."""

    def __init__(self, tokens):
        self.tokens = tokens

    def get_token(self, *scopes, **options):
        import time

        return AccessToken(self.tokens["access_token"], int(time.time()) + 3000)


def graph(app, method, path, body=None):
    bearer = token(app, GRAPH_SCOPES)["access_token"]
    return requests.request(
        method, GRAPH + path, json=body, headers={"Authorization": f"Bearer {bearer}"}
    )


def activate(app):
    """Activates the group of the world and returns the instance that PIM made of it."""
    claims = app.get_accounts()[0]["local_account_id"]
    answer = graph(
        app,
        "POST",
        "/assignmentScheduleRequests",
        {
            "accessId": "member",
            "principalId": claims,
            "groupId": WORLD["group"],
            "action": "selfActivate",
            "scheduleInfo": {"expiration": {"type": "afterDuration", "duration": "PT1H"}},
            "justification": "a key for a host",
        },
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "Provisioned", answer.text
    instances = graph(
        app, "GET", "/assignmentScheduleInstances/filterByCurrentUser(on='principal')"
    ).json()["value"]
    mine = [one for one in instances if one["groupId"] == WORLD["group"]]
    assert len(mine) == 1 and mine[0]["assignmentType"].lower() == "activated", instances
    return mine[0]


def advance(seconds):
    """Moves the emulator's clock."""
    answer = requests.post(f"{WORLD['admin']}/clock/advance", json={"by": f"{seconds}s"})
    assert answer.ok, answer.text


def refused(kind, status, code, call, inner=None):
    """The exception of azure-core that a call ends in, with its codes."""
    try:
        call()
    except kind as error:
        assert error.status_code == status, f"{error.status_code}: {error.message}"
        assert error.error.code == code, error.error.code
        found = (error.error.innererror or {}).get("code")
        assert inner is None or found == inner, f"{found}: {error.message}"
        return error
    raise AssertionError(f"answered, where {status} {code} is due")
