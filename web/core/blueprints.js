/** Subgraphs from one workflow to another: how they are kept for reuse, and how the nodes of a workflow come into a graph. */

import { copyContents, copyNode } from "./copies.js";
import { newId } from "./ids.js";
import { definitionOf } from "./instances.js";
import { writeExactly } from "./json.js";
import { areaOf, mayHold } from "./subgraphs.js";
import { writeDefinition, writeNode } from "./write.js";

/** @import { Definition, Document } from "./document.js" */
/** @import { Graph, Node } from "./graph.js" */

/**
 * A workflow that holds one instance and what it needs: how subgraphs are kept for reuse.
 * @param {Node} instance
 * @returns {any}
 */
export function blueprintOf(instance) {
  const definition = /** @type {Definition} */ (definitionOf(instance));
  const { document } = instance.graph;
  const node = writeNode(copyNode(instance, instance.graph, 1));
  node.pos = [0, 0];
  const used = document.usedDefinitions([definition]);
  return {
    id: newId(), revision: 0, last_node_id: 1, last_link_id: 0, nodes: [{ ...node, id: 1, mode: 0 }], links: [], groups: [],
    definitions: { subgraphs: [...used].map((each) => writeDefinition(document, each)) },
    config: {}, extra: {}, version: 0.4,
  };
}

/**
 * Takes definitions of another document into this one: nodes that use them can then be copied over. One that is there
 * already, the same, is used; a different one with the same id gets another.
 * @param {Document} document
 * @param {Document} other  is not to be used afterwards
 * @returns {Map<string, string>} the ids that they have here, by those that they had
 */
export function takeDefinitions(document, other) {
  /** @type {Map<string, string>} */
  const ids = new Map();
  /** @param {Definition} definition */
  const isHere = (definition) => {
    const mine = document.definitions.get(definition.id);
    return Boolean(mine) && writeExactly(writeDefinition(document, /** @type {Definition} */ (mine))) === writeExactly(writeDefinition(other, definition));
  };
  const used = [...other.usedDefinitions()];
  const same = new Set(used.filter(isHere));
  const taken = used.filter((definition) => [...other.usedDefinitions([definition])].some((each) => !same.has(each)));
  for (const { id } of used) ids.set(id, id);
  for (const { id } of taken) if (document.definitions.has(id)) ids.set(id, newId());
  for (const definition of taken) {
    definition.id = /** @type {string} */ (ids.get(definition.id));
    definition.graph.document = document;
    definition.isSpare = false;
    for (const node of definition.graph.nodes.values()) node.type = ids.get(node.type) ?? node.type;
    document.addDefinition(definition);
  }
  // A different one of the same id somewhere inside: what holds it is another one, too, and reads it anew.
  for (const definition of taken) {
    definition.spec = null;
    for (const node of definition.graph.nodes.values()) node.spec = document.specOf(node.type);
  }
  return ids;
}

/**
 * Puts the nodes of another document into a graph.
 * @param {Graph} graph
 * @param {Document} other  is not to be used afterwards
 * @param {{x: number, y: number}} place  of the upper left corner
 * @returns {Node[]}
 */
export function insertWorkflow(graph, other, place) {
  const { document } = graph;
  const nodes = [...other.root.nodes.values()];
  if (!nodes.length) return [];
  const ids = takeDefinitions(document, other);
  for (const node of nodes) node.type = ids.get(node.type) ?? node.type;
  for (const node of nodes) {
    const definition = document.definitions.get(node.type);
    node.spec = document.specOf(node.type);
    if (definition && !mayHold(graph, definition)) throw new RangeError(`the subgraph ${definition.name} would lie in itself`);
  }
  const area = areaOf(nodes);
  const copies = copyContents(other.root, graph, { x: place.x - area.left, y: place.y - area.top }, () => graph.takeNodeId());
  return [...copies.values()];
}
