/** What a form shows: chosen by a person or found, kept in the file, also of nodes inside of subgraphs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { Document } from "../../web/core/document.js";
import { readWorkflow } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";
import { changeForm, moveEntry, readForm, setFormMode, setLook, toggleField, toggleOutput } from "../../web/features/form/model.js";
import { plain } from "./graph_data.js";

const catalogue = new Catalogue({
  Text: { input: { required: { text: ["STRING", { multiline: true }], other: ["INT", {}] } }, output: ["CONDITIONING"], output_name: ["CONDITIONING"] },
  Picture: { input: { required: { image: [["a.png"], { image_upload: true }] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
  Sampler: { input: { required: { positive: ["CONDITIONING"], negative: ["CONDITIONING"], image: ["IMAGE"], seed: ["INT", {}], steps: ["INT", {}], cfg: ["FLOAT", {}] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
  Save: { input: { required: { images: ["IMAGE"], prefix: ["STRING", {}] } }, output: [], output_node: true },
});

function made() {
  const document = new Document(catalogue);
  const { root } = document;
  document.edit("make", () => {
    const [negative, positive, picture, sampler, save] = ["Text", "Text", "Picture", "Sampler", "Save"].map((type, i) => root.addNode(type, { x: i * 300, y: 0 }));
    root.addNode("Text", { x: 0, y: 500 }); // feeds nothing
    root.connect(positive, 0, sampler, 0);
    root.connect(negative, 0, sampler, 1);
    root.connect(picture, 0, sampler, 2);
    root.connect(sampler, 0, save, 0);
  });
  return document;
}

const listed = (form) => form.fields.map(({ id, name }) => `${id} ${name}`);
const reread = (document) => readWorkflow(plain(writeWorkflow(document)), catalogue).document;

test("a workflow without a choice shows what people change, and all its outputs", () => {
  const form = readForm(made());
  assert.equal(form.isChosen, false);
  assert.deepEqual(listed(form), ["2 text", "1 text", "3 image", "4 steps", "4 cfg", "4 seed", "4 control_after_generate"]);
  assert.deepEqual(form.outputs.map(({ id }) => id), ["5"]);
});

test("a choice begins with what was found, is a step of undo, and comes back from the file", () => {
  const document = made();
  const before = plain(writeWorkflow(document));
  toggleField(document, "5", "prefix");
  toggleField(document, "4", "cfg");
  changeForm(document, "undo.form", (form) => {
    moveEntry(form.fields, form.fields.length - 1, 0);
    setLook(form.fields[0], "label", "Name");
    setLook(form.fields[1], "heading", "What to draw");
    setLook(form.fields[1], "height", 140);
  });
  setFormMode(document, true);
  const { extra } = plain(writeWorkflow(document));
  assert.equal(extra.linearMode, true);
  assert.deepEqual(extra.linearData, {
    inputs: [[5, "prefix", { label: "Name" }], [2, "text", { heading: "What to draw", height: 140 }], [1, "text"], [3, "image"], [4, "steps"], [4, "seed"], [4, "control_after_generate"]],
    outputs: [5],
  });
  const form = readForm(reread(document));
  assert.equal(form.isChosen, true);
  assert.deepEqual(listed(form).slice(0, 2), ["5 prefix", "2 text"]);
  assert.equal(form.fields[1].look.height, 140);
  setFormMode(document, false);
  for (let i = 0; i < 3; i++) document.journal.undo();
  assert.deepEqual(plain(writeWorkflow(document)), before);
});

test("how it is looked at goes into the file and is no change of it", () => {
  const document = made();
  const { mark } = document.journal;
  setFormMode(document, true);
  assert.equal(document.journal.mark, mark);
  assert.equal(plain(writeWorkflow(document)).extra.linearMode, true);
  const again = reread(document);
  setFormMode(again, false);
  assert.equal(plain(writeWorkflow(again)).extra.linearMode, false, "the file said something else");
});

test("a form may be empty, and empty lists that nobody chose are none", () => {
  const document = made();
  for (const { id, name } of readForm(document).fields) toggleField(document, id, name);
  toggleOutput(document, "5");
  const form = readForm(reread(document));
  assert.deepEqual([form.isChosen, form.fields, form.outputs], [true, [], []]);
  toggleOutput(document, "5");
  assert.deepEqual(document.extra.linearData, { inputs: [], outputs: [5] });
  document.edit("make", () => document.setExtra("linearData", { inputs: [], outputs: [] }));
  assert.equal(readForm(document).outputs.length, 1);
});

test("what others wrote into it stays, also entries that nobody finds", () => {
  const document = made();
  document.edit("make", () => document.setExtra("linearData", { inputs: [[77, "gone", { shade: 3 }], [4, "seed", { label: "Chance", shade: 4 }]], outputs: [5], more: { a: 1 } }));
  changeForm(document, "undo.form", (form) => setLook(form.fields[1], "label", ""));
  assert.deepEqual(document.extra.linearData, { inputs: [[77, "gone", { shade: 3 }], [4, "seed", { shade: 4 }]], outputs: [5], more: { a: 1 } });
  assert.equal(readForm(document).fields[0].node, null);
  for (const damaged of [null, 3, [], { inputs: 3, outputs: "x" }, { inputs: [null, [4], ["4"]] }]) {
    document.edit("make", () => document.setExtra("linearData", damaged));
    assert.equal(readForm(document).isChosen, false);
  }
});

test("nodes inside of subgraphs are found and kept by their path", () => {
  const id = "11111111-2222-4333-8444-555555555555";
  const inside = {
    id, name: "Inside", version: 1, revision: 0, state: { lastNodeId: 9, lastLinkId: 9, lastGroupId: 0, lastRerouteId: 0 }, config: {}, inputs: [], widgets: [],
    inputNode: { id: -10, bounding: [0, 0, 100, 50] }, outputNode: { id: -20, bounding: [500, 0, 100, 50] }, groups: [],
    outputs: [{ id: "99999999-2222-4333-8444-555555555555", name: "IMAGE", type: "IMAGE", linkIds: [9] }],
    nodes: [{ id: 8, type: "Picture", pos: [0, 0], size: [200, 80], inputs: [], outputs: [{ name: "IMAGE", type: "IMAGE", links: [9] }], widgets_values: ["a.png"] }],
    links: [{ id: 9, origin_id: 8, origin_slot: 0, target_id: -20, target_slot: 0, type: "IMAGE" }],
  };
  const { document } = readWorkflow({
    version: 0.4, last_node_id: 9, last_link_id: 1, definitions: { subgraphs: [inside] }, groups: [],
    nodes: [
      { id: 1, type: id, pos: [0, 0], size: [200, 80], inputs: [], outputs: [{ name: "IMAGE", type: "IMAGE", links: [1] }] },
      { id: 2, type: "Save", pos: [300, 0], size: [200, 80], inputs: [{ name: "images", type: "IMAGE", link: 1 }], outputs: [], widgets_values: ["x"] },
    ],
    links: [[1, 1, 0, 2, 0, "IMAGE"]],
  }, catalogue);
  assert.deepEqual(listed(readForm(document)), ["1:8 image"]);
  changeForm(document, "undo.form", (form) => setLook(form.fields[0], "label", "Start"));
  assert.deepEqual(document.extra.linearData, { inputs: [["1:8", "image", { label: "Start" }]], outputs: [2] });
  toggleOutput(document, "2");
  assert.deepEqual(readForm(reread(document)).outputs, [], "the last one, too, can be taken out");
  assert.equal(readForm(reread(document)).fields[0].node?.type, "Picture");
});
