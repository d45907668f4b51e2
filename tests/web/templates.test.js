import assert from "node:assert/strict";
import test from "node:test";

import { workflowOfTemplates } from "../../web/features/workflows/templates.js";

const source = { id: 7, type: "VAELoader", pos: [100, 100], size: [200, 60], outputs: [{ name: "VAE", type: "VAE", links: [99] }], widgets_values: [18446744073709551615n] };
const target = { id: 9, type: "VAEDecode", pos: [400, 300], size: [200, 60], inputs: [{ name: "samples", type: "LATENT", link: 3 }, { name: "vae", type: "VAE", link: 99 }] };
const text = (part) => JSON.stringify(part, (_, value) => (typeof value === "bigint" ? "LONG" : value)).replace('"LONG"', "18446744073709551615");

test("each template is a group, its links by place or by id", () => {
  const old = { nodes: [source, target], links: [[0, 0, 1, 1, 7], [5, 0, 1, 0, 2]] };
  const fresh = { ...old, links: [{ id: 99, origin_id: 7, origin_slot: 0, target_id: 9, target_slot: 1, type: "VAE" }], subgraphs: [{ id: "s", nodes: [] }], groupNodes: { G: { nodes: [] } } };
  const { workflow, unread } = workflowOfTemplates([{ name: "Old", data: text(old) }, { name: "Broken", data: "{" }, null, { name: "New", data: text(fresh) }]);
  assert.deepEqual(unread, ["Broken"]);
  assert.deepEqual(workflow.links, [[1, 1, 0, 2, 1, "VAE"], [2, 3, 0, 4, 1, "VAE"]]);
  assert.deepEqual(workflow.nodes.map(({ id, pos }) => [id, ...pos]), [[1, 0, 0], [2, 300, 200], [3, 0, 500], [4, 300, 700]]);
  assert.deepEqual(workflow.nodes[1].inputs.map((slot) => slot.link), [null, 1]);
  assert.deepEqual(workflow.nodes[2].outputs[0].links, [2]);
  assert.equal(workflow.nodes[2].widgets_values[0], 18446744073709551615n);
  assert.deepEqual(workflow.groups.map(({ title, bounding }) => [title, bounding]), [["Old", [-40, -80, 580, 380]], ["New", [-40, 420, 580, 380]]]);
  assert.deepEqual(workflow.definitions.subgraphs, [{ id: "s", nodes: [] }]);
  assert.deepEqual(workflow.extra, { groupNodes: { G: { nodes: [] } } });
});

test("templates that hold nothing give nothing", () => {
  assert.deepEqual(workflowOfTemplates([{ name: "A", data: "{}" }, { name: "B" }, 5]), { workflow: { nodes: [], links: [], groups: [], version: 0.4 }, unread: ["A", "B"] });
});
