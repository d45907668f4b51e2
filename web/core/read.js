/**
 * A saved workflow, of either schema, into a document. Nothing in a file keeps the rest of it from opening: what cannot
 * be used is said, kept as it is, and written back. Source: workflow_format.
 */

import { Definition, Document } from "./document.js";
import { addSlots, Graph, Group, INPUT_BOUNDARY, InputSlot, Link, Node, OUTPUT_BOUNDARY, OutputSlot, Reroute } from "./graph.js";
import { parseExactly, textOfValue } from "./json.js";
import { socketType } from "./types.js";
import { readValues, same } from "./values.js";

/** @import { Catalogue } from "./catalogue.js" */

/**
 * @typedef {object} Damage
 * @property {string} key  of the message
 * @property {string} at  the node, link or group that it is about
 * @property {string} [within]  name of the subgraph
 */

/**
 * @param {string} text  of a file
 * @param {Catalogue} catalogue
 * @returns {{document: Document, damage: Damage[]}}
 * @throws {SyntaxError | TypeError} if it is no JSON, or no workflow
 */
export function readWorkflowText(text, catalogue) {
  const { value, notNumbers } = parseExactly(text);
  const found = readWorkflow(value, catalogue);
  if (notNumbers) found.damage.push({ key: "damage.number", at: String(notNumbers) });
  return found;
}

/**
 * @param {any} saved  the parsed JSON, which the document keeps parts of
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
  document.raw = saved;
  document.extra = isRecord(saved.extra) ? { ...saved.extra } : {};
  readDefinitions(document, saved, damage);
  readGraph(document.root, saved, damage);
  noteUnused(document);
  return { document, damage };
}

/**
 * Definitions may lie in each other; all are known by their ids in the whole workflow.
 * @param {Document} document
 * @param {any} saved
 * @param {Damage[]} damage
 */
export function readDefinitions(document, saved, damage) {
  /** @type {Map<string, any>} */
  const records = new Map();
  /** @type {[object, any][]} */
  const holders = [[document, saved]];
  for (let holder = holders.shift(); holder; holder = holders.shift()) {
    /** @type {any[]} */
    const entries = [];
    for (const record of listIn(holder[1].definitions?.subgraphs)) {
      const id = record?.id;
      if (typeof id !== "string" || !Array.isArray(record.nodes) || document.definitions.has(id)) {
        if (typeof id !== "string" || !document.definitions.has(id)) damage.push({ key: "damage.definition", at: String(record?.name ?? id ?? entries.length) });
        entries.push(record);
        continue;
      }
      const definition = new Definition(id, String(record.name ?? ""));
      definition.graph = new Graph(document, definition);
      document.definitions.set(id, definition);
      records.set(id, record);
      entries.push(definition);
      holders.push([definition, record]);
    }
    if (entries.length) document.lists.set(holder[0], entries);
  }
  // The innermost first: what an instance offers is read from its definition.
  /** @type {Set<string>} */
  const begun = new Set();
  /** @type {Set<string>} */
  const read = new Set();
  for (const start of records.keys()) {
    const open = [{ id: start, inner: innerOf(records, start) }];
    if (begun.has(start)) continue;
    begun.add(start);
    while (open.length) {
      const top = open[open.length - 1];
      const next = top.inner.pop();
      if (next === undefined) {
        open.pop();
        readDefinition(/** @type {Definition} */ (document.definitions.get(top.id)), records.get(top.id), damage, read);
        read.add(top.id);
      } else if (!begun.has(next)) {
        begun.add(next);
        open.push({ id: next, inner: innerOf(records, next) });
      }
    }
  }
}

/** The subgraphs that are used in another one. @param {Map<string, any>} records @param {string} id @returns {string[]} */
function innerOf(records, id) {
  const types = listIn(records.get(id).nodes).map((node) => node?.type);
  return [...new Set(types)].filter((type) => records.has(type));
}

/**
 * @param {Definition} definition
 * @param {any} record
 * @param {Damage[]} damage
 * @param {Set<string>} read  ids of those that are read: what else it holds, holds it in turn
 */
