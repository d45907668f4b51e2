/** The choices of a Custom Combo are written by the person, on the node. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { Document } from "../../web/core/document.js";
import { readWorkflow } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";
import { CUSTOM_COMBO_RECORDS } from "./forms.js";

const plain = (value) => JSON.parse(JSON.stringify(value));
const open = (more) => readWorkflow({ nodes: [{ id: 1, type: "CustomCombo", pos: [0, 0], size: [200, 100], ...more }], links: [], version: 0.4 }, new Catalogue(CUSTOM_COMBO_RECORDS)).document;
const shown = (node) => node.widgets.filter((each) => !each.options.hidden).map((each) => each.name);
const listed = (document) => plain(writeWorkflow(document)).nodes[0].widgets_values;

test("a new one has a line for a choice, and another each time the last is filled", () => {
  const document = new Document(new Catalogue(CUSTOM_COMBO_RECORDS));
  const node = document.edit("new", () => document.root.addNode("CustomCombo", { x: 0, y: 0 }));
  assert.deepEqual(shown(node), ["choice", "option1"]);
  document.edit("one", () => document.root.setValue(node, "option1", "cat"));
  document.edit("two", () => document.root.setValue(node, "option2", "dog"));
  assert.deepEqual(shown(node), ["choice", "option1", "option2", "option3"]);
  assert.deepEqual(node.widgets[0].options.options, ["cat", "dog"]);
  assert.equal(node.values.choice, "cat", "the first choice is chosen");
  document.edit("choose", () => document.root.setValue(node, "choice", "dog"));
  assert.deepEqual(listed(document), ["dog", 1, "cat", "dog", ""]);
  document.edit("rename", () => document.root.setValue(node, "option2", "fox"));
  assert.deepEqual(listed(document), ["fox", 1, "cat", "fox", ""]);
  document.edit("empty", () => document.root.setValue(node, "option2", ""));
  assert.deepEqual(listed(document), ["cat", 0, "cat", ""]);
  document.journal.undo();
  assert.deepEqual(listed(document), ["fox", 1, "cat", "fox", ""]);
  document.journal.undo();
  document.journal.undo();
  document.journal.undo();
  assert.deepEqual(shown(node), ["choice", "option1", "option2"]);
  assert.deepEqual(node.inputs.map((slot) => slot.name), ["choice"], "choices have no sockets");
});

test("a file's choices are read by list and by name, and come back as they were", () => {
  for (const more of [
    { widgets_values: ["b", 1, "a", "b", ""] },
    { widgets_values: ["b", 1, "a", "b"], widgets_values_named: { choice: "b", index: 1, option1: "a", option2: "b" } },
    { widgets_values: { choice: "b", index: 1, option1: "a", option2: "b" } },
  ]) {
    const document = open(more);
    const node = document.root.node(1);
    assert.deepEqual(shown(node), ["choice", "option1", "option2", "option3"]);
    assert.deepEqual([node.values.choice, node.values.option2], ["b", "b"]);
    assert.deepEqual(listed(document), more.widgets_values);
  }
  const bare = open({ widgets_values: ["a"] });
  assert.deepEqual(listed(bare), ["a"]);
  assert.equal(bare.root.node(1).values.choice, "a");
});
