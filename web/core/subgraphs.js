/**
 * Subgraphs: made out of nodes, laid open again, given other ends. Each function is part of an edit of the document;
 * instances follow by themselves (`Document`), and nothing here removes a link or moves a value that the person did not
 * ask for. Source: workflow_format, section 6.
 */

import { Definition, Document } from "./document.js";
import { Graph, Group, INPUT_BOUNDARY, InputSlot, Link, Node, OUTPUT_BOUNDARY, OutputSlot, Reroute } from "./graph.js";
import { definitionOf, proxiesOf } from "./instances.js";
import { writeExactly } from "./json.js";
import { PRIMITIVE } from "./spec.js";
import { socketType } from "./types.js";
import { REROUTE } from "./virtual.js";
import { writeDefinition, writeNode } from "./write.js";

/** @import { InputSpec } from "./spec.js" */

/** @typedef {"input" | "output"} Side  of a subgraph: what goes in, what comes out */

const END_WIDTH = 160; // px, of the two ends of a subgraph
const END_GAP = 80; // between them and the nodes

/**
 * Makes a subgraph out of nodes; in their place comes one instance. Links that cross become slots of its two ends, one
 * for each output that feeds it and one for each output that feeds others.
 * @param {Graph} graph
 * @param {Node[]} chosen
 * @param {{name: string, groups?: Group[]}} how
 * @returns {{definition: Definition, instance: Node} | null} null: there is nothing to make it of
 */
export function makeSubgraph(graph, chosen, how) {
  return graph.document.holdShapes(() => make(graph, chosen, how));
}

/**
 * @param {Graph} graph
 * @param {Node[]} chosen
 * @param {{name: string, groups?: Group[]}} how
 * @returns {{definition: Definition, instance: Node} | null}
 */
