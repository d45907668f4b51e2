/** Two hundred random gestures, then undo of all of them: the workflow is again, to the letter, what it was. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { fittingSockets } from "../../web/core/flow.js";
import { Group } from "../../web/core/graph.js";
import { putHolder, takeBack } from "../../web/core/holders.js";
import { parseExactly, writeExactly } from "../../web/core/json.js";
import { addPoint, connectAll, splice, takeOut } from "../../web/core/linking.js";
import { readWorkflow } from "../../web/core/read.js";
import { addSlot, demote, demoteAt, moveSlot, promote, removeSlot, renameSlot, slotsOf } from "../../web/core/subgraph-ends.js";
import { isInstance, makeIndependent, makeSubgraph, mayHold, unpack } from "../../web/core/subgraphs.js";
import { writeWorkflow } from "../../web/core/write.js";
import { putPart, takePart } from "../../web/features/clipboard/records.js";
import { recreate } from "../../web/features/node-state/recreate.js";
import { randomOf, RECORDS } from "./graph_data.js";

const GESTURES = 200;
const saved = JSON.parse(readFileSync(new URL("../../workflows/text_to_image.json", import.meta.url), "utf8"));
const seeds = process.env.GESTURE_SEED ? [Number(process.env.GESTURE_SEED)] : [1, 2, 3, 4, 5, Date.now() % 1_000_000];

/** In how many rounds each kind was there. @type {Record<string, number>} */
const seen = {};
/** What the example is made of. */
const PICTURES = {
  KSampler: {
    input: { required: { model: ["MODEL"], seed: ["INT", { default: 0, max: 0xffffffffffffffff, control_after_generate: true }], steps: ["INT", { default: 20 }], latent_image: ["LATENT"] } },
    output: ["LATENT"], output_name: ["LATENT"],
  },
  CLIPTextEncode: { input: { required: { text: ["STRING", { multiline: true }], clip: ["CLIP"] } }, output: ["CONDITIONING"], output_name: ["CONDITIONING"] },
};

