/** Every form that a saved workflow may have: read and written back it is the same, and what is damaged is said. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Catalogue } from "../../web/core/catalogue.js";
import { parseExactly, writeExactly } from "../../web/core/json.js";
import { readWorkflow, readWorkflowText } from "../../web/core/read.js";
import { writeWorkflow } from "../../web/core/write.js";
import { FORMS, RECORDS, SUBGRAPH } from "./forms.js";

const plain = (value) => parseExactly(writeExactly(value)).value;
const full = new Catalogue(RECORDS);

/** Values by name may be added. */
function withoutNames(value, original) {
  if (value === null || typeof value !== "object" || original === null || typeof original !== "object") return value;
  if (Array.isArray(value)) return value.map((each, i) => withoutNames(each, original[i] ?? null));
  return Object.fromEntries(Object.entries(value)
    .filter(([key]) => key !== "widgets_values_named" || key in original)
    .map(([key, each]) => [key, withoutNames(each, original[key] ?? null)]));
}

for (const [name, { saved, damage = [] }] of Object.entries(FORMS)) {
  for (const [kind, catalogue] of [["known types", full], ["no type known", new Catalogue({})]]) {
    test(`${name}: the same after reading and writing, ${kind}`, () => {
      const { document, damage: found } = readWorkflow(plain(saved), catalogue);
      const written = plain(writeWorkflow(document));
      assert.deepEqual(withoutNames(written, saved), plain(saved));
      if (kind === "known types") assert.deepEqual(found.map((each) => each.key), damage);
    });
  }
}

const one = (record) => {
  const { document } = readWorkflow({ nodes: [{ id: 1, pos: [0, 0], size: [1, 1], flags: {}, mode: 0, ...record }], links: [], version: 0.4 }, full);
  return { document, node: document.root.node(1), written: () => plain(writeWorkflow(document)).nodes[0] };
};

test("values go by name: a type that gained a widget shifts nothing", () => {
  const named = { seed: 5, control_after_generate: "fixed", cfg: 3.5 }; // saved when there were no steps
  const { node } = one({ type: "Sampler", widgets_values: [5, "fixed", 3.5], widgets_values_named: named });
  assert.deepEqual(node.values, { seed: 5, control_after_generate: "fixed", steps: 20, cfg: 3.5 });
});

test("a value that was changed by hand in the list alone counts", () => {
  const { node } = one({ type: "Sampler", widgets_values: [5, "fixed", 44, 7], widgets_values_named: { seed: 5, control_after_generate: "fixed", steps: 20, cfg: 7 } });
  assert.equal(node.values.steps, 44);
});

test("old habits of lists are read: truth values as controls, no controls, entries for inputs that are sockets now", () => {
  assert.deepEqual(one({ type: "Sampler", widgets_values: [5, true, 9, 7] }).node.values, { seed: 5, control_after_generate: "randomize", steps: 9, cfg: 7 });
  assert.deepEqual(one({ type: "Sampler", widgets_values: [5, 9, 7] }).node.values, { seed: 5, control_after_generate: "randomize", steps: 9, cfg: 7 });
  assert.deepEqual(one({ type: "Forced", widgets_values: ["dummy", 3] }).node.values, { count: 3 });
  assert.deepEqual(one({ type: "Upload", widgets_values: ["b.png"] }).node.values, { image: "b.png", upload: "image" });
});

test("too few values leave defaults, too many are kept", () => {
  assert.deepEqual(one({ type: "Sampler", widgets_values: [5] }).node.values, { seed: 5, control_after_generate: "randomize", steps: 20, cfg: 8 });
  const { document, node, written } = one({ type: "Text", widgets_values: ["a", "extra", { more: 1 }] });
  document.edit("value", () => document.root.setValue(node, "text", "b"));
  assert.deepEqual(written().widgets_values, ["b", "extra", { more: 1 }]);
});

test("one changed value leaves the others where they were", () => {
  const { document, node, written } = one({ type: "Sampler", widgets_values: [5, 9, 7] }); // without a control
  document.edit("value", () => document.root.setValue(node, "steps", 11));
  assert.deepEqual(written().widgets_values, [5, "randomize", 11, 7]);
  assert.deepEqual(one(written()).node.values, { seed: 5, control_after_generate: "randomize", steps: 11, cfg: 7 });
  const object = one({ type: "Sampler", widgets_values: { seed: 1, steps: 2, preview: { a: 1 } } });
  object.document.edit("value", () => object.document.root.setValue(object.node, "steps", 3));
  assert.deepEqual(object.written().widgets_values, { seed: 1, steps: 3, preview: { a: 1 } });
});