function make(graph, chosen, { name, groups = [] }) {
  const { document } = graph;
  const { journal } = document;
  const nodes = chosen.filter((node) => graph.nodes.get(node.key) === node).sort((a, b) => a.rank - b.rank);
  if (!nodes.length) return null;
  const moved = new Set(nodes);
  const area = areaOf(nodes);
  const definition = newDefinition(document, name, area);
  const inner = definition.graph;
  document.addDefinition(definition);
  const instance = new Node(graph, graph.takeNodeId(), definition.id);
  [instance.x, instance.y] = [Math.round((area.left + area.right) / 2 - 100), Math.round((area.top + area.bottom) / 2 - 50)];

  const links = [...graph.links.values()].sort((a, b) => a.rank - b.rank);
  /** @param {import("./graph.js").NodeId} id */
  const isMoved = (id) => moved.has(/** @type {Node} */ (graph.node(id)));
  const within = links.filter((link) => isMoved(link.from) && isMoved(link.to));
  const coming = links.filter((link) => !isMoved(link.from) && isMoved(link.to));
  const going = links.filter((link) => isMoved(link.from) && !isMoved(link.to));
  /** Ends of crossing links, with their routes: taken before anything moves. */
  const comings = coming.map((link) => ({ link, from: ends(graph, link.from), to: ends(graph, link.to) }));
  const goings = going.map((link) => ({ link, from: ends(graph, link.from), to: ends(graph, link.to) }));
  for (const link of [...coming, ...going]) graph.detach(link);

  const inside = pointsWithin(graph, within, [...coming, ...going]);
  for (const link of within) {
    journal.put(graph, graph.links, link.id, undefined);
    journal.put(inner, inner.links, link.id, link);
    if (Array.isArray(link.raw)) journal.set(link, link, "raw", undefined); // inside, links are objects
    if (link.parentId !== undefined && !inside.has(link.parentId)) journal.set(link, link, "parentId", undefined);
    journal.set(inner, inner, "lastLinkId", Math.max(inner.lastLinkId, link.id));
    inner.lastRank = Math.max(inner.lastRank, link.rank); // two of one rank have no order
  }
  for (const id of inside) {
    const point = /** @type {Reroute} */ (graph.reroutes.get(id));
    journal.put(graph, graph.reroutes, id, undefined);
    journal.put(inner, inner.reroutes, id, point);
    journal.set(inner, inner, "lastRerouteId", Math.max(inner.lastRerouteId, id));
    inner.lastRank = Math.max(inner.lastRank, point.rank);
  }
  for (const node of nodes) {
    journal.put(graph, graph.nodes, node.key, undefined);
    journal.put(inner, inner.nodes, node.key, node);
    journal.set(node, node, "graph", inner);
    inner.lastRank = Math.max(inner.lastRank, node.rank);
    if (Number.isSafeInteger(Number(node.id))) journal.set(inner, inner, "lastNodeId", Math.max(inner.lastNodeId, Number(node.id)));
  }
  for (const group of groups) {
    graph.removeGroup(group);
    inner.addGroup(group);
  }

  /** @type {Map<OutputSlot, {at: number, source: Node, slot: number, links: Link[]}>} */
  const inputs = new Map();
  const ends_ = /** @type {{input: Node, output: Node}} */ (inner.boundary);
  for (const { link, from, to } of comings) {
    const output = from.outputs[link.fromSlot];
    let entry = inputs.get(output);
    if (!entry) {
      const target = to.inputs[link.toSlot];
      const slotName = target.label ?? (target.name || socketType(output.type).toLowerCase());
      const type = target.type !== "*" && output.type === "*" ? target.type : output.type === "*" ? link.type : target.type === "*" ? output.type : target.type;
      entry = { at: addSlot(definition, "input", type, slotName), source: from, slot: link.fromSlot, links: [] };
      inputs.set(output, entry);
    }
    entry.links.push(link);
    inner.connect(ends_.input, entry.at, to, link.toSlot);
  }
  /** @type {Map<OutputSlot, {at: number, targets: {link: Link, to: Node}[]}>} */
  const outputs = new Map();
  for (const { link, from, to } of goings) {
    const output = from.outputs[link.fromSlot];
    let entry = outputs.get(output);
    if (!entry) {
      const type = output.type === "*" ? link.type : output.type;
      entry = { at: addSlot(definition, "output", type, output.label ?? (output.name || socketType(type).toLowerCase())), targets: [] };
      outputs.set(output, entry);
      inner.connect(from, link.fromSlot, ends_.output, entry.at);
    }
    entry.targets.push({ link, to });
  }

  instance.properties = {};
  const spec = document.catalogue.specOfDefinition(definition);
  definition.spec = spec;
  document.changed.delete(definition);
  instance.spec = spec;
  for (const each of spec.inputs) {
    if (!each.companionOf) instance.inputs.push(new InputSlot(each.name, each.type, { widget: each.widget ? each.name : undefined }));
    if (each.widget && each.options.default !== undefined) instance.values[each.name] = each.options.default;
  }
  for (const each of spec.outputs) instance.outputs.push(new OutputSlot(each.name, each.type));
  graph.insertNode(instance);
  for (const { at, source, slot, links: through } of inputs.values()) {
    const link = graph.connect(source, slot, instance, at);
    if (through[0].parentId !== undefined && graph.reroutes.has(through[0].parentId)) graph.routeThrough(link, through[0].parentId);
  }
  for (const { at, targets } of outputs.values()) {
    for (const { link: before, to } of targets) {
      const link = graph.connect(instance, at, to, before.toSlot);
      if (before.parentId !== undefined && graph.reroutes.has(before.parentId)) graph.routeThrough(link, before.parentId);
    }
  }
  for (const node of nodes) if (node.type === PRIMITIVE || node.type === REROUTE) inner.relink(node);
  return { definition, instance };
}

/** @param {Graph} graph @param {import("./graph.js").NodeId} id @returns {Node} */
function ends(graph, id) {
  return /** @type {Node} */ (graph.node(id));
}

