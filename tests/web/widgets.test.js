/** What people type into widgets, and what jobs bring to nodes. No page is needed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Catalogue } from "../../web/core/catalogue.js";
import { Document } from "../../web/core/document.js";
import { fileOf } from "../../web/core/file-inputs.js";
import { defaultOf, readSpec } from "../../web/core/spec.js";
import { filesOf } from "../../web/features/content/files.js";
import { gridOf, noticeOf } from "../../web/features/content/shape.js";
import { ContentStore } from "../../web/features/content/store.js";
import { heightAt, pointsOf, withPoints } from "../../web/features/widgets/curves.js";
import { evaluate, format, isValid, onGrid, parse, stepped } from "../../web/features/widgets/numbers.js";

/** @param {string} widget @param {Record<string, any>} [options] */
function input(widget, options = {}) {
  return { name: "x", type: widget, widget, options, section: /** @type {const} */ ("required") };
}

test("sums that people type are worked out", () => {
  assert.equal(evaluate("512*2"), 1024);
  assert.equal(evaluate(" (1024 + 64) / 8 "), 136);
  assert.equal(evaluate("2^3^2"), 512);
  assert.equal(evaluate("-2^2"), -4);
  assert.equal(evaluate("7 % 4 - -1"), 4);
  assert.equal(evaluate("1e3"), 1000);
  assert.equal(evaluate("1,024"), 1024);
  for (const wrong of ["", "abc", "1+", "(1", "1 2", "alert(1)", "1/0"]) assert.equal(evaluate(wrong), null, wrong);
});

test("a number stays within its range and on its step", () => {
  const size = input("INT", { min: 16, max: 2048, step: 8 });
  assert.equal(parse(size, "513"), 512);
  assert.equal(parse(size, "1"), 16);
  assert.equal(parse(size, "4000"), 2048);
  assert.equal(stepped(size, 512, -3), 488);
  const cfg = input("FLOAT", { min: 0, max: 100, step: 0.1, round: 0.01 });
  assert.equal(parse(cfg, "7.126"), 7.13);
  assert.equal(stepped(cfg, 7.9, 1), 8);
  assert.equal(onGrid(cfg, 3.14159), 3.1);
  assert.equal(parse(size, "many"), null);
});

test("a seed beyond 2^53 keeps its digits", () => {
  const seed = input("INT", { min: 0, max: 18446744073709551615 });
  assert.equal(parse(seed, "18446744073709551614"), 18446744073709551614n);
  assert.equal(parse(seed, "99999999999999999999"), 18446744073709551615n);
  assert.equal(stepped(seed, 18446744073709551614n, -4), 18446744073709551610n);
  assert.equal(stepped(seed, 2 ** 53 - 1, 2), 9007199254740993n);
  assert.equal(parse(seed, "9007199254740990"), 9007199254740990);
  assert.equal(format(seed, 18446744073709551614n), "18446744073709551614");
  assert.ok(isValid(seed, 18446744073709551614n));
});

test("numbers are written with the digits that they have", () => {
  const cfg = input("FLOAT", { step: 0.1, round: 0.01 });
  assert.equal(format(cfg, 8), "8.0");
  assert.equal(format(cfg, 7.125), "7.125");
  assert.equal(format(input("FLOAT", { step: 0.01 }), 1), "1.00");
  assert.equal(format(input("INT"), 20), "20");
  assert.equal(format(input("INT"), 2 ** 64), "18446744073709551616");
  assert.equal(format(input("FLOAT"), 1 / 3), "0.333333");
  assert.ok(!isValid(input("INT", { max: 10 }), 11));
  assert.ok(!isValid(input("INT"), "twenty"));
});

const STEEP_CURVE = [[0.1, 0.00084769], [0.3, 0.01114063], [0.45, 0.03648467], [0.52, 0.13984287], [0.58, 0.80297538], [0.7, 0.95694153], [0.95, 0.99816005]];

