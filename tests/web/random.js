/** Random workflows and random edits of them, always the same for a seed. */

import { Catalogue } from "../../web/core/catalogue.js";
import { Document } from "../../web/core/document.js";
import { Group } from "../../web/core/graph.js";
import { definitionOf } from "../../web/core/instances.js";
import * as ends from "../../web/core/subgraph-ends.js";
import * as subgraphs from "../../web/core/subgraphs.js";
import { fits } from "../../web/core/types.js";

export const RECORDS = {
  Load: { input: { required: { name: [["a", "b", "c"], {}] } }, output: ["MODEL", "CLIP", "VAE"], output_name: ["MODEL", "CLIP", "VAE"] },
  Text: { input: { required: { text: ["STRING", { multiline: true }], clip: ["CLIP"] } }, output: ["CONDITIONING"], output_name: ["CONDITIONING"] },
  Sampler: {
    input: { required: { model: ["MODEL"], seed: ["INT", { default: 0, max: 1000 }], steps: ["INT", { default: 20 }], cfg: ["FLOAT", { default: 8 }], positive: ["CONDITIONING"], latent: ["LATENT"] } },
    output: ["LATENT"], output_name: ["LATENT"],
  },
  Empty: { input: { required: { width: ["INT", { default: 64 }], height: ["INT", { default: 64 }] } }, output: ["LATENT"], output_name: ["LATENT"] },
  Decode: { input: { required: { samples: ["LATENT"], vae: ["VAE"] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
  Grow: { input: { required: { images: ["COMFY_AUTOGROW_V3", { template: { input: { required: { image: ["IMAGE"] } }, prefix: "image", min: 1, max: 8 } }] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
  Dynamic: {
    input: { required: { mode: ["COMFY_DYNAMICCOMBO_V3", { options: [{ key: "small", inputs: {} }, { key: "big", inputs: { required: { size: ["INT", { default: 1 }], image: ["IMAGE"] } } }] }], image: ["IMAGE"] } },
    output: ["IMAGE"], output_name: ["IMAGE"],
  },
  Number: { input: { required: { value: ["INT", { default: 3 }] } }, output: ["INT"], output_name: ["INT"] },
  Save: { input: { required: { images: ["IMAGE"], prefix: ["STRING", { default: "x" }] } }, output: [], output_node: true },
};

/** Numbers from 0 to below 1, the same for a seed (mulberry32). @param {number} seed */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws from a seed. @param {number} seed */
export function dice(seed) {
  const random = chance(seed);
  const whole = (below) => Math.floor(random() * below);
  return { random, whole, of: (list) => list[whole(list.length)], some: (list, share) => list.filter(() => random() < share) };
}

/** @param {ReturnType<typeof dice>} draw @param {number} count  of nodes */
export function randomDocument(draw, count) {
  const document = new Document(new Catalogue(RECORDS));
  const types = [...Object.keys(RECORDS), "Reroute", "PrimitiveNode"];
  document.edit("new", () => {
    for (let i = 0; i < count; i++) addNode(document.root, draw, types);
    for (let i = 0; i < count * 3; i++) link(document.root, draw);
  });
  document.journal.clear();
  return document;
}

function addNode(graph, draw, types) {
  const node = graph.addNode(draw.of(types), { x: draw.whole(2000), y: draw.whole(2000) });
  for (const each of node.widgets) change(graph, node, each, draw);
  return node;
}

function change(graph, node, input, draw) {
  if (input.widget === "INT") graph.setValue(node, input.name, draw.whole(900) + 1);
  else if (input.widget === "FLOAT") graph.setValue(node, input.name, draw.whole(100) / 4);
  else if (input.widget === "STRING" && !input.companionOf) graph.setValue(node, input.name, `text ${draw.whole(1000)}`);
  else if (input.widget === "COMBO") graph.setValue(node, input.name, draw.of(input.options.options));
  else if (input.widget === "COMFY_DYNAMICCOMBO_V3") graph.setValue(node, input.name, draw.of(["small", "big"]));
}

/** Whether a link from one node to another closes a circle. */
function leadsTo(graph, from, to, seen = new Set()) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return from.outputs.some((slot) => slot.links.some((id) => {
    const next = graph.node(graph.link(id).to);
    return next !== graph.boundary?.output && leadsTo(graph, next, to, seen);
  }));
}

function link(graph, draw) {
  const nodes = [...graph.nodes.values()];
  if (nodes.length < 2) return;
  const [from, to] = [draw.of(nodes), draw.of(nodes)];
  if (!from.outputs.length || !to.inputs.length || leadsTo(graph, to, from)) return;
  const [fromSlot, toSlot] = [draw.whole(from.outputs.length), draw.whole(to.inputs.length)];
  const input = to.inputs[toSlot];
  if (from.type === "PrimitiveNode" && !input.widget) return;
  if (fits(from.outputs[fromSlot].type, input.type)) graph.connect(from, fromSlot, to, toSlot);
}

/** One random edit, in the root or in a subgraph. @param {Document} document @param {ReturnType<typeof dice>} draw */
export function randomEdit(document, draw) {
  const graph = draw.of([...document.graphs()]);
  const nodes = [...graph.nodes.values()];
  const node = nodes.length ? draw.of(nodes) : null;
  const definition = graph.definition;
  const edits = [
    () => addNode(graph, draw, [...Object.keys(RECORDS), "Reroute", "PrimitiveNode", "Note"]),
    () => { for (let i = 0; i < 15; i++) link(graph, draw); },
    () => node && graph.removeNodes(draw.some(nodes, 0.1), { reconnect: draw.random() < 0.5 }),
    () => node?.widgets.length && change(graph, node, draw.of(node.widgets), draw),
    () => node && graph.moveNode(node, draw.whole(2000), draw.whole(2000)),
    () => node && graph.setNode(node, "mode", draw.of([0, 2, 4])),
    () => node && graph.setNode(node, "title", draw.of([undefined, "A title"])),
    () => node && graph.setNode(node, "flags", { collapsed: draw.random() < 0.5 }),
    () => node && graph.raise(draw.some(nodes, 0.2)),
    () => graph.links.size && graph.disconnect(draw.of([...graph.links.values()])),
    () => graph.addGroup(new Group(undefined, "group", 0, 0, draw.whole(500), 300)),
    () => graph.groups.length && graph.removeGroup(draw.of(graph.groups)),
    () => {
      if (!graph.links.size) return;
      const line = draw.of([...graph.links.values()]);
      const point = graph.addReroute(draw.whole(2000), draw.whole(2000), line.parentId);
      graph.routeThrough(line, point.id);
    },
    () => graph.reroutes.size && graph.removeReroute(draw.of([...graph.reroutes.values()])),
    () => subgraphs.makeSubgraph(graph, draw.some(nodes, 0.3), { name: "Sub", groups: graph.groups.slice(0, 1) }),
    () => node && definitionOf(node) && subgraphs.unpack(node),
    () => node && definitionOf(node) && subgraphs.makeIndependent(node, "Own"),
    () => {
      const other = draw.of([...document.definitions.values()]);
      if (other && subgraphs.mayHold(graph, other)) graph.addNode(other.id, { x: 0, y: 0 });
    },
    () => definition && node?.inputs.length && ends.promote(node, "input", draw.of(node.inputs).name),
    () => definition && node?.outputs.length && ends.promote(node, "output", draw.of(node.outputs).name),
    () => definition && node?.inputs.length && ends.demote(node, "input", draw.of(node.inputs).name),
    () => definition && withSlot(definition, draw, (side, at, count) => ends.moveSlot(definition, side, at, draw.whole(count))),
    () => definition && withSlot(definition, draw, (side, at) => ends.renameSlot(definition, side, at, `slot ${draw.whole(50)}`)),
    () => definition && draw.random() < 0.4 && withSlot(definition, draw, (side, at) => ends.removeSlot(definition, side, at)),
  ];
  document.edit("edit", draw.of(edits));
}

function withSlot(definition, draw, act) {
  const side = draw.of(["input", "output"]);
  const count = ends.slotsOf(definition, side).length;
  if (count) act(side, draw.whole(count), count);
}

/** What must hold of every graph: links and slots say the same of each other. @param {Document} document @returns {string[]} what does not */
export function findFaults(document) {
  const faults = [];
  for (const graph of document.graphs()) {
    const where = graph.definition?.name ?? "root";
    const nodes = [...graph.nodes.values(), ...(graph.boundary ? [graph.boundary.input, graph.boundary.output] : [])];
    for (const link of graph.links.values()) {
      const [from, to] = [graph.node(link.from), graph.node(link.to)];
      if (to?.inputs[link.toSlot]?.link !== link.id) faults.push(`${where}: link ${link.id} is not in its input`);
      if (!from?.outputs[link.fromSlot]?.links.includes(link.id)) faults.push(`${where}: link ${link.id} is not in its output`);
    }
    for (const node of nodes) {
      if (node.graph !== graph) faults.push(`${where}: node ${node.id} thinks that it is elsewhere`);
      for (const slot of node.inputs) if (slot.link !== null && !graph.links.has(slot.link)) faults.push(`${where}: node ${node.id} has a link ${slot.link} that is not there`);
      for (const slot of node.outputs) for (const id of slot.links) if (!graph.links.has(id)) faults.push(`${where}: node ${node.id} has a link ${id} that is not there`);
      if (new Set(node.inputs.map((slot) => slot.name)).size !== node.inputs.length && node.type !== "Reroute") faults.push(`${where}: node ${node.id} has an input twice`);
      const definition = document.definitions.get(node.type);
      if (!definition) continue;
      for (const [side, slots] of [["input", node.inputs], ["output", node.outputs]]) {
        const names = ends.slotsOf(definition, side).map((slot) => slot.name);
        if (names.join() !== slots.map((slot) => slot.name).join()) faults.push(`${where}: instance ${node.id} has the ${side}s ${slots.map((slot) => slot.name)} and its subgraph ${names}`);
      }
    }
  }
  return faults;
}
