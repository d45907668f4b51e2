/** Parts of graphs, copied and pasted: links, values, groups, points and subgraphs come along, with ids of their own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Group } from "../../web/core/graph.js";
import { addPoint } from "../../web/core/linking.js";
import { readWorkflow } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";
import { putPart, takePart } from "../../web/features/clipboard/records.js";
import { htmlOf, partIn, textOf } from "../../web/features/clipboard/texts.js";
import { recreate } from "../../web/features/node-state/recreate.js";
import { newDocument, plain } from "./graph_data.js";

const BY = { x: 100, y: 50 };

function chain() {
  const document = newDocument();
  const { root } = document;
  const [load, change, sample] = document.edit("make", () => {
    const nodes = ["Load", "Change", "Sample"].map((type, i) => root.addNode(type, { x: i * 300, y: 0 }));
    root.connect(nodes[0], 0, nodes[1], 0);
    addPoint(root, root.connect(nodes[1], 0, nodes[2], 0), 0, { x: 450, y: 20 });
    root.setValue(nodes[1], "strength", 0.25);
    root.setNode(nodes[1], "title", "Größe");
    return nodes;
  });
  return { document, root, load, change, sample };
}

/** Through text, as the system's clipboard does. */
const carried = (part) => partIn(textOf(part));

test("a copy has its own ids, the values, the links inside and their points", () => {
  const { document, root, change, sample } = chain();
  const before = plain(writeWorkflow(document));
  const [first, second] = document.edit("paste", () => putPart(root, carried(takePart(root, [change, sample])), BY));
  assert.deepEqual([first.title, first.values.strength, first.x, first.y], ["Größe", 0.25, change.x + 100, change.y + 50]);
  assert.equal(new Set([...root.nodes.keys()]).size, 5);
  const link = root.linkInto(second, 0);
  assert.equal(link.from, first.id);
  assert.deepEqual(root.routeOf(link).map(({ x, y }) => [x, y]), [[550, 70]]);
  assert.equal(root.linkInto(first, 0), undefined, "what came in from outside stays outside");
  document.journal.undo();
  assert.deepEqual(plain(writeWorkflow(document)), before);
});

test("with incoming links the copy hangs on what the original hangs on", () => {
  const { document, root, load, change } = chain();
  const [copy] = document.edit("paste", () => putPart(root, carried(takePart(root, [change])), BY, { withIncoming: true }));
  assert.equal(root.linkInto(copy, 0).from, load.id);
  const other = newDocument();
  const [alone] = other.edit("paste", () => putPart(other.root, carried(takePart(root, [change])), BY, { withIncoming: true }));
  assert.equal(other.root.linkInto(alone, 0), undefined);
});

test("all links of a list of sockets that grows come along, also where one in the middle is free", () => {
  const document = newDocument();
  const { root } = document;
  const [batch, pictures] = document.edit("make", () => {
    const made = root.addNode("Batch", { x: 0, y: 0 });
    const feeds = [0, 1, 2].map(() => root.addNode("Picture", { x: 0, y: 0 }));
    feeds.forEach((feed, i) => root.connect(feed, 0, made, i));
    root.disconnect(root.linkInto(made, 1));
    return [made, feeds];
  });
  const added = document.edit("paste", () => putPart(root, carried(takePart(root, [batch, ...pictures])), BY));
  const copy = added.find((node) => node.type === "Batch");
  assert.deepEqual(copy.inputs.map((slot) => [slot.name, slot.link !== null]), batch.inputs.map((slot) => [slot.name, slot.link !== null]));
});

test("the form hidden in HTML is understood, a whole workflow and other texts are not taken for a part", () => {
  const { root, change, document } = chain();
  const part = takePart(root, [change]);
  assert.equal(partIn("Größe", htmlOf(part)).nodes[0].title, "Größe");
  assert.equal(partIn(JSON.stringify(writeWorkflow(document))), null);
  for (const text of ["", "{", "[1]", "null", '{"nodes": 3}', "hello"]) assert.equal(partIn(text), null);
  assert.equal(partIn("", '<span data-metadata="bm90IGpzb24="></span>'), null);
});

