/** Jobs as the server tells of them, what they run, and how far they are. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Catalogue } from "../../web/core/catalogue.js";
import { Emitter } from "../../web/core/emitter.js";
import { Messages } from "../../web/core/messages.js";
import { readWorkflow } from "../../web/core/read.js";
import { Refusal } from "../../web/core/server.js";
import { readProblems } from "../../web/features/errors/problems.js";
import { Job, Jobs } from "../../web/features/run/jobs.js";
import { Pace } from "../../web/features/run/pace.js";
import { nodesBehind, targetsOf } from "../../web/features/run/reach.js";
import { Sending } from "../../web/features/run/sending.js";
import { readOutput, Showing } from "../../web/features/run/showing.js";

const RECORDS = {
  Source: { input: {}, output: ["IMAGE"], output_name: ["IMAGE"] },
  Change: { input: { required: { image: ["IMAGE"], by: ["INT", {}] } }, output: ["IMAGE"], output_name: ["IMAGE"] },
  Show: { input: { required: { image: ["IMAGE"] } }, output: [], output_node: true },
};

/** @param {any[]} nodes @param {any[]} links @param {any[]} [subgraphs] */
function open(nodes, links, subgraphs) {
  const saved = { version: 0.4, last_node_id: 99, last_link_id: 99, nodes, links, groups: [], ...(subgraphs && { definitions: { subgraphs } }) };
  return readWorkflow(saved, new Catalogue(RECORDS)).document;
}

/** @param {number} id @param {string} type @param {{input?: number | null, output?: number[], mode?: number}} [more] */
function node(id, type, { input, output, mode = 0 } = {}) {
  return {
    id, type, mode, pos: [0, 0], size: [100, 50], flags: {}, properties: {},
    inputs: input === undefined ? [] : [{ name: "image", type: "IMAGE", link: input }],
    outputs: output === undefined ? [] : [{ name: "IMAGE", type: "IMAGE", links: output }],
  };
}

test("a job's nodes go from running to done, and a word that comes late changes nothing", () => {
  let now = 0;
  const jobs = new Jobs(() => now);
  const job = new Job("a", null, "");
  jobs.add(job);
  jobs.hear("execution_start", { prompt_id: "a", timestamp: 5 });
  jobs.hear("execution_cached", { prompt_id: "a", nodes: ["1"] });
  jobs.hear("executing", { prompt_id: "a", node: "2", display_node: "2" });
  assert.equal(job.state, "running");
  assert.equal(job.running, "2");
  now = 40;
  jobs.hear("progress_state", { prompt_id: "a", nodes: { 2: { node_id: "2", display_node_id: "2", state: "finished", value: 1, max: 1 } } });
  assert.deepEqual([...job.nodes].map(([id, each]) => [id, each.state, each.ms]), [["1", "cached", undefined], ["2", "done", 40]]);
  jobs.hear("executing", { prompt_id: "a", node: "2", display_node: "2" }); // a state of a moment ago
  assert.equal(job.nodes.get("2")?.state, "done");
  jobs.hear("executed", { prompt_id: "a", node: "2", display_node: "2", output: { images: [] } });
  jobs.hear("execution_error", { prompt_id: "a", node_id: "3", node_type: "Show", exception_message: "no", exception_type: "ValueError", traceback: ["x\n", "y"], timestamp: 9 });
  assert.equal(job.state, "partial");
  assert.deepEqual(job.failure, { nodeId: "3", type: "Show", message: "no", kind: "ValueError", traceback: "x\ny" });
  jobs.hear("execution_success", { prompt_id: "a" });
  assert.equal(job.state, "partial");
});

test("a node is shown as done before the one after it runs", () => {
  const jobs = new Jobs(() => 0);
  /** @type {string[]} */
  const told = [];
  jobs.events.on("node", ({ job, id }) => told.push(`${id} ${job.nodes.get(id)?.state}`));
  /** @param {string} id @param {string} state */
  const node = (id, state) => ({ node_id: id, display_node_id: id, state, value: 1, max: 1 });
  jobs.hear("executing", { prompt_id: "a", node: "1", display_node: "1" });
  jobs.hear("executing", { prompt_id: "a", node: "2", display_node: "2" }); // the server holds states back for a moment
  jobs.hear("progress_state", { prompt_id: "a", nodes: { 2: node("2", "running"), 1: node("1", "finished") } });
  jobs.hear("progress_state", { prompt_id: "a", nodes: { 2: node("2", "running"), 3: node("3", "running") } }); // side by side
  assert.deepEqual(told, ["1 running", "1 done", "2 running", "3 running"]);
});

