/**
 * Nodes of the editor alone that take on what they are linked to: a primitive is the widget that it drives, a reroute
 * has the type of what flows through it. Source: workflow_format, section 4.
 */

/** @import { Graph, Node } from "./graph.js" */
/** @import { InputSpec } from "./spec.js" */

export const REROUTE = "Reroute";

/**
 * The widgets that a primitive drives, the first link's first; behind reroutes, too.
 * @param {Node} node
 * @returns {{node: Node, input: InputSpec}[]}
 */
export function drivenBy(node) {
  /** @type {{node: Node, input: InputSpec}[]} */
  const found = [];
  const { graph } = node;
  const waiting = [node];
  for (let i = 0; i < waiting.length; i++) {
    for (const id of waiting[i].outputs[0]?.links ?? []) {
      const link = graph.link(id);
      const target = link && graph.node(link.to);
      const slot = target?.inputs[link?.toSlot ?? -1];
      if (!target || !slot) continue;
      if (target.type === REROUTE) {
        if (!waiting.includes(target)) waiting.push(target);
        continue;
      }
      if (target === target.graph.boundary?.output) {
        found.push(...behindInstances(target, link?.toSlot ?? -1));
        continue;
      }
      const input = target.inputSpecs.find((each) => each.name === (slot.widget ?? slot.name));
      if (input) found.push({ node: target, input });
    }
  }
  return found;
}

/**
 * What an output of a subgraph drives, at its first instance that drives something.
 * @param {Node} end
 * @param {number} slot
 */
function behindInstances(end, slot) {
  const { graph } = end;
  const name = end.inputs[slot]?.name;
  for (const instance of graph.document.instancesOf(graph.definition)) {
    const at = instance.outputs.findIndex((each) => each.name === name);
    for (const id of instance.outputs[at]?.links ?? []) {
      const link = instance.graph.link(id);
      const target = link && instance.graph.node(link.to);
      const socket = target?.inputs[link?.toSlot ?? -1];
      const input = target?.inputSpecs.find((each) => each.name === (socket?.widget ?? socket?.name));
      if (target && input) return [{ node: target, input }];
    }
  }
  return [];
}

/**
 * The reroutes that belong together, from one of them: the first is the one nearest to the source.
 * @param {Node} node
 * @returns {Node[]}
 */
export function reroutesAround(node) {
  const { graph } = node;
  let first = node;
  for (const seen = new Set([node]); ; seen.add(first)) {
    const link = graph.linkInto(first, 0);
    const before = link && graph.node(link.from);
    if (before?.type !== REROUTE || seen.has(before)) break;
    first = before;
  }
  const found = [first];
  for (let i = 0; i < found.length; i++) {
    for (const id of found[i].outputs[0]?.links ?? []) {
      const link = graph.link(id);
      const next = link && graph.node(link.to);
      if (next?.type === REROUTE && !found.includes(next)) found.push(next);
    }
  }
  return found;
}

/**
 * What flows through reroutes that belong together: what feeds the first, else what they feed.
 * @param {Node[]} chain
 * @returns {string}
 */
export function typeThrough(chain) {
  const { graph } = chain[0];
  const into = graph.linkInto(chain[0], 0);
  const source = into && graph.node(into.from);
  const given = source && source.type !== REROUTE ? source.outputs[into?.fromSlot ?? -1]?.type : undefined;
  if (given && given !== "*") return given;
  for (const node of chain) {
    for (const id of node.outputs[0]?.links ?? []) {
      const link = graph.link(id);
      const target = link && graph.node(link.to);
      const wanted = target && target.type !== REROUTE ? target.inputs[link?.toSlot ?? -1]?.type : undefined;
      if (wanted && wanted !== "*") return wanted;
    }
  }
  return "*";
}

/**
 * What a primitive offers: the widget that it drives, its control, and for choices a filter of what is drawn.
 * @param {Node} node
 * @returns {InputSpec[]}
 */
export function primitiveInputs(node) {
  const target = drivenBy(node).find((each) => each.input.widget);
  if (!target) return [];
  const { input } = target;
  const options = { ...input.options, label: input.options.label ?? input.name };
  /** @type {InputSpec[]} */
  const found = [{ name: "value", type: input.type, widget: input.widget, options, section: "required" }];
  if (input.widget !== "INT" && input.widget !== "FLOAT" && input.widget !== "COMBO") return found;
  const modes = ["fixed", "increment", "decrement", "randomize", ...(input.widget === "COMBO" ? ["increment-wrap"] : [])];
  found.push({ name: "control_after_generate", type: "CONTROL", widget: "CONTROL", options: { options: modes, default: "fixed" }, section: "required", companionOf: "value" });
  if (input.widget === "COMBO") {
    found.push({ name: "control_filter_list", type: "STRING", widget: "STRING", options: { default: "" }, section: "required", companionOf: "value" });
  }
  return found;
}

/**
 * Whether a value is one that a widget may have, so that a primitive keeps it when it drives another one.
 * @param {InputSpec} input
 * @param {any} value
 */
export function suits(input, value) {
  switch (input.widget) {
    case "INT":
      return typeof value === "bigint" || Number.isInteger(value);
    case "FLOAT":
      return typeof value === "number";
    case "BOOLEAN":
      return typeof value === "boolean";
    case "STRING":
      return typeof value === "string";
    case "COMBO":
      return Array.isArray(input.options.options) ? input.options.options.includes(value) : value !== undefined;
    default:
      return value !== undefined;
  }
}
