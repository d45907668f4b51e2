/**
 * What nodes become by what they hold and what they are linked to: the slots of dynamic nodes and of instances, the types
 * that reroutes and templates pass on, the widget that a primitive takes on. `Graph` calls these where it changes a link or
 * a value; all of it goes into the journal.
 */

import { followedBy, hasSocket, INPUT_BOUNDARY, InputSlot, OutputSlot } from "./graph-parts.js";
import { defaultOf, PRIMITIVE } from "./spec.js";
import { drivenBy, REROUTE, reroutesAround, suits, typeThrough } from "./virtual.js";

/** @import { Graph, Node } from "./graph.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */

/**
 * Slots and values follow the inputs that a dynamic node has now. What a person typed stays while it is hidden. While the
 * document holds shapes, the node only waits for it.
 * @param {Graph} graph
 * @param {Node} node
 */
export function reshape(graph, node) {
  if (!node.spec?.isDynamic) return;
  const { held, journal } = graph.document;
  if (held) {
    held.add(node);
    return;
  }
  journal.set(node, node, "unfolded", null);
  const wanted = new Set(node.inputSpecs.map((each) => each.name));
  for (let i = node.inputs.length - 1; i >= 0; i--) {
    const slot = node.inputs[i];
    if (wanted.has(slot.name)) continue;
    const link = slot.link === null ? undefined : graph.links.get(slot.link);
    const from = link && graph.node(link.from);
    if (link) graph.detach(link); // not `disconnect`: that would shape the node anew while it is being shaped
    graph.removeInput(node, i);
    if (from) tellEnds(graph, from);
  }
  for (const each of node.inputSpecs) {
    if (!hasSocket(each) || each.proxy || node.input(each.name)) continue;
    graph.addInput(node, new InputSlot(each.name, each.type, { widget: each.widget ? each.name : undefined }));
  }
  giveDefaults(node);
}

/**
 * Gives an instance what its subgraph offers now. A socket that nobody offers any more goes with its links, since
 * somebody took it out; one that the file had on its own stays.
 * @param {Graph} graph
 * @param {Node} node
 * @param {NodeSpec} spec
 */
export function refit(graph, node, spec) {
  const { journal } = graph.document;
  const before = node.spec;
  journal.set(node, node, "spec", spec);
  journal.set(node, node, "unfolded", null);
  journal.set(node, node, "isRefitted", true);
  for (const side of /** @type {const} */ (["inputs", "outputs"])) {
    const offered = side === "inputs" ? spec.inputs.filter((each) => !each.companionOf) : spec.outputs;
    const names = new Set(offered.map((each) => each.name));
    const gone = new Set((side === "inputs" ? (before?.inputs ?? []) : (before?.outputs ?? [])).map((each) => each.name).filter((name) => !names.has(name)));
    /** @type {any[]} */
    const slots = node[side];
    for (const slot of slots.filter((each) => gone.has(each.name))) {
      for (const id of slot instanceof InputSlot ? [slot.link] : [...slot.links]) {
        const link = id === null ? undefined : graph.links.get(id);
        if (link) graph.disconnect(link);
      }
    }
    const known = new Map(slots.map((each) => [each.name, each]));
    const now = offered.map((each) => {
      const widget = side === "inputs" && /** @type {InputSpec} */ (each).widget ? each.name : undefined;
      const slot = known.get(each.name) ?? (side === "inputs" ? new InputSlot(each.name, each.type, { widget }) : new OutputSlot(each.name, each.type));
      if (known.has(each.name)) {
        journal.set(node, slot, "type", each.type);
        if (side === "inputs") journal.set(node, slot, "widget", widget);
      }
      return slot;
    });
    now.push(...slots.filter((each) => !names.has(each.name) && !gone.has(each.name)));
    if (now.length === slots.length && now.every((each, i) => each === slots[i])) continue;
    journal.splice(node, slots, 0, slots.length, ...now);
    graph.renumber(node, side);
  }
  giveDefaults(node);
  // Its sockets stand for other things: so may those of the subgraph around it.
  if (graph.boundary && node.inputs.some((slot) => slot.link !== null && graph.links.get(slot.link)?.from === INPUT_BOUNDARY)) graph.document.changed.add(graph.definition);
}

