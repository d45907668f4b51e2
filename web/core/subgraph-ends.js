/**
 * The two ends of a subgraph: their slots, which are what its instances offer, and what of the inside is promoted to them.
 * Each function is part of an edit of the document; instances follow by themselves (`Document`). Source: workflow_format,
 * section 6.
 */

import { InputSlot, OutputSlot } from "./graph.js";
import { newId } from "./ids.js";
import { definitionOf, proxiesOf } from "./instances.js";

/** @import { Definition } from "./document.js" */
/** @import { Graph, Link, Node } from "./graph.js" */

/** @typedef {"input" | "output"} Side  of a subgraph: what goes in, what comes out */

/**
 * @param {Definition} definition
 * @param {Side} side
 * @returns {Node} the node inside that has the slots
 */
export function endOf(definition, side) {
  return /** @type {{input: Node, output: Node}} */ (definition.graph.boundary)[side];
}

/** @param {Definition} definition @param {Side} side @returns {(InputSlot | OutputSlot)[]} */
export function slotsOf(definition, side) {
  const end = endOf(definition, side);
  return side === "input" ? end.outputs : end.inputs;
}

/**
 * A name that no other slot of that side has.
 * @param {Definition} definition
 * @param {Side} side
 * @param {string} wanted
 * @param {InputSlot | OutputSlot | null} [but]
 */
function freeName(definition, side, wanted, but = null) {
  const taken = new Set(slotsOf(definition, side).filter((slot) => slot !== but).map((slot) => slot.name));
  const name = wanted || "value";
  if (!taken.has(name)) return name;
  for (let i = 1; ; i++) if (!taken.has(`${name}_${i}`)) return `${name}_${i}`;
}

/**
 * @param {Definition} definition
 * @param {Side} side
 * @param {string} type
 * @param {string} name  another one if it is taken
 * @returns {number} its place
 */
export function addSlot(definition, side, type, name) {
  const { graph } = definition;
  const end = endOf(definition, side);
  const slotName = freeName(definition, side, name);
  if (side === "input") graph.addOutput(end, new OutputSlot(slotName, type, { raw: { id: newId() } }));
  else graph.addInput(end, new InputSlot(slotName, type, { raw: { id: newId() } }));
  return slotsOf(definition, side).length - 1;
}

/**
 * Takes a slot out, with its links inside and at every instance. A promoted widget gives its value to the widget inside:
 * that of `instance`, else of the only one that there is.
 * @param {Definition} definition
 * @param {Side} side
 * @param {number} at
 * @param {Node} [instance]
 */
export function removeSlot(definition, side, at, instance) {
  const { graph } = definition;
  const end = endOf(definition, side);
  const slot = slotsOf(definition, side)[at];
  if (!slot) return;
  if (side === "input") {
    const instances = graph.document.liveInstancesOf(definition);
    const giver = instance ?? (instances.length === 1 ? instances[0] : undefined);
    if (giver && !giver.isDriven(slot.name)) giveValues(graph, /** @type {OutputSlot} */ (slot).links, giver, slot.name);
  }
  for (const id of slot instanceof InputSlot ? [slot.link] : [...slot.links]) {
    const link = id === null ? undefined : graph.link(id);
    if (link) graph.disconnect(link);
  }
  if (side === "input") graph.removeOutput(end, at);
  else graph.removeInput(end, at);
}

/**
 * The value that an instance has for an input, put where it comes to inside.
 * @param {Graph} graph  the inside
 * @param {number[]} links
 * @param {Node} instance
 * @param {string} name
 */
function giveValues(graph, links, instance, name) {
  const value = instance.values[name];
  if (value === undefined) return;
  for (const id of links) {
    const link = graph.link(id);
    const target = link && graph.node(link.to);
    const slot = target?.inputs[link?.toSlot ?? -1];
    const input = target?.inputSpecs.find((each) => each.widget && each.name === (slot?.widget ?? slot?.name));
    if (!target || !input) continue;
    graph.setValue(target, input.name, value);
    const control = target.inputSpecs.find((each) => each.widget === "CONTROL" && each.companionOf === input.name);
    const mode = instance.values[`${name}.control_after_generate`];
    if (control && mode !== undefined) graph.setValue(target, control.name, mode);
  }
}

/**
 * Another name for a slot: instances keep links and values under it.
 * @param {Definition} definition
 * @param {Side} side
 * @param {number} at
 * @param {string} wanted
 * @returns {string} the name that it has now
 */
