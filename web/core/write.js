/**
 * A document as a saved workflow, schema 0.4. What a file had is written back as it was, but for what somebody changed.
 * Source: workflow_format.
 */

import { Definition } from "./document.js";
import { linksIn, numbers } from "./read.js";
import { socketType } from "./types.js";
import { writeValues } from "./values.js";

/** @import { Document } from "./document.js" */
/** @import { Graph, Group, InputSlot, Link, Node, OutputSlot, Reroute } from "./graph.js" */

/**
 * @typedef {object} Writing
 * @property {boolean} [withoutNodes]  for whoever keeps the nodes apart
 * @property {boolean} [forRun]  without the nodes of a damaged file that nobody can read: the server refuses these
 */

/**
 * @param {Document} document
 * @param {Writing} [how]
 * @returns {any} JSON, which may hold BigInts (see json.js); it shares parts with the document: not to be changed
 */
export function writeWorkflow(document, how = {}) {
  const { root, raw } = document;
  const isNewer = raw?.version === 1;
  const { state, reroutes, extra: hadExtra, ...rest } = raw ?? {};
  /** @type {any} */
  const record = { ...(isNewer ? rest : (raw ?? {})) };
  const last = isNewer ? { node: state?.lastNodeId, link: state?.lastLinkId } : { node: raw?.last_node_id, link: raw?.last_link_id };
  put(record, "last_node_id", root.lastNodeId === root.readLast?.node ? (last.node ?? (isNewer ? root.lastNodeId : undefined)) : root.lastNodeId);
  put(record, "last_link_id", root.lastLinkId === root.readLast?.link ? (last.link ?? (isNewer ? root.lastLinkId : undefined)) : root.lastLinkId);
  if (isNewer && state) put(record, "state", unknownOf(state, ["lastNodeId", "lastLinkId", "lastGroupId", "lastRerouteId"]));
  const extra = { ...document.extra };
  writeContents(root, record, how, (link) => writeTuple(root, link));
  writeReroutes(root, extra, isNewer, reroutes);
  writeDefinitions(document, document, record, usedOf(document), how);
  if (Object.keys(extra).length || !raw) record.extra = extra;
  else put(record, "extra", isRecord(hadExtra) ? extra : hadExtra);
  if (!raw) record.config = {};
  record.version = isNewer || raw?.version === undefined ? 0.4 : raw.version;
  return record;
}

/** Definitions that are written: those in use, and those that the file had without using them. @param {Document} document */
function usedOf(document) {
  const used = document.usedDefinitions();
  for (const each of document.definitions.values()) if (each.isSpare) for (const inner of document.usedDefinitions([each])) used.add(inner);
  return used;
}

/**
 * The list of definitions, which lie where the file had them; new ones at the root.
 * @param {Document} document
 * @param {Document | Definition} holder
 * @param {any} record  of the holder
 * @param {Set<Definition>} used
 * @param {Writing} how
 */
function writeDefinitions(document, holder, record, used, how) {
  const had = record.definitions;
  const listed = document.lists.get(holder) ?? [];
  /** @type {any[]} */
  const written = listed.filter((each) => !(each instanceof Definition) || used.has(each));
  if (holder === document) {
    const placed = placedIn(document, used);
    for (const each of document.definitions.values()) if (used.has(each) && !placed.has(each)) written.push(each);
  }
  if (!written.length && (had === undefined || listed.length)) {
    if (isRecord(had)) put(record, "definitions", unknownOf(had, ["subgraphs"]));
    return;
  }
  if (!written.length) return;
  record.definitions = { ...(isRecord(had) ? had : {}), subgraphs: written.map((each) => (each instanceof Definition ? writeDefinition(document, each, used, how) : each)) };
}

/** Those that are written inside a holder of the file that is written itself. @param {Document} document @param {Set<Definition>} used */
function placedIn(document, used) {
  /** @type {Set<Definition>} */
  const placed = new Set();
  /** @type {(Document | Definition)[]} */
  const holders = [document];
  for (let holder = holders.pop(); holder; holder = holders.pop()) {
    for (const each of document.lists.get(holder) ?? []) {
      if (!(each instanceof Definition) || !used.has(each)) continue;
      placed.add(each);
      holders.push(each);
    }
  }
  return placed;
}

