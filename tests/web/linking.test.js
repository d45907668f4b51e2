/** What links may be made, what becomes of types, and nodes put into links and taken out of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fittingSockets, fitOfType, mayLink, refusal, typeOfInput, typeOfOutput } from "../../web/core/flow.js";
import { addPoint, connectAll, splice, spliceOf, takeOut } from "../../web/core/linking.js";
import { writeWorkflow } from "../../web/core/write.js";
import { newDocument, plain } from "./graph_data.js";

const out = (node, slot = 0) => ({ node, side: "output", slot });
const into = (node, slot = 0) => ({ node, side: "input", slot });

/** @param {(graph: any, add: (type: string) => any) => void} use */
function inGraph(use) {
  const document = newDocument();
  document.edit("make", () => use(document.root, (type) => document.root.addNode(type, { x: 0, y: 0 })));
  return document;
}

test("a type fits itself and not another", () => inGraph((graph, add) => {
  const [load, sample, picture] = [add("Load"), add("Sample"), add("Picture")];
  assert.ok(mayLink(graph, out(load), into(sample)));
  assert.equal(refusal(graph, out(picture), into(sample)).key, "wire.no-fit");
  assert.ok(!mayLink(graph, out(load), out(picture)));
}));

test("a circle is refused, also over several nodes", () => inGraph((graph, add) => {
  const [one, two, three] = [add("Change"), add("Change"), add("Change")];
  graph.connect(one, 0, two, 0);
  graph.connect(two, 0, three, 0);
  assert.equal(refusal(graph, out(three), into(one)).key, "wire.circle");
  assert.equal(refusal(graph, out(one), into(one)).key, "wire.circle");
  assert.equal(refusal(graph, out(one), into(three)), null);
}));

test("the first socket that fits is free and plain before it is taken or a widget's", () => inGraph((graph, add) => {
  const [one, two, sample] = [add("Picture"), add("Picture"), add("Sample")];
  const batch = add("Batch");
  assert.deepEqual(fittingSockets(graph, sample, out(one)).map((each) => sample.inputs[each.slot].name), ["image"]);
  graph.connect(one, 0, batch, 0);
  assert.equal(batch.inputs[fittingSockets(graph, batch, out(two))[0].slot].name, "images.image1");
}));

test("a list of sockets always has a free end while links come, and loses it when they go", () => inGraph((graph, add) => {
  const batch = add("Batch");
  const pictures = [add("Picture"), add("Picture"), add("Picture")];
  for (const picture of pictures) connectAll(graph, [{ socket: out(picture) }], fittingSockets(graph, batch, out(picture))[0]);
  assert.deepEqual(batch.inputs.map((slot) => [slot.name, slot.link !== null]), [["images.image0", true], ["images.image1", true], ["images.image2", true], ["images.image3", false]]);
  graph.disconnect(graph.linkInto(batch, 2));
  graph.disconnect(graph.linkInto(batch, 1));
  assert.deepEqual(batch.inputs.map((slot) => slot.name), ["images.image0", "images.image1"]);
}));

test("a Reroute takes the type of what feeds it, and hands it on", () => {
  const document = inGraph((graph, add) => {
    const [load, first, second, sample, picture] = [add("Load"), add("Reroute"), add("Reroute"), add("Sample"), add("Picture")];
    graph.connect(second, 0, sample, 0);
    assert.equal(typeOfInput(graph, second, 0), "MODEL");
    assert.ok(!mayLink(graph, out(picture), into(second)));
    graph.connect(first, 0, second, 0);
    assert.equal(typeOfOutput(graph, first, 0), "MODEL", "wanted through two of them");
    graph.connect(load, 0, first, 0);
    assert.deepEqual([first.outputs[0].type, second.outputs[0].type], ["MODEL", "MODEL"]);
    assert.ok([...graph.links.values()].every((link) => link.type === "MODEL"));
    graph.disconnect(graph.linkInto(first, 0));
    assert.equal(second.outputs[0].type, "MODEL", "what it feeds wants that still");
    graph.disconnect(graph.linkInto(sample, 0));
    assert.equal(second.outputs[0].type, "*");
  });
  while (document.journal.undo());
  assert.equal(document.root.nodes.size, 0);
});

test("an output of a template has the type of its inputs, and they must agree", () => inGraph((graph, add) => {
  const [load, picture, either, save, sample] = [add("Load"), add("Picture"), add("Switch"), add("Save"), add("Sample")];
  graph.connect(picture, 0, either, 0);
  assert.equal(either.outputs[0].type, "IMAGE");
  assert.ok(!mayLink(graph, out(load), into(either, 1)));
  assert.ok(mayLink(graph, out(picture), into(either, 1)));
  assert.ok(mayLink(graph, out(either), into(save)));
  assert.ok(!mayLink(graph, out(either), into(sample, 0)));
}));

