// Asks what a link is to be, a new one or one that is there, and has the API check it.

import { h } from "./dom.js";
import { request } from "./api.js";

const number = (text) => (text === "" ? null : Number(text));

function input(id, text, attributes = {}, hint = null) {
  const help = hint && h("span", { class: "quiet", id: `${id}-hint` }, hint);
  return h("p", { class: "field" }, h("label", { for: id }, text),
    h("input", { id, autocomplete: "off", spellcheck: "false", "aria-describedby": hint && `${id}-hint`, ...attributes }), help);
}

const check = (id, text, checked) =>
  h("p", { class: "field inline" }, h("input", { id, type: "checkbox", checked }), h("label", { for: id }, text));

const endFields = (position, end) => h("fieldset", null,
  h("legend", null, position === 0 ? "First end" : "Second end"),
  input(`bridge-${position}`, "Bridge", { required: true, list: "bridges", value: end.bridge ?? "", maxlength: 15 }),
  h("p", { class: "field" }, h("label", { for: `kind-${position}` }, "Kind"),
    h("select", { id: `kind-${position}` }, [["auto", "as it is on the host"], ["linux", "Linux"], ["ovs", "Open vSwitch"]].map(([kind, text]) =>
      h("option", { value: kind, selected: kind === (end.kind ?? "auto") }, text)))),
  input(`device-${position}`, "Device", { value: end.device ?? "", maxlength: 15 }, "derived if empty"),
  input(`tag-${position}`, "Tag", { type: "number", min: 0, max: 4094, value: end.tag ?? "" }, "VLAN of an OVS port"));

// Which of the form's fields the API blames: such as "ends.0.bridge", "ends.1", "mtu".
function blamed(form, field) {
  const parts = (field ?? "").split(".");
  const id = parts[0] === "ends" ? `${["bridge", "kind", "device", "tag"].includes(parts[2]) ? parts[2] : "bridge"}-${parts[1] ?? 0}` : parts[0];
  return id ? form.querySelector(`#${CSS.escape(id)}`) : null;
}

export function linkForm({ host, link = null, bridges, done }) {
  const problem = h("p", { class: "problem", role: "alert" });
  const value = (id) => dialog.querySelector(`#${id}`).value.trim();
  const checked = (id) => dialog.querySelector(`#${id}`).checked;
  const ends = () => [0, 1].map((position) => ({
    ...(link ? { mac: link.ends[position].mac } : {}),
    bridge: value(`bridge-${position}`),
    kind: value(`kind-${position}`),
    device: value(`device-${position}`) || null,
    tag: number(value(`tag-${position}`)),
  }));

  async function submit(event) {
    event.preventDefault();
    for (const each of dialog.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    const body = {
      ends: ends(), name: value("name") || null, mtu: number(value("mtu")),
      adopt: checked("adopt"), allow_loop: checked("allow_loop"), admin_state_up: checked("admin_state_up"),
    };
    try {
      const answer = link
        ? await request("PATCH", `v1/bridge-links/${link.id}`, body)
        : await request("POST", "v1/bridge-links", { host, ...body });
      dialog.close();
      await done(answer);
    } catch (error) {
      problem.textContent = error.message;
      const field = blamed(dialog, error.field);
      field?.setAttribute("aria-invalid", "true");
      field?.focus();
    }
  }

  const names = [...new Set(bridges.map((bridge) => bridge.name))].sort();
  const dialog = h("dialog", { "aria-labelledby": "form-title", onclose: () => dialog.remove() },
    h("form", { onsubmit: submit },
      h("h2", { id: "form-title" }, link ? `Change link ${link.name ?? link.id.slice(0, 8)}` : `A new link on ${host}`),
      problem,
      h("datalist", { id: "bridges" }, names.map((name) => h("option", { value: name }))),
      input("name", "Name", { value: link?.name ?? "", maxlength: 255 }, "for people; may be empty"),
      h("div", { class: "ends" }, endFields(0, link?.ends[0] ?? {}), endFields(1, link?.ends[1] ?? {})),
      input("mtu", "MTU", { type: "number", min: 68, max: 65535, value: link?.mtu ?? "" }, "bytes; the smaller of the two bridges' if empty"),
      check("admin_state_up", "Up", link?.admin_state_up ?? true),
      check("adopt", "Take over the pair if it is there exactly so", link?.adopt ?? false),
      check("allow_loop", "Plug it even if it closes a loop of bridges", link?.allow_loop ?? false),
      h("p", { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { class: "primary" }, link ? "Change" : "Create"))));
  document.body.append(dialog);
  dialog.showModal();
}
