// All hosts, by their health, and a search.

import { ago, badge, fill, h, say, table } from "./dom.js";
import { agents, links } from "./api.js";
import { health, HEALTHS, STATUSES } from "./words.js";

const AT_ONCE = 100;
// Whether an agent is in step is not among them: that takes a look at each link of the fleet.
const FIELDS = "fields=host,alive,ready,health,links,mode,reported_at";
const LINK_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const counts = (agent) => STATUSES.filter((status) => agent.links[status])
  .map((status) => [badge(status, `${agent.links[status]} ${status}`), " "]);

const row = ({ agent, kind }) => h("tr", null,
  h("th", { scope: "row" }, h("a", { href: `#/hosts/${agent.host}` }, agent.host)),
  h("td", null, badge(kind), agent.mode !== "enforce" && [" ", badge("mode", agent.mode)],
    agent.health.map((each) => [" ", h("span", { class: "quiet" }, each.part)])),
  h("td", null, agent.alive ? counts(agent) : badge("DOWN", "AGENT_DOWN")),
  h("td", null, ago(agent.reported_at)));

const NOBODY = () => h("section", { class: "card" },
  h("h2", null, "No host yet"),
  h("p", null, "A host appears here by itself as soon as its agent reports for the first time."),
  h("ol", null,
    h("li", null, "Install vethagent on the host."),
    h("li", null, "Set ", h("code", null, "transport_url"), " in ", h("code", null, "/etc/vethagent/vethagent-agent.conf"),
      " to the bus that the controller uses."),
    h("li", null, "Start ", h("code", null, "vethagent-agent"), ".")));

export async function showFleet(main, { signal, failed }) {
  let hosts = null;
  let named = null;
  let chosen = null;
  let shown = AT_ONCE;

  const search = h("input", {
    id: "search", type: "search", autocomplete: "off", spellcheck: "false",
    placeholder: "part of a host's name, a link's name or id",
    oninput: () => { shown = AT_ONCE; named = null; draw(); },
    onkeydown: (event) => { if (event.key === "Enter") find(); },
  });
  const chips = h("p", { class: "chips", role: "group", "aria-label": "Hosts by health" });
  const totals = h("p", { class: "chips" });
  const told = h("p", { class: "quiet", role: "status" });
  const list = h("div");

  // A name that is no host's may be a link's.
  async function find() {
    const text = search.value.trim();
    if (!text) return;
    if (LINK_ID.test(text)) { location.hash = `#/links/${text}`; return; }
    const found = await links(`name=${encodeURIComponent(text)}`).catch(() => []);
    if (signal.aborted || search.value.trim() !== text) return; // somebody looks for something else by now
    if (found.length === 1) location.hash = `#/links/${found[0].id}`;
    else if (found.length) {
      named = found;
      draw();
    } else if (hosts.filter(matches).length === 1) location.hash = `#/hosts/${hosts.find(matches).agent.host}`;
  }

  const matches = ({ agent, kind }) =>
    (!chosen || kind === chosen) && agent.host.toLowerCase().includes(search.value.trim().toLowerCase());

  const chip = (kind) => h("button", {
    id: `chip-${kind}`, class: `chip ${kind}`, "aria-pressed": String(chosen === kind),
    onclick: () => { chosen = chosen === kind ? null : kind; shown = AT_ONCE; named = null; draw(); },
  }, h("b", null, hosts.filter((each) => each.kind === kind).length), ` ${kind}`);

  function draw() {
    if (!hosts.length) return fill(list, NOBODY());
    const found = hosts.filter(matches);
    fill(chips, HEALTHS.map(chip));
    const sums = STATUSES.map((status) => [status, hosts.reduce((sum, { agent }) => sum + (agent.links[status] ?? 0), 0)]);
    const badges = sums.filter(([, sum]) => sum).map(([status, sum]) => badge(status, `${sum} ${status}`));
    fill(totals, badges.length > 0 && h("span", { class: "quiet" }, "Links:"), badges);
    if (named) {
      say(told, `${named.length} links have this name`);
      return fill(list, h("ul", null, named.map((link) =>
        h("li", null, h("a", { href: `#/links/${link.id}` }, `${link.name} on ${link.host}`)))));
    }
    const part = found.length > shown ? `, ${shown} of them shown` : "";
    say(told, `${found.length} of ${hosts.length} hosts${part}`);
    const none = search.value.trim()
      ? `No ${chosen ? `${chosen} ` : ""}host has that in its name. Enter looks for a link of that name.` : `No host is ${chosen}.`;
    fill(list,
      found.length > 0 && table("Hosts", ["Host", "Health", "Links", "Report"], found.slice(0, shown).map(row)),
      found.length === 0 && h("p", null, none),
      found.length > shown && h("p", null, h("button", { id: "more", onclick: () => { shown += AT_ONCE; draw(); } }, "Show more")));
  }

  async function load() {
    try {
      hosts = (await agents(FIELDS)).map((agent) => ({ agent, kind: health(agent) }));
      failed(null);
    } catch (error) {
      if (!hosts) throw error; // nothing is known yet, not even that there is none
      failed(error);
    }
    if (signal.aborted) return;
    draw();
    setTimeout(again, hosts.length > 500 ? 15000 : 2000);
  }

  function again() {
    if (signal.aborted) return;
    if (document.hidden) setTimeout(again, 1000);
    else load();
  }

  await load();
  if (signal.aborted) return;
  fill(main, h("h1", null, "Fleet"),
    h("p", { class: "field" }, h("label", { for: "search" }, "Search"), search), chips, totals, told, list);
}