export function readDefinition(definition, record, damage, read) {
  const { graph } = definition;
  definition.raw = record;
  const input = new Node(graph, INPUT_BOUNDARY, "heddle:subgraph-inputs");
  const output = new Node(graph, OUTPUT_BOUNDARY, "heddle:subgraph-outputs");
  for (const [node, record_] of /** @type {[Node, any][]} */ ([[input, record.inputNode], [output, record.outputNode]])) {
    const [x, y, width, height] = numbers(record_?.bounding, 4);
    Object.assign(node, { x, y, width, height, raw: record_ });
  }
  for (const each of listIn(record.inputs)) {
    input.outputs.push(new OutputSlot(String(each?.name ?? ""), socketType(each?.type), { label: textIn(each?.label), raw: each }));
  }
  for (const each of listIn(record.outputs)) {
    output.inputs.push(new InputSlot(String(each?.name ?? ""), socketType(each?.type), { label: textIn(each?.label), raw: each }));
  }
  graph.boundary = { input, output };
  for (const type of new Set(listIn(record.nodes).map((node) => node?.type))) {
    const inner = graph.document.definitions.get(type);
    if (inner && !read.has(type)) damage.push({ key: "damage.cycle", at: inner.name || type, within: definition.name });
  }
  readGraph(graph, record, damage, read);
}

/**
 * Definitions that no instance of the file leads to stay in it; of those that were in use and are no more, see
 * `write.js`.
 * @param {Document} document
 */
function noteUnused(document) {
  const used = document.usedDefinitions();
  for (const definition of document.definitions.values()) definition.isSpare = !used.has(definition);
}

/**
 * @param {Graph} graph
 * @param {any} saved
 * @param {Damage[]} damage
 * @param {Set<string> | null} [read]  definitions whose instances may be used here; null: all
 */
function readGraph(graph, saved, damage, read = null) {
  graph.lastNodeId = whole(saved.state?.lastNodeId ?? saved.last_node_id);
  graph.lastLinkId = whole(saved.state?.lastLinkId ?? saved.last_link_id);
  graph.lastRerouteId = whole(saved.state?.lastRerouteId);
  graph.raw = saved;
  readNodes(graph, saved, damage, read);
  const extensions = new Map(listIn(saved.extra?.linkExtensions).map((each) => [idOfLink(each?.id), each?.parentId]));
  for (const record of linksIn(saved.links)) readLink(graph, record, extensions, damage);
  for (const record of listIn(saved.groups)) readGroup(graph, record, damage);
  for (const record of listIn(saved.reroutes ?? saved.extra?.reroutes)) {
    const [x, y] = numbers(record?.pos, 2);
    const id = Number(record?.id);
    if (!Number.isSafeInteger(id) || graph.reroutes.has(id)) continue;
    const reroute = new Reroute(id, x, y);
    reroute.parentId = record.parentId ?? undefined;
    reroute.raw = record;
    reroute.rank = ++graph.lastRank;
    graph.reroutes.set(id, reroute);
    graph.lastRerouteId = Math.max(graph.lastRerouteId, id);
  }
  for (const node of graph.nodes.values()) settleSlots(graph, node);
  for (const slot of graph.boundary?.input.outputs ?? []) orderLinks(slot, slot.raw?.linkIds);
  for (const slot of graph.boundary?.output.inputs ?? []) slot.readLink = slot.link;
  if (graph.reroutes.size) for (const [reroute, ids] of graph.linksThrough()) reroute.readIds = ids;
  for (const record of listIn(saved.floatingLinks)) countLink(graph, Number(record?.id));
  graph.readLast = { node: graph.lastNodeId, link: graph.lastLinkId, reroute: graph.lastRerouteId };
}

/**
 * What each slot had before anybody changed it, and slots that the type has and the file lacks.
 * @param {Graph} graph
 * @param {Node} node
 */
function settleSlots(graph, node) {
  for (const slot of node.inputs) {
    slot.readLink = slot.link;
    if (slot.raw?.link != null) countLink(graph, Number(slot.raw.link));
  }
  for (const slot of node.outputs) {
    orderLinks(slot, slot.raw?.links);
    slot.readLinks = slot.links;
  }
  if (node.spec) addSlots(node, true);
}

