/** Subgraphs: made, laid open, given other ends, and instances that keep their links and values meanwhile. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { blueprintOf, insertWorkflow } from "../../web/core/blueprints.js";
import { Catalogue } from "../../web/core/catalogue.js";
import { Draws } from "../../web/core/controls.js";
import { Document } from "../../web/core/document.js";
import { turnGroupNodes } from "../../web/core/group-nodes.js";
import { addPoint } from "../../web/core/linking.js";
import { readWorkflow } from "../../web/core/read.js";
import * as ends from "../../web/core/subgraph-ends.js";
import * as subgraphs from "../../web/core/subgraphs.js";
import { writeWorkflow } from "../../web/core/write.js";
import { GROUP_NODES, GROUP_RECORDS } from "./forms.js";

const RECORDS = {
  Load: { input: { required: { name: [["a", "b"], {}] } }, output: ["MODEL", "CLIP"], output_name: ["MODEL", "CLIP"] },
  Text: { input: { required: { text: ["STRING", {}], clip: ["CLIP"] } }, output: ["CONDITIONING"], output_name: ["CONDITIONING"] },
  Sampler: {
    input: { required: { model: ["MODEL"], seed: ["INT", { default: 0, max: 2 ** 64 }], steps: ["INT", { default: 20 }], positive: ["CONDITIONING"] } },
    output: ["LATENT"],
    output_name: ["LATENT"],
  },
  Show: { input: { required: { latent: ["LATENT"] } }, output: [], output_node: true },
};
const plain = (value) => JSON.parse(JSON.stringify(value));

function textToImage() {
  const document = new Document(new Catalogue(RECORDS));
  const { root } = document;
  const nodes = document.edit("new", () => {
    const load = root.addNode("Load", { x: 0, y: 0 });
    const text = root.addNode("Text", { x: 300, y: 0 }, { text: "a cat" });
    const sampler = root.addNode("Sampler", { x: 600, y: 0 }, { seed: 7, steps: 12 });
    const show = root.addNode("Show", { x: 900, y: 0 });
    root.connect(load, 1, text, at(text, "clip"));
    root.connect(load, 0, sampler, at(sampler, "model"));
    root.connect(text, 0, sampler, at(sampler, "positive"));
    root.connect(sampler, 0, show, 0);
    return { load, text, sampler, show };
  });
  return { document, root, ...nodes };
}

const at = (node, name) => node.inputs.findIndex((slot) => slot.name === name);
const reopened = (document) => readWorkflow(plain(writeWorkflow(document)), document.catalogue);

/** A run that the server took. @param {Document} document @param {() => number} [random] */
function afterQueue(document, random) {
  new Draws(document, random).run("after", () => {}).taken();
}

test("a subgraph has a slot for each output that feeds it, by the names inside, and undo puts everything back", () => {
  const { document, root, text, sampler } = textToImage();
  const before = plain(writeWorkflow(document));
  const { instance, definition } = document.edit("make", () => subgraphs.makeSubgraph(root, [text, sampler], { name: "Paint" }));
  assert.deepEqual(instance.inputs.map((slot) => [slot.name, slot.type, slot.link !== null]), [["clip", "CLIP", true], ["model", "MODEL", true]]);
  assert.deepEqual(instance.outputs.map((slot) => [slot.name, slot.links.length]), [["LATENT", 1]]);
  assert.equal(definition.graph.nodes.size, 2);
  const after = plain(writeWorkflow(document));
  assert.deepEqual(plain(writeWorkflow(reopened(document).document)), after);
  document.journal.undo();
  assert.deepEqual(plain(writeWorkflow(document)), before);
  document.journal.redo();
  assert.deepEqual(plain(writeWorkflow(document)), after);
});

test("promoted widgets give each instance a value of its own, which stays when slots are added, renamed and moved", () => {
  const { document, root, text, sampler } = textToImage();
  const { instance, definition } = document.edit("make", () => subgraphs.makeSubgraph(root, [text, sampler], { name: "Paint" }));
  document.edit("promote", () => {
    ends.promote(sampler, "input", "steps");
    ends.promote(sampler, "input", "seed");
  });
  const other = document.edit("new", () => root.addNode(definition.id, { x: 0, y: 500 }));
  document.edit("value", () => {
    root.setValue(instance, "steps", 30);
    root.setValue(other, "seed", 99);
    root.setValue(other, "seed.control_after_generate", "increment");
  });
  document.edit("more", () => {
    ends.promote(text, "input", "text");
    ends.moveSlot(definition, "input", 4, 0);
    ends.renameSlot(definition, "input", 3, "how many");
  });
  assert.deepEqual(instance.inputs.map((slot) => slot.name), ["text", "clip", "model", "how many", "seed"]);
  for (const node of [instance, other]) assert.equal(node.values.text, "a cat");
  assert.deepEqual([instance.values["how many"], instance.values.seed], [30, 7]);
  assert.deepEqual([other.values["how many"], other.values.seed], [12, 99]);
  const { document: again, damage } = reopened(document);
  assert.deepEqual(damage, []);
  const [first, second] = [instance, other].map((node) => again.root.node(node.id));
  assert.deepEqual(first.values, { ...instance.values, "seed.control_after_generate": "randomize" });
  assert.deepEqual(second.values, other.values);
  assert.deepEqual(writeWorkflow(again).nodes.find((node) => node.id === instance.id).widgets_values, ["a cat", 30, 7]);
  afterQueue(document, () => 0);
  assert.deepEqual([instance.values.seed, other.values.seed, sampler.values.seed], [0, 100, 7]);
});