/** Points that only these links run through. @param {Graph} graph @param {Link[]} links @param {Link[]} others @returns {Set<number>} */
function pointsWithin(graph, links, others) {
  const mine = new Set(links.flatMap((link) => graph.routeOf(link)).map((point) => point.id));
  for (const link of others) for (const point of graph.routeOf(link)) mine.delete(point.id);
  for (const id of mine) {
    const parent = graph.reroutes.get(id)?.parentId;
    if (parent !== undefined && !mine.has(parent)) return new Set(); // a chain is not torn
  }
  return mine;
}

/** @param {Document} document @param {string} name @param {{left: number, right: number, top: number, bottom: number}} area */
function newDefinition(document, name, area) {
  const definition = new Definition(newId(), name);
  const graph = new Graph(document, definition);
  definition.graph = graph;
  const middle = Math.round((area.top + area.bottom) / 2);
  const input = new Node(graph, INPUT_BOUNDARY, "heddle:subgraph-inputs");
  const output = new Node(graph, OUTPUT_BOUNDARY, "heddle:subgraph-outputs");
  Object.assign(input, { x: area.left - END_GAP - END_WIDTH, y: middle, width: END_WIDTH, height: 60 });
  Object.assign(output, { x: area.right + END_GAP, y: middle, width: END_WIDTH, height: 60 });
  graph.boundary = { input, output };
  return definition;
}

/** @param {Node[]} nodes */
function areaOf(nodes) {
  return {
    left: Math.min(...nodes.map((node) => node.x)),
    top: Math.min(...nodes.map((node) => node.y)),
    right: Math.max(...nodes.map((node) => node.x + (node.width || 200))),
    bottom: Math.max(...nodes.map((node) => node.y + (node.height || 100))),
  };
}

/** @returns {string} a UUID, also where the page is not served over https */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

// The ends of a subgraph.

/**
 * @param {Definition} definition
 * @param {Side} side
 * @returns {Node} the node inside that has the slots
 */
export function endOf(definition, side) {
  return /** @type {{input: Node, output: Node}} */ (definition.graph.boundary)[side];
}

/** @param {Definition} definition @param {Side} side @returns {(InputSlot | OutputSlot)[]} */
export function slotsOf(definition, side) {
  const end = endOf(definition, side);
  return side === "input" ? end.outputs : end.inputs;
}

/**
 * A name that no other slot of that side has.
 * @param {Definition} definition
 * @param {Side} side
 * @param {string} wanted
 * @param {InputSlot | OutputSlot | null} [but]
 */
function freeName(definition, side, wanted, but = null) {
  const taken = new Set(slotsOf(definition, side).filter((slot) => slot !== but).map((slot) => slot.name));
  const name = wanted || "value";
  if (!taken.has(name)) return name;
  for (let i = 1; ; i++) if (!taken.has(`${name}_${i}`)) return `${name}_${i}`;
}

/**
 * @param {Definition} definition
 * @param {Side} side
 * @param {string} type
 * @param {string} name  another one if it is taken
 * @returns {number} its place
 */
export function addSlot(definition, side, type, name) {
  const { graph } = definition;
  const end = endOf(definition, side);
  const slotName = freeName(definition, side, name);
  if (side === "input") graph.addOutput(end, new OutputSlot(slotName, type, { raw: { id: newId() } }));
  else graph.addInput(end, new InputSlot(slotName, type, { raw: { id: newId() } }));
  return slotsOf(definition, side).length - 1;
}

/**
 * Takes a slot out, with its links inside and at every instance. A promoted widget gives its value to the widget inside:
 * that of `instance`, else of the only one that there is.
 * @param {Definition} definition
 * @param {Side} side
 * @param {number} at
 * @param {Node} [instance]
 */
export function removeSlot(definition, side, at, instance) {
  const { graph } = definition;
  const end = endOf(definition, side);
  const slot = slotsOf(definition, side)[at];
  if (!slot) return;
  if (side === "input") {
    const instances = graph.document.liveInstancesOf(definition);
    const giver = instance ?? (instances.length === 1 ? instances[0] : undefined);
    if (giver && !giver.isDriven(slot.name)) giveValues(graph, /** @type {OutputSlot} */ (slot).links, giver, slot.name);
  }
  for (const id of slot instanceof InputSlot ? [slot.link] : [...slot.links]) {
    const link = id === null ? undefined : graph.link(id);
    if (link) graph.disconnect(link);
  }
  if (side === "input") graph.removeOutput(end, at);
  else graph.removeInput(end, at);
}

