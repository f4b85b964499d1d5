"""TLS and kept connections before the AWS stand-in, which has neither, and AWS both: `… clouds_front URL`.

Writes its port and its authority as JSON, and ends when its standard input does.
"""

import http.client
import json
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import trustme


class Front(BaseHTTPRequestHandler):
    """Hands requests on to the stand-in as they are, and its answers back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        inner = http.client.HTTPConnection(str(urlsplit(sys.argv[1]).netloc))
        inner.request("POST", self.path, body, dict(self.headers))
        answer = inner.getresponse()
        told = answer.read()
        inner.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", str(answer.getheader("Content-Type")))
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Nothing is written: standard output is the caller's."""


def main() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    started = {"port": server.server_address[1], "authority": authority.cert_pem.bytes().decode()}
    sys.stdout.write(f"{json.dumps(started)}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
