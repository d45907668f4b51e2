/** Ids that nobody else has. */

/** 32 hex digits. `crypto.randomUUID` exists on localhost and https alone; a server in the house network has neither. */
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
