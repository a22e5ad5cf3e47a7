// Port events as they come: the API is asked for those after the last one that was seen.

import { get } from "./api.js";

// Milliseconds: what happens is to be seen at once. An answer without events is one look into an index.
const EACH = 400;

export function follow(query, take, { signal, failed }) {
  let after = null;
  async function look() {
    if (signal.aborted) return;
    try {
      if (!document.hidden || after === null) {
        const place = after === null ? "limit=50" : `after=${after}&limit=1000`;
        const events = (await get(`v1/port-events?${place}${query}`)).port_events;
        if (signal.aborted) return;
        const first = after === null;
        after = Math.max(after ?? 0, ...events.map((event) => event.id));
        failed(null);
        if (events.length || first) await take(events, first);
      }
    } catch (error) {
      failed(error);
    }
    if (!signal.aborted) setTimeout(look, EACH);
  }
  look();
}