for (const seed of seeds) {
  test(`${GESTURES} gestures and their undo, seed ${seed}`, (t) => {
    t.diagnostic(`GESTURE_SEED=${seed} runs this one again`);
    const random = randomOf(seed);
    const { document } = readWorkflow(saved, new Catalogue({ ...RECORDS, ...PICTURES }));
    const { journal } = document;
    let graph = document.root; // or that of a subgraph: the one that the gesture is made in
    const whole = (most) => Math.floor(random() * most);
    const one = (list) => list[whole(list.length)];
    const nodes = () => [...graph.nodes.values()];
    const some = () => nodes().filter(() => random() < 0.2);
    const types = [...Object.keys(RECORDS), "Reroute", "Note", "PrimitiveNode"];
    const used = () => [...document.definitions.values()].filter((each) => document.liveInstancesOf(each).length);
    const side = () => one(["input", "output"]);
    const instance = () => one(nodes().filter(isInstance));
    const inside = () => { const definition = one(used()); return definition && one([...definition.graph.nodes.values()]); };
    const widgetSocket = () => {
      const node = one(nodes().filter((each) => each.inputs.some((slot) => slot.widget)));
      return node && { node, side: "input", slot: node.inputs.indexOf(one(node.inputs.filter((slot) => slot.widget))) };
    };
    const place = () => ({ x: whole(2000), y: whole(1000) });
    const socketsOf = (node) => [...node.inputs.map((_, slot) => ({ node, side: "input", slot })), ...node.outputs.map((_, slot) => ({ node, side: "output", slot }))];
    const gestures = {
      add: () => graph.addNode(one(types), place()),
      move: () => some().forEach((node) => graph.moveNode(node, whole(2000), whole(1000))),
      raise: () => graph.raise(some()),
      link() {
        const start = one(socketsOf(one(nodes()) ?? { inputs: [], outputs: [] }));
        const other = start && one(nodes());
        const [target] = other ? fittingSockets(graph, other, start) : [];
        if (target) connectAll(graph, [{ socket: start }], target);
      },
      moveLink() {
        const link = one([...graph.links.values()]);
        if (!link) return;
        const socket = { node: graph.node(link.from), side: "output", slot: link.fromSlot };
        const [target] = fittingSockets(graph, one(nodes()), socket);
        if (target) connectAll(graph, [{ socket, moved: link, parentId: link.parentId }], target);
      },
      cut: () => { const link = one([...graph.links.values()]); if (link) graph.disconnect(link); },
      point: () => { const link = one([...graph.links.values()]); if (link) addPoint(graph, link, whole(graph.routeOf(link).length + 1), place()); },
      movePoint: () => { const point = one([...graph.reroutes.values()]); if (point) graph.setReroute(point, "x", whole(2000)); },
      removePoint: () => { const point = one([...graph.reroutes.values()]); if (point) graph.removeReroute(point); },
      splice: () => { const [link, node] = [one([...graph.links.values()]), one(nodes())]; if (link && node) splice(graph, node, link); },
      takeOut: () => { const node = one(nodes()); if (node) takeOut(graph, node); },
      remove: () => graph.removeNodes(some().slice(0, 2), { reconnect: random() < 0.5 }),
      paste: () => putPart(graph, plain(takePart(graph, [...some(), ...graph.groups.slice(0, 1)])), place(), { withIncoming: random() < 0.5 }),
      value() {
        const node = one(nodes().filter((each) => each.widgets.length));
        const widget = node && one(node.widgets);
        // A seed has 64 bits: more than a number of JavaScript holds.
        if (widget) graph.setValue(node, widget.name, one([whole(1000), 2n ** 63n + BigInt(whole(1000)), `words ${whole(9)}`]));
      },
      look() {
        for (const node of some()) {
          graph.setNode(node, "mode", one([0, 2, 4]));
          graph.setNode(node, "color", one(["#322", undefined]));
          graph.setNode(node, "flags", { collapsed: random() < 0.5 });
          graph.setNode(node, "title", one(["Mine", undefined]));
          graph.setNode(node, "shape", one([1, undefined]));
        }
      },
      label: () => { const node = one(nodes()); const slot = node && one([...node.inputs, ...node.outputs]); if (slot) graph.labelSlot(node, slot, one(["named", undefined])); },
      group: () => graph.addGroup(new Group(whole(100), "Group", whole(1000), whole(1000), 300, 200)),
      ungroup: () => { const group = one(graph.groups); if (group) graph.removeGroup(group); },
      moveGroup: () => { const group = one(graph.groups); if (group) graph.setGroup(group, "x", whole(1000)); },
      fitGroup: () => { const group = one(graph.groups); if (group) for (const key of ["width", "height"]) graph.setGroup(group, key, 200 + whole(900)); },
      paintGroup: () => { const group = one(graph.groups); if (group) { graph.setGroup(group, "color", one(["#a33", undefined])); graph.setGroup(group, "title", `Group ${whole(9)}`); } },
      resize: () => some().forEach((node) => { graph.setNode(node, "width", 200 + whole(300)); graph.setNode(node, "height", 100 + whole(300)); }),
      instance: () => { const definition = one(used().filter((each) => mayHold(graph, each))); if (definition) graph.addNode(definition.id, place()); },
      makeSubgraph: () => void makeSubgraph(graph, some(), { name: `Sub ${whole(99)}`, groups: graph.groups.slice(0, whole(2)) }),
      unpack: () => { const node = instance(); if (node) unpack(node); },
      independent: () => { const node = instance(); if (node) makeIndependent(node, `Own ${whole(99)}`); },
      promote() {
        const node = inside();
        const which = side();
        const slot = node && one(which === "input" ? node.inputs : node.outputs);
        if (slot) promote(node, which, slot.widget ?? slot.name);
      },
      demote() {
        const node = inside();
        const slot = node && one(node.inputs);
        if (slot) demote(node, "input", slot.widget ?? slot.name);
      },
      demoteAt: () => { const node = instance(); const input = node && one(node.inputSpecs); if (input) demoteAt(node, input.name); },
      slots() {
        const definition = one(used());
        const which = side();
        const count = definition ? slotsOf(definition, which).length : 0;
        if (!definition) return;
        if (!count || random() < 0.3) addSlot(definition, which, one(["*", "IMAGE", "INT"]), "more");
        else if (random() < 0.4) moveSlot(definition, which, whole(count), whole(count));
        else if (random() < 0.5) renameSlot(definition, which, whole(count), `slot ${whole(99)}`);
        else removeSlot(definition, which, whole(count));
      },
      renameSubgraph: () => { const definition = one(used()); if (definition) document.renameDefinition(definition, `Sub ${whole(99)}`); },
      hold: () => { const socket = widgetSocket(); if (socket) putHolder(graph, document.catalogue, socket, place()); },
      takeBack: () => { const socket = widgetSocket(); if (socket) takeBack(graph, socket.node, socket.slot); },
      recreate: () => { const node = one(nodes()); if (node) recreate(graph, node); },
    };
    const before = plain(writeWorkflow(document));
    const states = [before];
    const done = new Set();
    let steps = 0;
    for (let i = 0; steps < GESTURES && i < 10 * GESTURES; i++) {
      const revision = journal.revision;
      graph = random() < 0.3 ? (one(used())?.graph ?? document.root) : document.root;
      const kind = one(Object.keys(gestures));
      document.edit(kind, gestures[kind]);
      if (journal.revision === revision) continue; // there was nothing to do it to
      steps++;
      done.add(kind);
      states.push(plain(writeWorkflow(document)));
      for (const each of [document.root, ...used().map(({ graph: inner }) => inner)]) checkLinks(each, `${i}, ${kind}`);
    }
    assert.equal(steps, GESTURES);
    Object.keys(gestures).forEach((kind) => (seen[kind] = (seen[kind] ?? 0) + (done.has(kind) ? 1 : 0)));
    for (let i = steps; i > 0; i--) {
      assert.ok(journal.undo());
      assert.deepEqual(plain(writeWorkflow(document)), states[i - 1], `after undo of step ${i}`);
    }
    for (let i = 1; i <= steps; i++) assert.ok(journal.redo());
    assert.deepEqual(plain(writeWorkflow(document)), states[steps]);
    for (let i = 0; i < steps; i++) journal.undo();
    assert.deepEqual(plain(writeWorkflow(document)), before);
  });
}

