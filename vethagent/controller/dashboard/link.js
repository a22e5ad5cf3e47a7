// One link: what is wanted, what is there, why they differ, and what happened.

import { may } from "./access.js";
import { changes, checks } from "./diagnosis.js";
import { age, badge, fill, h, inOrder, table } from "./dom.js";
import { ApiError, get, request } from "./api.js";
import { difference, eventList } from "./events.js";
import { follow } from "./follow.js";
import { linkForm } from "./form.js";
import { device, picture } from "./picture.js";
import { REASONS } from "./words.js";

const yes = (value) => (value === null || value === undefined ? "–" : value === true ? "yes" : value === false ? "no" : value);

// [what, wanted, observed] for one end
const ROWS = [
  ["Bridge", (end) => end.bridge, (end) => end.attached_to ?? "in none"],
  ["Kind", (end) => end.kind, (end) => end.kind],
  ["Device", (end) => end.device ?? "derived", (end) => (end.present ? end.device : `${end.device} is not there`)],
  ["Tag", (end) => yes(end.tag), (end) => yes(end.tag)],
  ["MAC", (end) => end.mac ?? "derived", (end) => yes(end.mac)],
  ["MTU", (end, link) => link.mtu ?? "of the bridges", (end) => yes(end.mtu)],
  ["Up, carrier", (end, link) => yes(link.admin_state_up), (end) => `${yes(end.up)}, ${yes(end.carrier)}`],
  ["ifindex, peer", () => "–", (end) => `${yes(end.ifindex)}, ${yes(end.peer_ifindex)}`],
  ["OpenFlow port", () => "–", (end) => (end.error ? `${yes(end.ofport)}: ${end.error}` : yes(end.ofport))],
];

// Wishes that leave it open.
const OPEN = ["–", "derived", "of the bridges", "auto"];

const end = (link, number) => h("section", { class: "card" },
  h("h3", null, `End ${number + 1}: ${device(link, number)} in ${link.ends[number].bridge}`),
  table(`End ${number + 1}`, ["", "Wanted", "Observed"], ROWS.map(([name, wanted, observed]) => {
    const [want, found] = [wanted(link.ends[number], link), link.observed[number] ? observed(link.observed[number]) : "–"];
    return h("tr", { class: OPEN.includes(want) || `${found}`.startsWith(want) ? null : "unmet" },
      h("th", { scope: "row" }, name), h("td", null, want), h("td", null, found));
  })));

export async function showLink(main, { argument: id, signal, failed }) {
  const body = h("div");
  const events = eventList();
  const message = h("p", { role: "status" });
  let link;
  let diagnosis;
  let history = [];
  let gone = false;
  let unfolded = false;

  async function act(method, query, fields) {
    try {
      link = await request(method, `v1/bridge-links/${id}${query}`, fields);
      message.textContent = "";
    } catch (error) {
      message.textContent = error.message;
      message.className = "problem";
    }
    draw();
  }

  function remove() {
    const dialog = h("dialog", { "aria-labelledby": "sure", onclose: () => dialog.remove() },
      h("h2", { id: "sure" }, "Delete this link?"),
      h("p", null, `What goes from ${link.ends[0].bridge} to ${link.ends[1].bridge} on ${link.host} through it is cut.`),
      h("p", { class: "field inline" }, h("input", { id: "force", type: "checkbox" }),
        h("label", { for: "force" }, "Forget it at once, also if its agent does not answer")),
      h("p", { class: "actions" },
        h("button", { onclick: () => dialog.close() }, "Keep it"),
        h("button", { class: "danger", onclick: () => {
          const force = dialog.querySelector("#force").checked;
          dialog.close();
          act("DELETE", force ? "?force=true" : "").then(load);
        } }, "Delete")));
    document.body.append(dialog);
    dialog.showModal();
  }

  function draw() {
    if (gone) {
      const host = link?.host ?? history[0]?.host;
      return fill(body,
        h("p", { class: "card" }, history.length ? "This link is not there any more. " : "There is no such link. ",
          host && h("a", { href: `#/hosts/${host}` }, `Back to ${host}`)),
        changes(history));
    }
    const width = Math.max(280, Math.min(928, main.clientWidth));
    const bridges = link.ends.map((each, number) => ({ name: each.bridge, kind: link.observed[number]?.kind ?? each.kind }));
    const going = link.status === "PENDING_DELETE";
    fill(body,
      h("section", { class: `card state ${link.status.toLowerCase()}`, "aria-label": "Status" },
        h("p", null, badge(link.status), link.reason && [" ", h("code", null, link.reason)], ` for ${age(link.status_changed_at)}`),
        (link.status !== "ACTIVE" || diagnosis?.conditions.some((each) => !each.met)) && !link.differences.length && h("p", null, diagnosis?.sentence ?? link.message),
        link.reason && REASONS[link.reason] && h("p", null, REASONS[link.reason]),
        link.differences.length > 0 && [h("h3", null, "Not as wanted"), h("ul", null, link.differences.map(difference))],
        diagnosis && checks(diagnosis, unfolded, (open) => { unfolded = open; })),
      h("p", { class: "actions" },
        may("patch_bridge_link") && [
          h("button", { id: "edit", disabled: going, onclick: () => linkForm({ host: link.host, link, bridges, done: load }) }, "Change"),
          h("button", { id: "toggle", disabled: going, onclick: () => act("PATCH", "", { admin_state_up: !link.admin_state_up }) },
            link.admin_state_up ? "Set down" : "Set up")],
        may("delete_bridge_link") && h("button", { id: "delete", class: "danger", onclick: remove }, "Delete")),
      picture(bridges, [link], width),
      h("div", { class: "ends" }, end(link, 0), end(link, 1)),
      h("p", { class: "quiet" }, `id ${link.id}, generation ${link.generation}, request ${link.request_id ?? "–"}`,
        link.adopt && ", adopts", link.allow_loop && ", may close a loop"),
      changes(history));
  }

  // The link and what is told beside it; a part that cannot be had is left out, and no link at all is null.
  async function ask() {
    const beside = (operation, path) => may(operation) ? get(`v1/bridge-links/${id}/${path}`).catch(() => null) : null;
    const found = await get(`v1/bridge-links/${id}`).catch((error) => {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      return null;
    });
    const why = found && beside("get_bridge_link_diagnosis", "diagnosis");
    return Promise.all([found, why, beside("get_bridge_link_history", "history")]);
  }

  const load = inOrder(ask, ([found, why, told]) => {
    gone = !found;
    link = found ?? link;
    diagnosis = why;
    history = told?.history ?? history;
    if (!signal.aborted) draw();
  });

  await load();
  if (signal.aborted) return;
  const title = link?.name ?? id.slice(0, 8);
  document.title = `${title} | vethagent`;
  fill(main,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Fleet"), " / ", link && [h("a", { href: `#/hosts/${link.host}` }, link.host), " / "], title),
    h("h1", null, `Link ${title}`), message, body, h("h2", null, "Events"), events.element);
  addEventListener("resize", draw, { signal });
  const timer = setInterval(() => { if (!document.hidden && !gone) load().catch(failed); }, 3000);
  signal.addEventListener("abort", () => clearInterval(timer));
  follow(`&link_id=${encodeURIComponent(id)}`, async (found, first) => {
    events.add(found);
    if (!first) await load();
  }, { signal, failed });
}