/** The order of links is the file's. @param {OutputSlot} slot @param {any} listed */
function orderLinks(slot, listed) {
  if (slot.links.length > 1 && Array.isArray(listed)) {
    const places = new Map(listed.map((id, i) => [idOfLink(id), i]));
    slot.links.sort((a, b) => (places.get(a) ?? listed.length) - (places.get(b) ?? listed.length));
  }
  slot.readLinks = slot.links;
}

/**
 * @param {Graph} graph
 * @param {any} saved
 * @param {Damage[]} damage
 * @param {Set<string> | null} read
 */
function readNodes(graph, saved, damage, read) {
  /** @type {any[]} */
  const doubles = [];
  let highest = 0;
  for (const record of saved.nodes) {
    const id = record?.id;
    graph.lastRank++;
    if (!isRecord(record) || (typeof id !== "number" && typeof id !== "string") || typeof record.type !== "string") {
      damage.push({ key: "damage.node", at: String(id ?? graph.lastRank), within: graph.definition?.name });
      graph.strayNodes.push({ rank: graph.lastRank, raw: record });
      continue;
    }
    const number = Number(id);
    if (Number.isSafeInteger(number)) highest = Math.max(highest, number);
    if (graph.nodes.has(String(id))) doubles.push({ record, rank: graph.lastRank });
    else readNode(graph, id, record, graph.lastRank, read);
  }
  // Two with one number: the first keeps it, and links mean that one; the others get numbers of their own.
  for (const { record, rank } of doubles) {
    highest++;
    damage.push({ key: "damage.node-twice", at: `${record.id} → ${highest}`, within: graph.definition?.name });
    readNode(graph, highest, record, rank, read);
  }
  graph.lastNodeId = Math.max(graph.lastNodeId, highest);
}

/**
 * @param {Graph} graph
 * @param {string | number} id
 * @param {any} record
 * @param {number} rank
 * @param {Set<string> | null} read
 */
function readNode(graph, id, record, rank, read) {
  const node = makeNode(graph, id, record, read);
  node.rank = rank;
  graph.nodes.set(node.key, node);
}

/**
 * A node as a record has it: without its links, not in the graph yet.
 * @param {Graph} graph
 * @param {string | number} id
 * @param {any} record
 * @param {Set<string> | null} [read]
 * @returns {Node}
 */
export function makeNode(graph, id, record, read = null) {
  const { document } = graph;
  const node = new Node(graph, id, record.type);
  [node.x, node.y] = numbers(record.pos, 2);
  [node.width, node.height] = numbers(record.size, 2);
  node.title = textIn(record.title);
  node.mode = Number.isFinite(Number(record.mode)) && typeof record.mode !== "object" ? Number(record.mode) : 0;
  if (isRecord(record.flags)) node.flags = record.flags;
  node.color = textIn(record.color);
  node.bgcolor = textIn(record.bgcolor);
  if (typeof record.shape === "number") node.shape = record.shape;
  if (isRecord(record.properties)) node.properties = record.properties;
  if (typeof record.showAdvanced === "boolean") node.showAdvanced = record.showAdvanced;
  node.raw = record;
  // An instance in a circle of subgraphs stays as it is, like one of an unknown type.
  node.spec = read && document.definitions.has(record.type) && !read.has(record.type) ? null : document.specOf(record.type);
  for (const each of listIn(record.inputs)) {
    const more = { widget: textIn(each?.widget?.name), label: textIn(each?.label), raw: each };
    node.inputs.push(new InputSlot(String(each?.name ?? ""), socketType(each?.type), more));
  }
  for (const each of listIn(record.outputs)) {
    const slot = new OutputSlot(String(each?.name ?? ""), socketType(each?.type), { label: textIn(each?.label), raw: each });
    slot.widget = textIn(each?.widget?.name);
    node.outputs.push(slot);
  }
  readValues(node, record);
  return node;
}

/**
 * @param {Graph} graph
 * @param {any} record
 * @param {Map<any, any>} extensions  link id -> the reroute nearest to its end
 * @param {Damage[]} damage
 */
