// Asks who is there, in the way that the API wants to have it proved.

import { h } from "./dom.js";

function basic(user, password) {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

const field = (id, text, attributes) =>
  h("p", { class: "field" }, h("label", { for: id }, text), h("input", { id, required: true, ...attributes }));

export function signIn(challenge, refused) {
  const withPassword = challenge.toLowerCase().startsWith("basic");
  const fields = withPassword
    ? [field("user", "User", { autocomplete: "username" }),
       field("password", "Password", { type: "password", autocomplete: "current-password" })]
    : [field("token", "Token of Keystone (openstack token issue -f value -c id)", { type: "password", autocomplete: "off" })];
  return new Promise((resolve) => {
    const value = (id) => dialog.querySelector(`#${id}`).value;
    const submit = (event) => {
      event.preventDefault();
      resolve(withPassword ? basic(value("user"), value("password")) : { "X-Auth-Token": value("token").trim() });
      dialog.remove();
    };
    const dialog = h("dialog", { "aria-labelledby": "sign-in", oncancel: (event) => event.preventDefault() },
      h("form", { onsubmit: submit },
        h("h2", { id: "sign-in" }, "Sign in"),
        refused && h("p", { class: "problem", role: "alert" }, "That was not accepted."),
        fields,
        h("p", { class: "quiet" }, "Kept in memory until this page is closed or loaded again."),
        h("p", { class: "actions" }, h("button", { class: "primary" }, "Sign in"))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
