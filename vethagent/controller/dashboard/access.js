// Who is signed in and what is open to that user: what would be refused is not offered.

import { ApiError, get } from "./api.js";

let known = null;

export async function access() {
  try {
    known ??= await get("v1/access");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    known = { user: null, operations: null }; // an older API, which does not say: it refuses by itself
  }
  return known;
}

// Whether the user may do what the OpenAPI document calls `operation`.
export const may = (operation) => !known?.operations || known.operations.includes(operation);

// Ask again who it is; return whether it had been known.
export function forget() {
  const before = known !== null;
  known = null;
  return before;
}
