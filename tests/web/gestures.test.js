/** Two hundred random gestures, then undo of all of them: the workflow is again, to the letter, what it was. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { fittingSockets } from "../../web/core/flow.js";
import { Group } from "../../web/core/graph.js";
import { addPoint, connectAll, splice, takeOut } from "../../web/core/linking.js";
import { readWorkflow } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";
import { putPart, takePart } from "../../web/features/clipboard/records.js";
import { recreate } from "../../web/features/node-state/recreate.js";
import { plain, randomOf, RECORDS } from "./graph_data.js";

const GESTURES = 200;
const saved = JSON.parse(readFileSync(new URL("../../workflows/text_to_image.json", import.meta.url), "utf8"));
const seeds = process.env.GESTURE_SEED ? [Number(process.env.GESTURE_SEED)] : [1, 2, 3, 4, 5, Date.now() % 1_000_000];

for (const seed of seeds) {
  test(`${GESTURES} gestures and their undo, seed ${seed}`, (t) => {
    t.diagnostic(`GESTURE_SEED=${seed} runs this one again`);
    const random = randomOf(seed);
    const { document } = readWorkflow(saved, new Catalogue(RECORDS));
    const { root: graph, journal } = document;
    const whole = (most) => Math.floor(random() * most);
    const one = (list) => list[whole(list.length)];
    const nodes = () => [...graph.nodes.values()];
    const some = () => nodes().filter(() => random() < 0.2);
    const types = [...Object.keys(RECORDS), "Reroute", "Note", "PrimitiveNode"];
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
        if (widget) graph.setValue(node, widget.name, whole(1000));
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
      recreate: () => { const node = one(nodes()); if (node) recreate(graph, node); },
    };
    const before = plain(writeWorkflow(document));
    const states = [before];
    let steps = 0;
    for (let i = 0; steps < GESTURES && i < 10 * GESTURES; i++) {
      const revision = journal.revision;
      document.edit("gesture", gestures[one(Object.keys(gestures))]);
      if (journal.revision === revision) continue; // there was nothing to do it to
      steps++;
      states.push(plain(writeWorkflow(document)));
      checkLinks(graph, i);
    }
    assert.equal(steps, GESTURES);
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

/** Both ends of every link know it, and no other does. */
function checkLinks(graph, gesture) {
  const inEnds = new Set();
  for (const node of graph.nodes.values()) {
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
