// The REST API, and who is asking it. What proves that is in memory only, and gone with the page.

import { signIn } from "./login.js";

const BASE = new URL("..", document.baseURI);
let authorization = {};
let asking = null;

export class ApiError extends Error {
  constructor(status, error) {
    super(error?.message ?? `the API answered ${status}`);
    this.status = status;
    this.code = error?.code ?? "";
    this.field = error?.field ?? null;
  }
}

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
    asking ??= signIn(challenge, Object.keys(authorization).length > 0).finally(() => { asking = null; });
    authorization = await asking;
    answer = await send(method, path, body);
  }
  if (answer.ok) return answer.json();
  const error = await answer.json().then((found) => found.error, () => null);
  throw new ApiError(answer.status, error);
}

export const get = (path) => request("GET", path);

// All links that `query` selects, page by page.
export async function links(query) {
  const found = [];
  for (let marker = ""; ;) {
    const page = await get(`v1/bridge-links?${query}${marker && `&marker=${marker}`}`);
    found.push(...page.bridge_links);
    if (!page.links.some((link) => link.rel === "next")) return found;
    marker = found.at(-1).id;
  }
}
