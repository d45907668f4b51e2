/** What becomes of seeds and choices after a run. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { Draws, nextValue } from "../../web/core/controls.js";
import { Document } from "../../web/core/document.js";

const RECORDS = {
  Sampler: { input: { required: { seed: ["INT", { min: 0, max: 2 ** 64, default: 7 }], steps: ["INT", { default: 20 }] } }, output: ["LATENT"] },
  Twice: { input: { required: { seed: ["INT", {}], noise_seed: ["INT", {}] } }, output: [] },
  Picker: { input: { required: { name: [["a", "b", "c"], { control_after_generate: true }] } }, output: [] },
  Number: { input: { required: { value: ["INT", {}] } }, output: ["INT"] },
};

/** @param {string} type @param {Record<string, any>} values */
function documentWith(type, values) {
  const document = new Document(new Catalogue(RECORDS));
  const node = document.edit("new", () => document.root.addNode(type, { x: 0, y: 0 }, values));
  return { document, node };
}

/** A run that the server took. @param {Document} document @param {() => number} [random] */
function afterQueue(document, random) {
  new Draws(document, random).run("after", () => {}).taken();
}

test("a seed counts up after a run and undo takes back what the person did, not the seed", () => {
  const { document, node } = documentWith("Sampler", { seed: 5, control_after_generate: "increment" });
  document.edit("steps", () => document.root.setValue(node, "steps", 30));
  afterQueue(document);
  assert.equal(node.values.seed, 6);
  document.journal.undo();
  assert.deepEqual([node.values.seed, node.values.steps], [6, 20]);
});

test("a seed beyond 2^53 counts without losing digits", () => {
  const { document, node } = documentWith("Sampler", { seed: 18446744073709551000n, control_after_generate: "increment" });
  afterQueue(document);
  assert.equal(node.values.seed, 18446744073709551001n);
  node.values.seed = Number.MAX_SAFE_INTEGER;
  afterQueue(document);
  assert.equal(node.values.seed, 2n ** 53n);
  node.values.control_after_generate = "decrement";
  afterQueue(document);
  assert.equal(node.values.seed, Number.MAX_SAFE_INTEGER);
});

test("drawn seeds are whole numbers from 0 to below 2^50", () => {
  const input = /** @type {any} */ ({ widget: "INT", options: { min: 0, max: 2 ** 64 } });
  for (const chance of [0, 0.3, 0.999999999999, 1 - 2 ** -53]) {
    const value = nextValue(input, 1, "randomize", () => chance);
    assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 50, String(value));
  }
  const dice = /** @type {any} */ ({ widget: "INT", options: { min: 1, max: 6 } });
  assert.deepEqual([nextValue(dice, 1, "randomize", () => 0), nextValue(dice, 1, "randomize", () => 0.9999)], [1, 6]);
});

test("two seeds of one node have a control each", () => {
  const { document, node } = documentWith("Twice", { seed: 1, control_after_generate: "fixed", noise_seed: 1, "noise_seed.control_after_generate": "decrement" });
  afterQueue(document);
  assert.deepEqual([node.values.seed, node.values.noise_seed], [1, 0]);
  afterQueue(document);
  assert.equal(node.values.noise_seed, 0);
});

test("choices move within their list", () => {
  const { document, node } = documentWith("Picker", { name: "b", control_after_generate: "increment" });
  afterQueue(document);
  afterQueue(document);
  assert.equal(node.values.name, "c");
  node.values.control_after_generate = "increment-wrap";
  afterQueue(document);
  assert.equal(node.values.name, "a");
  const input = node.inputSpecs[0];
  assert.equal(nextValue(input, "a", "increment", Math.random, "/[ac]/"), "c");
  assert.equal(nextValue(input, "a", "increment", Math.random, "B"), "b");
});

test("a seed that a link feeds is left alone, and so is one that was not run", () => {
  const { document, node } = documentWith("Sampler", { seed: 5, control_after_generate: "increment" });
  document.edit("mute", () => document.root.setNode(node, "mode", 2));
  afterQueue(document);
  assert.equal(node.values.seed, 5);
  document.edit("link", () => {
    document.root.setNode(node, "mode", 0);
    const number = document.root.addNode("Number", { x: 0, y: 0 });
    document.root.connect(number, 0, node, node.inputs.findIndex((slot) => slot.name === "seed"));
  });
  afterQueue(document);
  assert.equal(node.values.seed, 5);
});

test("changing before a run begins with the second one", () => {
  const { document, node } = documentWith("Sampler", { seed: 5, control_after_generate: "increment" });
  const draws = new Draws(document);
  const sent = () => node.values.seed;
  const refused = draws.run("before", sent);
  refused.refused();
  const first = draws.run("before", sent); // the one before it was none
  const second = draws.run("before", sent);
  assert.deepEqual([refused.written, first.written, second.written], [5, 5, 6]);
  first.taken();
  assert.equal(node.values.seed, 5);
  second.taken();
  assert.equal(node.values.seed, 6);
});

test("runs in quick succession count on from each other and show what the server took", () => {
  const { document, node } = documentWith("Sampler", { seed: 5, control_after_generate: "increment" });
  const draws = new Draws(document);
  const runs = [0, 1, 2].map(() => draws.run("after", () => node.values.seed));
  assert.deepEqual(runs.map((each) => each.written), [5, 6, 7]);
  assert.deepEqual(runs.map((each) => each.valuesOf(node).seed), [5, 6, 7]);
  assert.equal(node.values.seed, 5);
  runs[0].taken();
  assert.equal(node.values.seed, 6);
  runs[1].refused();
  assert.equal(node.values.seed, 6);
  runs[2].taken();
  assert.equal(node.values.seed, 8);
});

test("a refused run leaves what it found, and one that was overtaken does not count back", () => {
  const { document, node } = documentWith("Sampler", { seed: 5, control_after_generate: "increment" });
  const draws = new Draws(document);
  draws.run("after", () => {}).refused();
  assert.equal(node.values.seed, 5);
  const [slow, quick] = [0, 1].map(() => draws.run("after", () => node.values.seed));
  quick.taken();
  slow.taken();
  assert.deepEqual([slow.written, quick.written, node.values.seed], [5, 6, 7]);
  const unwritten = () => draws.run("after", () => { throw new Error("not written"); });
  draws.run("after", () => {});
  assert.throws(unwritten);
  assert.equal(node.values.seed, 7);
});

test("a seed that the person sets while a run is on its way stays, and is the next one", () => {
  const { document, node } = documentWith("Sampler", { seed: 5, control_after_generate: "increment" });
  const draws = new Draws(document);
  const first = draws.run("after", () => node.values.seed);
  document.edit("seed", () => document.root.setValue(node, "seed", 100));
  const second = draws.run("after", () => node.values.seed);
  first.taken();
  assert.deepEqual([second.written, node.values.seed], [100, 100]);
  document.journal.undo();
  assert.equal(node.values.seed, 5);
  document.journal.redo();
  second.taken();
  assert.equal(node.values.seed, 101);
  document.journal.undo();
  assert.equal(node.values.seed, 5); // where the person's step began
});