test("a node that was kept from running is told with the author's words, and the job goes on to its end", () => {
  const jobs = new Jobs(() => 0);
  /** @type {any[]} */
  const told = [];
  jobs.events.on("blocked", ({ failure }) => told.push([failure.nodeId, failure.message]));
  jobs.hear("execution_start", { prompt_id: "a", timestamp: 5 });
  const blocked = { prompt_id: "a", node_id: "2", node_type: "Show", exception_message: "Execution Blocked: no face", exception_type: "ExecutionBlocked", traceback: [] };
  jobs.hear("execution_error", blocked);
  const job = /** @type {Job} */ (jobs.get("a"));
  assert.deepEqual([job.state, job.failure, told], ["running", null, [["2", "no face"]]]);
  jobs.hear("executed", { prompt_id: "a", node: "3", display_node: "3", output: { text: ["x"] } });
  jobs.hear("execution_success", { prompt_id: "a" });
  assert.deepEqual([job.state, job.failure, job.blocked.length], ["done", null, 1]);
});

test("a record from before a job's end does not take its end back, and what was heard meanwhile is shown with it", () => {
  const jobs = new Jobs();
  /** @type {[string, any][]} */
  const shown = [];
  jobs.events.on("result", ({ id, output }) => shown.push([id, output.text]));
  jobs.hear("executed", { prompt_id: "a", node: "2", display_node: "2", output: { text: ["heard"] } });
  jobs.hear("execution_success", { prompt_id: "a" });
  shown.length = 0;
  const job = /** @type {Job} */ (jobs.get("a"));
  jobs.catchUp(job, { status: "in_progress", outputs: { 1: { text: ["kept"] } } });
  assert.equal(job.state, "done");
  assert.deepEqual(shown, [["1", ["kept"]], ["2", ["heard"]]]);
});

test("results from before a reload do not cover those of a run since", () => {
  const document = open([node(1, "Source")], []);
  const jobs = new Jobs();
  /** @type {string[]} */
  const texts = [];
  const content = { setPreview() {}, setText: (/** @type {any} */ _, /** @type {string} */ text) => texts.push(text), get: () => null };
  const editor = { document, path: [], events: new Emitter(), services: { content }, server: {}, nodeOf: (/** @type {string} */ id) => document.nodeOf(id) };
  const showing = new Showing(/** @type {any} */ (editor), jobs);
  const [before, since] = ["before", "since"].map((id) => new Job(id, document, ""));
  jobs.add(since);
  jobs.hear("executed", { prompt_id: "since", node: "1", display_node: "1", output: { text: ["new"] } });
  before.isRecalled = true;
  jobs.add(before);
  jobs.catchUp(before, { status: "completed", outputs: { 1: { text: ["old"] } } });
  assert.deepEqual(texts, ["new"]);
  showing.cleanups.forEach((each) => each());
});

test("what a node unfolds into counts for the node that the person sees", () => {
  const jobs = new Jobs(() => 0);
  jobs.hear("progress_state", { prompt_id: "b", nodes: { "7.0.1": { node_id: "7.0.1", display_node_id: "7", state: "running", value: 3, max: 9 } } });
  const job = jobs.get("b");
  assert.deepEqual([job?.nodes.get("7")?.state, job?.nodes.get("7")?.value], ["running", 3]);
  jobs.hear("progress_state", { prompt_id: "b", nodes: { "7.0.1": { node_id: "7.0.1", display_node_id: "7", state: "finished", value: 9, max: 9 } } });
  assert.equal(job?.nodes.get("7")?.state, "running"); // others of it may follow
});

test("a job that waits again after its server died shows no node as running", () => {
  const jobs = new Jobs(() => 0);
  jobs.hear("executing", { prompt_id: "c", node: "1" });
  const job = /** @type {Job} */ (jobs.get("c"));
  jobs.catchUp(job, { status: "pending", outputs: {} });
  assert.equal(job.state, "queued");
  assert.equal(job.nodes.size, 0);
  jobs.catchUp(job, { status: "completed", outputs: { 4: { text: ["x"] } }, execution_end_time: 7 });
  assert.deepEqual([job.state, [...job.results.keys()], job.endedMs], ["done", ["4"], 7]);
});

test("a job runs what its outputs are made from: not what is muted, and through what is bypassed", () => {
  const document = open([
    node(1, "Source", { output: [1, 4] }),
    node(2, "Change", { input: 1, output: [2], mode: 4 }),
    node(3, "Show", { input: 2 }),
    node(4, "Source", { output: [] }), // feeds nothing
    node(5, "Show", { input: 4, mode: 2 }),
  ], [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [4, 1, 0, 5, 0, "IMAGE"]]);
  assert.deepEqual(Object.fromEntries(nodesBehind(document, null)), { 3: "Show", 1: "Source" });
});