test("the type that a Reroute got is what is written", () => {
  const document = inGraph((graph, add) => graph.connect(add("Load"), 0, add("Reroute"), 0));
  assert.equal(writeWorkflow(document).nodes.find((node) => node.type === "Reroute").outputs[0].type, "MODEL");
});

test("all links of an output are taken to another one", () => inGraph((graph, add) => {
  const [load, other, one, two] = [add("Load"), add("Change"), add("Sample"), add("Sample")];
  const links = [graph.connect(load, 0, one, 0), graph.connect(load, 0, two, 0)];
  const count = connectAll(graph, [{ socket: into(one), moved: links[0] }, { socket: into(two), moved: links[1] }], out(other));
  assert.equal(count, 2);
  assert.deepEqual(load.outputs[0].links, []);
  assert.equal(other.outputs[0].links.length, 2);
  assert.equal(graph.links.size, 2);
}));

test("a link that is taken to another input keeps its points", () => inGraph((graph, add) => {
  const [load, one, two] = [add("Load"), add("Sample"), add("Sample")];
  const link = graph.connect(load, 0, one, 0);
  addPoint(graph, link, 0, { x: 5, y: 5 });
  connectAll(graph, [{ socket: out(load), moved: link, parentId: link.parentId }], into(two));
  assert.equal(graph.reroutes.size, 1);
  const [moved] = graph.links.values();
  assert.deepEqual([moved.to, graph.routeOf(moved).length], [two.id, 1]);
  graph.disconnect(moved);
  assert.equal(graph.reroutes.size, 0, "points without a link go");
}));

test("points lie in the order in which the link runs", () => inGraph((graph, add) => {
  const link = graph.connect(add("Load"), 0, add("Sample"), 0);
  addPoint(graph, link, 0, { x: 2, y: 0 });
  addPoint(graph, link, 0, { x: 1, y: 0 });
  addPoint(graph, link, 2, { x: 3, y: 0 });
  assert.deepEqual(graph.routeOf(link).map((point) => point.x), [1, 2, 3]);
}));

test("a node is put into a link that it fits, and taken out again", () => inGraph((graph, add) => {
  const [load, change, sample, save] = [add("Load"), add("Change"), add("Sample"), add("Save")];
  const link = graph.connect(load, 0, sample, 0);
  assert.equal(spliceOf(graph, save, link), null);
  assert.equal(spliceOf(graph, load, link), null);
  assert.ok(splice(graph, change, link));
  assert.deepEqual([...graph.links.values()].map((each) => [each.from, each.to]), [[load.id, change.id], [change.id, sample.id]]);
  takeOut(graph, change);
  assert.deepEqual([...graph.links.values()].map((each) => [each.from, each.to]), [[load.id, sample.id]]);
}));

test("what was deleted with its links kept leaves what fed it linked to what it fed", () => {
  const document = newDocument();
  const { root } = document;
  const [load, change, sample] = document.edit("make", () => ["Load", "Change", "Sample"].map((type) => root.addNode(type, { x: 0, y: 0 })));
  document.edit("link", () => { root.connect(load, 0, change, 0); root.connect(change, 0, sample, 0); });
  const before = plain(writeWorkflow(document));
  document.edit("delete", () => root.removeNodes([change], { reconnect: true }));
  assert.deepEqual([...root.links.values()].map((each) => [each.from, each.to]), [[load.id, sample.id]]);
  document.journal.undo();
  assert.deepEqual(plain(writeWorkflow(document)), before);
});

test("types are offered by how well they fit", () => {
  const { catalogue } = newDocument();
  assert.equal(fitOfType(catalogue.spec("Sample"), "output", "MODEL"), 3);
  assert.equal(fitOfType(catalogue.spec("Sample"), "output", "INT"), 2);
  assert.equal(fitOfType(catalogue.spec("Reroute"), "output", "MODEL"), 1);
  assert.equal(fitOfType(catalogue.spec("Save"), "output", "MODEL"), 0);
  assert.equal(fitOfType(catalogue.spec("Load"), "input", "VAE"), 3);
});

test("a primitive is the widget that it drives, and nothing without one", () => {
  const document = inGraph((graph, add) => {
    const [primitive, sample, picture] = [add("PrimitiveNode"), add("Sample"), add("Picture")];
    graph.setValue(sample, "seed", 42);
    const seed = sample.inputs.findIndex((slot) => slot.name === "seed");
    assert.ok(mayLink(graph, out(primitive), into(sample, seed)));
    graph.connect(primitive, 0, sample, seed);
    assert.deepEqual([primitive.outputs[0].type, primitive.outputs[0].widget, primitive.values.value], ["INT", "seed", 42]);
    assert.ok(!mayLink(graph, out(primitive), into(picture)), "it is a whole number now");
    graph.disconnect(graph.linkInto(sample, seed));
    assert.deepEqual([primitive.outputs[0].type, primitive.widgets], ["*", []]);
  });
  while (document.journal.undo());
  assert.equal(document.root.nodes.size, 0);
});
