/** What may be linked to what in a graph as it stands: types, circles, and which sockets of a node fit. */

import { followedBy } from "./graph.js";
import { fits } from "./types.js";

/** @import { Graph, Node } from "./graph.js" */
/** @import { NodeSpec } from "./spec.js" */

/**
 * One socket of a node.
 * @typedef {{node: Node, side: "input" | "output", slot: number}} Socket
 */

/**
 * What an output gives. One that follows a feed and has none gives what is wanted of it already.
 * @param {Graph} graph
 * @param {Node} node
 * @param {number} slot
 * @param {Set<Node>} [seen]
 * @returns {string}
 */
export function typeOfOutput(graph, node, slot, seen = new Set()) {
  const output = node.outputs[slot];
  if (!output) return "*";
  if (output.type !== "*" || !followedBy(node, slot)) return output.type;
  return wantedOf(graph, node, slot, seen);
}

/** What those want that an output feeds. @param {Graph} graph @param {Node} node @param {number} slot @param {Set<Node>} seen @returns {string} */
function wantedOf(graph, node, slot, seen) {
  if (seen.has(node)) return "*";
  seen.add(node);
  for (const id of node.outputs[slot]?.links ?? []) {
    const link = graph.link(id);
    const target = link && graph.node(link.to);
    const type = target ? typeOfInput(graph, target, link.toSlot, seen) : "*";
    if (type !== "*") return type;
  }
  return "*";
}

/**
 * What an input takes. One of a template takes what the others of it have; that of a Reroute, what it feeds wants.
 * @param {Graph} graph
 * @param {Node} node
 * @param {number} slot
 * @param {Set<Node>} [seen]
 * @returns {string}
 */
export function typeOfInput(graph, node, slot, seen = new Set()) {
  const input = node.inputs[slot];
  if (!input) return "*";
  for (let index = 0; index < node.outputs.length; index++) {
    const followed = followedBy(node, index);
    if (!followed?.includes(input)) continue;
    for (const other of followed) {
      if (other === input || other.link === null) continue;
      const link = graph.link(other.link);
      const source = link && graph.node(link.from);
      const type = source ? typeOfOutput(graph, source, link.fromSlot, seen) : "*";
      if (type !== "*") return type;
    }
    const wanted = wantedOf(graph, node, index, seen);
    if (wanted !== "*") return wanted;
  }
  return input.type;
}

/** Whether what `from` gives reaches `to`, over links. @param {Graph} graph @param {Node} from @param {Node} to */
export function leadsTo(graph, from, to) {
  return behind(graph, from, "output", to).has(to);
}

/**
 * All nodes that one reaches over links, itself included.
 * @param {Graph} graph
 * @param {Node} start
 * @param {"input" | "output"} side  "output": what it feeds; "input": what feeds it
 * @param {Node} [end]  where to stop looking
 * @returns {Set<Node>}
 */
export function behind(graph, start, side, end) {
  const seen = new Set([start]);
  for (const node of seen) { // a set is walked over what is added to it meanwhile, too
    if (node === end) break;
    const ids = side === "output" ? node.outputs.flatMap((slot) => slot.links) : node.inputs.flatMap((slot) => slot.link ?? []);
    for (const id of ids) {
      const link = graph.link(id);
      const next = link && graph.node(side === "output" ? link.to : link.from);
      if (next) seen.add(next);
    }
  }
  return seen;
}

/**
 * Why an output may not feed an input.
 * @param {Graph} graph
 * @param {Socket} output
 * @param {Socket} input
 * @returns {{key: string, values: Record<string, string>} | null}  a message; null: it may
 */
export function refusal(graph, output, input) {
  const given = typeOfOutput(graph, output.node, output.slot);
  const wanted = typeOfInput(graph, input.node, input.slot);
  if (!fits(given, wanted)) return { key: "wire.no-fit", values: { given, wanted } };
  if (leadsTo(graph, input.node, output.node)) return { key: "wire.circle", values: {} };
  return null;
}

