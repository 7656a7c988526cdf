// A resource server that lets Ownergate's tokens in: POST /boards/roadmap/cards makes a card.
//
// npm ci && npx tsc && node resource_server.js http://127.0.0.1:8421 kanban-api secrets/client-kanban-api 3000
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";

const [gate, client, secretFile, port] = process.argv.slice(2);
const basic = Buffer.from(`${client}:${readFileSync(secretFile, "utf8").trim()}`).toString("base64");

type Told = { active: boolean; sub: string; scope: string; jti: string;
  ownergate: { resources: string[] | null; modes: string[] | null } };

async function ask(path: string, body: string, kind: string): Promise<unknown> {
  const headers = { Authorization: `Basic ${basic}`, "Content-Type": kind };
  const answer = await fetch(gate + path, { method: "POST", headers, body, signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`the gate answers ${answer.status}`);
  return answer.json();
}

// `scope` is what owners, identity and token have in common now; the other two are limits if given.
function may(told: Told, scope: string, resource: string, mode: string): boolean {
  const within = (limit: string[] | null, name: string) => limit === null || limit.includes(name);
  return told.scope.split(" ").includes(scope)
    && within(told.ownergate.resources, resource) && within(told.ownergate.modes, mode);
}

function say(response: ServerResponse, status: number, text: string): void {
  if (status === 401) response.setHeader("WWW-Authenticate", 'Bearer realm="cards", scope="card:write"');
  response.writeHead(status).end(`${text}\n`);
}

createServer(async (request, response) => {
  const board = /^\/boards\/([^/]+)\/cards$/.exec(request.url ?? "")?.[1];
  if (request.method !== "POST" || !board) return say(response, 404, "there are only cards of boards");
  const token = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  if (!token) return say(response, 401, "ask for a token in the issue thread");
  try {
    const form = new URLSearchParams({ token }).toString();
    const told = await ask("/v1/introspect", form, "application/x-www-form-urlencoded") as Told;
    if (!told.active) return say(response, 401, "ask for a token in the issue thread");
    if (!may(told, "card:write", board, "autonomous")) {
      return say(response, 403, "the token may not make cards on this board");
    }
    say(response, 201, `a card on ${board} by ${told.sub}`);
    const event = { jti: told.jti, action: "card:write", object: board, outcome: "made",
      at: new Date().toISOString(), event_id: randomUUID() };
    await ask("/v1/activity", JSON.stringify({ events: [event] }), "application/json");
  } catch (error) { // no answer is no permission
    console.error(String(error));
    if (!response.headersSent) say(response, 503, "tokens cannot be checked now, try again");
  }
}).listen(Number(port), "127.0.0.1");