test("nodes inside subgraphs are found from both sides of their ends, and named by the way to them", () => {
  const inner = {
    id: "11111111-1111-4111-8111-111111111111", version: 1, name: "Sub", state: { lastNodeId: 21, lastLinkId: 3 },
    inputNode: { id: -10, bounding: [0, 0, 10, 10] }, outputNode: { id: -20, bounding: [0, 0, 10, 10] },
    inputs: [{ id: "i", name: "image", type: "IMAGE", linkIds: [1] }], outputs: [{ id: "o", name: "IMAGE", type: "IMAGE", linkIds: [2] }],
    nodes: [node(20, "Change", { input: 1, output: [2, 3] }), node(21, "Show", { input: 3 })],
    links: [
      { id: 1, origin_id: -10, origin_slot: 0, target_id: 20, target_slot: 0, type: "IMAGE" },
      { id: 2, origin_id: 20, origin_slot: 0, target_id: -20, target_slot: 0, type: "IMAGE" },
      { id: 3, origin_id: 20, origin_slot: 0, target_id: 21, target_slot: 0, type: "IMAGE" },
    ],
  };
  const document = open([node(1, "Source", { output: [5] }), node(8, inner.id, { input: 5, output: [6] }), node(9, "Show", { input: 6 })],
    [[5, 1, 0, 8, 0, "IMAGE"], [6, 8, 0, 9, 0, "IMAGE"]], [inner]);
  assert.deepEqual([...nodesBehind(document, null).keys()].sort(), ["1", "8:20", "8:21", "9"]);
  assert.deepEqual([...nodesBehind(document, ["8:21"]).keys()].sort(), ["1", "8:20", "8:21"]);
  const one = /** @type {any} */ (document.root.node(1));
  assert.deepEqual(targetsOf(document, [/** @type {any} */ (document.root.node(9))], []), ["9"]);
  assert.deepEqual(targetsOf(document, [one], []).sort(), ["8:21", "9"]); // it saves nothing: what it feeds
});

test("how far a job is goes by how long its nodes take, and time is told only where it is known", () => {
  const pace = new Pace();
  const job = new Job("a", null, "");
  job.state = "running";
  job.wanted = new Map([["1", "Load"], ["2", "Sample"], ["3", "Save"]]);
  job.nodes.set("1", { state: "done", value: 1, max: null, since: 0, ms: 100 });
  job.nodes.set("2", { state: "running", value: 1, max: 20, since: 100 });
  assert.equal(pace.estimate(job, 200).secondsLeft, null); // one step, nothing known from before
  job.nodes.set("2", { state: "running", value: 10, max: 20, since: 100 });
  const half = pace.estimate(job, 10_100);
  assert.ok(half.percent > 45 && half.percent < 55, String(half.percent));
  assert.ok(half.secondsLeft !== null && Math.abs(half.secondsLeft - 10) < 0.5);
  job.nodes.clear();
  for (const [type, ms] of /** @type {[string, number][]} */ ([["Load", 100], ["Sample", 1000], ["Save", 100]])) pace.learn(type, ms);
  assert.equal(pace.estimate(job, 0).secondsLeft, 1.2);
  job.state = "done";
  assert.equal(pace.estimate(job, 0).percent, 100);
});

test("what a node brings is told apart: pictures, sounds, moving pictures, texts", () => {
  const found = readOutput({
    images: [{ filename: "a.png" }, { filename: "b.mp4" }], audio: [{ filename: "c.flac" }], text: ["one", "two"], animated: [true],
  }, (file) => file.filename);
  assert.deepEqual(found.pictures.map((each) => each.src), ["a.png"]);
  assert.deepEqual(found.media.map((each) => [each.src, each.kind]), [["b.mp4", "video"], ["c.flac", "audio"]]);
  assert.equal(found.text, "one\ntwo");
});

test("of an output all that a page can show is told apart, and kinds that it does not know are left out", () => {
  const file = (/** @type {string} */ filename) => ({ filename, subfolder: "", type: "output" });
  const { pictures, media, text, comparison } = readOutput({
    text: ["a", 2, true, { odd: 1 }], audio: [file("a.flac")], gifs: [file("b.mp4"), file("c.webp")], "3d": [file("d.glb")],
    result: ["3d/e.obj", { camera: 1 }, null], a_images: [file("f.png")], b_images: [file("g.png"), file("h.png")],
    unknown: [file("i.bin"), 5, null], images: [file("j.png")], odd: null, more: "text",
  }, (each) => `${each.subfolder}:${each.filename}`);
  assert.deepEqual(pictures.map((each) => [each.src, Boolean(each.isMoving)]), [[":c.webp", true], [":j.png", false]]);
  assert.deepEqual(media.map((each) => [each.kind, each.src]), [["audio", ":a.flac"], ["video", ":b.mp4"], ["file", ":d.glb"], ["file", "3d:e.obj"]]);
  assert.equal(text, "a\n2\ntrue");
  assert.deepEqual([comparison?.a.map((each) => each.src), comparison?.b.map((each) => each.src)], [[":f.png"], [":g.png", ":h.png"]]);
  assert.equal(readOutput({ images: [] }, String).comparison, null);
  assert.deepEqual(readOutput({ histogram: [3, 0, 7] }, String).histogram, [3, 0, 7]);
  for (const histogram of [[], [1, "two"], [null, 1], "text"]) assert.equal(readOutput({ histogram }, String).histogram, null);
});

