/**
 * A saved workflow, of either schema, into a document. Nothing in a file keeps the rest of it from opening: what is
 * damaged is left out and said. Source: workflow_format.
 */

import { Definition, Document } from "./document.js";
import { addSlots, Graph, Group, INPUT_BOUNDARY, InputSlot, Link, Node, OUTPUT_BOUNDARY, OutputSlot, Reroute } from "./graph.js";
import { socketType } from "./types.js";
import { readValues } from "./values.js";

/** @import { Catalogue } from "./catalogue.js" */

/**
 * @typedef {{key: string, at: string}} Damage  `key`: the message; `at`: the node, link or group that it is about
 */

/**
 * @param {any} saved  the parsed JSON
 * @param {Catalogue} catalogue
 * @returns {{document: Document, damage: Damage[]}}
 * @throws {TypeError} if it is no workflow at all
 */
export function readWorkflow(saved, catalogue) {
  if (!saved || typeof saved !== "object" || !Array.isArray(saved.nodes)) {
    throw new TypeError("not a workflow: it has no list of nodes");
  }
  const document = new Document(catalogue);
  /** @type {Damage[]} */
  const damage = [];
  const { nodes, links, groups, definitions, extra, ...rest } = saved;
  document.raw = rest;
  document.extra = extra && typeof extra === "object" ? { ...extra } : {};
  document.raw.hasExtra = extra !== undefined;
  document.raw.hasDefinitions = definitions !== undefined;
  document.raw.definitions = definitions;
  readDefinitions(document, saved, damage);
  readGraph(document.root, saved, damage);
  return { document, damage };
}

/**
 * @param {Document} document
 * @param {any} saved
 * @param {Damage[]} damage
 */
function readDefinitions(document, saved, damage) {
  /** @type {any[]} */
  const records = [];
  /** @param {any} holder */
  const gather = (holder) => {
    for (const record of listIn(holder?.definitions?.subgraphs)) {
      if (!record || typeof record.id !== "string" || document.definitions.has(record.id)) continue;
      const definition = new Definition(record.id, String(record.name ?? ""));
      definition.graph = new Graph(document, definition);
      document.definitions.set(record.id, definition);
      records.push(record);
      gather(record);
    }
  };
  gather(saved);
  // The innermost first: what an instance offers is read from its definition.
  /** @type {Map<string, "open" | "read">} */
  const state = new Map();
  /** @param {any} record */
  const visit = (record) => {
    if (state.has(record.id)) return;
    state.set(record.id, "open");
    for (const node of listIn(record.nodes)) {
      const inner = records.find((each) => each.id === node?.type);
      if (inner) visit(inner);
    }
    readDefinition(/** @type {Definition} */ (document.definitions.get(record.id)), record, damage);
    state.set(record.id, "read");
  };
  records.forEach(visit);
}

/**
 * @param {Definition} definition
 * @param {any} record
 * @param {Damage[]} damage
 */
function readDefinition(definition, record, damage) {
  const { graph } = definition;
  const { nodes, links, groups, reroutes, inputs, outputs, definitions, ...rest } = record;
  definition.raw = rest;
  const input = new Node(graph, INPUT_BOUNDARY, "heddle:subgraph-inputs");
  const output = new Node(graph, OUTPUT_BOUNDARY, "heddle:subgraph-outputs");
  for (const [node, record_] of /** @type {[Node, any][]} */ ([[input, rest.inputNode], [output, rest.outputNode]])) {
    const [x, y, width, height] = numbers(record_?.bounding, 4);
    Object.assign(node, { x, y, width, height, raw: record_ });
  }
  for (const each of listIn(inputs)) {
    input.outputs.push(new OutputSlot(String(each.name ?? ""), socketType(each.type), { label: each.label, raw: each }));
  }
  for (const each of listIn(outputs)) {
    output.inputs.push(new InputSlot(String(each.name ?? ""), socketType(each.type), { label: each.label, raw: each }));
  }
  graph.boundary = { input, output };
  readGraph(graph, record, damage);
}

/**
 * @param {Graph} graph
 * @param {any} saved
 * @param {Damage[]} damage
 */