/**
 * The two sockets in the order of a link, if they are of two sides.
 * @param {Socket} one
 * @param {Socket} other
 * @returns {{output: Socket, input: Socket} | null}
 */
export function asLink(one, other) {
  if (one.side === other.side) return null;
  return one.side === "output" ? { output: one, input: other } : { output: other, input: one };
}

/** Whether the types of two sockets fit; circles are not looked for. @param {Graph} graph @param {Socket} one @param {Socket} other */
export function typesFit(graph, one, other) {
  const link = asLink(one, other);
  return link !== null && fits(typeOfOutput(graph, link.output.node, link.output.slot), typeOfInput(graph, link.input.node, link.input.slot));
}

/** @param {Graph} graph @param {Socket} one @param {Socket} other */
export function mayLink(graph, one, other) {
  const link = asLink(one, other);
  return link !== null && refusal(graph, link.output, link.input) === null;
}

/**
 * The sockets of a node that may be linked to one, the best first: free ones before linked ones, those of exactly the
 * type before those that take anything, plain sockets before those of widgets; then in their order.
 * @param {Graph} graph
 * @param {Node} node
 * @param {Socket} to
 * @returns {Socket[]}
 */
export function fittingSockets(graph, node, to) {
  const side = to.side === "output" ? "input" : "output";
  const slots = side === "input" ? node.inputs : node.outputs;
  const type = to.side === "output" ? typeOfOutput(graph, to.node, to.slot) : typeOfInput(graph, to.node, to.slot);
  /** @type {{socket: Socket, cost: number}[]} */
  const found = [];
  slots.forEach((slot, index) => {
    const socket = { node, side: /** @type {"input" | "output"} */ (side), slot: index };
    if (!mayLink(graph, socket, to)) return;
    const isTaken = "link" in slot && slot.link !== null;
    const cost = (isTaken ? 4 : 0) + (slot.type === type ? 0 : 2) + ("widget" in slot && slot.widget ? 1 : 0);
    found.push({ socket, cost });
  });
  return found.sort((a, b) => a.cost - b.cost).map((each) => each.socket);
}

/**
 * How well the nodes of a type would fit to a socket. The type alone is asked: there is no node yet.
 * @param {NodeSpec} spec
 * @param {"input" | "output"} side  of the socket that is there already
 * @param {string} type  its type
 * @returns {number} 0: not at all; 1: by a socket that takes anything; 2: by a widget; 3: exactly
 */
export function fitOfType(spec, side, type) {
  let best = 0;
  if (side === "output") {
    for (const input of spec.inputs) {
      if (input.companionOf || !fits(type, input.type)) continue;
      best = Math.max(best, input.type === "*" ? 1 : input.widget ? 2 : 3);
    }
  } else {
    for (const output of spec.outputs) if (fits(output.type, type)) best = Math.max(best, output.type === "*" && type !== "*" ? 1 : 3);
  }
  return best;
}

/** Nodes in the order in which they would compute: each after all that feed it, the topmost first. @param {Graph} graph @returns {Node[]} */
export function alongLinks(graph) {
  /** @type {Set<Node>} */
  const seen = new Set();
  /** @type {Node[]} */
  const order = [];
  const starts = [...graph.nodes.values()].sort((a, b) => a.x - b.x || a.y - b.y);
  for (const start of starts) {
    /** @type {{node: Node, next: number}[]} */
    const path = [{ node: start, next: 0 }];
    if (seen.has(start)) continue;
    seen.add(start);
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const slot = step.node.inputs[step.next++];
      if (!slot) {
        order.push(step.node);
        path.pop();
        continue;
      }
      const link = slot.link === null ? undefined : graph.link(slot.link);
      const source = link && graph.node(link.from);
      if (!source || seen.has(source) || graph.nodes.get(source.key) !== source) continue;
      seen.add(source);
      path.push({ node: source, next: 0 });
    }
  }
  return order;
}
