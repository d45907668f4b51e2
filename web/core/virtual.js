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
      const input = target.inputSpecs.find((each) => each.name === (slot.widget ?? slot.name));
      if (input) found.push({ node: target, input });
    }
  }
  return found;
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
