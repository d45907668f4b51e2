/** Which sockets fit together. Source: workflow_format, section 7.5. */

/** @typedef {string} SocketType  one name, several with commas, or "*" for any */

/**
 * A socket's type as the model keeps it. Very old files have 0 or -1 for any type; some have lists of names.
 * @param {unknown} written
 * @returns {SocketType}
 */
export function socketType(written) {
  if (Array.isArray(written)) return written.every((each) => typeof each === "string") ? written.join(",") : "COMBO";
  if (typeof written !== "string" || written === "") return "*";
  return written;
}

/**
 * @param {SocketType} output
 * @param {SocketType} input
 */
export function fits(output, input) {
  if (output === input || output === "*" || input === "*" || output === "" || input === "") return true;
  if (isTextual(output) && isTextual(input)) return true;
  if (!output.includes(",") && !input.includes(",")) return output.toUpperCase() === input.toUpperCase();
  const names = new Set(output.toUpperCase().split(",").map((name) => name.trim()));
  return input.toUpperCase().split(",").some((name) => names.has(name.trim()) || name.trim() === "*") || names.has("*");
}

/** A choice is a text: either may feed the other. @param {SocketType} type */
function isTextual(type) {
  return type === "COMBO" || type === "STRING";
}
