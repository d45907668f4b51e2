/** A node made anew from its type, as after the type changed: its links and values are found again by name. */

import { addSlots, InputSlot } from "../../core/graph.js";
import { makeNode } from "../../core/read.js";
import { fits } from "../../core/types.js";
import { writeNode } from "../../core/write.js";

/** @import { Graph, Node } from "../../core/graph.js" */

/**
 * Inside an edit.
 * @param {Graph} graph
 * @param {Node} old
 * @returns {Node}  with the same id; the old one itself, if its type is not known here
 */
export function recreate(graph, old) {
  if (!graph.document.specOf(old.type)) return old;
  const links = graph.linksOf(old).map((link) => ({
    link,
    input: String(link.to) === old.key ? old.inputs[link.toSlot].name : null,
    output: String(link.from) === old.key ? old.outputs[link.fromSlot].name : null,
  }));
  const { inputs, outputs, ...record } = structuredClone(writeNode(old));
  const labels = new Map(old.inputs.map((slot) => [slot.name, slot.label]));
  const node = makeNode(graph, old.id, record);
  addSlots(node, false);
  for (const slot of node.inputs) slot.label = labels.get(slot.name);
  if (node.spec?.isDynamic) {
    for (const slot of old.inputs) {
      // Of a list that grows only the beginning is there yet.
      if (slot.link !== null && !node.input(slot.name)) node.inputs.push(new InputSlot(slot.name, slot.type, { widget: slot.widget }));
    }
  }
  const { rank } = old;
  graph.removeNodes([old]);
  graph.insertNode(node);
  node.rank = rank;
  for (const { link, input, output } of links.sort((a, b) => b.link.toSlot - a.link.toSlot)) {
    const from = output === null ? graph.node(link.from) : node;
    const to = input === null ? graph.node(link.to) : node;
    const fromSlot = output === null ? link.fromSlot : node.outputs.findIndex((slot, index) => slot.name === output && (node.outputs.filter((each) => each.name === output).length < 2 || index === link.fromSlot));
    const toSlot = input === null ? link.toSlot : node.inputs.findIndex((slot) => slot.name === input);
    const [start, end] = [from?.outputs[fromSlot], to?.inputs[toSlot]];
    if (from && to && start && end && fits(start.type, end.type)) graph.connect(from, fromSlot, to, toSlot);
  }
  return node;
}