/**
 * One definition's record.
 * @param {Document} document
 * @param {Definition} definition
 * @param {Set<Definition>} [used]  those of its nested ones that are written, if the file had some
 * @param {Writing} [how]
 */
export function writeDefinition(document, definition, used = new Set(), how = {}) {
  const { graph, raw } = definition;
  const ends = graph.boundary;
  /** @type {any} */
  const record = { ...raw, id: definition.id, name: definition.name };
  if (String(raw?.name ?? "") === definition.name && raw) put(record, "name", raw.name);
  if (!raw) Object.assign(record, { version: 1, revision: 0, config: {}, widgets: [], extra: {} });
  writeState(graph, record, raw);
  if (ends) {
    for (const [key, node] of /** @type {const} */ ([["inputNode", ends.input], ["outputNode", ends.output]])) {
      const place = [node.x, node.y, node.width, node.height];
      if (raw && raw[key] === undefined && sameList(place, [0, 0, 0, 0])) continue;
      record[key] = { ...node.raw, id: node.raw?.id ?? node.id };
      putList(record[key], "bounding", node.raw, place);
    }
    if (ends.input.outputs.length || !raw || Array.isArray(raw.inputs)) record.inputs = ends.input.outputs.map((slot) => writeEnd(slot, slot.links, slot.links === slot.readLinks));
    if (ends.output.inputs.length || !raw || Array.isArray(raw.outputs)) record.outputs = ends.output.inputs.map((slot) => writeEnd(slot, slot.link === null ? [] : [slot.link], slot.link === slot.readLink));
  }
  writeContents(graph, record, how, (link) => writeObject(graph, link));
  const written = writtenReroutes(graph, raw?.reroutes);
  put(record, "reroutes", written.length || raw?.reroutes ? written : undefined);
  if (raw?.extra?.linkExtensions || raw?.extra?.reroutes) {
    record.extra = { ...raw.extra };
    if (!raw.reroutes) {
      delete record.reroutes;
      writeReroutes(graph, record.extra, false, undefined);
    }
  }
  writeDefinitions(document, definition, record, used, how);
  return record;
}

/** @param {Graph} graph @param {any} record @param {any} raw */
function writeState(graph, record, raw) {
  const { readLast } = graph;
  if (raw && readLast && readLast.node === graph.lastNodeId && readLast.link === graph.lastLinkId && readLast.reroute === graph.lastRerouteId) return;
  record.state = {
    lastGroupId: 0,
    ...raw?.state,
    lastNodeId: graph.lastNodeId,
    lastLinkId: graph.lastLinkId,
    lastRerouteId: graph.lastRerouteId,
  };
}

/**
 * A slot of a definition.
 * @param {InputSlot | OutputSlot} slot
 * @param {number[]} ids
 * @param {boolean} isUntouched
 */
function writeEnd(slot, ids, isUntouched) {
  const had = slot.raw?.linkIds;
  return { ...writeSlot(slot), ...(had !== undefined && isUntouched ? {} : { linkIds: [...ids] }) };
}

/**
 * Nodes, links, groups and floating links.
 * @param {Graph} graph
 * @param {any} record
 * @param {Writing} how
 * @param {(link: Link) => any} writeLink
 */
function writeContents(graph, record, how, writeLink) {
  const { raw } = graph;
  record.nodes = inOrder(how.withoutNodes ? [] : graph.nodes.values(), how.forRun ? [] : graph.strayNodes, writeNode);
  const strays = graph.strayLinks.filter((each) => !each.slot || each.slot.link === each.slot.readLink);
  if (graph.links.size || strays.length || !raw || Array.isArray(raw.links)) record.links = inOrder(graph.links.values(), strays, writeLink);
  if (graph.groups.length || !raw || Array.isArray(raw.groups)) record.groups = [...graph.groups.map(writeGroup), ...listIn(raw?.groups).filter((each) => !isRecord(each))];
  if (Array.isArray(raw?.floatingLinks)) record.floatingLinks = raw.floatingLinks.filter((/** @type {any} */ each) => isFloating(graph, each));
}