/** Widgets that have no value get their type's. @param {Node} node */
function giveDefaults(node) {
  const { journal } = node.graph.document;
  for (const each of node.widgets) {
    if (node.values[each.name] !== undefined) continue;
    const value = defaultOf(each);
    if (value !== undefined) journal.set(node, node.values, each.name, value);
  }
}

/**
 * What a link tells its ends: a primitive what it drives, a reroute what flows through it, a subgraph what its inputs
 * stand for.
 * @param {Graph} graph
 * @param {Node | undefined} from
 * @param {Node} [to]  left out: `from` looks again at what it is linked to
 */
export function tellEnds(graph, from, to) {
  if (from && graph.boundary?.input === from) graph.document.changed.add(graph.definition);
  let source = from;
  for (const reroute of [from, to]) {
    if (reroute?.type !== REROUTE || !reroute.outputs.length || !graph.nodes.has(reroute.key)) continue;
    const chain = reroutesAround(reroute);
    retype(graph, chain, typeThrough(chain));
    const into = graph.linkInto(chain[0], 0);
    source = into ? graph.node(into.from) : source;
  }
  if (source?.type === PRIMITIVE && source.outputs[0]) drive(graph, source);
}

/** @param {Graph} graph @param {Node[]} chain  of reroutes @param {string} type */
function retype(graph, chain, type) {
  const { journal } = graph.document;
  for (const node of chain) {
    const [output] = node.outputs;
    journal.set(node, output, "type", type);
    journal.set(node, output, "name", node.properties.showOutputText ? type : "");
    for (const id of output.links) {
      const link = graph.links.get(id);
      if (link && type !== "*") journal.set(link, link, "type", type);
      const target = link && graph.node(link.to);
      if (target && target.type !== REROUTE) followFeed(graph, target);
    }
  }
}

/** A primitive takes on the widget that it drives; its value stays if that widget may have it. @param {Graph} graph @param {Node} node */
function drive(graph, node) {
  const { journal } = graph.document;
  const [output] = node.outputs;
  journal.set(node, node, "unfolded", null);
  const target = drivenBy(node).find((each) => each.input.widget);
  journal.set(node, output, "type", target?.input.type ?? "*");
  journal.set(node, output, "name", target ? target.input.type : "connect to widget input");
  journal.set(node, output, "widget", target?.input.name);
  if (!target) return;
  // Of a first link a person sees at once what it brings; nothing else changes a value that they chose.
  const isFirst = output.links.length === 1 && !graph.document.held && output.links[0] === graph.lastLinkId;
  if (node.values.value === undefined || (isFirst && !suits(target.input, node.values.value))) journal.set(node, node.values, "value", target.node.values[target.input.name] ?? defaultOf(target.input));
  for (const each of node.inputSpecs) {
    if (each.companionOf && node.values[each.name] === undefined) journal.set(node, node.values, each.name, each.options.default);
  }
}

/**
 * Outputs whose type is that of what feeds the node get another one, and so on along the links.
 * @param {Graph} graph
 * @param {Node} node
 * @param {Set<Node>} [seen]
 */
export function followFeed(graph, node, seen = new Set()) {
  if (seen.has(node)) return; // a circle in a damaged file
  seen.add(node);
  const { journal } = graph.document;
  node.outputs.forEach((output, index) => {
    const followed = followedBy(node, index);
    if (!followed) return;
    let type = node.spec?.outputs[index]?.type ?? "*";
    for (const slot of followed) {
      const link = slot.link === null ? undefined : graph.links.get(slot.link);
      const fed = link && graph.node(link.from)?.outputs[link.fromSlot]?.type;
      if (!fed || fed === "*") continue;
      type = fed;
      break;
    }
    if (output.type === type) return;
    journal.set(node, output, "type", type);
    for (const id of output.links) {
      const link = graph.links.get(id);
      const target = link && graph.node(link.to);
      if (!link || !target) continue;
      journal.set(link, link, "type", type === "*" ? (target.inputs[link.toSlot]?.type ?? "*") : type);
      if (target.type === REROUTE) tellEnds(graph, node, target);
      else followFeed(graph, target, seen);
    }
  });
}
