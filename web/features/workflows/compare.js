/** What is different between two states of a workflow. Either may be damaged: what cannot be read is passed over. */

import { same } from "../../core/values.js";

/** @typedef {"place" | "title" | "type" | "mode" | "colour" | "links" | "values"} Part */

/**
 * @typedef {object} Difference
 * @property {string} graph  "": the root, else the id of a subgraph
 * @property {string | null} within  name of that subgraph
 * @property {string | null} node  id; null: it is a group
 * @property {any} record  of the node or group, as it is now or was last
 * @property {"added" | "removed" | "changed"} kind
 * @property {Part[]} parts  what changed, apart from
 * @property {{name: string, before: any, after: any}[]} values  widgets
 */

/** @type {[string, Part][]} */
const PARTS = [["pos", "place"], ["title", "title"], ["type", "type"], ["mode", "mode"], ["color", "colour"], ["bgcolor", "colour"]];
/** @type {[string, Part][]} */
const GROUP_PARTS = [["title", "title"], ["bounding", "place"], ["color", "colour"]];
/** What is meant where nothing is written. @type {Record<string, unknown>} */
const UNSAID = { mode: 0 };

/**
 * @param {any} before  JSON of a workflow
 * @param {any} after
 * @returns {Difference[]} nodes and groups of the root graph and of subgraphs that came, went, or are other ones now
 */
export function compareWorkflows(before, after) {
  /** @type {Difference[]} */
  const found = [];
  const [then, now] = [graphsOf(before), graphsOf(after)];
  for (const graph of new Set([...then.keys(), ...now.keys()])) {
    const [old, fresh] = [then.get(graph), now.get(graph)];
    const within = graph === "" ? null : String((fresh ?? old).name ?? graph);
    const [oldSources, freshSources] = [sourcesOf(old), sourcesOf(fresh)];
    compare(byId(old?.nodes), byId(fresh?.nodes), (id, kind, record, earlier) => {
      const parts = earlier ? partsOf(PARTS, earlier, record) : [];
      if (earlier && !same(oldSources.get(id), freshSources.get(id))) parts.push("links");
      const values = earlier ? valuesOf(earlier, record) : [];
      if (values === null) parts.push("values");
      if (!earlier || parts.length || values?.length) found.push({ graph, within, node: id, record, kind, parts, values: values ?? [] });
    });
    compare(byId(old?.groups), byId(fresh?.groups), (_, kind, record, earlier) => {
      const parts = earlier ? partsOf(GROUP_PARTS, earlier, record) : [];
      if (!earlier || parts.length) found.push({ graph, within, node: null, record, kind, parts, values: [] });
    });
  }
  return found;
}

/**
 * @param {Map<string, any>} old
 * @param {Map<string, any>} fresh
 * @param {(id: string, kind: Difference["kind"], record: any, earlier: any) => void} tell
 */
function compare(old, fresh, tell) {
  for (const [id, record] of old) if (!fresh.has(id)) tell(id, "removed", record, undefined);
  for (const [id, record] of fresh) tell(id, old.has(id) ? "changed" : "added", record, old.get(id));
}

/** @param {unknown} value @returns {any[]} the records of a list */
function recordsIn(value) {
  return Array.isArray(value) ? value.filter((each) => each && typeof each === "object" && !Array.isArray(each)) : [];
}

/** @param {any} workflow @returns {Map<string, any>} */
function graphsOf(workflow) {
  return new Map([["", workflow], ...recordsIn(workflow?.definitions?.subgraphs).map((each) => /** @type {[string, any]} */ ([String(each.id), each]))]);
}

/** Groups of old files have no ids; those are known by their titles. @param {unknown} list @returns {Map<string, any>} */
function byId(list) {
  return new Map(recordsIn(list).map((each) => [String(each.id ?? each.title), each]));
}

/** What feeds each node: input by name, source. @param {any} graph @returns {Map<string, string[]>} */
function sourcesOf(graph) {
  const links = new Map((Array.isArray(graph?.links) ? graph.links : []).map((/** @type {any} */ each) =>
    Array.isArray(each) ? [each[0], `${each[1]}:${each[2]}`] : [each?.id, `${each?.origin_id}:${each?.origin_slot}`]));
  return new Map([...byId(graph?.nodes)].map(([id, node]) => [id, recordsIn(node.inputs)
    .filter((slot) => slot.link !== null && slot.link !== undefined)
    .map((slot) => `${slot.name}=${links.get(slot.link) ?? "?"}`).sort()]));
}

/** @param {[string, Part][]} parts @param {any} before @param {any} after @returns {Part[]} */
function partsOf(parts, before, after) {
  return [...new Set(parts.filter(([key]) => !same(before[key] ?? UNSAID[key] ?? null, after[key] ?? UNSAID[key] ?? null)).map(([, part]) => part))];
}

/** @param {any} before @param {any} after @returns {Difference["values"] | null} null: other ones, and nobody knows their names */
function valuesOf(before, after) {
  const [old, fresh] = [before.widgets_values_named, after.widgets_values_named];
  if (!old || !fresh) return same(before.widgets_values ?? null, after.widgets_values ?? null) ? [] : null;
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .filter((name) => !same(old[name] ?? null, fresh[name] ?? null))
    .map((name) => ({ name, before: old[name], after: fresh[name] }));
}
