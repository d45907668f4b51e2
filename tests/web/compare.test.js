import assert from "node:assert/strict";
import test from "node:test";

import { compareWorkflows } from "../../web/features/workflows/compare.js";

const node = (id, more = {}) => ({ id, type: "KSampler", pos: [0, 0], inputs: [{ name: "model", link: 1 }], widgets_values: [1], widgets_values_named: { steps: 20 }, ...more });
const told = (before, after) => compareWorkflows(before, after).map((one) => [one.graph, one.node, one.kind, one.parts, one.values]);

test("what came, went, moved and holds another value is told", () => {
  const before = { nodes: [node(1), node(2), node(3), node(4)], links: [[1, 9, 0, 1, 0, "MODEL"]], groups: [{ id: 1, title: "A", bounding: [0, 0, 1, 1] }] };
  const after = {
    nodes: [node(1, { widgets_values_named: { steps: 33 } }), node(2, { pos: [5, 5], mode: 4 }), node(4, { mode: 0 }), node(5)],
    links: [[1, 9, 0, 1, 0, "MODEL"]], groups: [{ id: 1, title: "B", bounding: [0, 0, 1, 1] }, { id: 2, title: "C" }],
  };
  assert.deepEqual(told(before, after), [
    ["", "3", "removed", [], []],
    ["", "1", "changed", [], [{ name: "steps", before: 20, after: 33 }]],
    ["", "2", "changed", ["place", "mode"], []],
    ["", "5", "added", [], []],
    ["", null, "changed", ["title"], []],
    ["", null, "added", [], []],
  ]);
});

test("a node inside a subgraph is not the one outside that has its number", () => {
  const inner = (steps) => ({ nodes: [node(1)], definitions: { subgraphs: [{ id: "s", name: "Inside", nodes: [node(1, { widgets_values_named: { steps } })] }] } });
  assert.deepEqual(told(inner(1), inner(2)), [["s", "1", "changed", [], [{ name: "steps", before: 1, after: 2 }]]]);
  assert.equal(compareWorkflows(inner(1), inner(2))[0].within, "Inside");
});

test("what is damaged is passed over", () => {
  const damaged = { nodes: [null, 3, [], { id: 1, inputs: 5 }, node(2, { inputs: [null] })], links: [null, 7, [1], { id: 2 }], groups: [null, {}], definitions: { subgraphs: [null, { id: "s", nodes: {} }] } };
  assert.deepEqual(told(damaged, damaged), []);
  assert.deepEqual(told(null, { nodes: {}, links: {}, definitions: [] }), []);
});
