// Why a link is as it is, and how it came to be so.

import { badge, clock, h, table } from "./dom.js";

const since = (time) => (time ? clock(time) : "–");

// Each condition of a diagnosis, those that are not met first; `keep` is told when the list is folded or unfolded.
export function checks({ conditions }, open, keep) {
  const unmet = conditions.filter((each) => !each.met);
  const row = (each) => h("tr", { class: each.met ? null : "unmet" },
    h("td", null, each.met ? "✓" : "✕", h("span", { class: "hidden" }, each.met ? "as wanted" : "not as wanted")),
    h("th", { scope: "row" }, each.name), h("td", null, each.wanted), h("td", null, each.observed), h("td", null, since(each.since)));
  return h("details", { open, ontoggle: (event) => keep(event.target.open) },
    h("summary", { id: "checks" }, unmet.length ? `${unmet.length} of ${conditions.length} conditions are not met` : `All ${conditions.length} conditions are met`),
    table("Conditions", ["", "Condition", "Wanted", "Observed", "Since"], [...unmet, ...conditions.filter((each) => each.met)].map(row)));
}

// Each change of a link with who made it, the newest first.
export const changes = (history) => history.length > 0 && h("section", null,
  h("h2", null, "Changes"),
  table("Changes", ["When", "Status", "By", "Request"], [...history].reverse().map((each) => h("tr", null,
    h("td", null, clock(each.changed_at)),
    h("td", null, badge(each.status), each.reason && [" ", h("code", null, each.reason)]),
    h("td", null, each.changed_by),
    h("td", null, h("code", null, each.request_id ?? "–"))))));