/**
 * Things of the model and records that were never read, in the order of the file.
 * @template {{rank: number}} T
 * @param {Iterable<T>} things
 * @param {{rank: number, raw: any}[]} strays
 * @param {(thing: T) => any} write
 */
function inOrder(things, strays, write) {
  const all = [...things].sort((a, b) => a.rank - b.rank);
  if (!strays.length) return all.map(write);
  /** @type {{rank: number, record: any}[]} */
  const written = [...all.map((each) => ({ rank: each.rank, record: write(each) })), ...strays.map((each) => ({ rank: each.rank, record: each.raw }))];
  return written.sort((a, b) => a.rank - b.rank).map((each) => each.record);
}

/** What has one end only goes with its point. @param {Graph} graph @param {any} record */
function isFloating(graph, record) {
  return record?.parentId === undefined || record.parentId === null || graph.reroutes.has(Number(record.parentId)) || !listIn(graph.raw?.reroutes ?? graph.raw?.extra?.reroutes).some((each) => each?.id === record.parentId);
}

/** A size that nobody chose is the one that is seen: others take 0 for a size. @param {Node} node */
function sizeOf(node) {
  if (node.width && node.height) return [node.width, node.height];
  const seen = node.graph.document.sizeSeen(node);
  return [node.width || seen.width, node.height || seen.height];
}

/**
 * One node's record.
 * @param {Node} node
 * @returns {any}
 */
export function writeNode(node) {
  const { raw } = node;
  /** @type {any} */
  const record = { ...raw };
  if (!raw || String(raw.id) !== node.key) record.id = node.id;
  record.type = node.type;
  putList(record, "pos", raw, [node.x, node.y]);
  putList(record, "size", raw, raw ? [node.width, node.height] : sizeOf(node));
  if (!raw) record.order = 0;
  putRecord(record, "flags", raw, node.flags);
  putRecord(record, "properties", raw, node.properties);
  if (!raw || (Number(raw.mode) || 0) !== node.mode) record.mode = node.mode;
  if (typeof raw?.showAdvanced === "boolean" || node.showAdvanced !== undefined) put(record, "showAdvanced", node.showAdvanced);
  if (typeof raw?.shape === "number" || node.shape !== undefined) put(record, "shape", node.shape);
  for (const key of /** @type {const} */ (["title", "color", "bgcolor"])) {
    if (typeof raw?.[key] === "string" || raw?.[key] === undefined || node[key] !== undefined) put(record, key, node[key]);
  }
  if (node.inputs.some((slot) => !slot.implicit) || Array.isArray(raw?.inputs)) record.inputs = node.inputs.filter((slot) => !slot.implicit).map(writeInput);
  if (node.outputs.some((slot) => !slot.implicit) || Array.isArray(raw?.outputs)) record.outputs = node.outputs.filter((slot) => !slot.implicit).map(writeOutput);
  return Object.assign(record, writeValues(node));
}

/** A list of numbers, unless the file says the same. @param {any} record @param {string} key @param {any} raw @param {number[]} now */
function putList(record, key, raw, now) {
  if (!raw || !sameList(numbers(raw[key], now.length), now)) record[key] = now;
}

/** @param {any} record @param {string} key @param {any} raw @param {Record<string, any>} now */
function putRecord(record, key, raw, now) {
  const had = raw?.[key];
  const isNothing = !isRecord(had) && !Object.keys(now).length;
  if (!raw || (had !== now && !isNothing)) record[key] = now;
}

/** @param {InputSlot | OutputSlot} slot */
function writeSlot(slot) {
  const { raw } = slot;
  /** @type {any} */
  const record = { ...raw };
  if (String(raw?.name ?? "") !== slot.name || !raw) record.name = slot.name;
  if (!raw || socketType(raw.type) !== slot.type) record.type = slot.type;
  if (typeof raw?.label === "string" || slot.label !== undefined) put(record, "label", slot.label);
  return record;
}