/**
 * The value that an instance has for an input, put where it comes to inside.
 * @param {Graph} graph  the inside
 * @param {number[]} links
 * @param {Node} instance
 * @param {string} name
 */
function giveValues(graph, links, instance, name) {
  const value = instance.values[name];
  if (value === undefined) return;
  for (const id of links) {
    const link = graph.link(id);
    const target = link && graph.node(link.to);
    const slot = target?.inputs[link?.toSlot ?? -1];
    const input = target?.inputSpecs.find((each) => each.widget && each.name === (slot?.widget ?? slot?.name));
    if (!target || !input) continue;
    graph.setValue(target, input.name, value);
    const control = target.inputSpecs.find((each) => each.widget === "CONTROL" && each.companionOf === input.name);
    const mode = instance.values[`${name}.control_after_generate`];
    if (control && mode !== undefined) graph.setValue(target, control.name, mode);
  }
}

/**
 * Another name for a slot: instances keep links and values under it.
 * @param {Definition} definition
 * @param {Side} side
 * @param {number} at
 * @param {string} wanted
 * @returns {string} the name that it has now
 */
export function renameSlot(definition, side, at, wanted) {
  const { graph } = definition;
  const slot = slotsOf(definition, side)[at];
  const before = slot.name;
  const name = freeName(definition, side, wanted.trim() || before, slot);
  if (slot.label !== undefined) graph.labelSlot(endOf(definition, side), slot, undefined);
  if (name === before) return name;
  graph.setSlot(endOf(definition, side), slot, "name", name);
  for (const instance of graph.document.instancesOf(definition)) {
    const outer = instance.graph;
    const own = (side === "input" ? instance.inputs : instance.outputs).find((each) => each.name === before);
    if (!own) continue;
    outer.setSlot(instance, own, "name", name);
    if (side !== "input") continue;
    if (own.widget !== undefined) outer.setSlot(instance, own, "widget", name);
    for (const suffix of ["", ".control_after_generate"]) {
      const value = instance.values[before + suffix];
      if (value === undefined) continue;
      graph.document.journal.set(instance, instance.values, name + suffix, value);
      graph.document.journal.set(instance, instance.values, before + suffix, undefined);
    }
  }
  return name;
}

/** @param {Definition} definition @param {Side} side @param {number} at @param {number} to */
export function moveSlot(definition, side, at, to) {
  definition.graph.moveSlot(endOf(definition, side), side === "input" ? "outputs" : "inputs", at, to);
}

/**
 * Makes a widget or a socket of a node inside one of the subgraph's own.
 * @param {Node} node  inside a subgraph
 * @param {Side} side
 * @param {string} name  of the widget, or of the socket
 * @returns {number} the place of the slot at the end; -1: it has one or is linked otherwise
 */
export function promote(node, side, name) {
  const { graph } = node;
  const { definition } = graph;
  if (!definition) return -1;
  if (side === "output") {
    const at = node.outputs.findIndex((slot) => slot.name === name);
    const output = node.outputs[at];
    if (!output || promotedBy(node, side, name)) return -1;
    const to = addSlot(definition, side, output.type, output.label ?? (output.name || output.type.toLowerCase()));
    graph.connect(node, at, endOf(definition, side), to);
    return to;
  }
  const at = node.inputs.findIndex((slot) => (slot.widget ?? slot.name) === name || slot.name === name);
  const input = node.inputs[at];
  if (!input || input.link !== null) return -1;
  const from = addSlot(definition, side, input.type, input.label ?? (input.name || input.type.toLowerCase()));
  graph.connect(endOf(definition, side), from, node, at);
  return from;
}

/**
 * The slot of the subgraph that a widget or socket inside is linked to.
 * @param {Node} node
 * @param {Side} side
 * @param {string} name
 * @returns {{at: number, link: Link} | null}
 */
