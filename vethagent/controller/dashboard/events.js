// What happened, the newest first.

import { badge, clock, fill, h } from "./dom.js";
import { follow } from "./follow.js";
import { DIFFERENCES, EVENTS } from "./words.js";

const KEPT = 200;

export const difference = (each) =>
  h("li", null, h("code", null, each.device), ` ${DIFFERENCES[each.code] ?? "is not as wanted"}: wanted ${each.wanted || "–"}, found ${each.observed || "–"} `,
    h("code", { class: "quiet" }, each.code));

// Of an event that is all there is to tell.
const PLAIN = "UNPLUGGED";

function item(event, { where }) {
  const wrong = event.repaired.length ? event.repaired : event.differences;
  const took = event.took_ms === null || event.kind === "failed" ? "" : ` in ${event.took_ms < 1000 ? `${Math.round(event.took_ms)} ms` : `${(event.took_ms / 1000).toFixed(1)} s`}`;
  return h("li", { class: `event ${event.kind}`, "data-kind": event.kind },
    clock(event.received_at), " ", event.reason === PLAIN ? badge("gone", PLAIN) : badge(event.status), " ",
    h("a", { href: `#/links/${event.link_id}` }, event.link_name ?? event.link_id.slice(0, 8)),
    where && [" on ", h("a", { href: `#/hosts/${event.host}` }, event.host)],
    ` ${EVENTS[event.kind] ?? event.kind}${took}`,
    event.reason && event.reason !== PLAIN && [" ", h("code", null, event.reason), wrong.length ? "" : ` ${event.message}`],
    wrong.length > 0 && h("ul", null, wrong.map(difference)));
}

export function eventList({ where = false } = {}) {
  const element = h("ol", { class: "events", "aria-live": "polite", "aria-relevant": "additions" });
  const none = h("li", { class: "quiet" }, "Nothing has happened yet.");
  return {
    element,
    add(events) {
      none.remove();
      element.prepend(...events.map((event) => item(event, { where })).reverse());
      while (element.children.length > KEPT) element.lastChild.remove();
      if (!element.children.length) element.append(none);
    },
  };
}

export async function showEvents(main, { signal, failed }) {
  const events = eventList({ where: true });
  fill(main, h("h1", null, "Events"), h("p", { class: "quiet" }, "Of the whole fleet, as they come."), events.element);
  follow("", async (found) => events.add(found), { signal, failed });
}