/** @param {InputSlot} slot */
function writeInput(slot) {
  if (isStray(slot) && (slot.link === null || slot.link === slot.readLink)) return slot.raw;
  const record = writeSlot(slot);
  putWidget(record, slot);
  if (!slot.raw || slot.link !== slot.readLink) record.link = slot.link;
  return record;
}

/** @param {OutputSlot} slot */
function writeOutput(slot) {
  if (isStray(slot) && (!slot.links.length || slot.links === slot.readLinks)) return slot.raw;
  const record = writeSlot(slot);
  putWidget(record, slot);
  if (slot.links !== slot.readLinks || !slot.raw) record.links = slot.links.length || slot.raw?.links !== null ? [...slot.links] : null;
  return record;
}

/** What the file has in place of a slot, and is none. @param {InputSlot | OutputSlot} slot */
function isStray(slot) {
  return slot.raw !== undefined && !isRecord(slot.raw);
}

/** @param {any} record @param {InputSlot | OutputSlot} slot */
function putWidget(record, slot) {
  const had = slot.raw?.widget;
  if (typeof had?.name === "string" ? had.name === slot.widget : slot.widget === undefined) return;
  put(record, "widget", slot.widget === undefined ? undefined : { ...had, name: slot.widget });
}

/** @param {Group} group */
export function writeGroup(group) {
  const { raw } = group;
  /** @type {any} */
  const record = { ...raw };
  if (!raw || (typeof raw.title === "string" ? raw.title : "") !== group.title) record.title = group.title;
  putList(record, "bounding", raw, [group.x, group.y, group.width, group.height]);
  put(record, "id", group.id);
  if (typeof raw?.color === "string" || group.color !== undefined) put(record, "color", group.color);
  if (isRecord(raw?.flags) || Object.keys(group.flags).length) record.flags = group.flags;
  return record;
}

/** A link of the root. @param {Graph} graph @param {Link} link */
function writeTuple(graph, link) {
  const { raw } = link;
  if (raw && isAsRead(graph, link) && (Array.isArray(raw) || graph.raw?.version !== 1)) return raw;
  const had = Array.isArray(raw) ? raw : [];
  const [from, to] = [writtenOutput(graph, link), writtenInput(graph, link)];
  return [had[0] ?? raw?.id ?? link.id, link.from, from, link.to, to, typeOf(link), ...had.slice(6)];
}

/** A link in a definition. @param {Graph} graph @param {Link} link */
function writeObject(graph, link) {
  const { raw } = link;
  if (raw && isAsRead(graph, link)) return raw;
  /** @type {any} */
  const record = {
    ...(isRecord(raw) ? raw : {}),
    id: link.id,
    origin_id: link.from,
    origin_slot: writtenOutput(graph, link),
    target_id: link.to,
    target_slot: writtenInput(graph, link),
    type: typeOf(link),
  };
  put(record, "parentId", link.parentId);
  return record;
}

/** Whether a link is the one that was read, whatever place its end has in the file. @param {Graph} graph @param {Link} link */
function isAsRead(graph, link) {
  const { raw } = link;
  const isList = Array.isArray(raw);
  const [from, to, type] = isList ? [raw[1], raw[3], raw[5]] : [raw.origin_id, raw.target_id, raw.type];
  return (
    link.readFrom === link.fromSlot && link.readTo === link.toSlot && String(from) === String(link.from) && String(to) === String(link.to) &&
    socketType(type) === link.type && (isList || (raw.parentId ?? undefined) === link.parentId || graph.definition === null)
  );
}

/** @param {Link} link */
function typeOf(link) {
  const type = Array.isArray(link.raw) ? link.raw[5] : link.raw?.type;
  return type !== undefined && socketType(type) === link.type ? type : link.type;
}

/** Slots that are not written do not count. @param {Graph} graph @param {Link} link */
export function writtenInput(graph, link) {
  const slots = graph.node(link.to)?.inputs ?? [];
  return link.toSlot - count(slots, link.toSlot);
}