export function promotedBy(node, side, name) {
  const { graph } = node;
  if (!graph.boundary) return null;
  if (side === "input") {
    const slot = node.inputs.find((each) => (each.widget ?? each.name) === name || each.name === name);
    const link = slot?.link == null ? undefined : graph.link(slot.link);
    return link && graph.node(link.from) === graph.boundary.input ? { at: link.fromSlot, link } : null;
  }
  for (const id of node.outputs.find((each) => each.name === name)?.links ?? []) {
    const link = graph.link(id);
    if (link && graph.node(link.to) === graph.boundary.output) return { at: link.toSlot, link };
  }
  return null;
}

/**
 * Takes back what was promoted. The slot goes if nothing else uses it.
 * @param {Node} node  inside
 * @param {Side} side
 * @param {string} name
 */
export function demote(node, side, name) {
  const found = promotedBy(node, side, name);
  const { graph } = node;
  if (!found) return;
  const slot = slotsOf(graph.definition, side)[found.at];
  if (side === "output" || /** @type {OutputSlot} */ (slot).links.length === 1) {
    removeSlot(graph.definition, side, found.at);
    return;
  }
  const instances = graph.document.liveInstancesOf(graph.definition);
  if (instances.length === 1 && !instances[0].isDriven(slot.name)) giveValues(graph, [found.link.id], instances[0], slot.name);
  graph.disconnect(found.link);
}

/**
 * Takes a widget back that an instance shows, from outside.
 * @param {Node} instance
 * @param {string} name
 */
export function demoteAt(instance, name) {
  const definition = definitionOf(instance);
  const input = instance.inputSpecs.find((each) => each.name === name);
  if (!definition || !input) return;
  if (!input.proxy) {
    const at = slotsOf(definition, "input").findIndex((slot) => slot.name === name);
    if (at >= 0) removeSlot(definition, "input", at, instance);
    return;
  }
  const [id, widget] = input.proxy;
  const left = proxiesOf(instance.properties).filter((each) => each[0] !== id || each[1] !== widget);
  const { journal } = instance.graph.document;
  journal.set(instance, instance, "isRefitted", true); // before the list of proxies: places in the old list say nothing now
  instance.graph.setNode(instance, "properties", { ...instance.properties, proxyWidgets: left });
}

// Copies of what lies in a graph.

/**
 * A copy of a node, without links, that is in no graph yet.
 * @param {Node} node
 * @param {Graph} graph
 * @param {import("./graph.js").NodeId} id
 */
