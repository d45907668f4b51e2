/** What a gesture of links does to the graph: new links, moved ones, a node put into one. Each inside an edit. */

import { asLink, fittingSockets, mayLink } from "./flow.js";

/** @import { Socket } from "./flow.js" */
/** @import { Graph, Link, Node, Reroute } from "./graph.js" */

/**
 * An end that stays where it is while the other one is looked for.
 * @typedef {{socket: Socket, parentId?: number, moved?: Link}} End
 *   `parentId`: the reroute that it runs through; `moved`: the link that is taken elsewhere
 */

/**
 * Links all ends to one socket, where that may be.
 * @param {Graph} graph
 * @param {End[]} ends
 * @param {Socket} target
 * @returns {number} how many were
 */
export function connectAll(graph, ends, target) {
  let count = 0;
  for (const end of ends) {
    const pair = asLink(end.socket, target);
    if (!pair || !mayLink(graph, end.socket, target)) continue;
    const { output, input } = pair;
    const link = graph.connect(output.node, output.slot, input.node, input.slot, end.parentId);
    if (end.moved && end.moved !== link && graph.link(end.moved.id) === end.moved) graph.disconnect(end.moved);
    count++;
  }
  return count;
}

/**
 * How a node could be put into a link: through its first free input that takes what the link brings and its first
 * output without links that gives what is wanted.
 * @param {Graph} graph
 * @param {Node} node
 * @param {Link} link
 * @returns {{input: Socket, output: Socket} | null}
 */
export function spliceOf(graph, node, link) {
  const source = graph.node(link.from);
  const target = graph.node(link.to);
  if (!source || !target || source === node || target === node) return null;
  const start = /** @type {Socket} */ ({ node: source, side: "output", slot: link.fromSlot });
  const end = /** @type {Socket} */ ({ node: target, side: "input", slot: link.toSlot });
  const input = fittingSockets(graph, node, start).find((each) => node.inputs[each.slot].link === null);
  const output = fittingSockets(graph, node, end).find((each) => node.outputs[each.slot].links.length === 0);
  return input && output ? { input, output } : null;
}

/**
 * Puts a node into a link.
 * @param {Graph} graph
 * @param {Node} node
 * @param {Link} link
 * @returns {boolean} whether it fits
 */
export function splice(graph, node, link) {
  const ways = spliceOf(graph, node, link);
  const source = graph.node(link.from);
  const target = graph.node(link.to);
  if (!ways || !source || !target) return false;
  const { fromSlot, toSlot, parentId } = link;
  graph.connect(source, fromSlot, node, ways.input.slot, parentId); // the points of the way stay before the node
  graph.connect(node, ways.output.slot, target, toSlot);
  return true;
}

/**
 * Takes a node out of its links: what fed it feeds what it fed.
 * @param {Graph} graph
 * @param {Node} node
 */
export function takeOut(graph, node) {
  graph.bridge(node);
  for (const link of graph.linksOf(node)) graph.disconnect(link);
}

/**
 * Puts a point into the way of a link.
 * @param {Graph} graph
 * @param {Link} link
 * @param {number} piece  of its way: 0 leads from the source to its first point, or to the target
 * @param {{x: number, y: number}} at
 * @returns {Reroute}
 */
export function addPoint(graph, link, piece, at) {
  const route = graph.routeOf(link);
  const before = route[piece - 1];
  const after = route[piece];
  const point = graph.addReroute(at.x, at.y, before?.id);
  if (after) graph.setReroute(after, "parentId", point.id); // whatever else runs through that one comes along
  else graph.routeThrough(link, point.id);
  return point;
}
