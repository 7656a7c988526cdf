#!/usr/bin/env python3
"""A resource server that lets Ownergate's tokens in: POST /boards/roadmap/cards makes a card.

python3 resource_server.py http://127.0.0.1:8421 kanban-api secrets/client-kanban-api 3000
"""
import json, re, sys, uuid
from base64 import b64encode
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode
from urllib.request import Request, urlopen

gate, client, secret_file, port = sys.argv[1:5]
basic = b64encode(f"{client}:{open(secret_file).read().strip()}".encode()).decode()

def ask(path, body, kind):
    head = {"Authorization": f"Basic {basic}", "Content-Type": kind}
    with urlopen(Request(gate + path, body.encode(), head), timeout=5) as answer:
        return json.load(answer)

class Cards(BaseHTTPRequestHandler):
    def do_POST(self):
        path = re.fullmatch("/boards/([^/]+)/cards", self.path)
        if not path:
            return self.say(404, "there are only cards of boards")
        bearer = re.fullmatch(r"bearer +(\S+) *", self.headers.get("Authorization", ""), re.IGNORECASE)
        form = urlencode({"token": bearer[1] if bearer else ""})
        try:
            told = ask("/v1/introspect", form, "application/x-www-form-urlencoded")
        except OSError:  # no answer is no permission
            return self.say(503, "tokens cannot be checked now, try again")
        if not told["active"]:
            return self.say(401, "ask for a token in the issue thread")
        # `scope` is what owners, identity and token have in common now; the other two are limits if given.
        limits = told["ownergate"]["resources"], told["ownergate"]["modes"]
        within = all(limit is None or name in limit for limit, name in zip(limits, (path[1], "autonomous")))
        if "card:write" not in told["scope"].split() or not within:
            return self.say(403, "the token may not make cards on this board")
        self.say(201, f"a card on {path[1]} by {told['sub']}")
        event = {"jti": told["jti"], "action": "card:write", "object": path[1], "outcome": "made",
                 "at": datetime.now(timezone.utc).isoformat(), "event_id": str(uuid.uuid4())}
        ask("/v1/activity", json.dumps({"events": [event]}), "application/json")

    def say(self, status, text):
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="cards", scope="card:write"')
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())

ThreadingHTTPServer(("127.0.0.1", int(port)), Cards).serve_forever()