test("every kind of gesture was among them", () => {
  if (seeds.length > 1) assert.deepEqual(Object.keys(seen).filter((kind) => !seen[kind]), []);
});

/** As it would stand in a file. @param {any} value */
function plain(value) {
  return parseExactly(writeExactly(value)).value;
}

/** Both ends of every link know it, and no other does. */
function checkLinks(graph, gesture) {
  const inEnds = new Set();
  const ends = graph.boundary ? [graph.boundary.input, graph.boundary.output] : [];
  for (const node of [...graph.nodes.values(), ...ends]) {
    node.inputs.forEach((slot, index) => {
      if (slot.link === null) return;
      const link = graph.link(slot.link);
      assert.ok(link && String(link.to) === node.key && link.toSlot === index, `after gesture ${gesture}: input ${slot.name} of ${node.id}`);
      inEnds.add(slot.link);
    });
    node.outputs.forEach((slot, index) => slot.links.forEach((id) => {
      const link = graph.link(id);
      assert.ok(link && String(link.from) === node.key && link.fromSlot === index, `after gesture ${gesture}: output ${slot.name} of ${node.id}`);
    }));
  }
  for (const [id, link] of graph.links) {
    assert.ok(inEnds.has(id), `after gesture ${gesture}: link ${id}`);
    if (link.parentId !== undefined) assert.ok(graph.reroutes.has(link.parentId), `after gesture ${gesture}: the point of link ${id}`);
  }
}
