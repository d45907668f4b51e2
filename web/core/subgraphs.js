/**
 * Subgraphs: made out of nodes, laid open again, made independent. Each function is part of an edit of the document;
 * instances follow by themselves (`Document`), and nothing here removes a link or moves a value that the person did not
 * ask for. Source: workflow_format, section 6.
 */

import { copyContents, withoutKey } from "./copies.js";
import { Definition, Document } from "./document.js";
import { Graph, Group, INPUT_BOUNDARY, InputSlot, Link, Node, OUTPUT_BOUNDARY, OutputSlot, Reroute } from "./graph.js";
import { newId } from "./ids.js";
import { definitionOf, proxiesOf } from "./instances.js";
import { tellEnds } from "./shaping.js";
import { PRIMITIVE } from "./spec.js";
import { addSlot, endOf, slotsOf } from "./subgraph-ends.js";
import { socketType } from "./types.js";
import { REROUTE } from "./virtual.js";

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
  for (const node of nodes) if (node.type === PRIMITIVE || node.type === REROUTE) tellEnds(inner, node);
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

/** What nodes cover, graph px; one without a size counts as 200 by 100. @param {Node[]} nodes */
export function areaOf(nodes) {
  return {
    left: Math.min(...nodes.map((node) => node.x)),
    top: Math.min(...nodes.map((node) => node.y)),
    right: Math.max(...nodes.map((node) => node.x + (node.width || 200))),
    bottom: Math.max(...nodes.map((node) => node.y + (node.height || 100))),
  };
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

/** Whether a node is a kind that a subgraph is made of; notes and reroutes are, too. @param {Node} node */
export function isInstance(node) {
  return Boolean(definitionOf(node)) && node.type !== REROUTE;
}