export function renameSlot(definition, side, at, wanted) {
  const { graph } = definition;
  const slot = slotsOf(definition, side)[at];
  const before = slot.name;
  const name = freeName(definition, side, wanted.trim() || before, slot);
  if (slot.label !== undefined) graph.labelSlot(endOf(definition, side), slot, undefined);
  if (name === before) return name;
  graph.setSlot(endOf(definition, side), slot, "name", name);
  for (const instance of graph.document.instancesOf(definition)) {
    const outer = instance.graph;
    const own = (side === "input" ? instance.inputs : instance.outputs).find((each) => each.name === before);
    if (!own) continue;
    outer.setSlot(instance, own, "name", name);
    if (side !== "input") continue;
    if (own.widget !== undefined) outer.setSlot(instance, own, "widget", name);
    for (const suffix of ["", ".control_after_generate"]) {
      const value = instance.values[before + suffix];
      if (value === undefined) continue;
      graph.document.journal.set(instance, instance.values, name + suffix, value);
      graph.document.journal.set(instance, instance.values, before + suffix, undefined);
    }
  }
  return name;
}

/** @param {Definition} definition @param {Side} side @param {number} at @param {number} to */
export function moveSlot(definition, side, at, to) {
  definition.graph.moveSlot(endOf(definition, side), side === "input" ? "outputs" : "inputs", at, to);
}

/**
 * Makes a widget or a socket of a node inside one of the subgraph's own.
 * @param {Node} node  inside a subgraph
 * @param {Side} side
 * @param {string} name  of the widget, or of the socket
 * @returns {number} the place of the slot at the end; -1: it has one or is linked otherwise
 */
export function promote(node, side, name) {
  const { graph } = node;
  const { definition } = graph;
  if (!definition) return -1;
  if (side === "output") {
    const at = node.outputs.findIndex((slot) => slot.name === name);
    const output = node.outputs[at];
    if (!output || promotedBy(node, side, name)) return -1;
    const to = addSlot(definition, side, output.type, output.label ?? (output.name || output.type.toLowerCase()));
    graph.connect(node, at, endOf(definition, side), to);
    return to;
  }
  const at = node.inputs.findIndex((slot) => (slot.widget ?? slot.name) === name || slot.name === name);
  const input = node.inputs[at];
  if (!input || input.link !== null) return -1;
  const from = addSlot(definition, side, input.type, input.label ?? (input.name || input.type.toLowerCase()));
  graph.connect(endOf(definition, side), from, node, at);
  return from;
}

/**
 * The slot of the subgraph that a widget or socket inside is linked to.
 * @param {Node} node
 * @param {Side} side
 * @param {string} name
 * @returns {{at: number, link: Link} | null}
 */
export function promotedBy(node, side, name) {
  const { graph } = node;
  if (!graph.boundary) return null;
  if (side === "input") {
    const slot = node.inputs.find((each) => (each.widget ?? each.name) === name || each.name === name);
    const link = slot?.link == null ? undefined : graph.link(slot.link);
    return link && graph.node(link.from) === graph.boundary.input ? { at: link.fromSlot, link } : null;
  }
  for (const id of node.outputs.find((each) => each.name === name)?.links ?? []) {
    const link = graph.link(id);
    if (link && graph.node(link.to) === graph.boundary.output) return { at: link.toSlot, link };
  }
  return null;
}

/**
 * Takes back what was promoted. The slot goes if nothing else uses it.
 * @param {Node} node  inside
 * @param {Side} side
 * @param {string} name
 */
export function demote(node, side, name) {
  const found = promotedBy(node, side, name);
  const { graph } = node;
  if (!found) return;
  const slot = slotsOf(graph.definition, side)[found.at];
  if (side === "output" || /** @type {OutputSlot} */ (slot).links.length === 1) {
    removeSlot(graph.definition, side, found.at);
    return;
  }
  const instances = graph.document.liveInstancesOf(graph.definition);
  if (instances.length === 1 && !instances[0].isDriven(slot.name)) giveValues(graph, [found.link.id], instances[0], slot.name);
  graph.disconnect(found.link);
}

/**
 * Takes a widget back that an instance shows, from outside.
 * @param {Node} instance
 * @param {string} name
 */
export function demoteAt(instance, name) {
  const definition = definitionOf(instance);
  const input = instance.inputSpecs.find((each) => each.name === name);
  if (!definition || !input) return;
  if (!input.proxy) {
    const at = slotsOf(definition, "input").findIndex((slot) => slot.name === name);
    if (at >= 0) removeSlot(definition, "input", at, instance);
    return;
  }
  const [id, widget] = input.proxy;
  const left = proxiesOf(instance.properties).filter((each) => each[0] !== id || each[1] !== widget);
  const { journal } = instance.graph.document;
  journal.set(instance, instance, "isRefitted", true); // before the list of proxies: places in the old list say nothing now
  instance.graph.setNode(instance, "properties", { ...instance.properties, proxyWidgets: left });
}
