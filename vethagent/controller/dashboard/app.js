// Which view is shown: the part of the address after # says it.

import { access, forget } from "./access.js";
import { isRefusal, signedIn } from "./api.js";
import { h, fill, say } from "./dom.js";
import { showEvents } from "./events.js";
import { showFleet } from "./fleet.js";
import { showHost } from "./host.js";
import { showLink } from "./link.js";
import { showTemplates } from "./templates.js";

const VIEWS = [
  [/^\/?$/, showFleet, "Fleet"],
  [/^\/hosts\/([^/]+)$/, showHost, "Host"],
  [/^\/links\/([^/]+)$/, showLink, "Link"],
  [/^\/templates$/, showTemplates, "Templates"],
  [/^\/events$/, showEvents, "Events"],
];
const main = document.getElementById("main");
const connection = document.getElementById("connection");
const user = document.getElementById("who");
let current = new AbortController();
// Milliseconds after which an API that could not be asked is asked again: it may only be starting.
const AGAIN = 2000;

// Tell whether the API answers; null is that it does.
function failed(error) {
  say(connection, error ? `No answer: ${error.message}` : "");
  connection.className = error ? "problem" : "";
}

// What proves who it is is in memory only, so loading the page again is the way out.
function drawUser(name) {
  fill(user, signedIn() && [
    h("span", { class: "quiet" }, name), " ", h("button", { class: "small", onclick: () => location.reload() }, "Sign out")]);
}

// The part of the address after #; one that was cut in the middle of a letter says nothing.
function place() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

async function show(first) {
  current.abort();
  current = new AbortController();
  const path = place();
  const [pattern, view, title] = VIEWS.find(([each]) => each.test(path)) ?? VIEWS[0];
  const argument = path.match(pattern)?.[1];
  document.title = `${argument ?? title} | vethagent`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#${path || "/"}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(main, h("p", { class: "quiet" }, "Loading…"));
  if (!first) main.focus();
  const { signal } = current;
  try {
    drawUser((await access()).user);
    if (!signal.aborted) await view(main, { argument, signal, failed });
  } catch (error) {
    drawUser(null);
    if (signal.aborted) return;
    fill(main, h("p", { class: "problem", role: "alert" }, error.message));
    if (!isRefusal(error)) setTimeout(() => { if (!signal.aborted) show(first); }, AGAIN);
  }
}

addEventListener("hashchange", () => {
  // Who went back has left what they are about, but for what the API was asked for: it may refuse that.
  for (const each of document.querySelectorAll('dialog:not([aria-labelledby="sign-in"], :has([aria-busy]))')) each.close();
  show(false);
});
// Perhaps as somebody else than before.
addEventListener("signed-in", () => { if (forget()) show(false); });
show(true);
