/** Seeds and prompts of a job that was run, taken up in another workflow. */

/** @import { Catalogue } from "./catalogue.js" */
/** @import { Graph, Node } from "./graph.js" */
/** @import { NodeSpec } from "./spec.js" */

/**
 * What a job's prompt in API form has: id -> node. An input is a value, or a link `[id, slot]`.
 * @typedef {Record<string, {class_type: string, inputs?: Record<string, any>}>} Prompt
 *
 * @typedef {{nodeId: string, type: string, values: Record<string, any>}} Found
 * @typedef {{positive?: string, negative?: string}} Texts
 */

const DEEPEST = 40; // nodes between a sampler and its text

/**
 * @param {Catalogue} catalogue
 * @param {Prompt} prompt
 * @returns {Found[]} by node, the values that have a control companion
 */
export function seedsIn(catalogue, prompt) {
  /** @type {Found[]} */
  const found = [];
  for (const [nodeId, record] of Object.entries(prompt)) {
    const spec = catalogue.spec(record.class_type);
    const controls = (spec?.inputs ?? []).filter((each) => each.widget === "CONTROL" && each.companionOf);
    /** @type {Record<string, any>} */
    const values = {};
    for (const { companionOf } of controls) {
      const value = record.inputs?.[/** @type {string} */ (companionOf)];
      if (typeof value === "number" || typeof value === "bigint") values[/** @type {string} */ (companionOf)] = value;
    }
    if (Object.keys(values).length) found.push({ nodeId, type: record.class_type, values });
  }
  return found;
}

/**
 * Puts seeds into the nodes of a workflow that they belong to, and has them stay. In another workflow than theirs they go
 * to nodes of the same type, in order.
 * @param {Graph} graph  that is open in it
 * @param {Found[]} seeds
 * @returns {number} how many nodes took one
 */
export function useSeeds(graph, seeds) {
  const targets = targetsOf(graph, seeds);
  if (!targets.length) return 0;
  graph.document.edit("undo.seed", () => {
    for (const { node, values } of targets) {
      for (const [name, value] of Object.entries(values)) {
        const control = node.inputSpecs.find((each) => each.widget === "CONTROL" && each.companionOf === name);
        node.graph.setValue(node, name, value);
        if (control) node.graph.setValue(node, control.name, "fixed");
      }
    }
  });
  return targets.length;
}

/** @param {Graph} graph @param {Found[]} found @returns {{node: Node, values: Record<string, any>}[]} */
function targetsOf(graph, found) {
  /** @type {{node: Node, values: Record<string, any>}[]} */
  const own = [];
  for (const { nodeId, type, values } of found) {
    const node = graph.document.nodeOf(nodeId)?.node;
    if (node?.type === type) own.push({ node, values });
  }
  if (own.length) return own;
  const free = graph.inOrder();
  for (const { type, values } of found) {
    const at = free.findIndex((each) => each.type === type);
    if (at >= 0) own.push({ node: free.splice(at, 1)[0], values });
  }
  return own;
}

/** Widgets of a type that hold what is to be seen. @param {NodeSpec | null | undefined} spec @returns {string[]} */
function textInputs(spec) {
  if (!spec?.outputs.some((each) => each.type === "CONDITIONING")) return [];
  return spec.inputs.filter((each) => each.widget === "STRING" && each.options.multiline).map((each) => each.name);
}

/**
 * The texts that a job was made with, by what they were for.
 * @param {Catalogue} catalogue
 * @param {Prompt} prompt
 * @returns {{texts: Texts, found: Found[]}} `found`: by node
 */
export function textsIn(catalogue, prompt) {
  /** @type {Found[]} */
  const found = [];
  for (const [nodeId, { class_type: type, inputs = {} }] of Object.entries(prompt)) {
    const values = Object.fromEntries(textInputs(catalogue.spec(type)).filter((name) => typeof inputs[name] === "string").map((name) => [name, inputs[name]]));
    if (Object.keys(values).length) found.push({ nodeId, type, values });
  }
  /** @type {Texts} */
  const texts = {};
  for (const { inputs = {} } of Object.values(prompt)) {
    for (const role of /** @type {const} */ (["positive", "negative"])) {
      const source = inputs[role];
      if (Array.isArray(source)) texts[role] ??= textBefore(prompt, found, String(source[0]), role, DEEPEST);
    }
  }
  return { texts, found };
}

/** @param {Prompt} prompt @param {Found[]} found @param {string} id @param {string} role @param {number} depth @returns {string | undefined} */
function textBefore(prompt, found, id, role, depth) {
  const here = found.find((each) => each.nodeId === id);
  if (here) return String(Object.values(here.values)[0]);
  if (!depth) return undefined;
  const inputs = Object.entries(prompt[id]?.inputs ?? {}).sort(byRole(role, ([name]) => name));
  for (const [, input] of inputs) {
    const text = Array.isArray(input) ? textBefore(prompt, found, String(input[0]), role, depth - 1) : undefined;
    if (text !== undefined) return text;
  }
  return undefined;
}

/**
 * Nodes that change both have an input for each: one goes on through its own.
 * @template T
 * @param {string} role
 * @param {(each: T) => string} nameOf
 * @returns {(a: T, b: T) => number}
 */
function byRole(role, nameOf) {
  return (a, b) => Number(nameOf(b) === role) - Number(nameOf(a) === role);
}

/**
 * Puts texts into a workflow: into their own nodes, or in another workflow into those that do the same there.
 * @param {Graph} graph  that is open in it
 * @param {Found[]} found
 * @param {Texts} texts
 * @returns {number} how many nodes took one
 */
export function useTexts(graph, found, texts) {
  const own = found.flatMap(({ nodeId, type, values }) => {
    const node = graph.document.nodeOf(nodeId)?.node;
    return node?.type === type ? [{ node, values }] : [];
  });
  const targets = own.length ? own : alike(graph, texts);
  if (!targets.length) return 0;
  graph.document.edit("undo.prompt", () => {
    for (const { node, values } of targets) {
      for (const [name, value] of Object.entries(values)) if (!node.isDriven(name)) node.graph.setValue(node, name, value);
    }
  });
  return targets.length;
}

/** @param {Graph} graph @param {Texts} texts @returns {{node: Node, values: Record<string, any>}[]} */
function alike(graph, texts) {
  /** @type {Map<Node, Record<string, any>>} */
  const targets = new Map();
  for (const node of graph.inOrder()) {
    for (const role of /** @type {const} */ (["positive", "negative"])) {
      const text = texts[role];
      const slot = node.inputs.findIndex((each) => each.name === role);
      if (text === undefined || slot < 0) continue;
      const target = textNodeBefore(graph, node, slot, role, DEEPEST);
      if (target && !targets.has(target)) targets.set(target, Object.fromEntries(textInputs(target.spec).map((name) => [name, text])));
    }
  }
  return [...targets].map(([node, values]) => ({ node, values }));
}

/** @param {Graph} graph @param {Node} node @param {number} slot @param {string} role @param {number} depth @returns {Node | null} */
function textNodeBefore(graph, node, slot, role, depth) {
  const link = graph.linkInto(node, slot);
  const source = link && graph.node(link.from);
  if (!source || !depth) return null;
  if (textInputs(source.spec).length) return source;
  const slots = [...source.inputs.keys()].sort(byRole(role, (i) => source.inputs[i].name));
  for (const each of slots) {
    const found = textNodeBefore(graph, source, each, role, depth - 1);
    if (found) return found;
  }
  return null;
}
