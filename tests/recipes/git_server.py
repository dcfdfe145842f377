"""Serves a folder by HTTP or HTTPS to whoever knows the account and the password.

The port stands on the first line of standard output, the passwords that came on the others.
"""

import base64
import functools
import http.server
import pathlib
import ssl
import sys


class Guarded(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        header = self.headers.get("Authorization", "")
        account = base64.b64decode(header.removeprefix("Basic ")).decode()
        if account:
            print("came:", account.partition(":")[0], flush=True)
        # Read anew, so that it can change.
        if account == pathlib.Path("account").read_text():
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


handler = functools.partial(Guarded, directory="served")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
if sys.argv[1:] == ["https"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
