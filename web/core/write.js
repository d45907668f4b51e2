/**
 * A document as a saved workflow, schema 0.4. What the file had and the editor does not know is written back as it
 * was. Source: workflow_format.
 */

import { writeValues } from "./values.js";

/** @import { Definition, Document } from "./document.js" */
/** @import { Graph, Group, InputSlot, Link, Node, OutputSlot } from "./graph.js" */

/**
 * @param {Document} document
 * @param {{withoutNodes?: boolean}} [how]  `withoutNodes`: all lists of nodes are empty, for whoever keeps those apart
 * @returns {any}
 */
export function writeWorkflow(document, { withoutNodes = false } = {}) {
  const { root } = document;
  const { hasExtra, hasDefinitions, definitions, ...rest } = document.raw ?? {};
  const definitionRecords = [...document.definitions.values()].map((each) => writeDefinition(each, withoutNodes));
  const extra = { ...document.extra };
  writeReroutes(root, extra);
  return {
    ...rest,
    last_node_id: root.lastNodeId,
    last_link_id: root.lastLinkId,
    nodes: withoutNodes ? [] : root.inOrder().map(writeNode),
    links: linksInOrder(root).map((link) => [link.id, link.from, writtenOutput(root, link), link.to, writtenInput(root, link), link.type]),
    groups: root.groups.map(writeGroup),
    ...(definitionRecords.length || hasDefinitions ? { definitions: { ...definitions, subgraphs: definitionRecords } } : {}),
    ...(hasExtra || Object.keys(extra).length || !document.raw ? { extra } : {}),
    config: rest.config ?? {},
    version: 0.4,
  };
}

/** @param {Definition} definition @param {boolean} withoutNodes */
function writeDefinition(definition, withoutNodes) {
  const { graph, raw } = definition;
  const ends = graph.boundary;
  return {
    ...raw,
    id: definition.id,
    version: 1,
    name: definition.name,
    state: {
      ...raw?.state,
      lastNodeId: graph.lastNodeId,
      lastLinkId: graph.lastLinkId,
      lastRerouteId: graph.lastRerouteId,
      lastGroupId: raw?.state?.lastGroupId ?? 0,
    },
    inputNode: ends && { ...ends.input.raw, id: ends.input.id, bounding: bounding(ends.input) },
    outputNode: ends && { ...ends.output.raw, id: ends.output.id, bounding: bounding(ends.output) },
    inputs: ends?.input.outputs.map((slot) => ({ ...slot.raw, ...plainSlot(slot), linkIds: [...slot.links] })) ?? [],
    outputs: ends?.output.inputs.map((slot) => ({ ...slot.raw, ...plainSlot(slot), linkIds: slot.link === null ? [] : [slot.link] })) ?? [],
    nodes: withoutNodes ? [] : graph.inOrder().map(writeNode),
    groups: graph.groups.map(writeGroup),
    links: linksInOrder(graph).map((link) => ({
      ...(Array.isArray(link.raw) ? {} : link.raw),
      id: link.id,
      origin_id: link.from,
      origin_slot: writtenOutput(graph, link),
      target_id: link.to,
      target_slot: writtenInput(graph, link),
      type: link.type,
      ...(link.parentId === undefined ? {} : { parentId: link.parentId }),
    })),
    ...(graph.reroutes.size ? { reroutes: [...graph.reroutes.values()].map((each) => writeReroute(graph, each)) } : {}),
  };
}

/** @param {Node} node */
function bounding(node) {
  return [node.x, node.y, node.width, node.height];
}

/** @param {InputSlot | OutputSlot} slot */
function plainSlot(slot) {
  return { name: slot.name, type: slot.raw?.type ?? slot.type, ...(slot.label === undefined ? {} : { label: slot.label }) };
}

/**
 * One node's record.
 * @param {Node} node
 * @returns {any}
 */
export function writeNode(node) {
  const { raw } = node;
  /** @type {any} */
  const record = {
    ...raw,
    id: node.id,
    type: node.type,
    pos: [node.x, node.y],
    size: [node.width, node.height],
    flags: node.flags,
    order: raw?.order ?? 0,
    mode: node.mode,
    properties: node.properties,
    ...writeValues(node),
  };
  const inputs = node.inputs.filter((slot) => !slot.implicit);
  if (inputs.length || raw?.inputs) record.inputs = inputs.map(writeInput);
  const outputs = node.outputs.filter((slot) => !slot.implicit);
  if (outputs.length || raw?.outputs) record.outputs = outputs.map(writeOutput);
  for (const key of /** @type {const} */ (["title", "color", "bgcolor"])) {
    if (node[key] === undefined) delete record[key];
    else record[key] = node[key];
  }
  return record;
}

/** @param {InputSlot} slot */
function writeInput(slot) {
  return { ...slot.raw, ...plainSlot(slot), ...(slot.widget === undefined ? {} : { widget: { ...slot.raw?.widget, name: slot.widget } }), link: slot.link };
}

/** @param {OutputSlot} slot */
function writeOutput(slot) {
  return { ...slot.raw, ...plainSlot(slot), links: slot.links.length || slot.raw?.links !== null ? [...slot.links] : null };
}

/** @param {Group} group */
function writeGroup(group) {
  /** @type {any} */
  const record = { ...group.raw, title: group.title, bounding: [group.x, group.y, group.width, group.height] };
  if (group.id !== undefined) record.id = group.id;
  if (group.color !== undefined) record.color = group.color;
  if (Object.keys(group.flags).length || group.raw?.flags) record.flags = group.flags;
  return record;
}

/** @param {Graph} graph @returns {Link[]} */
function linksInOrder(graph) {
  return [...graph.links.values()].sort((a, b) => a.rank - b.rank);
}

/** Slots that are not written do not count. @param {Graph} graph @param {Link} link */
function writtenInput(graph, link) {
  const slots = graph.node(link.to)?.inputs ?? [];
  return link.toSlot - count(slots, link.toSlot);
}

/** @param {Graph} graph @param {Link} link */
function writtenOutput(graph, link) {
  const slots = graph.node(link.from)?.outputs ?? [];
  return link.fromSlot - count(slots, link.fromSlot);
}

/** @param {(InputSlot | OutputSlot)[]} slots @param {number} before */
function count(slots, before) {
  let implicit = 0;
  for (let i = 0; i < before && i < slots.length; i++) if (slots[i].implicit) implicit++;
  return implicit;
}

/** In schema 0.4 reroutes lie under `extra`. @param {Graph} graph @param {any} extra */
function writeReroutes(graph, extra) {
  if (graph.reroutes.size || extra.reroutes) {
    extra.reroutes = [...graph.reroutes.values()].map((each) => writeReroute(graph, each));
  }
  const through = linksInOrder(graph).filter((link) => link.parentId !== undefined);
  if (through.length || extra.linkExtensions) extra.linkExtensions = through.map((link) => ({ id: link.id, parentId: link.parentId }));
}

/** @param {Graph} graph @param {import("./graph.js").Reroute} reroute */
function writeReroute(graph, reroute) {
  const linkIds = linksInOrder(graph).filter((link) => graph.routeOf(link).includes(reroute)).map((link) => link.id);
  return {
    ...reroute.raw,
    id: reroute.id,
    ...(reroute.parentId === undefined ? {} : { parentId: reroute.parentId }),
    pos: [reroute.x, reroute.y],
    linkIds,
  };
}