test("the choice of a dynamic combo brings its own widgets, in the list, too", () => {
  const { document, node, written } = one({ type: "Dynamic", widgets_values: ["big", 7, "x", 3] });
  assert.deepEqual(node.values, { mode: "big", "mode.size": 7, "mode.name": "x", after: 3 });
  document.edit("value", () => document.root.setValue(node, "mode", "small"));
  assert.deepEqual(written().widgets_values, ["small", 3]);
  document.edit("value", () => document.root.setValue(node, "mode", "big"));
  assert.deepEqual(written().widgets_values, ["big", 7, "x", 3]); // what was typed is still there
});

test("a seed of 20 digits comes back digit for digit", () => {
  const text = '{"nodes":[{"id":1,"type":"Sampler","pos":[0,0],"size":[1,1],"flags":{},"mode":0,"widgets_values":[18446744073709551615,"fixed",20,8]}],"links":[],"version":0.4}';
  const { document } = readWorkflowText(text, full);
  assert.equal(document.root.node(1).values.seed, 18446744073709551615n);
  document.edit("value", () => document.root.setValue(document.root.node(1), "steps", 21));
  assert.ok(writeExactly(writeWorkflow(document)).includes('"widgets_values":[18446744073709551615,"fixed",21,8]'));
});

test("a file of schema 1 is saved as 0.4 and loses nothing", () => {
  const saved = {
    version: 1, id: "w", more: { kept: true }, config: {}, extra: {}, groups: [],
    state: { lastNodeId: 9, lastLinkId: 8, lastGroupId: 1, lastRerouteId: 2, other: 5 },
    nodes: [
      { id: 1, type: "Load", pos: [0, 0], size: [1, 1], flags: {}, mode: 0, outputs: [{ name: "MODEL", type: "MODEL", links: [7] }], widgets_values: ["a"] },
      { id: 2, type: "Sampler", pos: [0, 0], size: [1, 1], flags: {}, mode: 0, inputs: [{ name: "model", type: "MODEL", link: 7 }], widgets_values: [5, "fixed", 20, 8] },
    ],
    links: [{ id: 7, origin_id: 1, origin_slot: 0, target_id: 2, target_slot: 0, type: "MODEL", parentId: 1, note: "x" }],
    reroutes: [{ id: 1, pos: [5, 5], linkIds: [7] }],
  };
  const { document, damage } = readWorkflow(plain(saved), full);
  assert.deepEqual(damage, []);
  const written = plain(writeWorkflow(document));
  assert.deepEqual(
    [written.version, written.last_node_id, written.last_link_id, written.links, written.state, written.more],
    [0.4, 9, 8, [[7, 1, 0, 2, 0, "MODEL"]], { other: 5 }, { kept: true }],
  );
  assert.deepEqual(written.extra, { reroutes: saved.reroutes, linkExtensions: [{ id: 7, parentId: 1, note: "x" }] });
  assert.deepEqual(plain(writeWorkflow(readWorkflow(plain(written), full).document)), written);
});

test("two nodes of one number are both there, and the links mean the first", () => {
  const nodes = [1, 1].map(() => ({ id: 1, type: "Text", pos: [0, 0], size: [1, 1], flags: {}, mode: 0, widgets_values: ["a"] }));
  const { document, damage } = readWorkflow({ nodes, links: [], version: 0.4 }, full);
  assert.deepEqual([[...document.root.nodes.keys()], damage.map((each) => each.key)], [["1", "2"], ["damage.node-twice"]]);
});

test("subgraphs that hold each other are shown as placeholders, the rest as it is", () => {
  const definition = (id, inner) => ({ ...plain(SUBGRAPH), id, name: id, nodes: [...plain(SUBGRAPH).nodes, { id: 90, type: inner, pos: [0, 0], size: [1, 1], flags: {}, mode: 0 }] });
  const saved = { nodes: [{ id: 1, type: "one", pos: [0, 0], size: [1, 1], flags: {}, mode: 0 }], links: [], version: 0.4, definitions: { subgraphs: [definition("one", "two"), definition("two", "one")] } };
  const { document, damage } = readWorkflow(plain(saved), full);
  assert.deepEqual(damage.map((each) => each.key), ["damage.cycle"]);
  assert.deepEqual(withoutNames(plain(writeWorkflow(document)), saved), saved);
});

