// The REST API, and who is asking it. What proves that is in memory only, and gone with the page.

import { signIn } from "./login.js";

const BASE = new URL("..", document.baseURI);
let authorization = {};
let asking = null;

export const signedIn = () => Object.keys(authorization).length > 0;

export class ApiError extends Error {
  constructor(status, error) {
    super(error?.message ?? `the API answered ${status}`);
    this.status = status;
    this.code = error?.code ?? "";
    this.field = error?.field ?? null;
  }
}

// Whether the API itself would say the same again, and not only that it cannot answer now.
export const isRefusal = (error) => error instanceof ApiError && error.status < 500 && error.status !== 429;

function send(method, path, body) {
  const headers = { ...authorization };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(new URL(path, BASE), {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    signal: AbortSignal.timeout(20000),
  });
}

export async function request(method, path, body) {
  let answer = await send(method, path, body);
  while (answer.status === 401) {
    const challenge = answer.headers.get("WWW-Authenticate") ?? "";
    asking ??= signIn(challenge, signedIn()).finally(() => { asking = null; });
    const given = await asking;
    if (given !== authorization) {
      authorization = given;
      dispatchEvent(new Event("signed-in"));
    }
    answer = await send(method, path, body);
  }
  if (answer.ok) return answer.json();
  const error = await answer.json().then((found) => found.error, () => null);
  throw new ApiError(answer.status, error);
}

export const get = (path) => request("GET", path);

// All of a list, page by page: what `name` holds in each, and `key` tells from all others.
async function all(path, query, name, key) {
  const found = [];
  for (let marker = ""; ;) {
    const page = await get(`${path}?${query}${marker && `&marker=${encodeURIComponent(marker)}`}`);
    found.push(...page[name]);
    if (!page.links?.some((link) => link.rel === "next")) return found;
    marker = found.at(-1)[key];
  }
}

export const links = (query) => all("v1/bridge-links", query, "bridge_links", "id");
export const agents = (query) => all("v1/agents", query, "agents", "host");
export const templates = (query) => all("v1/link-templates", query, "link_templates", "id");
