/** Nodes that hold one value, in place of the widget that they feed. */

import { PRIMITIVE } from "./spec.js";

/** @import { Catalogue } from "./catalogue.js" */
/** @import { Graph, Node } from "./graph.js" */
/** @import { InputSpec } from "./spec.js" */
/** @import { Socket } from "./flow.js" */

/** By the type of the widget. Each has its value in `value`. @type {Record<string, string[]>} */
const HOLDERS = {
  INT: ["PrimitiveInt"],
  FLOAT: ["PrimitiveFloat"],
  STRING: ["PrimitiveString", "PrimitiveStringMultiline"],
  BOOLEAN: ["PrimitiveBoolean"],
};
const ALL = new Set([PRIMITIVE, ...Object.values(HOLDERS).flat()]);
const VALUE = "value";

/** @param {string} type @returns {boolean} */
export function isHolder(type) {
  return ALL.has(type);
}

/** The widget that an input stands for. @param {Node} node @param {number} slot @returns {InputSpec | undefined} */
export function widgetAt(node, slot) {
  const input = node.inputs[slot];
  const spec = input && node.inputSpecs.find((each) => each.name === (input.widget ?? input.name));
  return spec?.widget ? spec : undefined;
}

/**
 * The type of node that holds the value of a widget: the server's own, or where it has none the one that is whatever
 * widget it drives.
 * @param {Catalogue} catalogue
 * @param {InputSpec} spec
 * @returns {string}
 */
export function holderOf(catalogue, spec) {
  const [short, long] = HOLDERS[spec.type.split(",")[0]] ?? [];
  return [spec.options.multiline ? long : undefined, short].find((type) => type && catalogue.spec(type)) ?? PRIMITIVE;
}

/**
 * Gives a holder that was just linked to a widget its value and its name. Inside an edit.
 * @param {Graph} graph
 * @param {Node} holder
 * @param {Node} node
 * @param {number} slot
 */
export function hold(graph, holder, node, slot) {
  const spec = widgetAt(node, slot);
  if (!spec || !isHolder(holder.type)) return;
  if (holder.type !== PRIMITIVE) graph.setValue(holder, VALUE, node.values[spec.name]); // that one took it over by its link
  graph.setNode(holder, "title", node.inputs[slot].label ?? node.inputs[slot].name);
}

/**
 * Puts a holder before a widget. Inside an edit.
 * @param {Graph} graph
 * @param {Catalogue} catalogue
 * @param {Socket} socket  an input that stands for a widget
 * @param {{x: number, y: number}} at
 * @returns {Node | null}
 */
export function putHolder(graph, catalogue, { node, slot }, at) {
  const spec = widgetAt(node, slot);
  if (!spec) return null;
  const holder = graph.addNode(holderOf(catalogue, spec), at);
  graph.connect(holder, 0, node, slot);
  hold(graph, holder, node, slot);
  return holder;
}

/**
 * Sets a widget to what its holder has, and takes the holder away if nobody else needs it. Inside an edit.
 * @param {Graph} graph
 * @param {Node} node
 * @param {number} slot
 */
export function takeBack(graph, node, slot) {
  const link = graph.linkInto(node, slot);
  const spec = widgetAt(node, slot);
  if (!link || !spec) return;
  const source = graph.node(link.from);
  const value = source && isHolder(source.type) ? source.values[VALUE] : undefined;
  graph.disconnect(link);
  if (value === undefined || !source) return;
  graph.setValue(node, spec.name, value);
  if (!graph.linksOf(source).length) graph.removeNodes([source]);
}
