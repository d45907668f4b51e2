/** Parts of a graph as plain JSON, and such JSON into a graph: what copying, duplicating and moving between tabs go by. */

import { addSlots, Group, Node, Reroute } from "../../core/graph.js";
import { newId } from "../../core/ids.js";
import { parseExactly, writeExactly } from "../../core/json.js";
import { makeGroup, makeNode, readDefinitions } from "../../core/read.js";
import { mayHold } from "../../core/subgraphs.js";
import { fits } from "../../core/types.js";
import { same } from "../../core/values.js";
import { writeDefinition, writeGroup, writeNode, writtenInput, writtenOutput } from "../../core/write.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Graph, Link } from "../../core/graph.js" */
/** @import { Selectable } from "../../core/selection.js" */

/**
 * Nodes, links and groups have the form of a saved graph of schema 1. A link whose source is not among the nodes came
 * in from outside; `origin_type` says what it came from.
 * @typedef {object} Part
 * @property {any[]} nodes
 * @property {{id: number, origin_id: any, origin_slot: number, origin_type?: string, target_id: any, target_slot: number, type: any, parentId?: number}[]} links
 * @property {any[]} groups
 * @property {any[]} reroutes
 * @property {any[]} subgraphs  definitions of all instances among the nodes, and of those inside them
 */

/**
 * @param {Graph} graph
 * @param {Iterable<Selectable>} things
 * @returns {Part}  values are shared with the graph: turn it into text, or paste it at once
 */
export function takePart(graph, things) {
  /** @type {Set<Node>} */
  const nodes = new Set();
  /** @type {Group[]} */
  const groups = [];
  for (const thing of things) {
    if (thing instanceof Node && graph.nodes.get(thing.key) === thing) nodes.add(thing);
    if (thing instanceof Group) groups.push(thing);
  }
  /** @type {Part} */
  const part = { nodes: [], links: [], groups: groups.map(writeGroup), reroutes: [], subgraphs: [] };
  /** @type {Set<Reroute>} */
  const points = new Set();
  for (const node of [...nodes].sort((a, b) => a.rank - b.rank)) {
    part.nodes.push(writeNode(node));
    for (const slot of node.inputs) {
      const link = slot.link === null ? undefined : graph.link(slot.link);
      if (!link) continue;
      const source = graph.node(link.from);
      const isInside = source !== undefined && nodes.has(source);
      part.links.push(recordOf(graph, link, isInside ? undefined : source?.type));
      if (isInside) for (const point of graph.routeOf(link)) points.add(point);
    }
  }
  part.reroutes = [...points].map((each) => ({ id: each.id, ...(each.parentId === undefined ? {} : { parentId: each.parentId }), pos: [each.x, each.y] }));
  part.subgraphs = definitionsOf(graph.document, nodes).map((each) => writeDefinition(graph.document, each));
  return part;
}

/** @param {Graph} graph @param {Link} link @param {string | undefined} outside  type of its source */
function recordOf(graph, link, outside) {
  return {
    id: link.id, origin_id: link.from, origin_slot: writtenOutput(graph, link), target_id: link.to, target_slot: writtenInput(graph, link), type: link.type,
    ...(outside === undefined ? (link.parentId === undefined ? {} : { parentId: link.parentId }) : { origin_type: outside }),
  };
}

/** @param {Document} document @param {Iterable<Node>} nodes */
function definitionsOf(document, nodes) {
  /** @type {Set<import("../../core/document.js").Definition>} */
  const found = new Set();
  /** @param {Iterable<Node>} some */
  const gather = (some) => {
    for (const { type } of some) {
      const definition = document.definitions.get(type);
      if (!definition || found.has(definition)) continue;
      found.add(definition);
      gather(definition.graph.nodes.values());
    }
  };
  gather(nodes);
  return [...found];
}

/** The top left corner of a part, title bars left out. @param {Part} part @returns {{x: number, y: number}} */
export function cornerOf(part) {
  let [x, y] = [Infinity, Infinity];
  for (const { pos } of [...part.nodes, ...part.reroutes]) {
    x = Math.min(x, Number(pos?.[0]) || 0);
    y = Math.min(y, Number(pos?.[1]) || 0);
  }
  for (const { bounding } of part.groups) {
    x = Math.min(x, Number(bounding?.[0]) || 0);
    y = Math.min(y, Number(bounding?.[1]) || 0);
  }
  return Number.isFinite(x) ? { x, y } : { x: 0, y: 0 };
}

/**
 * Puts a part into a graph, with ids of its own. Inside an edit.
 * @param {Graph} graph
 * @param {Part} part
 * @param {{x: number, y: number}} by  how far from where it was, graph px
 * @param {{withIncoming?: boolean}} [how]  `withIncoming`: links from outside are made again, from the nodes that have
 *   the same id and type here
 * @returns {(Node | Group)[]} what came in
 */