function readGraph(graph, saved, damage) {
  graph.lastNodeId = whole(saved.state?.lastNodeId ?? saved.last_node_id);
  graph.lastLinkId = whole(saved.state?.lastLinkId ?? saved.last_link_id);
  graph.lastRerouteId = whole(saved.state?.lastRerouteId);
  for (const record of saved.nodes) readNode(graph, record, damage);
  const extensions = new Map(listIn(saved.extra?.linkExtensions).map((each) => [each?.id, each?.parentId]));
  for (const record of listIn(saved.links)) readLink(graph, record, extensions, damage);
  for (const record of listIn(saved.groups)) {
    const [x, y, width, height] = numbers(record?.bounding, 4);
    const group = new Group(record?.id, String(record?.title ?? ""), x, y, width, height);
    group.color = record?.color;
    group.flags = record?.flags ?? {};
    group.raw = record;
    graph.groups.push(group);
  }
  for (const record of listIn(saved.reroutes ?? saved.extra?.reroutes)) {
    const [x, y] = numbers(record?.pos, 2);
    const reroute = new Reroute(Number(record?.id), x, y);
    reroute.parentId = record?.parentId ?? undefined;
    reroute.raw = record;
    graph.reroutes.set(reroute.id, reroute);
  }
  for (const node of graph.nodes.values()) {
    if (node.spec) addSlots(node, true);
    const id = Number(node.id);
    if (Number.isInteger(id)) graph.lastNodeId = Math.max(graph.lastNodeId, id);
  }
}

/**
 * @param {Graph} graph
 * @param {any} record
 * @param {Damage[]} damage
 */
function readNode(graph, record, damage) {
  const id = record?.id;
  if (!record || typeof record !== "object" || (typeof id !== "number" && typeof id !== "string") || typeof record.type !== "string") {
    damage.push({ key: "damage.node", at: String(id ?? graph.nodes.size) });
    return;
  }
  if (graph.nodes.has(String(id))) {
    damage.push({ key: "damage.node-twice", at: String(id) });
    return;
  }
  const node = new Node(graph, id, record.type);
  [node.x, node.y] = numbers(record.pos, 2);
  [node.width, node.height] = numbers(record.size, 2);
  if (typeof record.title === "string") node.title = record.title;
  node.mode = typeof record.mode === "number" ? record.mode : 0;
  node.flags = record.flags && typeof record.flags === "object" ? record.flags : {};
  node.color = record.color;
  node.bgcolor = record.bgcolor;
  if (typeof record.showAdvanced === "boolean") node.showAdvanced = record.showAdvanced;
  node.properties = record.properties && typeof record.properties === "object" ? record.properties : {};
  node.raw = record;
  node.spec = graph.document.specOf(record.type);
  for (const each of listIn(record.inputs)) {
    const more = { widget: each?.widget?.name, label: each?.label, raw: each };
    node.inputs.push(new InputSlot(String(each?.name ?? ""), socketType(each?.type), more));
  }
  for (const each of listIn(record.outputs)) {
    node.outputs.push(new OutputSlot(String(each?.name ?? ""), socketType(each?.type), { label: each?.label, raw: each }));
  }
  readValues(node, record);
  node.rank = ++graph.lastRank;
  graph.nodes.set(node.key, node);
}

/**
 * @param {Graph} graph
 * @param {any} record
 * @param {Map<any, any>} extensions  link id -> the reroute nearest to its end
 * @param {Damage[]} damage
 */
function readLink(graph, record, extensions, damage) {
  const isList = Array.isArray(record);
  if (!record || typeof record !== "object") {
    damage.push({ key: "damage.link", at: String(record) });
    return;
  }
  const [id, from, fromSlot, to, toSlot, type] = isList
    ? record
    : [record.id, record.origin_id, record.origin_slot, record.target_id, record.target_slot, record.type];
  const source = graph.node(from);
  const target = graph.node(to);
  // The slot that names the link is the right one: indices shift when a type changes.
  const named = target?.inputs.findIndex((slot) => slot.raw?.link === id) ?? -1;
  const into = target && Number(target.id) === OUTPUT_BOUNDARY ? Number(toSlot) : named >= 0 ? named : Number(toSlot);
  const output = source?.outputs[Number(fromSlot)];
  const input = target?.inputs[into];
  if (typeof id !== "number" || !source || !target || !output || !input || graph.links.has(id) || input.link !== null) {
    damage.push({ key: "damage.link", at: String(id) });
    return;
  }
  const link = new Link(id, source.id, Number(fromSlot), target.id, into, type);
  link.raw = record;
  link.parentId = isList ? extensions.get(id) : (record.parentId ?? undefined);
  link.rank = ++graph.lastRank;
  graph.links.set(id, link);
  graph.lastLinkId = Math.max(graph.lastLinkId, id);
  input.link = id;
  output.links.push(id);
}

/** @param {any} value @returns {any[]} */
function listIn(value) {
  return Array.isArray(value) ? value : [];
}

/**
 * Places and sizes: a list, or in older files an object with the keys "0", "1".
 * @param {any} value
 * @param {number} count
 * @returns {number[]}
 */
function numbers(value, count) {
  return Array.from({ length: count }, (_, i) => (Number.isFinite(Number(value?.[i])) ? Number(value[i]) : 0));
}

/** @param {any} value */
function whole(value) {
  return Number.isSafeInteger(Number(value)) ? Number(value) : 0;
}
