/** Files of node templates, as older editors export them: parts of graphs with names. Source: workflow_format, section 8. */

import { parseExactly } from "../../core/json.js";

const GAP = 120; // between templates, graph px
const EDGE = 40; // of a group around its nodes
const TITLE = 40; // above them

/**
 * All of them in one workflow, each in a group with its name.
 * @param {any[]} templates  `{name, data}`, `data` the text of a copied part
 * @returns {{workflow: any, unread: string[]}} `unread`: names of those that hold no part of a graph
 */
export function workflowOfTemplates(templates) {
  /** @type {any} */
  const workflow = { nodes: [], links: [], groups: [], version: 0.4 };
  /** @type {Map<string, any>} */
  const subgraphs = new Map();
  /** @type {Record<string, any>} */
  const groupNodes = {};
  /** @type {string[]} */
  const unread = [];
  let top = 0;
  for (const { name, data } of recordsIn(templates)) {
    const part = partOf(data);
    const nodes = recordsIn(part?.nodes).filter((each) => typeof each.type === "string");
    if (!nodes.length) {
      unread.push(String(name));
      continue;
    }
    const places = nodes.map(({ pos, size }) => [numberAt(pos, 0, 0), numberAt(pos, 1, 0), numberAt(size, 0, 200), numberAt(size, 1, 100)]);
    const left = least(places.map(([x]) => x));
    const high = least(places.map(([, y]) => y));
    /** @type {any[]} */
    const made = nodes.map((record, i) => ({
      ...record, id: workflow.nodes.length + 1 + i, pos: [places[i][0] - left, places[i][1] - high + top],
      inputs: recordsIn(record.inputs).map((slot) => ({ ...slot, link: null })),
      outputs: recordsIn(record.outputs).map((slot) => ({ ...slot, links: [] })),
    }));
    addLinks(workflow.links, part, nodes, made);
    workflow.nodes.push(...made);
    const width = -least(places.map(([x, , wide]) => -(x + wide))) - left;
    const height = -least(places.map(([, y, , tall]) => -(y + tall))) - high;
    workflow.groups.push({ id: workflow.groups.length + 1, title: String(name ?? ""), bounding: [-EDGE, top - TITLE - EDGE, width + 2 * EDGE, height + TITLE + 2 * EDGE] });
    top += height + TITLE + 2 * EDGE + GAP;
    for (const each of recordsIn(part.subgraphs)) if (!subgraphs.has(each.id)) subgraphs.set(each.id, each);
    if (part.groupNodes && typeof part.groupNodes === "object") Object.assign(groupNodes, part.groupNodes);
  }
  if (subgraphs.size) workflow.definitions = { subgraphs: [...subgraphs.values()] };
  if (Object.keys(groupNodes).length) workflow.extra = { groupNodes };
  return { workflow, unread };
}

/**
 * Older parts name nodes by their place in the list (`[from, output, to, input]`), newer ones by their ids.
 * @param {any[]} links  of the workflow
 * @param {any} part
 * @param {any[]} nodes  of the part
 * @param {any[]} made  what they are in the workflow
 */
function addLinks(links, part, nodes, made) {
  const byId = new Map(nodes.map((each, i) => [String(each.id), made[i]]));
  const byPlace = new Map((Array.isArray(part.nodes) ? part.nodes : []).map((/** @type {any} */ each, /** @type {number} */ i) => [String(i), made[nodes.indexOf(each)]]));
  for (const link of Array.isArray(part.links) ? part.links : []) {
    const [from, output, to, input] = Array.isArray(link) ? link : [link?.origin_id, link?.origin_slot, link?.target_id, link?.target_slot];
    const known = Array.isArray(link) ? byPlace : byId;
    const [source, target] = [known.get(String(from)), known.get(String(to))];
    const [start, end] = [source?.outputs[output], target?.inputs[input]];
    if (!start || !end) continue; // it came in from outside
    const id = links.length + 1;
    links.push([id, source.id, output, target.id, input, end.type]);
    start.links.push(id);
    end.link = id;
  }
}

/** @param {unknown} data @returns {any} */
function partOf(data) {
  if (typeof data !== "string") return data;
  try {
    return parseExactly(data).value;
  } catch {
    return null;
  }
}

/** @param {any} value @returns {any[]} */
function recordsIn(value) {
  return Array.isArray(value) ? value.filter((each) => each && typeof each === "object" && !Array.isArray(each)) : [];
}

/** @param {any} list @param {number} i @param {number} fallback */
function numberAt(list, i, fallback) {
  const number = Number(list?.[i]);
  return Number.isFinite(number) ? number : fallback;
}

/** @param {number[]} numbers */
function least(numbers) {
  return numbers.reduce((found, each) => Math.min(found, each));
}
