// Veth pairs between two bridges that nobody made through vethagent: such a pair can become a link as it is.

import { h, table } from "./dom.js";

const adoptable = (pair) => !pair.link_id && pair.bridges.every((bridge) => bridge);

// `adopt` is called with the pair whose button was pressed; null is that the user may not.
export function foreignPairs(pairs, adopt) {
  const found = pairs.filter(adoptable);
  if (!found.length) return null;
  const row = (pair) => h("tr", null,
    h("td", null, pair.devices.map((device, number) => [number ? " ⟷ " : "", h("code", null, `${device}@${pair.bridges[number]}`)])),
    adopt && h("td", null, h("button", { id: `adopt-${pair.devices[0]}`, "aria-label": `Adopt ${pair.devices.join(" and ")}`, onclick: () => adopt(pair) }, "Adopt")));
  return h("section", null,
    h("h2", null, "Pairs that are not ours"),
    h("p", { class: "quiet" }, "Somebody made them by hand or with another tool. One that is adopted goes on to carry, and is kept as it is from then on."),
    table("Pairs that are not ours", ["Devices", adopt && ""].filter((head) => head !== null), found.map(row), { stacked: true }));
}
