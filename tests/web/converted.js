/**
 * Writes pairs of workflows that must become the same prompt: as they were, and after they went through the editor. Run
 * by `test_converted.py`, once for all: `node converted.js FILE`.
 */

import { writeFileSync } from "node:fs";
import { argv } from "node:process";
import { Catalogue } from "../../web/core/catalogue.js";
import { turnGroupNodes } from "../../web/core/group-nodes.js";
import { definitionOf } from "../../web/core/instances.js";
import { parseExactly, writeExactly } from "../../web/core/json.js";
import { readWorkflow } from "../../web/core/read.js";
import { promote } from "../../web/core/subgraph-ends.js";
import { makeSubgraph, unpack } from "../../web/core/subgraphs.js";
import { writeWorkflow } from "../../web/core/write.js";
import { CUSTOM_COMBO_RECORDS, FORMS, GROUP_NODES, GROUP_RECORDS, RECORDS as FORM_RECORDS } from "./forms.js";
import { dice, randomDocument, randomEdit, RECORDS } from "./random.js";

const plain = (value) => parseExactly(writeExactly(value)).value;
const saved = (document) => plain(writeWorkflow(document));

/** @type {{name: string, records: any, before: any, after: any, isMoved?: boolean}[]} `isMoved`: nodes may lie in subgraphs */
const pairs = [];

for (const [name, { saved: workflow, damage }] of Object.entries(FORMS)) {
  if (damage) continue; // refused by the server
  const { document } = readWorkflow(plain(workflow), new Catalogue(FORM_RECORDS));
  pairs.push({ name: `${name}, read and written`, records: FORM_RECORDS, before: workflow, after: saved(document) });
}

for (const [name, workflow] of Object.entries(GROUP_NODES)) {
  const { document } = readWorkflow(plain(workflow), new Catalogue(GROUP_RECORDS));
  document.edit("turn", () => turnGroupNodes(document));
  const turned = saved(document);
  pairs.push({ name: `${name}, as subgraphs`, records: GROUP_RECORDS, before: workflow, after: turned });
  const again = readWorkflow(plain(turned), document.catalogue).document;
  pairs.push({ name: `${name}, as subgraphs, read and written`, records: GROUP_RECORDS, before: workflow, after: saved(again) });
}

{
  const combo = (values) => ({ nodes: [{ id: 1, type: "CustomCombo", pos: [0, 0], size: [200, 100], widgets_values: values }], links: [], groups: [], version: 0.4 });
  const { document } = readWorkflow(combo(["a", 0, "a", ""]), new Catalogue(CUSTOM_COMBO_RECORDS));
  const node = document.root.node(1);
  for (const [name, value] of [["option2", "b"], ["option3", "c"], ["choice", "c"], ["option1", "x"]]) document.edit("type", () => document.root.setValue(node, name, value));
  pairs.push({ name: "choices of a person's own, written on the node", records: CUSTOM_COMBO_RECORDS, before: combo(["c", 2, "x", "b", "c", ""]), after: saved(document) });
}

for (let seed = 1; seed <= 60; seed++) {
  const draw = dice(seed);
  const document = randomDocument(draw, 16);
  const before = saved(document);
  for (const type of ["make", "nest", "make"]) {
    const graphs = type === "nest" ? [...document.graphs()] : [document.root];
    const graph = draw.of(graphs);
    document.edit("make", () => makeSubgraph(graph, draw.some([...graph.nodes.values()], 0.4), { name: "Sub" }));
  }
  for (const graph of [...document.graphs()].filter((each) => each.definition)) {
    for (const node of graph.nodes.values()) {
      if (draw.random() < 0.5 && node.widgets.length && !definitionOf(node)) document.edit("promote", () => promote(node, "input", draw.of(node.widgets).name));
    }
  }
  const nested = saved(document);
  pairs.push({ name: `subgraphs made, ${seed}`, records: RECORDS, before, after: nested, isMoved: true });
  const again = readWorkflow(plain(nested), document.catalogue).document;
  pairs.push({ name: `subgraphs read and written, ${seed}`, records: RECORDS, before: nested, after: saved(again) });
  for (let i = 0; i < 100; i++) {
    const instance = [...again.root.nodes.values()].find(definitionOf);
    if (!instance) break;
    again.edit("unpack", () => unpack(instance));
  }
  pairs.push({ name: `subgraphs made and unpacked, ${seed}`, records: RECORDS, before, after: saved(again), isMoved: true });
}

for (let seed = 100; seed < 130; seed++) {
  const draw = dice(seed);
  const document = randomDocument(draw, 10);
  for (let i = 0; i < 60; i++) randomEdit(document, draw);
  const before = saved(document);
  pairs.push({ name: `edited at random, ${seed}`, records: RECORDS, before, after: saved(readWorkflow(plain(before), document.catalogue).document) });
}

writeFileSync(argv[2], writeExactly(pairs));
