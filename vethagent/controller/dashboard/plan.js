// What an agent would do, as it says itself; nothing of it is done.

import { badge, fill, h } from "./dom.js";
import { get } from "./api.js";
import { difference } from "./events.js";
import { REASONS } from "./words.js";

// One planned link: its steps, or why there are none.
export const steps = ({ steps: found, state }) => [
  found.length > 0 && h("ol", null, found.map((step) => h("li", null, step))),
  found.length === 0 && h("p", null, badge(state.status), state.reason && [" ", h("code", null, state.reason)],
    ` ${state.message || "Nothing is to be done."}`),
  found.length === 0 && REASONS[state.reason] && h("p", null, REASONS[state.reason]),
  found.length === 0 && state.differences.length > 0 && h("ul", null, state.differences.map(difference)),
];

// A dialog with what the agent of `host` would do now; `name` tells how a link is called.
export async function showPlan(host, name) {
  const body = h("div", { role: "status" }, h("p", { class: "quiet" }, `Asking the agent of ${host}…`));
  const dialog = h("dialog", { "aria-labelledby": "plan-title", onclose: () => dialog.remove() },
    h("h2", { id: "plan-title" }, "What the agent would do now"), body,
    h("p", { class: "actions" }, h("button", { onclick: () => dialog.close() }, "Close")));
  document.body.append(dialog);
  dialog.showModal();
  try {
    const plan = (await get(`v1/hosts/${host}/plan`)).links;
    const busy = plan.filter((each) => each.steps.length || !["ACTIVE", ""].includes(each.state.status));
    fill(body,
      h("p", null, busy.length ? "In mode enforce, and nothing of it is done by looking:" : "Nothing: every link is as wanted."),
      busy.map((each) => h("section", null, h("h3", null, name(each.link_id)), steps(each))));
  } catch (error) {
    fill(body, h("p", { class: "problem", role: "alert" }, error.message));
  }
}
