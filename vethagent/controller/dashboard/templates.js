// Link templates: how far their roll-outs are, to be paused and resumed.

import { may } from "./access.js";
import { templates, request } from "./api.js";
import { ago, badge, fill, h, table } from "./dom.js";

const PAUSE = { text: "Pause", verb: "pause", states: ["RUNNING"] };
const RESUME = { text: "Resume", verb: "resume", states: ["PAUSED", "STOPPED"] };

const selector = ({ hosts, labels }) => [hosts.length > 0 && `host ${hosts.join(", ")}`, ...labels]
  .filter(Boolean).map((each) => [h("code", null, each), h("br")]);

const counts = (hosts) => ["done", "started", "waiting", "failed", "away"].filter((name) => hosts[name])
  .map((name) => `${hosts[name]} ${name}`).join(", ") || "none";

const progress = ({ name, hosts }) => [
  h("progress", { max: hosts.total || 1, value: hosts.done, "aria-label": `Hosts of ${name} that are done` }),
  h("div", { class: "quiet" }, counts(hosts))];

const NONE = () => h("section", { class: "card" },
  h("h2", null, "No template yet"),
  h("p", null, "A template gives the same link to all hosts that have some label. Templates are made on the command line:"),
  h("p", null, h("code", null, "vethctl template create uplink br1 br-eth1 --select rack=r7 --dry-run")));

export async function showTemplates(main, { signal, failed }) {
  const message = h("p", { role: "status" });
  const list = h("div");
  let found = null;

  async function act(template, verb) {
    try {
      await request("POST", `v1/rollouts/${template.rollout.id}/${verb}`);
      message.textContent = "";
    } catch (error) {
      message.textContent = error.message;
      message.className = "problem";
    }
    await load();
  }

  const button = (template, { text, verb, states }) => may(`post_rollout_${verb}`) && states.includes(template.rollout.state)
    && h("button", { id: `${verb}-${template.id}`, class: "small", "aria-label": `${text} the roll-out of ${template.name}`,
      onclick: () => act(template, verb) }, text);

  const row = (template) => h("tr", null,
    h("th", { scope: "row" }, template.name,
      template.description && h("div", { class: "quiet" }, template.description)),
    h("td", null, selector(template.selector)),
    h("td", null, progress(template)),
    h("td", null, badge(template.rollout.state), ` revision ${template.revision}, ${ago(template.rollout.state_changed_at)}`,
      template.rollout.message && h("div", { class: "quiet" }, template.rollout.message),
      h("div", { class: "actions" }, button(template, PAUSE), button(template, RESUME))));

  function draw() {
    fill(list, found.length
      ? table("Link templates", ["Template", "Selects", "Hosts", "Roll-out"], found.map(row), { stacked: true })
      : NONE());
  }

  async function load() {
    try {
      found = await templates("sort=name");
      failed(null);
    } catch (error) {
      if (!found) throw error; // nothing is known yet, not even that there is none
      failed(error);
    }
    if (!signal.aborted) draw();
  }

  function again() {
    if (signal.aborted) return;
    (document.hidden ? Promise.resolve() : load()).finally(() => setTimeout(again, 2000));
  }

  await load();
  if (signal.aborted) return;
  fill(main, h("h1", null, "Templates"), message, list);
  setTimeout(again, 2000);
}