test("a curve runs through its points and never beyond them", () => {
  const points = pointsOf({ points: [[0, 0], [0.5, 1], [1, 1]], interpolation: "monotone_cubic" });
  for (const [x, y] of points) assert.ok(Math.abs(heightAt(points, x, false) - y) < 1e-9);
  const hill = pointsOf([[0, 0], [0.5, 1], [1, 0]]);
  for (let x = 0; x <= 1; x += 0.01) for (const each of [points, hill]) assert.ok(heightAt(each, x, false) <= 1 + 1e-9);
  assert.equal(heightAt(points, 0.25, true), 0.5);
  const steep = pointsOf([[0, 0], [0.5, 0.05], [0.6, 0.9], [1, 1]]);
  // What heddle/numerics/curves.py has there, so that the page draws what is computed.
  for (const [x, y] of STEEP_CURVE) assert.ok(Math.abs(heightAt(steep, x, false) - y) < 1e-6, `at ${x}`);
  assert.deepEqual(withPoints({ points: [], interpolation: "linear" }, [[0, 1]]), { points: [[0, 1]], interpolation: "linear" });
});

test("files are named with their folders", () => {
  assert.deepEqual(fileOf("a.png"), { filename: "a.png", subfolder: "", type: "input" });
  assert.deepEqual(fileOf("deep/er/a b.png [output]"), { filename: "a b.png", subfolder: "deep/er", type: "output" });
  assert.equal(fileOf(""), null);
});

const RECORDS = { LoadImage: { input: { required: { image: [["a.png", "b.png"], { image_upload: true }] } }, output: ["IMAGE"], output_name: ["IMAGE"] } };

function loadingNode() {
  const document = new Document(new Catalogue(RECORDS));
  const node = document.edit("undo.add", () => document.root.addNode("LoadImage", { x: 0, y: 0 }));
  return { document, node };
}

test("a node that reads a picture shows the one that it names, also after undo", () => {
  const { document, node } = loadingNode();
  const server = /** @type {any} */ ({ fileAddress: (/** @type {any} */ file) => file.filename });
  const shown = () => filesOf(server, node)?.pictures.map((each) => each.src);
  assert.deepEqual(shown(), ["a.png"]);
  document.edit("undo.value", () => document.root.setValue(node, "image", "b.png"));
  assert.deepEqual(shown(), ["b.png"]);
  document.journal.undo();
  assert.deepEqual(shown(), ["a.png"]);
});

test("what a job brought outlives undo, and goes with its document", () => {
  const { document, node } = loadingNode();
  const store = new ContentStore();
  store.setImages(node, [{ src: "1.png" }, { src: "2.png" }]);
  store.setProgress(node, 3, 20);
  assert.ok(store.busy.has(node));
  document.edit("undo.delete", () => document.root.removeNodes([node]));
  document.journal.undo();
  assert.equal(store.get(node)?.pictures.length, 2);
  store.setState(node, { state: "done", ms: 5 });
  assert.ok(!store.busy.has(node));
  store.clear(document);
  assert.equal(store.get(node), undefined);
});

test("a preview that is replaced is closed", () => {
  const { node } = loadingNode();
  const store = new ContentStore();
  let closed = 0;
  const bitmap = () => /** @type {any} */ ({ width: 8, height: 8, close: () => closed++ });
  store.setPreview(node, bitmap());
  store.setPreview(node, bitmap());
  assert.equal(closed, 1);
  store.setPreview(node, null);
  assert.equal(closed, 2);
});

test("a batch fills its box with the largest cells", () => {
  const box = { left: 0, top: 0, right: 300, bottom: 200 };
  assert.equal(gridOf(box, 6, 1)[1].right, 200); // three columns, two rows
  assert.equal(gridOf(box, 2, 1)[1].left, 150);
});

test("a combo of several choices is one in both ways in which packs declare it", () => {
  const { inputs } = readSpec("Any", { input: { required: {
    old: [["a", "b"], { multi_select: { placeholder: "Choose", chip: true } }], new: ["COMBO", { options: ["a", "b"], multiselect: true }], one: [["a", "b"], {}],
  } } });
  assert.deepEqual(inputs.map((each) => [Boolean(each.options.multiselect), defaultOf(each)]), [[true, []], [true, []], [false, "a"]]);
});

test("a type that is not known names the pack that brings it, and none for what is built in elsewhere", () => {
  const editor = /** @type {any} */ ({ text: (/** @type {string} */ name, /** @type {any} */ values) => `${name} ${values.pack}` });
  const document = new Document(new Catalogue({}));
  const node = document.edit("undo.add-node", () => document.root.addNode("Gone", { x: 0, y: 0 }));
  node.properties = { cnr_id: "eels" };
  assert.equal(noticeOf(editor, node), "content.unknown-pack eels");
  node.properties = { cnr_id: "comfy-core" };
  assert.match(noticeOf(editor, node), /^content\.unknown /);
});