function readLink(graph, record, extensions, damage) {
  const rank = ++graph.lastRank;
  if (record === null) {
    graph.strayLinks.push({ rank, raw: record });
    return;
  }
  const isList = Array.isArray(record);
  const [rawId, from, fromSlot, to, toSlot, type] = isList
    ? record
    : [record?.id, record?.origin_id, record?.origin_slot, record?.target_id, record?.target_slot, record?.type];
  const id = idOfLink(rawId);
  const source = graph.node(from);
  const target = graph.node(to);
  // The slot that names the link is the right one: indices shift when a type changes.
  let into = Number(toSlot);
  if (target && target !== graph.boundary?.output) {
    const named = target.inputs.findIndex((slot) => slot.link === null && slot.raw?.link != null && idOfLink(slot.raw.link) === id);
    if (named >= 0) into = named;
  }
  const output = source?.outputs[Number(fromSlot)];
  const input = target?.inputs[into];
  countLink(graph, Number(rawId));
  if (id === null || !source || !target || !output || !input || graph.links.has(id) || input.link !== null) {
    const isDouble = id !== null && graph.links.has(id) && same(graph.links.get(id)?.raw, record);
    const key = source && output && input && input.link !== null ? "damage.link-twice" : "damage.link";
    if (!isDouble) damage.push({ key, at: String(rawId ?? textOfValue(record).slice(0, 60)), within: graph.definition?.name });
    graph.strayLinks.push({ rank, raw: record, slot: input });
    for (const end of [from, to]) if (Number(end) > graph.lastNodeId && Number.isSafeInteger(Number(end))) graph.lastNodeId = Number(end);
    return;
  }
  const link = new Link(id, source.id, Number(fromSlot), target.id, into, socketType(type));
  link.raw = record;
  link.parentId = (isList ? extensions.get(id) : (record.parentId ?? extensions.get(id))) ?? undefined;
  link.rank = rank;
  link.readFrom = link.fromSlot;
  link.readTo = into;
  graph.links.set(id, link);
  input.link = id;
  output.links.push(id);
}

/** No new link gets the number of one that the file speaks of. @param {Graph} graph @param {number} id */
function countLink(graph, id) {
  if (Number.isSafeInteger(id)) graph.lastLinkId = Math.max(graph.lastLinkId, id);
}

/**
 * @param {Graph} graph
 * @param {any} record
 * @param {Damage[]} damage
 */
function readGroup(graph, record, damage) {
  if (!isRecord(record)) {
    damage.push({ key: "damage.group", at: String(graph.groups.length + 1), within: graph.definition?.name });
    return;
  }
  graph.groups.push(makeGroup(record));
}

/** @param {any} record @returns {Group} not in a graph yet */
export function makeGroup(record) {
  const [x, y, width, height] = numbers(record.bounding, 4);
  const group = new Group(record.id, textIn(record.title) ?? "", x, y, width, height);
  group.color = textIn(record.color);
  if (isRecord(record.flags)) group.flags = record.flags;
  group.raw = record;
  return group;
}

/**
 * Links have numbers; a few files write them as texts.
 * @param {any} written
 * @returns {any} null: it is none
 */
export function idOfLink(written) {
  if (typeof written === "number") return written;
  if (typeof written !== "string" || written === "") return null;
  const number = Number(written);
  return Number.isSafeInteger(number) ? number : written;
}

/** The oldest files have links by their ids. @param {any} links @returns {any[]} */
export function linksIn(links) {
  return isRecord(links) ? Object.values(links) : listIn(links);
}

/** @param {any} value @returns {any[]} */
function listIn(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {any} value */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @param {any} value @returns {string | undefined} */
function textIn(value) {
  return typeof value === "string" ? value : undefined;
}

/**
 * Places and sizes: a list, or in older files an object with the keys "0", "1".
 * @param {any} value
 * @param {number} count
 * @returns {number[]}
 */
export function numbers(value, count) {
  const found = [];
  for (let i = 0; i < count; i++) {
    const number = Number(value?.[i]);
    found.push(Number.isFinite(number) ? number : 0);
  }
  return found;
}

/** @param {any} value */
function whole(value) {
  return Number.isSafeInteger(Number(value)) ? Number(value) : 0;
}
