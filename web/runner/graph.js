/** What a person may want to change in a graph, found by the shape of its nodes: no node is known by name. */

/** @import { Graph } from "./server.js" */

/**
 * @typedef {{node: string, input: string}} Place
 * @typedef {{positive?: Place, negative?: Place, seed?: Place, steps?: Place, source?: Place}} Controls
 */

/** Seeds that every editor of this ecosystem draws lie below 2^50, exact in a JavaScript number. */
const SEEDS = 2 ** 50;

/**
 * Finds the first sampler of a graph (a node with a seed, steps and a prompt), its texts, and a picture to start from.
 * @param {Graph} graph
 * @returns {Controls}
 */
export function findControls(graph) {
  /** @type {Controls} */
  const found = {};
  for (const [id, { inputs }] of Object.entries(graph)) {
    const seed = ["seed", "noise_seed"].find((name) => typeof inputs[name] === "number");
    if (!found.seed && seed && isLink(inputs.positive)) {
      found.seed = { node: id, input: seed };
      if (typeof inputs.steps === "number") found.steps = { node: id, input: "steps" };
      found.positive = findText(graph, inputs.positive);
      found.negative = isLink(inputs.negative) ? findText(graph, inputs.negative) : undefined;
    }
  }
  for (const [id, { class_type, inputs }] of Object.entries(graph)) {
    if (!found.source && class_type.startsWith("LoadImage") && typeof inputs.image === "string") {
      found.source = { node: id, input: "image" };
    }
  }
  return found;
}

/**
 * @param {Graph} graph
 * @param {Place | undefined} place
 */
export function read(graph, place) {
  return place ? graph[place.node]?.inputs[place.input] : undefined;
}

/**
 * A copy of a graph with other values at some places; the graph itself stays.
 * @param {Graph} graph
 * @param {[Place | undefined, any][]} changes
 * @returns {Graph}
 */
export function withValues(graph, changes) {
  const copy = { ...graph };
  for (const [place, value] of changes) {
    if (!place) continue;
    const node = copy[place.node];
    if (node) copy[place.node] = { ...node, inputs: { ...node.inputs, [place.input]: value } };
  }
  return copy;
}

/**
 * What to call a node in a sentence.
 * @param {Graph} graph
 * @param {string} id
 */
export function nameOf(graph, id) {
  const node = graph[id];
  return node?._meta?.title || node?.class_type || `node ${id}`;
}

export function randomSeed() {
  return Math.floor(Math.random() * SEEDS);
}

/**
 * Follows links upwards to the nearest node with a text of its own.
 * @param {Graph} graph
 * @param {[string, number]} link
 * @param {Set<string>} [seen]
 * @returns {Place | undefined}
 */
function findText(graph, link, seen = new Set()) {
  const id = String(link[0]);
  const node = graph[id];
  if (!node || seen.has(id)) return undefined;
  seen.add(id);
  const input = ["text", "text_g", "prompt", "string", "value"].find((name) => typeof node.inputs[name] === "string");
  if (input) return { node: id, input };
  for (const value of Object.values(node.inputs)) {
    const place = isLink(value) ? findText(graph, value, seen) : undefined;
    if (place) return place;
  }
  return undefined;
}

/**
 * @param {any} value
 * @returns {value is [string, number]}
 */
function isLink(value) {
  return Array.isArray(value) && value.length === 2 && typeof value[1] === "number";
}
