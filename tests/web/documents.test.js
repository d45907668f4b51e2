/** Reading and writing the workflows that ship, and what their changes leave behind after undo. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { readWorkflow } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";

const FOLDER = new URL("../../workflows/", import.meta.url);
const shipped = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const plain = (value) => JSON.parse(JSON.stringify(value));

for (const name of shipped) {
  const saved = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

  test(`${name} is written as it was read, although no type is known`, () => {
    const { document, damage } = readWorkflow(saved, new Catalogue({}));
    assert.deepEqual(damage, []);
    assert.deepEqual(withoutNames(plain(writeWorkflow(document))), withoutNames(saved));
  });

  test(`${name} is the same again after nodes went and came and all was undone`, () => {
    const { document } = readWorkflow(saved, new Catalogue({}));
    const before = plain(writeWorkflow(document));
    const { root } = document;
    document.edit("go", () => root.removeNodes([...root.nodes.values()].slice(0, 3), { reconnect: true }));
    document.edit("come", () => root.addNode("Reroute", { x: 0, y: 0 }));
    document.edit("raise", () => root.raise([...root.nodes.values()].slice(0, 2)));
    const after = plain(writeWorkflow(document));
    assert.notDeepEqual(after, before);
    while (document.journal.undo());
    assert.deepEqual(plain(writeWorkflow(document)), before);
    while (document.journal.redo());
    assert.deepEqual(plain(writeWorkflow(document)), after);
  });
}

/** Values by name may be added to a file. */
function withoutNames(workflow) {
  return { ...workflow, nodes: workflow.nodes.map(({ widgets_values_named, ...rest }) => rest) };
}