test("ten thousand subgraphs, one in the other, are read and written", () => {
  const subgraphs = Array.from({ length: 10_000 }, (_, i) => ({
    ...plain(SUBGRAPH), id: `d${i}`, nodes: i ? [{ id: 1, type: `d${i - 1}`, pos: [0, 0], size: [1, 1], flags: {}, mode: 0 }] : [], links: [], inputs: [], outputs: [],
  }));
  const saved = { nodes: [{ id: 1, type: "d9999", pos: [0, 0], size: [1, 1], flags: {}, mode: 0 }], links: [], version: 0.4, definitions: { subgraphs } };
  const { document, damage } = readWorkflow(saved, full);
  assert.deepEqual(damage, []);
  assert.equal(plain(writeWorkflow(document)).definitions.subgraphs.length, 10_000);
});

test("what nobody can read stays in the file and does not go to the server", () => {
  const nodes = [null, { id: 1, type: "Text", pos: [0, 0], size: [1, 1], flags: {}, mode: 0, widgets_values: ["a"] }, { type: "no id" }];
  const { document, damage } = readWorkflow({ nodes, links: [], version: 0.4 }, full);
  assert.deepEqual(damage.map((each) => each.key), ["damage.node", "damage.node"]);
  assert.equal(plain(writeWorkflow(document)).nodes.length, 3);
  assert.equal(plain(writeWorkflow(document, { forRun: true })).nodes.length, 1);
});

test("a link that led nowhere does not come to life when its socket is used and left again", () => {
  const nodes = [
    { id: 1, type: "Load", pos: [0, 0], size: [1, 1], flags: {}, mode: 0, outputs: [{ name: "MODEL", type: "MODEL", links: [] }] },
    { id: 2, type: "Sampler", pos: [0, 0], size: [1, 1], flags: {}, mode: 0, inputs: [{ name: "model", type: "MODEL", link: 5 }] },
  ];
  const { document } = readWorkflow({ nodes, links: [[5, 77, 0, 2, 0, "MODEL"]], version: 0.4 }, full);
  const { root } = document;
  const link = document.edit("link", () => root.connect(root.node(1), 0, root.node(2), 0));
  assert.equal(link.id, 6);
  assert.deepEqual(plain(writeWorkflow(document)).links, [[6, 1, 0, 2, 0, "MODEL"]]);
  document.journal.undo();
  assert.deepEqual(plain(writeWorkflow(document)).links, [[5, 77, 0, 2, 0, "MODEL"]]);
});

test("no file, no matter how odd, keeps the page from saying what is wrong", () => {
  for (const text of ["null", "[]", "{}", '{"nodes":1}', "", '{"nodes":[', "\u0000"]) {
    assert.throws(() => readWorkflowText(text, full), /not a workflow|JSON|token/i);
  }
  for (const odd of [null, 1, "x", [], {}, [null], [[]], [{}], { a: 1 }]) {
    for (const key of ["links", "groups", "extra", "definitions", "floatingLinks", "config", "reroutes", "state"]) {
      const { document } = readWorkflow({ nodes: [], version: 0.4, [key]: odd }, full);
      const written = plain(writeWorkflow(document));
      if (key !== "links" && key !== "reroutes") assert.deepEqual(written[key], odd, key);
    }
    for (const key of ["pos", "size", "flags", "inputs", "outputs", "properties", "widgets_values", "widgets_values_named", "title", "mode", "color", "order"]) {
      const saved = { nodes: [{ id: 1, type: "Sampler", [key]: odd }], links: [], version: 0.4 };
      const { document } = readWorkflow(plain(saved), full);
      const written = plain(writeWorkflow(document));
      assert.deepEqual(withoutNames(written, saved), saved, `${key} ${JSON.stringify(odd)}`);
    }
  }
});

test("the workflows that ship are files of this kind", () => {
  const saved = JSON.parse(readFileSync(new URL("../../workflows/text_to_image.json", import.meta.url), "utf8"));
  assert.deepEqual(withoutNames(plain(writeWorkflow(readWorkflow(plain(saved), full).document)), saved), saved);
});
