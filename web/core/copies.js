/** Copies of what lies in a graph: single nodes, and all of it into another graph. Each is part of an edit of the document. */

import { Group, InputSlot, Node, OutputSlot } from "./graph.js";

/** @import { Graph, NodeId } from "./graph.js" */

/**
 * A copy of a node, without links, that is in no graph yet.
 * @param {Node} node
 * @param {Graph} graph
 * @param {NodeId} id
 */
export function copyNode(node, graph, id) {
  const copy = new Node(graph, id, node.type);
  for (const key of /** @type {const} */ (["title", "x", "y", "width", "height", "mode", "flags", "color", "bgcolor", "properties", "raw", "spec", "isRefitted"])) {
    Object.assign(copy, { [key]: node[key] });
  }
  copy.values = { ...node.values };
  copy.inputs = node.inputs.map((slot) => new InputSlot(slot.name, slot.type, slot));
  copy.outputs = node.outputs.map((slot) => Object.assign(new OutputSlot(slot.name, slot.type, slot), { widget: slot.widget }));
  // What the file says of links is not true of the copy.
  copy.inputs.forEach((slot) => { slot.raw = withoutKey(slot.raw, "link"); });
  copy.outputs.forEach((slot) => { slot.raw = withoutKey(slot.raw, "links"); });
  return copy;
}

/** A record less one of its entries. @param {any} raw @param {string} key */
export function withoutKey(raw, key) {
  if (!raw) return raw;
  const { [key]: _, ...rest } = raw;
  return rest;
}

/**
 * Copies nodes, links, points and groups of one graph into another.
 * @param {Graph} from
 * @param {Graph} into
 * @param {{x: number, y: number}} shift
 * @param {(node: Node) => NodeId} idFor
 * @returns {Map<Node, Node>} the copies
 */
export function copyContents(from, into, shift, idFor) {
  return into.document.holdShapes(() => copyAll(from, into, shift, idFor));
}

/**
 * @param {Graph} from
 * @param {Graph} into
 * @param {{x: number, y: number}} shift
 * @param {(node: Node) => NodeId} idFor
 */
function copyAll(from, into, shift, idFor) {
  /** @type {Map<Node, Node>} */
  const copies = new Map();
  for (const node of from.inOrder()) {
    const copy = copyNode(node, into, idFor(node));
    copy.x += shift.x;
    copy.y += shift.y;
    copies.set(node, copy);
    into.insertNode(copy);
  }
  /** @type {Map<number, number>} */
  const points = new Map();
  for (const point of from.reroutes.values()) {
    const copy = into.addReroute(point.x + shift.x, point.y + shift.y, undefined);
    copy.raw = point.raw && { ...point.raw, id: copy.id, parentId: undefined };
    points.set(point.id, copy.id);
  }
  for (const point of from.reroutes.values()) {
    const copy = into.reroutes.get(points.get(point.id) ?? -1);
    if (copy && point.parentId !== undefined) into.setReroute(copy, "parentId", points.get(point.parentId));
  }
  for (const link of [...from.links.values()].sort((a, b) => a.rank - b.rank)) {
    const [source, target] = [link.from, link.to].map((id) => copies.get(/** @type {Node} */ (from.node(id))));
    if (!source || !target) continue;
    const copy = into.connect(source, link.fromSlot, target, link.toSlot);
    if (link.parentId !== undefined) into.routeThrough(copy, points.get(link.parentId));
  }
  for (const group of from.groups) {
    const copy = new Group(group.id, group.title, group.x + shift.x, group.y + shift.y, group.width, group.height);
    Object.assign(copy, { color: group.color, flags: group.flags, raw: group.raw });
    into.addGroup(copy);
  }
  return copies;
}
