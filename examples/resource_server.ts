// A resource server that lets Ownergate's tokens in: POST /boards/roadmap/cards makes a card.
//
// npm ci && npx tsc && node resource_server.js http://127.0.0.1:8421 kanban-api secrets/client-kanban-api 3000
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [gate, client, secretFile, port] = process.argv.slice(2);
const basic = Buffer.from(`${client}:${readFileSync(secretFile, "utf8").trim()}`).toString("base64");

async function ask(path: string, body: string, kind: string): Promise<any> {
  const headers = { Authorization: `Basic ${basic}`, "Content-Type": kind };
  const answer = await fetch(gate + path, { method: "POST", headers, body, signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`the gate answers ${answer.status}`);
  return answer.json();
}

createServer(async (request, response) => {
  const say = (status: number, text: string) => void response.writeHead(status,
    status === 401 ? { "WWW-Authenticate": 'Bearer realm="cards", scope="card:write"' } : {}).end(`${text}\n`);
  const board = /^\/boards\/([^/]+)\/cards$/.exec(request.url ?? "")?.[1];
  if (request.method !== "POST" || !board) return say(404, "there are only cards of boards");
  const token = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const form = new URLSearchParams({ token }).toString();
  const told = await ask("/v1/introspect", form, "application/x-www-form-urlencoded").catch(() => null);
  if (!told) return say(503, "tokens cannot be checked now, try again"); // no answer is no permission
  if (!told.active) return say(401, "ask for a token in the issue thread");
  // `scope` is what owners, identity and token have in common now; the other two are limits if given.
  const within = (limit: string[] | null, name: string) => limit === null || limit.includes(name);
  const { resources, modes } = told.ownergate;
  if (!told.scope.split(" ").includes("card:write") || !within(resources, board) || !within(modes, "autonomous")) {
    return say(403, "the token may not make cards on this board");
  }
  say(201, `a card on ${board} by ${told.sub}`);
  const event = { jti: told.jti, action: "card:write", object: board, outcome: "made",
    at: new Date().toISOString(), event_id: randomUUID() };
  await ask("/v1/activity", JSON.stringify({ events: [event] }), "application/json").catch(console.error);
}).listen(Number(port), "127.0.0.1");
