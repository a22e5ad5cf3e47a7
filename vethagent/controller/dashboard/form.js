// Asks what a link is to be, a new one or one that is there, and has the API check it.

import { may } from "./access.js";
import { fill, h } from "./dom.js";
import { request } from "./api.js";
import { steps } from "./plan.js";
import { KINDS } from "./words.js";

const NAMED = 12;
const number = (text) => (text === "" ? null : Number(text));

function input(id, text, attributes = {}, hint = null) {
  const help = hint && h("span", { class: "quiet", id: `${id}-hint` }, hint);
  return h("p", { class: "field" }, h("label", { for: id }, text),
    h("input", { id, autocomplete: "off", spellcheck: "false", "aria-describedby": hint && `${id}-hint`, ...attributes }), help);
}

const check = (id, text, checked) =>
  h("p", { class: "field inline" }, h("input", { id, type: "checkbox", checked }), h("label", { for: id }, text));

const ORDINALS = ["First", "Second"];

const bridgeField = (position, end, changed) => input(`bridge-${position}`, `${ORDINALS[position]} bridge`,
  { required: true, list: "bridges", value: end.bridge ?? "", maxlength: 15, autofocus: position === 0, oninput: changed }, " ");

const endFields = (position, end) => h("fieldset", null,
  h("legend", null, `${ORDINALS[position]} end`),
  h("p", { class: "field" }, h("label", { for: `kind-${position}` }, "Kind of bridge"),
    h("select", { id: `kind-${position}` }, [["auto", "as it is on the host"], ["linux", "Linux"], ["ovs", "Open vSwitch"]].map(([kind, text]) =>
      h("option", { value: kind, selected: kind === (end.kind ?? "auto") }, text)))),
  input(`device-${position}`, "Device", { value: end.device ?? "", maxlength: 15 }, "its name; derived if empty"),
  input(`tag-${position}`, "Tag", { type: "number", min: 0, max: 4094, value: end.tag ?? "" }, "VLAN of an OVS port"));

// Which of the form's fields the API blames: such as "ends.0.bridge", "ends.1", "mtu".
function blamed(form, field) {
  const parts = (field ?? "").split(".");
  const id = parts[0] === "ends" ? `${["bridge", "kind", "device", "tag"].includes(parts[2]) ? parts[2] : "bridge"}-${parts[1] ?? 0}` : parts[0];
  return id ? form.querySelector(`#${CSS.escape(id)}`) : null;
}

// Where there is one bridge of each kind, these are meant.
function usual(bridges) {
  const [linux, ovs] = ["linux", "ovs"].map((kind) => bridges.filter((bridge) => bridge.kind === kind));
  return linux.length === 1 && ovs.length === 1 ? [linux[0], ovs[0]].map(({ name }) => ({ bridge: name })) : [{}, {}];
}

// `link` is one to be changed; `wanted` is what a new one is to have; `seen` are the bridges that the agent sees now.
export function linkForm({ host, link = null, wanted = null, bridges, seen = [], done }) {
  const given = link ?? wanted ?? { ends: usual(seen) };
  const problem = h("p", { class: "problem", role: "alert" });
  const tried = h("div", { class: "tried", role: "status" });
  const value = (id) => dialog.querySelector(`#${id}`).value.trim();
  const checked = (id) => dialog.querySelector(`#${id}`).checked;
  const ends = () => [0, 1].map((position) => ({
    ...(link ? { mac: link.ends[position].mac } : {}),
    bridge: value(`bridge-${position}`),
    kind: value(`kind-${position}`),
    device: value(`device-${position}`) || null,
    tag: number(value(`tag-${position}`)),
  }));
  const body = () => ({
    ends: ends(), name: value("name") || null, mtu: number(value("mtu")),
    adopt: checked("adopt"), allow_loop: checked("allow_loop"), admin_state_up: checked("admin_state_up"),
  });

  // Do something with what was filled in; what is refused is said beside its field.
  async function attempt(action) {
    for (const each of dialog.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    problem.textContent = "";
    try {
      await action();
    } catch (error) {
      fill(tried);
      problem.textContent = error.message;
      const field = blamed(dialog, error.field);
      field?.setAttribute("aria-invalid", "true");
      if (field?.closest("details")) more.open = true;
      field?.focus();
    }
  }

  // Whoever presses again before there is an answer asks for nothing more.
  async function submit(event) {
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    await attempt(async () => {
      const answer = link
        ? await request("PATCH", `v1/bridge-links/${link.id}`, body())
        : await request("POST", "v1/bridge-links", { host, ...body() });
      dialog.close();
      await done(answer);
    });
    form.removeAttribute("aria-busy");
  }

  const dryRun = () => form.reportValidity() && attempt(async () => {
    fill(tried, h("p", { class: "quiet" }, `Asking the agent of ${host}…`));
    const plan = await request("POST", "v1/bridge-links/plan", { host, ...body() });
    fill(tried, h("h3", null, "Nothing is done yet. With Create the agent would:"), plan.links.map(steps));
    tried.scrollIntoView({ block: "nearest" });
  });

  // A bridge that is not there is no mistake: the link waits for it.
  function hint(position) {
    const bridge = seen.find(({ name }) => name === value(`bridge-${position}`));
    const known = bridge ? KINDS[bridge.kind] ?? "" : seen.length && value(`bridge-${position}`) ? "not on the host now: the link would wait for it" : "";
    dialog.querySelector(`#bridge-${position}-hint`).textContent = known;
  }

  const names = [...new Set((seen.length ? seen : bridges).map((bridge) => bridge.name))].sort();
  const more = h("details", { open: Boolean(link ?? wanted) },
    h("summary", null, "More: devices, tags, MTU, taking over, loops"),
    h("div", { class: "ends" }, endFields(0, given.ends[0]), endFields(1, given.ends[1])),
    input("mtu", "MTU", { type: "number", min: 68, max: 65535, value: given.mtu ?? "" }, "bytes; the smaller of the two bridges' if empty"),
    check("admin_state_up", "Up", given.admin_state_up ?? true),
    check("adopt", "Take over the pair if it is there exactly so", given.adopt ?? false),
    check("allow_loop", "Plug it even if it closes a loop of bridges", given.allow_loop ?? false));
  const form = h("form", { onsubmit: submit },
    h("h2", { id: "form-title" }, link ? `Change link ${link.name ?? link.id.slice(0, 8)}` : `A new link on ${host}`),
    problem,
    h("datalist", { id: "bridges" }, names.map((name) => h("option", { value: name }))),
    h("div", { class: "ends" }, [0, 1].map((position) => bridgeField(position, given.ends[position], () => hint(position)))),
    names.length > 0 && h("p", { class: "quiet" }, `Bridges there: ${names.slice(0, NAMED).join(", ")}${names.length > NAMED ? " and others" : ""}.`),
    input("name", "Name", { value: given.name ?? "", maxlength: 255 }, "for people; may be empty"),
    more, tried,
    h("p", { class: "actions" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      !link && may("post_bridge_link_plan") && h("button", { id: "dry-run", type: "button", onclick: dryRun }, "Dry run"),
      h("button", { class: "primary" }, link ? "Change" : "Create")));
  const dialog = h("dialog", { "aria-labelledby": "form-title", onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  [0, 1].forEach(hint);
  dialog.showModal();
}
