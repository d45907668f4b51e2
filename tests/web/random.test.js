/** 200 random edits, taken back and done again, lead to exactly where they began and ended. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readWorkflow } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";
import { dice, findFaults, randomDocument, randomEdit } from "./random.js";

const plain = (value) => JSON.parse(JSON.stringify(value));

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) {
  test(`200 random edits are taken back and done again exactly (${seed})`, () => {
    const draw = dice(seed);
    const made = randomDocument(draw, 12);
    const { document } = readWorkflow(plain(writeWorkflow(made)), made.catalogue);
    const start = plain(writeWorkflow(document));
    for (let i = 0; i < 200; i++) {
      randomEdit(document, draw);
      const faults = findFaults(document);
      assert.deepEqual(faults, [], `after edit ${i}`);
    }
    const end = plain(writeWorkflow(document));
    while (document.journal.undo());
    assert.deepEqual(plain(writeWorkflow(document)), start);
    assert.deepEqual(findFaults(document), []);
    while (document.journal.redo());
    assert.deepEqual(plain(writeWorkflow(document)), end);
    const again = readWorkflow(plain(end), document.catalogue);
    assert.deepEqual(again.damage, []);
    assert.deepEqual(plain(writeWorkflow(again.document)), end);
  });
}