test("a refusal is read node by node, in words without the place, with what may have been meant", () => {
  const document = open([node(1, "Change", { output: [] })], []);
  const editor = /** @type {any} */ ({
    text: (/** @type {string} */ name, /** @type {any} */ values) => [name, ...Object.values(values ?? {})].join(" "),
    messages: new Messages(),
    nodeOf: (/** @type {string} */ id) => (id === "1" ? { node: document.root.node(1), path: [] } : null),
  });
  const problems = readProblems(editor, document, {
    error: { message: "No output of the workflow can run" },
    node_errors: {
      1: { class_type: "Change", errors: [{ type: "value_not_in_list", message: "m", details: "node 1 (Change), by: found 3, wanted 4", extra_info: { input_name: "by", received_value: 3, near: ["4"] } }, { type: "odd", details: "node 1 (Change): it rains" }] },
      "8:2": { class_type: "Gone", errors: [{ type: "missing_node_type", details: "node 8:2: there is no node type 'Gone'", extra_info: { node_title: "Was here", class_type: "Gone", pack: "eels" } }] },
    },
  });
  assert.deepEqual(problems.map((each) => [each.nodeId, each.title, each.input, each.kind, each.message, each.near]), [
    ["1", "Change", "by", "check", "problem.choice 3", ["4"]],
    ["1", "Change", null, "check", "It rains", []],
    ["8:2", "Was here", null, "type", "problem.type Gone problem.pack eels", []],
  ]);
  const usual = [
    ["invalid_input_type", { input_name: "steps", received_value: "many", input_config: ["INT", {}] }, "problem.wrong many INT"],
    ["return_type_mismatch", { input_name: "image", received_type: "LATENT", input_config: ["IMAGE", {}] }, "problem.mismatch LATENT IMAGE"],
    ["bad_linked_input", { input_name: "image", received_value: ["9", 0] }, "problem.dead-link"],
    ["bad_linked_input", { input_name: "image", received_value: 5 }, "problem.no-link"],
    ["dependency_cycle", {}, "problem.circle"],
  ];
  for (const [type, extra_info, words] of usual) {
    const [told] = readProblems(editor, document, { node_errors: { 1: { class_type: "Change", errors: [{ type, details: "in English", extra_info }] } } });
    assert.equal(told.message, words);
  }
  const [general] = readProblems(editor, document, { error: { message: "No output", details: "add one" }, node_errors: {} });
  assert.deepEqual([general.nodeId, general.message], [null, "No output: add one"]);
});

test("a job that the server cannot take now waits and goes out once, in its turn", async () => {
  /** @type {any[]} what the server does with each request */
  const answers = [new TypeError("no line"), { prompt_id: "a" }, new Refusal(503, "", { error: { type: "not_ready" } }), new Refusal(400, "no", {})];
  /** @type {string[]} */
  const heard = [];
  const events = new Emitter();
  const server = /** @type {any} */ ({
    events,
    ask: async (/** @type {string} */ _method, /** @type {string} */ _path, /** @type {string} */ body) => {
      heard.push(body);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const sending = new Sending(server);
  /** @type {string[]} */
  const troubles = [];
  sending.onTrouble = (trouble) => troubles.push(trouble);
  const first = sending.send(new Job("a", null, ""), "a");
  const second = sending.send(new Job("b", null, ""), "b");
  const third = new Job("c", null, "");
  const taken = sending.send(third, "c");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([heard, sending.waiting], [["a"], 3]);
  sending.takeBack(third);
  await assert.rejects(taken, { name: "AbortError" });
  events.emit("state", "open");
  assert.deepEqual(await first, { prompt_id: "a" });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(heard, ["a", "a", "b"]);
  events.emit("state", "open");
  await assert.rejects(second, Refusal);
  assert.deepEqual([heard, troubles, sending.waiting], [["a", "a", "b", "b"], ["away", "", "starting", ""], 0]);
});
