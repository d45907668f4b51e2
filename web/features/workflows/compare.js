/** What is different between two states of a workflow. */

import { same } from "../../core/values.js";

/**
 * @typedef {object} Difference
 * @property {string} node  id
 * @property {string} title
 * @property {"added" | "removed" | "changed"} kind
 * @property {string[]} what  names of what changed
 */

/**
 * @param {any} before  JSON of a workflow
 * @param {any} after
 * @returns {Difference[]} nodes of the root graph and of subgraphs that came, went, or are other ones now
 */
export function compareWorkflows(before, after) {
  /** @type {Difference[]} */
  const found = [];
  const [then, now] = [graphsOf(before), graphsOf(after)];
  for (const name of new Set([...then.keys(), ...now.keys()])) {
    const [old, fresh] = [nodesOf(then.get(name)), nodesOf(now.get(name))];
    const [oldSources, freshSources] = [sourcesOf(then.get(name)), sourcesOf(now.get(name))];
    for (const [id, node] of old) if (!fresh.has(id)) found.push({ node: id, title: titleOf(node), kind: "removed", what: [] });
    for (const [id, node] of fresh) {
      const earlier = old.get(id);
      if (!earlier) {
        found.push({ node: id, title: titleOf(node), kind: "added", what: [] });
        continue;
      }
      const what = changesOf(earlier, node);
      if (!same(oldSources.get(id) ?? [], freshSources.get(id) ?? [])) what.push("links");
      if (what.length) found.push({ node: id, title: titleOf(node), kind: "changed", what });
    }
  }
  return found;
}

/** @param {any} workflow @returns {Map<string, any>} */
function graphsOf(workflow) {
  return new Map([["", workflow], ...(workflow?.definitions?.subgraphs ?? []).map((/** @type {any} */ each) => [each.id, each])]);
}

/** @param {any} graph @returns {Map<string, any>} */
function nodesOf(graph) {
  return new Map((Array.isArray(graph?.nodes) ? graph.nodes : []).map((/** @type {any} */ each) => [String(each.id), each]));
}

/** What feeds each node: input by name, source. @param {any} graph @returns {Map<string, string[]>} */
function sourcesOf(graph) {
  const byId = new Map((Array.isArray(graph?.links) ? graph.links : []).map((/** @type {any} */ each) =>
    Array.isArray(each) ? [each[0], `${each[1]}:${each[2]}`] : [each.id, `${each.origin_id}:${each.origin_slot}`]));
  return new Map([...nodesOf(graph)].map(([id, node]) => [id, (node.inputs ?? [])
    .filter((/** @type {any} */ slot) => slot.link !== null && slot.link !== undefined)
    .map((/** @type {any} */ slot) => `${slot.name}=${byId.get(slot.link) ?? "?"}`).sort()]));
}

/** @param {any} before @param {any} after @returns {string[]} */
function changesOf(before, after) {
  /** @type {string[]} */
  const what = [];
  for (const key of ["type", "title", "mode", "color", "bgcolor"]) {
    if (!same(before[key] ?? null, after[key] ?? null)) what.push(key);
  }
  const [old, fresh] = [before.widgets_values_named, after.widgets_values_named];
  if (old && fresh) {
    for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)])) if (!same(old[name] ?? null, fresh[name] ?? null)) what.push(name);
  } else if (!same(before.widgets_values ?? null, after.widgets_values ?? null)) {
    what.push("widgets_values");
  }
  return what;
}

/** @param {any} node */
function titleOf(node) {
  return String(node.title ?? node.type ?? node.id);
}
