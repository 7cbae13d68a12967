"""Hear of changes at once: python docs/receive_webhook.py https://crm.example.com KEY whsec_... 8080

A webhook only says that something changed. What, and in which order, is in the feed; so whoever missed a message, or
got it twice, has missed nothing and does nothing twice. Ends this program, it goes on where it was (place.txt).
"""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

PLACE = Path("place.txt")
OLDEST, LARGEST = 300, 1024 * 1024  # seconds; bytes


def is_genuine(secret, headers, body):
    """Whether a message is from who knows the secret (www.standardwebhooks.com), and is no old one sent again."""
    name, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > OLDEST:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.new(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(made).decode()
    # While a secret is exchanged, a message is signed with both.
    return any(hmac.compare_digest(expected, one) for one in headers.get("webhook-signature", "").split())


def receiver(secret, news):
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers.get("Content-Length", 0))
            genuine = size <= LARGEST and is_genuine(secret, self.headers, self.rfile.read(size))
            self.send_response(204 if genuine else 401)
            self.end_headers()
            if genuine:
                news.set()  # answered at once; the work is done beside it

    return Receiver


def read_feed(url, key):
    """Go through what changed since the last time, and remember how far that was."""
    while True:
        cursor = PLACE.read_text() if PLACE.exists() else "now"
        asked = Request(f"{url}/api/v1/changes/?{urlencode({'cursor': cursor})}")
        asked.add_header("Authorization", f"Bearer {key}")
        with urlopen(asked, timeout=60) as answer:
            page = json.load(answer)
        for transaction in page["transactions"]:
            for change in transaction["changes"]:
                print(transaction["actor"]["name"], change["op"], change["object"], change["id"], flush=True)
        PLACE.write_text(page["cursor"])
        if not page["more"]:
            return


def main(url, key, secret, port):
    news = threading.Event()
    server = ThreadingHTTPServer(("", int(port)), receiver(secret, news))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        try:
            read_feed(url, key)
        except OSError as error:  # asked again a minute later
            print(error, file=sys.stderr)
            if getattr(error, "code", 0) == 410:  # the place is none any more: what is missing comes by an export
                PLACE.unlink()
        news.wait(60)  # and once a minute without a message: one may have been lost
        news.clear()


if __name__ == "__main__":
    main(*sys.argv[1:5])
