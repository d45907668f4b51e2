/** What open nodes become when the server's node types are other ones. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { readWorkflow } from "../../web/core/read.js";
import { renewNodes } from "../../web/core/renew.js";
import { writeWorkflow } from "../../web/core/write.js";

const record = (required, more = {}) => ({ input: { required }, output: ["IMAGE"], output_name: ["IMAGE"], ...more });
const saved = (nodes, more = {}) => ({ version: 0.4, last_node_id: 9, last_link_id: 0, nodes, links: [], groups: [], config: {}, extra: {}, ...more });
const node = (id, type, values) => ({ id, type, pos: [0, 0], size: [200, 100], flags: {}, order: 0, mode: 0, inputs: [], outputs: [], properties: {}, widgets_values: values });

function renewed(before, after, workflow) {
  const catalogue = new Catalogue(before);
  const { document } = readWorkflow(workflow, catalogue);
  const touched = renewNodes(document, catalogue.replace(after));
  return { document, touched, catalogue };
}

test("a type that did not change keeps its spec and its nodes are left alone", () => {
  const same = record({ steps: ["INT", { default: 20 }] });
  const catalogue = new Catalogue({ A: same });
  const spec = catalogue.spec("A");
  assert.equal(catalogue.replace({ A: structuredClone(same) }).size, 0);
  assert.equal(catalogue.spec("A"), spec);
});

test("values keep to their names when a type gains an input in front of them", () => {
  const { document, touched } = renewed(
    { A: record({ steps: ["INT", {}], name: [["a", "b"]] }) },
    { A: record({ fresh: ["FLOAT", { default: 0.5 }], steps: ["INT", {}], name: [["b", "c"]], image: ["IMAGE"] }) },
    saved([node(1, "A", [7, "a"])]),
  );
  const found = document.root.node(1);
  assert.deepEqual(touched, [found]);
  assert.deepEqual(found.values, { steps: 7, name: "a", fresh: 0.5 });
  assert.deepEqual(found.inputs.map((slot) => slot.name), ["steps", "name", "fresh", "image"]);
  assert.deepEqual(found.inputSpecs.find((each) => each.name === "name").options.options, ["b", "c"]);
  assert.deepEqual(writeWorkflow(document).nodes[0].widgets_values, [0.5, 7, "a"]);
  assert.equal(document.journal.canUndo, false);
});

test("a placeholder becomes a node when its type comes, with the values of the file", () => {
  const { document } = renewed({}, { A: record({ steps: ["INT", {}] }) }, saved([node(1, "A", [7])]));
  assert.equal(document.root.node(1).values.steps, 7);
  assert.equal(document.root.node(1).spec.type, "A");
});

test("a type that goes leaves what the person had set", () => {
  const catalogue = new Catalogue({ A: record({ steps: ["INT", {}] }) });
  const { document } = readWorkflow(saved([node(1, "A", [7])]), catalogue);
  const found = document.root.node(1);
  document.edit("value", () => document.root.setValue(found, "steps", 9));
  assert.deepEqual(renewNodes(document, catalogue.replace({})), []);
  assert.deepEqual(writeWorkflow(document).nodes[0].widgets_values, [9]);
});

test("undo and redo of what was done before lead to the same graph with the new input", () => {
  const catalogue = new Catalogue({ A: record({ image: ["IMAGE"] }) });
  const { document } = readWorkflow(saved([node(1, "A", []), node(2, "A", [])]), catalogue);
  const { root } = document;
  document.edit("link", () => root.connect(root.node(1), 0, root.node(2), 0));
  renewNodes(document, catalogue.replace({ A: record({ mask: ["MASK"], image: ["IMAGE"] }) }));
  const names = root.node(2).inputs.map((slot) => slot.name);
  document.journal.undo();
  document.journal.redo();
  assert.deepEqual(root.node(2).inputs.map((slot) => slot.name), names);
  assert.equal(root.linkInto(root.node(2), names.indexOf("image"))?.from, 1);
});

test("an instance of a subgraph shows the new choices of what lies inside", () => {
  const definition = {
    id: "11111111-2222-3333-4444-555555555555", name: "Inner", version: 1, revision: 0, state: {}, config: {}, groups: [], extra: {}, widgets: [],
    inputNode: { id: -10, bounding: [0, 0, 100, 60] }, outputNode: { id: -20, bounding: [500, 0, 100, 60] },
    inputs: [{ id: "i1", name: "name", type: "COMBO", linkIds: [1] }], outputs: [],
    nodes: [{ ...node(3, "A", ["a"]), inputs: [{ name: "name", type: "COMBO", widget: { name: "name" }, link: 1 }] }],
    links: [{ id: 1, origin_id: -10, origin_slot: 0, target_id: 3, target_slot: 0, type: "COMBO" }],
  };
  const { document } = renewed({ A: record({ name: [["a"]] }) }, { A: record({ name: [["a", "b"]] }) }, saved([node(2, definition.id, ["a"])], { definitions: { subgraphs: [definition] } }));
  const [input] = document.root.node(2).inputSpecs;
  assert.deepEqual(input.options.options, ["a", "b"]);
});