test("what is taken back gives its value to the widget inside", () => {
  const { document, root, sampler } = textToImage();
  const { instance, definition } = document.edit("make", () => subgraphs.makeSubgraph(root, [sampler], { name: "Paint" }));
  document.edit("promote", () => ends.promote(sampler, "input", "steps"));
  document.edit("value", () => root.setValue(instance, "steps", 31));
  document.edit("back", () => ends.demote(sampler, "input", "steps"));
  assert.equal(sampler.values.steps, 31);
  assert.equal(instance.input("steps"), undefined);
  assert.equal(ends.slotsOf(definition, "input").length, 2);
  document.journal.undo();
  assert.equal(instance.values.steps, 31);
  assert.equal(sampler.values.steps, 12);
});

test("laid open again it is what it was, with the instance's values", () => {
  const { document, root, text, sampler, show } = textToImage();
  const { instance } = document.edit("make", () => subgraphs.makeSubgraph(root, [text, sampler], { name: "Paint" }));
  document.edit("promote", () => ends.promote(sampler, "input", "steps"));
  document.edit("value", () => root.setValue(instance, "steps", 31));
  const nodes = document.edit("unpack", () => subgraphs.unpack(instance));
  assert.deepEqual(nodes.map((node) => [node.id, node.type]), [[text.id, "Text"], [sampler.id, "Sampler"]]);
  assert.equal(nodes[1].values.steps, 31);
  assert.deepEqual(nodes[1].inputs.filter((slot) => slot.link !== null).map((slot) => slot.name), ["model", "positive"]);
  assert.equal(root.node(root.linkInto(show, 0).from), nodes[1]);
  assert.equal(writeWorkflow(document).definitions, undefined); // nobody uses it
});

test("an instance can get a subgraph of its own", () => {
  const { document, root, sampler } = textToImage();
  const { instance, definition } = document.edit("make", () => subgraphs.makeSubgraph(root, [sampler], { name: "Paint" }));
  const other = document.edit("new", () => root.addNode(definition.id, { x: 0, y: 500 }));
  document.edit("own", () => subgraphs.makeIndependent(other, "Paint 2"));
  const own = document.definitions.get(other.type);
  assert.notEqual(own, definition);
  document.edit("promote", () => ends.promote(own.graph.node(sampler.id), "input", "steps"));
  assert.equal(instance.input("steps"), undefined);
  assert.equal(other.values.steps, 12);
  assert.deepEqual(reopened(document).damage, []);
  assert.equal(writeWorkflow(document).definitions.subgraphs.length, 2);
});

test("a subgraph does not go into itself, and is taken into another workflow once", () => {
  const { document, root, text, sampler } = textToImage();
  const { definition: inner } = document.edit("make", () => subgraphs.makeSubgraph(root, [sampler], { name: "Inner" }));
  const [nested] = document.instancesOf(inner);
  const { definition: outer, instance } = document.edit("make", () => subgraphs.makeSubgraph(root, [nested, text], { name: "Outer" }));
  assert.equal(subgraphs.mayHold(inner.graph, outer), false);
  assert.equal(subgraphs.mayHold(root, outer), true);
  const saved = plain(blueprintOf(instance));
  const read = () => readWorkflow(plain(saved), document.catalogue).document;
  assert.throws(() => document.edit("insert", () => insertWorkflow(inner.graph, read(), { x: 0, y: 0 })), RangeError);
  document.edit("insert", () => insertWorkflow(root, read(), { x: 10, y: 20 }));
  assert.equal(document.definitions.size, 2);
  const elsewhere = new Document(document.catalogue);
  const [node] = elsewhere.edit("insert", () => insertWorkflow(elsewhere.root, read(), { x: 10, y: 20 }));
  assert.deepEqual([node.x, node.y, node.name, elsewhere.definitions.size], [10, 20, "Outer", 2]);
  document.edit("change", () => ends.promote(sampler, "input", "steps"));
  document.edit("insert", () => insertWorkflow(root, read(), { x: 10, y: 20 }));
  assert.equal(document.definitions.size, 4); // the inner one is another one now, and so is what holds it
  assert.deepEqual(reopened(document).damage, []);
});