test("a group comes along, and damaged parts break nothing", () => {
  const { document, root } = chain();
  const group = document.edit("group", () => root.addGroup(new Group(7, "Mine", 0, 0, 100, 100)));
  const [copy] = document.edit("paste", () => putPart(root, carried(takePart(root, [group])), BY));
  assert.deepEqual([copy.id, copy.title, copy.x], [8, "Mine", 100]);
  const damaged = { nodes: [{ id: 1, type: "Save" }], links: [{ id: 1, origin_id: 9, origin_slot: 0, target_id: 1, target_slot: 5, type: "X" }], groups: [{}], reroutes: [{ id: 1, parentId: 1 }], subgraphs: [] };
  assert.equal(document.edit("paste", () => putPart(root, damaged, BY)).length, 2);
});

const INNER = {
  id: "6f2b7f56-0000-4000-8000-000000000001", version: 1, name: "Inner", state: { lastNodeId: 1, lastLinkId: 0, lastRerouteId: 0, lastGroupId: 0 },
  inputNode: { id: -10, bounding: [0, 0, 100, 60] }, outputNode: { id: -20, bounding: [400, 0, 100, 60] }, inputs: [], outputs: [],
  nodes: [{ id: 1, type: "Picture", pos: [100, 0], size: [200, 60], flags: {}, order: 0, mode: 0, properties: {}, widgets_values: ["a"], inputs: [], outputs: [] }],
  links: [], groups: [],
};
const withInner = (text) => ({
  version: 0.4, nodes: [{ id: 1, type: INNER.id, pos: [0, 0], size: [200, 60], flags: {}, order: 0, mode: 0, properties: {} }], links: [], groups: [],
  definitions: { subgraphs: [{ ...INNER, nodes: [{ ...INNER.nodes[0], widgets_values: [text] }] }] },
});

test("subgraphs travel along, are shared where they are the same, and get another id where they are not", (t) => {
  // Where the page comes over plain HTTP from another machine, browsers have no such function.
  t.mock.method(crypto, "randomUUID", () => assert.fail("crypto.randomUUID is not there"));
  const { catalogue } = newDocument();
  const { document: source } = readWorkflow(withInner("a"), catalogue);
  const part = carried(takePart(source.root, source.root.nodes.values()));
  assert.equal(part.subgraphs.length, 1);

  const empty = newDocument();
  empty.edit("paste", () => putPart(empty.root, part, BY));
  assert.deepEqual([...empty.definitions.keys()], [INNER.id]);
  empty.journal.undo();
  assert.equal(empty.definitions.size, 0);

  source.edit("paste", () => putPart(source.root, part, BY));
  assert.equal(source.definitions.size, 1);

  const { document: other } = readWorkflow(withInner("b"), catalogue);
  const [node] = other.edit("paste", () => putPart(other.root, part, BY));
  assert.equal(other.definitions.size, 2);
  assert.notEqual(node.type, INNER.id);
  assert.equal([...other.definitions.get(node.type).graph.nodes.values()][0].values.text, "a");
});

test("a subgraph is not put into itself", () => {
  const { document } = readWorkflow(withInner("a"), newDocument().catalogue);
  const part = carried(takePart(document.root, document.root.nodes.values()));
  const inner = document.definitions.get(INNER.id).graph;
  assert.deepEqual(document.edit("paste", () => putPart(inner, part, BY)), []);
  assert.equal(document.edit("paste", () => putPart(document.root, part, BY)).length, 1);
});

test("a node made anew has the same id, links and values", () => {
  const { document, root, load, change, sample } = chain();
  const before = plain(writeWorkflow(document));
  const made = document.edit("recreate", () => recreate(root, change));
  assert.notEqual(made, change);
  assert.deepEqual([made.id, made.title, made.values.strength], [change.id, "Größe", 0.25]);
  assert.equal(root.linkInto(made, 0).from, load.id);
  assert.equal(root.linkInto(sample, 0).from, made.id);
  document.journal.undo();
  assert.deepEqual(plain(writeWorkflow(document)), before);
});
