// What the first page finds in a graph, and what it changes.

import assert from "node:assert/strict";
import test from "node:test";

import { findControls, nameOf, read, withValues } from "../../web/runner/graph.js";
import { noteOf, savedWithValues } from "../../web/runner/saved.js";

const graph = {
  1: { class_type: "Loader", inputs: { ckpt_name: "a.safetensors" } },
  2: { class_type: "Encode", inputs: { text: "a red circle", clip: ["1", 1] }, _meta: { title: "Prompt" } },
  3: { class_type: "Encode", inputs: { text: "blue", clip: ["1", 1] } },
  4: { class_type: "Combine", inputs: { conditioning: ["2", 0] } },
  5: { class_type: "Sampler", inputs: { seed: 7, steps: 20, positive: ["4", 0], negative: ["3", 0] } },
  6: { class_type: "Sampler", inputs: { seed: 8, steps: 9, positive: ["2", 0], negative: ["3", 0] } },
  7: { class_type: "LoadImage", inputs: { image: "a.png" } },
};

test("the first sampler's seed, steps and texts are found, through other nodes", () => {
  assert.deepEqual(findControls(graph), {
    seed: { node: "5", input: "seed" },
    steps: { node: "5", input: "steps" },
    positive: { node: "2", input: "text" },
    negative: { node: "3", input: "text" },
    source: { node: "7", input: "image" },
  });
});

test("a graph without a sampler, or one that runs in a circle, has no such controls", () => {
  assert.deepEqual(findControls({ 1: { class_type: "Save", inputs: {} } }), {});
  const circle = {
    1: { class_type: "Sampler", inputs: { noise_seed: 1, positive: ["2", 0] } },
    2: { class_type: "A", inputs: { x: ["3", 0] } },
    3: { class_type: "B", inputs: { x: ["2", 0] } },
  };
  assert.equal(findControls(circle).positive, undefined);
});

test("values change in a copy", () => {
  const place = { node: "2", input: "text" };
  const changed = withValues(graph, [[place, "a star"], [undefined, 1], [{ node: "99", input: "x" }, 1]]);
  assert.equal(read(changed, place), "a star");
  assert.equal(read(graph, place), "a red circle");
  assert.equal(changed["99"], undefined);
});

test("a node is called by its title, its class or its number", () => {
  assert.deepEqual(["2", "3", "99"].map((id) => nameOf(graph, id)), ["Prompt", "Encode", "node 99"]);
});

test("the saved form is told the values that ran, at the right widgets", () => {
  const definitions = {
    Sampler: {
      input: {
        required: {
          model: ["MODEL", {}],
          seed: ["INT", { default: 0 }],
          steps: ["INT", {}],
          name: [["euler"], {}],
          pinned: ["INT", { forceInput: true }],
        },
        optional: { denoise: ["FLOAT", {}] },
      },
    },
  };
  const saved = { nodes: [{ id: 5, type: "Sampler", widgets_values: [20, "randomize", 20, "euler", 1] }] };
  const changes = [
    [{ node: "5", input: "seed" }, 7],
    [{ node: "5", input: "steps" }, 30],
    [{ node: "5", input: "denoise" }, 0.5],
  ];
  const told = savedWithValues(saved, definitions, changes);
  assert.deepEqual(told.nodes[0].widgets_values, [7, "randomize", 30, "euler", 0.5]);
  assert.equal(saved.nodes[0].widgets_values[0], 20);
});

test("a note is read as plain text", () => {
  assert.equal(noteOf({ nodes: [{ type: "MarkdownNote", widgets_values: ["## Title\nTry *this*, **then** that."] }] }), "Try this, then that.");
  assert.equal(noteOf({ nodes: [] }), "");
});