test("a primitive takes on the widget that it drives, also out of a subgraph", () => {
  const { document, root, sampler } = textToImage();
  const primitive = document.edit("new", () => root.addNode("PrimitiveNode", { x: 0, y: 0 }));
  document.edit("link", () => root.connect(primitive, 0, sampler, at(sampler, "seed")));
  assert.deepEqual(primitive.widgets.map((each) => [each.name, each.widget]), [["value", "INT"], ["control_after_generate", "CONTROL"]]);
  assert.deepEqual([primitive.values.value, primitive.values.control_after_generate, primitive.outputs[0].type], [7, "fixed", "INT"]);
  document.edit("value", () => root.setValue(primitive, "control_after_generate", "increment"));
  afterQueue(document);
  assert.deepEqual([primitive.values.value, sampler.values.seed], [8, 7]);
  document.edit("make", () => subgraphs.makeSubgraph(root, [primitive], { name: "Seed" }));
  assert.equal(primitive.widgets[0].widget, "INT");
  const again = reopened(document).document;
  const definition = [...again.definitions.values()][0];
  assert.deepEqual(definition.graph.node(primitive.id).values, primitive.values);
  document.journal.undo();
  document.edit("unlink", () => root.disconnect(root.linkInto(sampler, at(sampler, "seed"))));
  assert.deepEqual([primitive.widgets, primitive.outputs[0].type], [[], "*"]);
});

test("reroutes have the type of what flows through them", () => {
  const { document, root, load, sampler } = textToImage();
  const [one, two] = document.edit("new", () => [root.addNode("Reroute", { x: 0, y: 0 }), root.addNode("Reroute", { x: 0, y: 0 })]);
  document.edit("link", () => root.connect(one, 0, two, 0));
  document.edit("link", () => root.connect(two, 0, sampler, at(sampler, "model")));
  assert.deepEqual([one, two].map((node) => node.outputs[0].type), ["MODEL", "MODEL"]);
  document.edit("unlink", () => root.disconnect(root.linkInto(sampler, at(sampler, "model"))));
  assert.equal(one.outputs[0].type, "*");
  document.edit("link", () => root.connect(load, 1, one, 0));
  assert.deepEqual([one, two].map((node) => node.outputs[0].type), ["CLIP", "CLIP"]);
});

test("older group nodes stay in their file until they are turned into subgraphs, and undo brings them back", () => {
  for (const [name, saved] of Object.entries(GROUP_NODES)) {
    const { document, damage } = readWorkflow(plain(saved), new Catalogue(GROUP_RECORDS));
    assert.deepEqual(damage, [], name);
    const before = plain(writeWorkflow(document));
    assert.deepEqual(before.extra, saved.extra, name);
    assert.deepEqual(before.nodes.map((node) => node.type), saved.nodes.map((node) => node.type), name);
    const had = saved.links.length;
    const turned = document.edit("turn", () => turnGroupNodes(document));
    assert.ok(turned.length && turned.every(subgraphs.isInstance), name);
    assert.equal(document.root.links.size, had, `${name}: a link is lost`);
    const after = plain(writeWorkflow(document));
    assert.equal(Object.keys(after.extra.groupNodes ?? {}).length, 0, name);
    document.journal.undo();
    assert.deepEqual(plain(writeWorkflow(document)), before, name);
    document.journal.redo();
    assert.deepEqual(plain(writeWorkflow(document)), after, name);
  }
});

test("group nodes that contain each other are told, and nothing changes", () => {
  const part = (type) => ({ nodes: [{ index: 0, type }], links: [], external: [] });
  const saved = { nodes: [{ id: 1, type: "workflow>A", pos: [0, 0], size: [1, 1] }], links: [], extra: { groupNodes: { A: part("workflow>B"), B: part("workflow>A") } }, version: 0.4 };
  const { document } = readWorkflow(plain(saved), new Catalogue(GROUP_RECORDS));
  const before = plain(writeWorkflow(document));
  assert.throws(() => document.edit("turn", () => turnGroupNodes(document)), RangeError);
  assert.deepEqual(plain(writeWorkflow(document)), before);
});

test("unpacking keeps the points of a link that left the subgraph", () => {
  const { document, root, sampler, show } = textToImage();
  const link = root.linkInto(show, 0);
  document.edit("point", () => addPoint(root, link, 0, { x: 800, y: 50 }));
  const { instance } = document.edit("make", () => subgraphs.makeSubgraph(root, [sampler], { name: "Paint" }));
  document.edit("unpack", () => subgraphs.unpack(instance));
  const now = root.linkInto(show, 0);
  assert.deepEqual(root.routeOf(now).map(({ x, y }) => [x, y]), [[800, 50]]);
});

test("what comes into a subgraph later is written behind what it was made of", () => {
  const { document, root, load, text } = textToImage();
  document.edit("late", () => root.connect(load, 1, text, at(text, "clip")));
  const late = [...root.links.values()].reduce((last, each) => (each.rank > last.rank ? each : last));
  const chosen = [root.node(late.from), root.node(late.to)];
  const { definition } = document.edit("make", () => subgraphs.makeSubgraph(root, chosen, { name: "Ends" }));
  const added = document.edit("more", () => definition.graph.addNode("Show", { x: 0, y: 0 }));
  const source = [...definition.graph.nodes.values()].find((node) => node.outputs.some((slot) => slot.type === "LATENT"));
  document.edit("link", () => definition.graph.connect(source, 0, added, 0));
  const ranks = [...definition.graph.links.values()].map((each) => each.rank);
  assert.equal(new Set(ranks).size, ranks.length);
});