export function putPart(graph, part, by, { withIncoming = false } = {}) {
  const types = putDefinitions(graph, part.subgraphs);
  /** @type {Map<string, {node: Node, record: any}>} by the old id */
  const made = new Map();
  /** @type {(Node | Group)[]} */
  const added = [];
  for (const old of part.nodes) {
    const definition = graph.document.definitions.get(types.get(old.type) ?? old.type);
    if (definition && !mayHold(graph, definition)) continue; // it would lie in itself
    const record = structuredClone({ ...old, type: types.get(old.type) ?? old.type });
    const node = makeNode(graph, graph.takeNodeId(), unlinked(record));
    node.x += by.x;
    node.y += by.y;
    if (node.spec) addSlots(node, true);
    graph.insertNode(node);
    made.set(String(old.id), { node, record });
    added.push(node);
  }
  const points = putReroutes(graph, part.reroutes, by);
  // The last sockets first: a list that grows drops those after its last link.
  for (const link of [...part.links].sort((a, b) => b.target_slot - a.target_slot)) putLink(graph, link, made, points, withIncoming);
  let groupId = Math.max(0, ...graph.groups.map((each) => each.id ?? 0));
  for (const record of part.groups) {
    const group = makeGroup(structuredClone(record));
    group.x += by.x;
    group.y += by.y;
    if (group.id !== undefined) group.id = ++groupId;
    added.push(graph.addGroup(group));
  }
  return added;
}

/** A record that speaks of no link: those that it had are of another graph. @param {any} record */
function unlinked(record) {
  for (const slot of Array.isArray(record.inputs) ? record.inputs : []) if (slot) slot.link = null;
  for (const slot of Array.isArray(record.outputs) ? record.outputs : []) if (slot) slot.links = null;
  return record;
}

/**
 * @param {Graph} graph
 * @param {any[]} records
 * @param {{x: number, y: number}} by
 * @returns {Map<number, number>} old id -> new id
 */
function putReroutes(graph, records, by) {
  /** @type {Map<number, number>} */
  const points = new Map();
  const known = new Map(records.map((each) => [each.id, each]));
  /** @param {any} record @param {number} depth */
  const put = (record, depth) => {
    if (points.has(record.id) || depth > 1000) return;
    const parent = known.get(record.parentId);
    if (parent) put(parent, depth + 1);
    const [x, y] = [Number(record.pos?.[0]) || 0, Number(record.pos?.[1]) || 0];
    points.set(record.id, graph.addReroute(x + by.x, y + by.y, parent && points.get(parent.id)).id);
  };
  for (const record of records) put(record, 0);
  return points;
}

/**
 * @param {Graph} graph
 * @param {Part["links"][number]} link
 * @param {Map<string, {node: Node, record: any}>} made
 * @param {Map<number, number>} points
 * @param {boolean} withIncoming
 */
function putLink(graph, link, made, points, withIncoming) {
  const target = made.get(String(link.target_id));
  const inner = made.get(String(link.origin_id));
  const outer = inner || !withIncoming ? undefined : graph.node(link.origin_id);
  const source = inner?.node ?? (outer && outer.type === (link.origin_type ?? outer.type) ? outer : undefined);
  if (!target || !source) return;
  // By name: sockets of a list that grows come and go while the links are being made.
  const name = target.record.inputs?.[link.target_slot]?.name;
  const slot = target.node.inputs.findIndex((each) => each.name === name);
  const output = source.outputs[link.origin_slot];
  const input = target.node.inputs[slot];
  if (!output || !input || (outer && !fits(output.type, input.type))) return;
  graph.connect(source, link.origin_slot, target.node, slot, inner && link.parentId !== undefined ? points.get(link.parentId) : undefined);
}

/**
 * Definitions that the workflow has already, word by word, are used again; others come in, with a new id where theirs
 * is taken.
 * @param {Graph} graph
 * @param {any[]} records
 * @returns {Map<string, string>} old id -> new id
 */
function putDefinitions(graph, records) {
  const { document } = graph;
  /** @type {Map<string, string>} */
  const ids = new Map();
  const fresh = records.filter((record) => {
    const known = document.definitions.get(record.id);
    if (!known) return true;
    if (same(plain(writeDefinition(document, known)), plain(record))) return false;
    ids.set(record.id, newId());
    return true;
  });
  if (!fresh.length) return ids;
  const renamed = fresh.map((record) => ({
    ...structuredClone(record),
    id: ids.get(record.id) ?? record.id,
    nodes: (record.nodes ?? []).map((/** @type {any} */ node) => ({ ...structuredClone(node), type: ids.get(node.type) ?? node.type })),
  }));
  const before = new Set(document.definitions.keys());
  const listed = document.lists.get(document);
  readDefinitions(document, { definitions: { subgraphs: renamed } }, []);
  if (listed) document.lists.set(document, listed); // where the file had its own
  else document.lists.delete(document);
  for (const [id, definition] of [...document.definitions]) {
    if (before.has(id)) continue;
    document.definitions.delete(id); // read straight into the document: it goes in again as a step
    document.addDefinition(definition);
  }
  return ids;
}

/** @param {any} value */
function plain(value) {
  return parseExactly(writeExactly(value)).value;
}
