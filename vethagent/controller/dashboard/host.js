// One host: its agent, its bridges and links as a picture and as a list, and what happens there.

import { may } from "./access.js";
import { ago, badge, fill, h, inOrder, table } from "./dom.js";
import { ApiError, get, links as allLinks, request } from "./api.js";
import { eventList } from "./events.js";
import { follow } from "./follow.js";
import { linkForm } from "./form.js";
import { foreignPairs } from "./pairs.js";
import { device, facts, picture } from "./picture.js";
import { showPlan } from "./plan.js";
import { health, MODES } from "./words.js";

const MANY = 150;

// Bridges that links speak of, and those that the agent sees if the API can ask it.
function bridgesOf(links) {
  const found = new Map();
  for (const link of links) {
    link.ends.forEach((end, number) => {
      const kind = link.observed[number]?.kind ?? end.kind;
      if (!found.has(end.bridge) || found.get(end.bridge).kind === "auto") found.set(end.bridge, { name: end.bridge, kind });
    });
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

async function known(host) {
  const nothing = { bridges: [], pairs: [], rings: [] };
  if (!may("get_host_bridges")) return nothing;
  try {
    return await get(`v1/hosts/${host}/bridges`);
  } catch {
    return nothing; // the agent is away
  }
}

const row = (link) => h("tr", null,
  h("th", { scope: "row" }, h("a", { href: `#/links/${link.id}` }, link.name ?? link.id.slice(0, 8))),
  h("td", null, badge(link.status), link.reason && [" ", h("code", null, link.reason)]),
  h("td", null, link.ends.map((end, number) => [number ? " ⟷ " : "", h("code", null, `${device(link, number)}@${end.bridge}`)])),
  h("td", null, facts(link)));

export async function showHost(main, { argument: host, signal, failed }) {
  const about = h("section", { class: "card" });
  const frame = h("div", { class: "frame" });
  const list = h("div");
  const events = eventList();
  const message = h("p", { role: "status" });
  let agent;
  let links = [];
  let bridges = [];
  let seen = [];
  let pairs = [];
  let rings = [];

  async function setMode(event) {
    try {
      agent = await request("PATCH", `v1/agents/${host}`, { mode: event.target.value });
      message.textContent = `The mode of ${host} is ${agent.mode} now.`;
      message.className = "";
    } catch (error) {
      message.textContent = error.message;
      message.className = "problem";
    }
    drawAgent();
  }

  const called = (id) => links.find((link) => link.id === id)?.name ?? id.slice(0, 8);
  const waiting = () => agent.alive && links.filter((link) => link.observed_generation !== link.generation).length;

  function drawAgent() {
    const kind = health(agent);
    fill(about,
      h("p", null, badge(kind), ` reported ${ago(agent.reported_at)}, version ${agent.agent_version}`,
        waiting() > 0 && ` – ${waiting()} not told of yet`),
      rings.length > 0 && h("ul", { class: "problem rings" }, rings.map((ring) => h("li", null,
        "Link ", h("a", { href: `#/links/${ring.link_id}` }, called(ring.link_id)),
        ` closes a ring through physical networks, in which frames go round and round: ${ring.path}`))),
      agent.health.length > 0 && h("ul", { class: "problem" }, agent.health.map((each) => h("li", null, `${each.part}: ${each.message}`))),
      h("p", { class: "field inline" }, h("label", { for: "mode" }, "Mode"),
        may("patch_agent")
          ? h("select", { id: "mode", onchange: setMode }, Object.keys(MODES).map((mode) =>
              h("option", { value: mode, selected: mode === agent.mode }, mode)))
          : h("output", { id: "mode" }, agent.mode),
        h("span", { class: "quiet" }, MODES[agent.mode])));
  }

  function drawLinks() {
    const width = Math.max(280, Math.min(928, frame.clientWidth || main.clientWidth));
    const drawn = links.slice(0, MANY);
    const used = new Set(links.flatMap((link) => link.ends.map((end) => end.bridge)));
    const taken = new Set(links.flatMap((link) => link.observed.map((end) => end.device)));
    const there = new Set(seen.map((bridge) => bridge.name));
    const shown = bridges.filter((bridge) => used.has(bridge.name) || seen.length <= 20)
      .map((bridge) => ({ ...bridge, absent: there.size > 0 && !there.has(bridge.name) }));
    if (!shown.length) fill(frame, h("p", null, "No links yet. The first one joins two bridges that are there on the host."));
    else fill(frame, picture(shown, drawn, width));
    fill(list,
      links.length > MANY && h("p", { class: "quiet" }, `The picture has the first ${MANY} of ${links.length} links.`),
      links.length > 0 && table("Links", ["Link", "Status", "Devices", "Facts"], links.map(row), { stacked: true }),
      foreignPairs(pairs.filter((pair) => !taken.has(pair.devices[0])), may("post_bridge_links") ? adopt : null));
  }

  const ask = () => Promise.all([get(`v1/agents/${host}`), allLinks(`host=${encodeURIComponent(host)}`)]);
  const load = inOrder(ask, (found) => {
    [agent, links] = found;
    bridges = bridgesOf(links);
    for (const bridge of seen) if (!bridges.some((each) => each.name === bridge.name)) bridges.push(bridge);
  });

  try {
    await load();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return fill(main, h("h1", null, host), h("p", null, "No agent has ever reported from this host. "), h("a", { href: "#/" }, "Back to the fleet"));
  }
  if (signal.aborted) return;

  const create = (wanted = null) => linkForm({
    host, wanted, seen, bridges: seen.concat(bridges),
    done: async () => { await look(); await refresh(); },
  });
  const adopt = (pair) => create({ adopt: true, ends: pair.devices.map((each, number) => ({ device: each, bridge: pair.bridges[number] })) });
  const plan = () => showPlan(host, called);
  async function look() {
    ({ bridges: seen, pairs, rings = [] } = await known(host));
  }
  async function refresh() {
    try {
      await load();
      failed(null);
    } catch (error) {
      failed(error);
      return;
    }
    if (signal.aborted) return;
    drawAgent();
    drawLinks();
  }

  fill(main,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Fleet"), " / ", host),
    h("h1", null, host), about, message,
    h("div", { class: "heading" }, h("h2", null, "Bridges and links"), h("p", { class: "actions" },
      may("get_host_plan") && h("button", { id: "plan", onclick: plan }, "Dry run"),
      may("post_bridge_links") && h("button", { id: "create", class: "primary", onclick: () => create() }, "Create a link"))),
    frame, list, h("h2", null, "Events"), events.element);
  drawAgent();
  drawLinks();
  look().then(() => { if (!signal.aborted) refresh(); });
  addEventListener("resize", drawLinks, { signal });
  // What an agent has not spoken of is seen by looking now and then: a link that was asked for elsewhere.
  const timers = [[5000, refresh], [30000, look]].map(([each, action]) => setInterval(() => { if (!document.hidden) action(); }, each));
  signal.addEventListener("abort", () => timers.forEach(clearInterval));
  follow(`&host=${encodeURIComponent(host)}`, async (found, first) => {
    events.add(found);
    if (!first) await refresh();
  }, { signal, failed });
}
