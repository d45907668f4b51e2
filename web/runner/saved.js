/** The saved form of a workflow: what a picture carries so that an editor can open it again. */

/** @import { Place } from "./graph.js" */

const WIDGETS = ["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"];

/**
 * A copy of a saved workflow with other widget values, so that it tells what really ran.
 * @param {any} saved
 * @param {Record<string, any>} definitions class -> its `/object_info` record
 * @param {[Place | undefined, any][]} changes
 */
export function savedWithValues(saved, definitions, changes) {
  const copy = structuredClone(saved);
  for (const [place, value] of changes) {
    const node = place && copy.nodes?.find((/** @type {any} */ each) => String(each.id) === place.node);
    if (!node || !Array.isArray(node.widgets_values)) continue;
    const index = widgetNames(definitions[node.type]).indexOf(place.input);
    if (index >= 0) node.widgets_values[index] = value;
    if (node.widgets_values_named) node.widgets_values_named[place.input] = value;
  }
  return copy;
}

/**
 * What the author of a workflow wrote beside it, as plain text.
 * @param {any} saved
 * @returns {string}
 */
export function noteOf(saved) {
  const note = saved?.nodes?.find((/** @type {any} */ node) => node.type === "MarkdownNote" || node.type === "Note");
  const text = String(note?.widgets_values?.[0] ?? "");
  return text.replace(/^#+ .*\n?/gm, "").replace(/\*+|`/g, "").trim();
}

/**
 * The names behind `widgets_values`, in order; a seed is followed by its control, which has no name here.
 * @param {any} definition
 * @returns {string[]}
 */
function widgetNames(definition) {
  const names = [];
  for (const section of ["required", "optional"]) {
    for (const [name, entry] of Object.entries(definition?.input?.[section] ?? {})) {
      const [type, options = {}] = /** @type {any} */ (entry);
      if (!(Array.isArray(type) || WIDGETS.includes(type)) || options.forceInput) continue;
      names.push(name);
      const isSeed = type === "INT" && (name === "seed" || name === "noise_seed");
      if (options.control_after_generate ?? isSeed) names.push("");
    }
  }
  return names;
}