/** @param {Graph} graph @param {Link} link */
export function writtenOutput(graph, link) {
  const slots = graph.node(link.from)?.outputs ?? [];
  return link.fromSlot - count(slots, link.fromSlot);
}

/** @param {(InputSlot | OutputSlot)[]} slots @param {number} before */
function count(slots, before) {
  let implicit = 0;
  for (let i = 0; i < before && i < slots.length; i++) if (slots[i].implicit) implicit++;
  return implicit;
}

/**
 * In schema 0.4 reroutes lie under `extra`, and which link runs through which beside them.
 * @param {Graph} graph
 * @param {any} extra
 * @param {boolean} isNewer  the file had them beside the nodes
 * @param {any} hadBeside
 */
function writeReroutes(graph, extra, isNewer, hadBeside) {
  const written = writtenReroutes(graph, isNewer ? hadBeside : (hadBeside ?? extra.reroutes));
  if (written.length || extra.reroutes) extra.reroutes = written;
  /** @type {any[]} */
  const extensions = [];
  /** @type {Set<number>} */
  const told = new Set();
  const had = extra.linkExtensions;
  const gone = new Set(listIn(had).length ? linksIn(graph.raw?.links).map(idIn) : []);
  for (const { raw } of graph.strayLinks) gone.delete(idIn(raw)); // never was a link of the model
  for (const each of listIn(had)) {
    const link = graph.links.get(Number(each?.id));
    if (link ? link.parentId === undefined && each.parentId != null : gone.has(String(each?.id))) continue;
    if (link) told.add(link.id);
    extensions.push(link && (each.parentId ?? undefined) !== link.parentId ? { ...each, parentId: link.parentId } : each);
  }
  for (const link of [...graph.links.values()].sort((a, b) => a.rank - b.rank)) {
    // What a link of the newer schema has beside its ends has no place in a tuple.
    const more = isNewer && isRecord(link.raw) ? unknownOf(link.raw, ["id", "origin_id", "origin_slot", "target_id", "target_slot", "type", "parentId"]) : undefined;
    if ((link.parentId !== undefined && !told.has(link.id)) || more) extensions.push({ id: link.id, ...(link.parentId === undefined ? {} : { parentId: link.parentId }), ...more });
  }
  if (extensions.length || Array.isArray(had)) extra.linkExtensions = extensions;
}

/** @param {any} link  of a file */
function idIn(link) {
  return String(Array.isArray(link) ? link[0] : link?.id);
}

/** @param {Graph} graph @param {any} had @returns {any[]} */
function writtenReroutes(graph, had) {
  if (!graph.reroutes.size && !Array.isArray(had)) return [];
  const through = graph.linksThrough();
  const strays = listIn(had).filter((each) => !Number.isSafeInteger(Number(each?.id)));
  return [...[...graph.reroutes.values()].sort((a, b) => a.rank - b.rank).map((each) => writeReroute(each, through.get(each) ?? [])), ...strays];
}

/** @param {Reroute} reroute @param {number[]} linkIds */
function writeReroute(reroute, linkIds) {
  const { raw } = reroute;
  /** @type {any} */
  const record = { ...raw, id: raw?.id ?? reroute.id };
  if ((raw?.parentId ?? undefined) !== reroute.parentId) put(record, "parentId", reroute.parentId);
  putList(record, "pos", raw, [reroute.x, reroute.y]);
  if (!raw || !reroute.readIds || !sameList(reroute.readIds, linkIds)) record.linkIds = linkIds;
  return record;
}

/** @param {any} record @param {string} key @param {any} value  undefined takes it out */
function put(record, key, value) {
  if (value === undefined) delete record[key];
  else record[key] = value;
}

/** @param {any} record @param {string[]} known @returns {any} undefined if there is nothing else */
function unknownOf(record, known) {
  const others = Object.entries(record).filter(([key]) => !known.includes(key));
  return others.length ? Object.fromEntries(others) : undefined;
}

/** @param {any[]} one @param {any[]} other */
function sameList(one, other) {
  return one.length === other.length && one.every((each, i) => Object.is(each, other[i]));
}

/** @param {any} value @returns {any[]} */
function listIn(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {any} value */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
