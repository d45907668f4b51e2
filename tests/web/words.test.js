/** Nodes in the words of packs: the page's language over English, the person's own words over both, names as they are. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { readWorkflow } from "../../web/core/read.js";
import { DYNAMIC_COMBO, inputsBehind, readSpec } from "../../web/core/spec.js";
import { addWords, mergeMenus, mergeWords, nameOfSlot, wordFor } from "../../web/core/words.js";
import { writeWorkflow } from "../../web/core/write.js";
import { labelOf } from "../../web/features/widgets/fields.js";

const RECORDS = { Mix: { display_name: "Mix them", description: "Mixes.", input: { required: { image: ["IMAGE"], mask: ["MASK"], by: ["INT", { tooltip: "How much" }], odd: ["INT", {}] } }, output: ["IMAGE", "MASK"], output_name: ["image", "mask"] } };
const ENGLISH = { Mix: { display_name: "Mixer", inputs: { by: { name: "amount", tooltip: "More" }, odd: { name: 5 } } }, Other: { display_name: "None" }, Broken: 7 };
const CHINESE = { Mix: { display_name: "混合", inputs: { image: { name: "图像" }, mask: { name: "遮罩" } }, outputs: { 0: { name: "结果", tooltip: "混合后的图像" } } } };
const SAVED = {
  nodes: [{
    id: 1, type: "Mix", pos: [0, 0], size: [200, 100], widgets_values: [1, 2],
    inputs: [{ name: "image", localized_name: "Bild", type: "IMAGE", link: null }, { name: "mask", localized_name: "Maske", label: "mine", type: "MASK", link: null }],
    outputs: [{ name: "image", localized_name: "Bild", type: "IMAGE", links: null }, { name: "mask", localized_name: "Maske", type: "MASK", links: null }],
  }], links: [], version: 0.4,
};

test("open nodes and new ones are called by the page's words, and files stay as they are", () => {
  const catalogue = new Catalogue(RECORDS);
  const { document } = readWorkflow(structuredClone(SAVED), catalogue);
  const node = document.root.node(1);
  const before = JSON.stringify(writeWorkflow(document));
  assert.deepEqual([node.name, ...node.inputs.slice(0, 2).map((slot) => nameOfSlot(node, slot))], ["Mix them", "Bild", "mine"]);
  catalogue.translate(mergeWords([ENGLISH, undefined, CHINESE]));
  assert.deepEqual([node.name, ...node.inputs.slice(0, 2).map((slot) => nameOfSlot(node, slot))], ["混合", "图像", "mine"]);
  assert.deepEqual(node.outputs.map((slot) => nameOfSlot(node, slot)), ["结果", "Maske"]);
  const [by, odd] = node.widgets;
  assert.deepEqual([labelOf(node, by), by.options.tooltip, labelOf(node, odd)], ["amount", "More", "odd"]);
  assert.equal(RECORDS.Mix.input.required.by[1].tooltip, "How much", "the server's record is not ours to change");
  assert.ok(node.spec.aliases.includes("Mix them"), "its English name is still found");
  assert.equal(node.spec.outputs[0].tip, "混合后的图像");
  assert.equal(node.spec.doc, "Mixes.");
  assert.equal(JSON.stringify(writeWorkflow(document)), before);
  const other = new Catalogue(RECORDS);
  other.translate(mergeWords([ENGLISH]));
  assert.equal(other.spec("Mix").title, "Mixer");
});

test("menus are called by the page's words, part by part, and by their own names where there are none", () => {
  const catalogue = new Catalogue(RECORDS);
  assert.equal(catalogue.menuOf("model/sampling"), "model/sampling");
  catalogue.translate({}, mergeMenus([{ sampling: "取样", mine: "我的", toString: 5 }, undefined, { sampling: "采样" }]));
  assert.deepEqual(["model/sampling", "mine", "toString", ""].map((each) => catalogue.menuOf(each)), ["model/采样", "我的", "toString", ""]);
});

test("inputs that a choice brings have their words", () => {
  const width = ["INT", { default: 512, tooltip: "In pixels." }];
  const spec = readSpec("Resize", {
    input: { required: { how: [DYNAMIC_COMBO, { options: [{ key: "by size", inputs: { required: { width } } }, { key: "not", inputs: {} }] }] } },
  });
  addWords(spec, { inputs: { how: { name: "方式", choices: { "by size": { width: { name: "宽度", tooltip: "以像素计。" } }, other: {} } } } });
  const [inside] = inputsBehind(spec.inputs[0], "by size");
  assert.equal(inside.options.tooltip, "以像素计。");
  assert.equal(inside.options.default, 512);
  assert.equal(wordFor(spec, "inputs", inside.name), "宽度");
  assert.equal(width[1].tooltip, "In pixels.");
  assert.deepEqual(inputsBehind(spec.inputs[0], "not"), []);
});

test("inputs that a choice in a choice brings have theirs", () => {
  const crf = ["FLOAT", { tooltip: "Lost." }];
  const inner = [DYNAMIC_COMBO, { options: [{ key: "again", inputs: { required: { crf } } }] }];
  const spec = readSpec("Save", { input: { required: { format: [DYNAMIC_COMBO, { options: [{ key: "mp4", inputs: { required: { mode: inner } } }] }] } } });
  addWords(spec, { inputs: { format: { choices: { mp4: { mode: { name: "方式", choices: { again: { crf: { name: "质量", tooltip: "损失。" } } } } } } } } });
  const [mode] = inputsBehind(spec.inputs[0], "mp4");
  const [quality] = inputsBehind(mode, "again");
  assert.equal(quality.options.tooltip, "损失。");
  assert.equal(wordFor(spec, "inputs", "format.mode"), "方式");
  assert.equal(wordFor(spec, "inputs", quality.name), "质量");
  assert.equal(crf[1].tooltip, "Lost.");
});
