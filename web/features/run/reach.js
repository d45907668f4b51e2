/** Which nodes of a workflow a job runs: those that its outputs are made from, also inside subgraphs. */

import { isVirtual } from "../../core/catalogue.js";
import { BYPASSED, INPUT_BOUNDARY, MUTED, NORMAL } from "../../core/graph.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Graph, Link, Node } from "../../core/graph.js" */

/** A graph, and the instances that it is inside of. @typedef {{graph: Graph, path: Node[]}} Place */

/** @param {Place} place @param {Node} node */
function idAt(place, node) {
  return [...place.path.map((each) => each.id), node.id].join(":");
}

/**
 * @param {Document} document
 * @param {Place} [place]
 * @param {Iterable<Node>} [nodes]  of that graph; all if not given
 * @returns {Iterable<{place: Place, node: Node}>} nodes that save or show something
 */
export function* outputsIn(document, place = { graph: document.root, path: [] }, nodes = place.graph.nodes.values()) {
  for (const node of nodes) {
    if (node.mode === MUTED || node.mode === BYPASSED) continue;
    const definition = document.definitions.get(node.type);
    if (definition) {
      if (place.path.some((each) => each.type === node.type)) continue; // a damaged file: it holds itself
      yield* outputsIn(document, { graph: definition.graph, path: [...place.path, node] });
    } else if (node.spec?.isOutput) {
      yield { place, node };
    }
  }
}

/**
 * What a job runs, if nothing is known from before.
 * @param {Document} document
 * @param {string[] | null} targets  ids of outputs; null: all
 * @returns {Map<string, string>} id on the server -> type
 */
export function nodesBehind(document, targets) {
  const wanted = targets && new Set(targets);
  /** @type {Map<string, string>} */
  const found = new Map();
  /** @type {Set<string>} links that were followed */
  const followed = new Set();
  /** @type {{place: Place, node: Node}[]} */
  const waiting = [];
  for (const each of outputsIn(document)) if (!wanted || wanted.has(idAt(each.place, each.node))) waiting.push(each);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { place, node } = next;
    const id = idAt(place, node);
    if (found.has(id)) continue;
    found.set(id, node.type);
    for (let i = 0; i < node.inputs.length; i++) {
      const link = place.graph.linkInto(node, i);
      if (link) waiting.push(...producers(document, place, link, followed));
    }
  }
  return found;
}

/**
 * The nodes that run at the other end of a link.
 * @param {Document} document
 * @param {Place} place
 * @param {Link} link
 * @param {Set<string>} followed
 * @returns {{place: Place, node: Node}[]}
 */
function producers(document, place, link, followed) {
  const key = `${place.path.map((each) => each.id).join(":")}/${link.id}`;
  if (followed.has(key)) return [];
  followed.add(key);
  const { graph, path } = place;
  const from = graph.node(link.from);
  if (!from || from.mode === MUTED) return [];
  if (Number(from.id) === INPUT_BOUNDARY && graph.boundary) {
    const instance = /** @type {Node} */ (path.at(-1));
    const slot = instance.input(from.outputs[link.fromSlot]?.name);
    const outer = slot?.link == null ? undefined : instance.graph.link(slot.link);
    return outer ? producers(document, { graph: instance.graph, path: path.slice(0, -1) }, outer, followed) : [];
  }
  const definition = document.definitions.get(from.type);
  if (definition && from.mode === NORMAL) {
    const inner = definition.graph;
    const at = inner.boundary?.output.inputs.findIndex((slot) => slot.name === from.outputs[link.fromSlot]?.name) ?? -1;
    const into = inner.boundary && at >= 0 ? inner.linkInto(inner.boundary.output, at) : undefined;
    return into && path.length < 50 ? producers(document, { graph: inner, path: [...path, from] }, into, followed) : [];
  }
  if (from.mode === BYPASSED || isVirtual(from.type)) {
    return from.inputs.flatMap((slot) => {
      const into = slot.link === null ? undefined : graph.link(slot.link);
      return into ? producers(document, place, into, followed) : [];
    });
  }
  return [{ place, node: from }];
}

/**
 * Ids of the outputs among chosen nodes; if there are none among them, of those that they feed.
 * @param {Document} document
 * @param {Node[]} nodes  of one graph
 * @param {Node[]} path
 * @returns {string[]}
 */
export function targetsOf(document, nodes, path) {
  if (!nodes.length) return [];
  const place = { graph: nodes[0].graph, path };
  const among = [...outputsIn(document, place, nodes)].map((each) => idAt(each.place, each.node));
  if (among.length) return among;
  const ids = nodes.map((node) => idAt(place, node));
  return [...outputsIn(document)].map((each) => idAt(each.place, each.node)).filter((id) => {
    const behind = nodesBehind(document, [id]);
    return ids.some((each) => behind.has(each) || [...behind.keys()].some((inner) => inner.startsWith(`${each}:`)));
  });
}
