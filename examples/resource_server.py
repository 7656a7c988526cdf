#!/usr/bin/env python3
"""A resource server that lets Ownergate's tokens in: POST /boards/roadmap/cards makes a card.

python3 resource_server.py http://127.0.0.1:8421 kanban-api secrets/client-kanban-api 3000
"""
import json, sys, uuid
from base64 import b64encode
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode
from urllib.request import Request, urlopen

GATE, CLIENT, SECRET_FILE, PORT = sys.argv[1:5]
with open(SECRET_FILE) as file:
    BASIC = b64encode(f"{CLIENT}:{file.read().strip()}".encode()).decode()


def ask(path, body, kind):
    head = {"Authorization": f"Basic {BASIC}", "Content-Type": kind}
    with urlopen(Request(GATE + path, body.encode(), head), timeout=5) as answer:
        return json.load(answer)


def may(told, scope, resource, mode):
    """`scope` is what owners, identity and token have in common now; the other two are limits if given."""
    within = lambda limit, name: limit is None or name in limit
    ours = told["ownergate"]
    return scope in told["scope"].split() and within(ours["resources"], resource) and within(ours["modes"], mode)


class Cards(BaseHTTPRequestHandler):
    def do_POST(self):
        _, boards, board, cards = (self.path.split("/") + [""] * 4)[:4]
        if (boards, cards) != ("boards", "cards"):
            return self.say(404, "there are only cards of boards")
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            told = ask("/v1/introspect", urlencode({"token": token.strip()}), "application/x-www-form-urlencoded")
        except OSError:  # no answer is no permission
            return self.say(503, "tokens cannot be checked now, try again")
        if scheme.lower() != "bearer" or not told["active"]:
            return self.say(401, "ask for a token in the issue thread")
        if not may(told, "card:write", board, "autonomous"):
            return self.say(403, "the token may not make cards on this board")
        self.say(201, f"a card on {board} by {told['sub']}")
        event = {"jti": told["jti"], "action": "card:write", "object": board, "outcome": "made",
                 "at": datetime.now(timezone.utc).isoformat(), "event_id": str(uuid.uuid4())}
        ask("/v1/activity", json.dumps({"events": [event]}), "application/json")

    def say(self, status, text):
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="cards", scope="card:write"')
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


ThreadingHTTPServer(("127.0.0.1", int(PORT)), Cards).serve_forever()