function copyNode(node, graph, id) {
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

/** @param {any} raw @param {string} key */
function withoutKey(raw, key) {
  if (!raw) return raw;
  const { [key]: _, ...rest } = raw;
  return rest;
}

/**
 * Copies nodes, links, points and groups of one graph into another.
 * @param {Graph} from
 * @param {Graph} into
 * @param {{x: number, y: number}} shift
 * @param {(node: Node) => import("./graph.js").NodeId} idFor
 * @returns {Map<Node, Node>} the copies
 */
function copyContents(from, into, shift, idFor) {
  return into.document.holdShapes(() => copyAll(from, into, shift, idFor));
}

/**
 * @param {Graph} from
 * @param {Graph} into
 * @param {{x: number, y: number}} shift
 * @param {(node: Node) => import("./graph.js").NodeId} idFor
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
    const [source, target] = [copies.get(ends(from, link.from)), copies.get(ends(from, link.to))];
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

/**
 * Lays an instance open: copies of what is inside take its place, with its values, linked as it was. Other instances stay.
 * @param {Node} instance
 * @returns {Node[]} what came; none if it is no instance
 */
export function unpack(instance) {
  return instance.graph.document.holdShapes(() => layOpen(instance));
}

/** @param {Node} instance @returns {Node[]} */
function layOpen(instance) {
  const definition = definitionOf(instance);
  const { graph } = instance;
  const { document } = graph;
  if (!definition || graph.nodes.get(instance.key) !== instance) return [];
  const inner = definition.graph;
  const nodes = [...inner.nodes.values()];
  const area = nodes.length ? areaOf(nodes) : { left: 0, right: 0, top: 0, bottom: 0 };
  const shift = {
    x: Math.round(instance.x + (instance.width || 200) / 2 - (area.left + area.right) / 2),
    y: Math.round(instance.y + (instance.height || 100) / 2 - (area.top + area.bottom) / 2),
  };
  const isAlone = document.liveInstancesOf(definition).length === 1;
  const copies = copyContents(inner, graph, shift, (node) => (isAlone && !graph.nodes.has(node.key) ? node.id : graph.takeNodeId()));
  for (const [node, copy] of copies) if (instance.mode && !node.mode) graph.setNode(copy, "mode", instance.mode);
  giveProxies(instance, copies);

  const into = endOf(definition, "input");
  const out = endOf(definition, "output");
  /** What feeds a link that starts inside. @param {Link} link @returns {{node: Node, slot: number} | null} */
  const sourceOf = (link) => {
    const node = ends(inner, link.from);
    if (node !== into) {
      const copy = copies.get(node);
      return copy ? { node: copy, slot: link.fromSlot } : null;
    }
    const at = instance.inputs.findIndex((slot) => slot.name === into.outputs[link.fromSlot]?.name);
    const outer = at < 0 ? undefined : graph.linkInto(instance, at);
    return outer ? { node: ends(graph, outer.from), slot: outer.fromSlot } : null;
  };
  for (const slot of into.outputs) {
    const value = instance.values[slot.name];
    const isPromoted = definition.spec?.inputs.some((each) => each.widget && each.name === slot.name);
    /** @type {Node | null} */
    let primitive = null;
    for (const id of slot.links) {
      const link = /** @type {Link} */ (inner.link(id));
      const target = copies.get(ends(inner, link.to));
      if (!target) continue;
      const source = sourceOf(link);
      const socket = target.inputs[link.toSlot];
      const widget = target.inputSpecs.find((each) => each.widget && each.name === (socket.widget ?? socket.name));
      if (source) {
        const outerAt = instance.inputs.findIndex((each) => each.name === slot.name);
        graph.connect(source.node, source.slot, target, link.toSlot, graph.linkInto(instance, outerAt)?.parentId);
      } else if (isPromoted && value !== undefined && widget) {
        graph.setValue(target, widget.name, value);
        const control = target.inputSpecs.find((each) => each.widget === "CONTROL" && each.companionOf === widget.name);
        const mode = instance.values[`${slot.name}.control_after_generate`];
        if (control && mode !== undefined) graph.setValue(target, control.name, mode);
      } else if (isPromoted && value !== undefined) {
        // A plain socket or a reroute inside got the value, too: a primitive says it there.
        primitive ??= graph.addNode(PRIMITIVE, { x: instance.x - 240, y: instance.y }, { value });
        graph.connect(primitive, 0, target, link.toSlot);
        if (primitive.values.value !== value) graph.setValue(primitive, "value", value);
      }
    }
  }
  instance.outputs.forEach((slot) => {
    const at = out.inputs.findIndex((each) => each.name === slot.name);
    const link = at < 0 ? undefined : inner.linkInto(out, at);
    const source = link && sourceOf(link);
    for (const id of [...slot.links]) {
      const outer = /** @type {Link} */ (graph.link(id));
      const { parentId } = outer;
      const target = ends(graph, outer.to);
      if (!source) continue;
      graph.connect(source.node, source.slot, target, outer.toSlot, parentId); // at once: points that no link runs through go
    }
  });
  graph.removeNodes([instance]);
  return [...copies.values()];
}

/**
 * Values that an instance of an older file keeps for widgets inside.
 * @param {Node} instance
 * @param {Map<Node, Node>} copies
 */
function giveProxies(instance, copies) {
  const definition = /** @type {Definition} */ (definitionOf(instance));
  for (const each of instance.inputSpecs) {
    const value = instance.values[each.name];
    if (!each.proxy || value === undefined) continue;
    const [id, name] = each.proxy;
    const inner = definition.graph.nodes.get(id);
    const copy = inner && copies.get(inner);
    if (!copy) continue;
    if (copy.inputSpecs.some((input) => input.widget && input.name === name)) {
      copy.graph.setValue(copy, name, value);
      continue;
    }
    // Deeper: the copy is an instance itself and shows the widget from now on.
    const deeper = /^([^:\s]+): (.+)$/s.exec(name);
    if (!deeper) continue;
    copy.graph.setNode(copy, "properties", { ...copy.properties, proxyWidgets: [...proxiesOf(copy.properties), [deeper[1], deeper[2]]] });
    const shown = copy.inputSpecs.find((input) => input.proxy?.[0] === deeper[1] && input.proxy[1] === deeper[2]);
    if (shown) copy.graph.setValue(copy, shown.name, value);
    copy.graph.document.journal.set(copy, copy, "isRefitted", true);
  }
}

/**
 * Gives an instance a subgraph of its own, a copy of the one that it shared.
 * @param {Node} instance
 * @param {string} name
 * @returns {Definition | null}
 */
export function makeIndependent(instance, name) {
  const definition = definitionOf(instance);
  const { document } = instance.graph;
  if (!definition) return null;
  const copy = document.holdShapes(() => copyDefinition(document, definition, name));
  document.addDefinition(copy);
  const { journal } = document;
  journal.set(instance, instance, "type", copy.id);
  journal.set(instance, instance, "spec", document.specOf(copy.id));
  journal.set(instance, instance, "unfolded", null);
  return copy;
}

/** @param {Document} document @param {Definition} definition @param {string} name */
function copyDefinition(document, definition, name) {
  const area = { left: 0, right: 0, top: 0, bottom: 0 };
  const copy = newDefinition(document, name, area);
  const { graph } = copy;
  if (definition.raw) {
    const { nodes, links, groups, reroutes, floatingLinks, definitions, ...rest } = definition.raw;
    copy.raw = { ...rest, id: copy.id };
  }
  for (const side of /** @type {const} */ (["input", "output"])) {
    const [from, to] = [endOf(definition, side), endOf(copy, side)];
    Object.assign(to, { x: from.x, y: from.y, width: from.width, height: from.height, raw: from.raw });
    for (const slot of slotsOf(definition, side)) {
      const raw = { ...withoutKey(slot.raw, "linkIds"), id: newId() };
      if (side === "input") to.outputs.push(new OutputSlot(slot.name, slot.type, { label: slot.label, raw }));
      else to.inputs.push(new InputSlot(slot.name, slot.type, { label: slot.label, raw }));
    }
  }
  const copies = copyContents(definition.graph, graph, { x: 0, y: 0 }, (node) => node.id);
  document.journal.set(graph, graph, "lastNodeId", Math.max(graph.lastNodeId, definition.graph.lastNodeId));
  copies.set(endOf(definition, "input"), endOf(copy, "input"));
  copies.set(endOf(definition, "output"), endOf(copy, "output"));
  for (const link of [...definition.graph.links.values()].sort((a, b) => a.rank - b.rank)) {
    const [source, target] = [ends(definition.graph, link.from), ends(definition.graph, link.to)];
    if (source !== endOf(definition, "input") && target !== endOf(definition, "output")) continue;
    const [from, to] = [copies.get(source), copies.get(target)];
    if (from && to) graph.connect(from, link.fromSlot, to, link.toSlot);
  }
  return copy;
}

/**
 * Whether an instance of a subgraph may stand in a graph: it must not lie in itself, however deep.
 * @param {Definition} definition
 * @param {Graph} graph
 */
export function mayHold(graph, definition) {
  return !graph.definition || !graph.document.usedDefinitions([definition]).has(graph.definition);
}

// Subgraphs from one workflow to another.

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

/** Whether a node is a kind that a subgraph is made of; notes and reroutes are, too. @param {Node} node */
export function isInstance(node) {
  return Boolean(definitionOf(node)) && node.type !== REROUTE;
}
