// Bridges as boxes, their devices at the edges, and a line for each link between two devices.

import { s } from "./dom.js";

const HEAD = 42;
const ROW = 34;
const PORT = 24;
const GAP = 18;

// Put each bridge into one of two columns so that links go from one to the other. Bridges without a loop always allow
// that; what a loop leaves over is drawn within its column. OVS bridges are on the left where there is a choice.
export function columns(bridges, links) {
  const side = new Map();
  const near = new Map(bridges.map((bridge) => [bridge.name, []]));
  for (const link of links) {
    const [a, b] = link.ends.map((end) => end.bridge);
    near.get(a)?.push(b);
    near.get(b)?.push(a);
  }
  const first = [...bridges].sort((a, b) => (b.kind === "ovs") - (a.kind === "ovs") || a.name.localeCompare(b.name));
  for (const { name, kind } of first) {
    if (side.has(name)) continue;
    side.set(name, kind === "ovs" ? 0 : 1);
    for (const queue = [name]; queue.length;) {
      const here = queue.shift();
      for (const other of near.get(here) ?? []) {
        if (side.has(other)) continue;
        side.set(other, 1 - side.get(here));
        queue.push(other);
      }
    }
  }
  return side;
}

export const device = (link, number) => link.observed[number]?.device ?? link.ends[number].device ?? "…";

export function facts(link) {
  const tags = link.ends.map((end) => end.tag).filter((tag) => tag !== null && tag !== undefined);
  const mtu = link.observed.find((end) => end.mtu)?.mtu ?? link.mtu;
  return [tags.length && `tag ${tags.join("/")}`, mtu && `MTU ${mtu}`].filter(Boolean).join(", ");
}

function sentence(link) {
  const ends = link.ends.map((end, number) => `${device(link, number)} in ${end.bridge}`).join(" to ");
  const wrong = link.differences.length ? `, ${link.differences.length} differences` : "";
  return `Link ${link.name ?? ""} ${ends}: ${link.status} ${link.reason}${wrong}, ${facts(link)}`;
}

// Text whose letters are about so many pixels wide each is set closer where there is no room for it.
const fitted = (text, each, room) => text.length * each > room ? { textLength: room, lengthAdjust: "spacingAndGlyphs" } : {};

// The beginning of a name that has more letters.
const cut = (name, letters) => [...name].length > letters ? `${[...name].slice(0, letters - 1).join("")}…` : name;

// Return the picture, `width` pixels wide; a bridge that is `absent` is not on the host.
export function picture(bridges, links, width) {
  const narrow = width < 560;
  const box = Math.min(250, Math.floor((width - (narrow ? 60 : 200)) / 2));
  const port = Math.min(box - 16, 140);
  const side = columns(bridges, links);
  const place = new Map();
  const boxes = [];
  const names = bridges.map((bridge) => bridge.name);
  const rank = ([link, number]) => names.indexOf(link.ends[1 - number].bridge);
  let height = 0;
  for (const column of [0, 1]) {
    let y = 1;
    const order = bridges.filter((bridge) => side.get(bridge.name) === column);
    for (const bridge of order) {
      const ports = []; // in the order of the bridges on the other side, so that fewer lines cross
      for (const link of links) link.ends.forEach((end, number) => { if (end.bridge === bridge.name) ports.push([link, number]); });
      ports.sort((a, b) => rank(a) - rank(b));
      ports.forEach(([link, number], row) => place.set(`${link.id}/${number}`, { column, y: y + HEAD + row * ROW + PORT / 2 }));
      const tall = HEAD + ports.length * ROW + 4;
      boxes.push({ bridge, column, y, tall, ports });
      y += tall + GAP;
    }
    height = Math.max(height, y);
  }
  const x = (column) => (column ? width - box - 1 : 1);
  const edge = (column) => (column ? width - box - 1 : box + 1);

  const line = (link) => {
    const [a, b] = [0, 1].map((number) => place.get(`${link.id}/${number}`));
    if (!a || !b) return null;
    const [ax, bx] = [edge(a.column), edge(b.column)];
    const bend = a.column === b.column ? (a.column ? -40 : 40) : (bx - ax) / 2;
    const bend2 = a.column === b.column ? bend : -bend;
    const path = `M${ax} ${a.y}C${ax + bend} ${a.y} ${bx + bend2} ${b.y} ${bx} ${b.y}`;
    const middle = [(ax + bx) / 2 + (a.column === b.column ? bend * 0.75 : 0), (a.y + b.y) / 2];
    const kind = link.status.toLowerCase();
    const wrong = link.differences.length ? `⚠ ${link.differences.length} ` : "";
    return s("a", { href: `#/links/${link.id}`, class: `link ${kind}`, "aria-label": sentence(link) },
      s("title", null, sentence(link)),
      s("path", { d: path, class: "grip" }),
      s("path", { d: path, class: "wire" }),
      link.status !== "ACTIVE" && s("text", { x: middle[0], y: middle[1] + 5, class: "cut" }, link.status === "BUILD" ? "…" : "✕"),
      !narrow && s("text", { x: middle[0], y: middle[1] - 8, class: "note" },
        [link.name && cut(link.name, Math.max(8, Math.floor((width - 2 * box) / 6.5) - 22)), `${wrong}${link.status === "ACTIVE" ? facts(link) : link.reason || link.status}`].filter(Boolean).join(": ")));
  };

  const kindOf = (bridge) =>
    bridge.absent ? "bridge (not there)" : bridge.kind === "ovs" ? "ovs bridge" : bridge.kind === "linux" ? "Linux bridge" : "bridge";

  const shape = ({ bridge, column, y, tall, ports }) => s("g", { class: bridge.absent ? "bridge absent" : "bridge" },
    s("rect", { x: x(column), y, width: box, height: tall, rx: 8 }),
    s("text", { x: x(column) + 12, y: y + 17, class: "kind", ...fitted(kindOf(bridge), 6.5, box - 20) }, kindOf(bridge)),
    s("text", { x: x(column) + 12, y: y + 34, class: "name", ...fitted(bridge.name, 8, box - 20) }, bridge.name),
    ports.map(([link, number], row) => {
      const left = column ? x(column) : x(column) + box - port;
      const end = link.observed[number];
      const kind = end && !end.present ? "absent" : link.status.toLowerCase();
      return s("g", { class: `port ${kind}` },
        s("rect", { x: left, y: y + HEAD + row * ROW, width: port, height: PORT, rx: 4 }),
        s("text", { x: left + port / 2, y: y + HEAD + row * ROW + 16, ...fitted(device(link, number), 7.3, port - 8) }, device(link, number)));
    }));

  return s("svg", { class: "picture", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Bridges and links" },
    boxes.map(shape), links.map(line));
}
