// Elements made from values. Whatever comes from the API becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

// A selector for what tells an element from others, also after it was made anew.
function mark(element) {
  const name = ["id", "href", "aria-label"].find((each) => element.getAttribute(each));
  return name ? `[${name}="${CSS.escape(element.getAttribute(name))}"]` : null;
}

// Put `children` in the place of what `element` has. The focus stays where it is, and so does what was moved sideways.
export function fill(element, ...children) {
  const active = element === document.activeElement || !element.contains(document.activeElement) ? null : document.activeElement;
  const focused = active && mark(active);
  const place = focused ? [...element.querySelectorAll(focused)].indexOf(active) : -1;
  const moved = [...element.querySelectorAll(".scroll")].filter((each) => each.scrollLeft).map((each) => [mark(each), each.scrollLeft]);
  element.replaceChildren(...children.flat(Infinity).filter((child) => child));
  for (const [selector, left] of moved) (element.querySelector(selector) ?? {}).scrollLeft = left;
  if (focused) element.querySelectorAll(focused)[place]?.focus({ preventScroll: true });
}

// Let `element` say `text`. Whoever has the screen read to him hears it only if it is another one than before.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// How long ago `time` was, in words.
export function age(time) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export const ago = (time) => `${age(time)} ago`;

// The time of day, with the date unless that is today's: what is weeks old is on the page too.
export function clock(time) {
  const [date, hour] = new Date(time).toLocaleString("sv").split(" "); // as in 2026-01-31 23:59:59
  return h("time", { datetime: time, title: time }, new Date().toLocaleDateString("sv") === date ? hour : `${date} ${hour}`);
}

export const badge = (kind, text) => h("span", { class: `badge ${kind.toLowerCase()}` }, text ?? kind);

// On a small screen a table is moved sideways, or with `stacked` each row is a block of lines.
export const table = (caption, heads, rows, { stacked = false } = {}) =>
  h("div", { class: stacked ? "scroll stacked" : "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null,
      h("caption", { class: "hidden" }, caption),
      h("thead", null, h("tr", null, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", null, rows)));

// Of answers to the same question, told to `take`, one that was asked for before the one that is shown comes too late.
export function inOrder(ask, take) {
  let asked = 0;
  let shown = 0;
  return async () => {
    const turn = ++asked;
    const answer = await ask();
    if (turn < shown) return;
    shown = turn;
    await take(answer);
  };
}
