/** The gallery's list, the viewer's zoom, and what is taken up of a result. No page is needed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Catalogue } from "../../web/core/catalogue.js";
import { seedsIn, textsIn } from "../../web/core/reuse.js";
import { CHUNK, OutputList } from "../../web/features/gallery/outputs.js";
import { Zoom } from "../../web/features/viewer/zoom.js";

/** A server with so many results, the newest first; `asked` holds the queries. */
class Results {
  asked = [];

  constructor(count) {
    this.all = Array.from({ length: count }, (_, i) => ({ filename: `${count - 1 - i}.png`, subfolder: "", type: "output", modified_ms: count - 1 - i }));
  }

  add(name) {
    this.all.unshift({ filename: name, subfolder: "", type: "output", modified_ms: this.all.length });
  }

  ask = async (query) => {
    this.asked.push(String(query));
    const since = query.get("since_ms");
    const chosen = since === null ? this.all : this.all.filter((each) => each.modified_ms >= Number(since));
    const after = query.get("after");
    const start = after ? chosen.findIndex((each) => each.filename === after) + 1 : Number(query.get("offset") ?? 0);
    const entries = chosen.slice(start, start + Number(query.get("limit")));
    return { entries, total: chosen.length, next_cursor: entries.at(-1)?.filename ?? null, prev_cursor: null, scanning: false };
  };
}

const named = (list, index) => list.get(index)?.filename;

test("of a long list only what is looked at is asked for and kept", async () => {
  const server = new Results(100_000);
  const list = new OutputList(server.ask);
  await list.choose(new URLSearchParams({ type: "output" }));
  assert.equal(list.total, 100_000);
  assert.equal(named(list, 0), "99999.png");
  assert.equal(named(list, 60_000), undefined);
  await list.want(60_000, 60_010);
  assert.equal(named(list, 60_000), "39999.png");
  assert.equal(server.asked.length, 2);
  await list.want(60_000, 60_000 + CHUNK + 1);
  assert.match(server.asked[2], /after=39900.png/); // on from where the chunk before it ends
  for (let i = 0; i < 100; i++) await list.want(i * CHUNK, i * CHUNK + 1);
  assert.equal(named(list, 60_000), undefined);
});

test("what is new waits in front of the list until it is let in", async () => {
  const server = new Results(250);
  const list = new OutputList(server.ask);
  await list.choose(new URLSearchParams());
  server.add("new.png");
  server.add("newer.png");
  await list.hear(false);
  assert.deepEqual([list.total, list.fresh, named(list, 0)], [250, 2, "249.png"]);
  await list.want(100, 101); // asked for behind what is new
  assert.equal(named(list, 100), "149.png");
  assert.deepEqual((await list.slice(198, 203)).map((each) => each.filename), ["51.png", "50.png", "49.png", "48.png", "47.png"]);
  await list.letIn();
  assert.deepEqual([list.total, list.fresh, named(list, 0), named(list, 2)], [252, 0, "newer.png", "249.png"]);
});

test("what becomes known of videos and sounds is taken in, and places stay", async () => {
  const server = new Results(250);
  server.all[130] = { ...server.all[130], kind: "audio", duration_s: null, has_workflow: null };
  const list = new OutputList(server.ask);
  await list.choose(new URLSearchParams());
  await list.want(0, 200);
  server.all[130] = { ...server.all[130], duration_s: 7, has_workflow: false };
  server.add("new.png");
  const changed = new Promise((resolve) => list.events.on("change", () => list.get(130)?.duration_s === 7 && resolve(undefined)));
  await list.hear(false);
  await changed;
  assert.deepEqual([list.total, list.fresh, named(list, 130), named(list, 199)], [250, 1, "119.png", "50.png"]);
  const count = server.asked.length;
  await list.hear(false);
  assert.equal(server.asked.length, count + 1); // all is known
});

test("what came between two questions shifts nothing", async () => {
  const server = new Results(500);
  const list = new OutputList(server.ask);
  await list.choose(new URLSearchParams());
  server.add("new.png");
  await list.want(300, 301);
  assert.deepEqual([list.total, list.fresh, named(list, 300)], [500, 1, "199.png"]);
});

test("of two questions after what came, the later one has the last word", async () => {
  const server = new Results(250);
  const answers = [];
  let isSlow = false;
  const list = new OutputList(async (query) => {
    const answer = await server.ask(query);
    if (isSlow) await new Promise((resolve) => answers.push(resolve));
    return answer;
  });
  await list.choose(new URLSearchParams());
  isSlow = true;
  server.add("new.png");
  const first = list.hear(false);
  await new Promise((resolve) => setTimeout(resolve));
  server.add("newer.png");
  const second = list.hear(false);
  await new Promise((resolve) => setTimeout(resolve));
  isSlow = false;
  answers.reverse().forEach((each) => each());
  await Promise.all([first, second]);
  assert.equal(list.fresh, 2);
});

test("what is gone is gone from the list", async () => {
  const server = new Results(300);
  const list = new OutputList(server.ask);
  await list.choose(new URLSearchParams());
  await list.want(250, 251);
  server.all.splice(10, 5);
  await list.hear(true);
  assert.deepEqual([list.total, list.fresh, named(list, 10)], [295, 0, "284.png"]);
  assert.equal(named(list, 250), undefined);
});

test("the place of a day is how many are newer", async () => {
  const server = new Results(1000);
  const list = new OutputList(server.ask);
  await list.choose(new URLSearchParams());
  assert.equal(await list.placeOf(900), 100);
  assert.equal(await list.placeOf(-5), 999);
});

test("a picture that is zoomed keeps in place what the pointer is on, and never leaves its window", () => {
  const zoom = new Zoom();
  zoom.setWindow({ width: 800, height: 600 });
  zoom.setPicture({ width: 1600, height: 600 });
  assert.deepEqual([zoom.scale, zoom.x, zoom.y, zoom.canPan], [0.5, 0, 150, false]);
  zoom.by(4, 400, 300);
  assert.deepEqual([zoom.scale, zoom.x, zoom.y, zoom.canPan], [2, -1200, -300, true]);
  zoom.pan(5000, 5000);
  assert.deepEqual([zoom.x, zoom.y], [0, 0]);
  zoom.pan(-5000, -5000);
  assert.deepEqual([zoom.x, zoom.y], [-2400, -600]);
  zoom.setPicture({ width: 3200, height: 1200 }, true); // the same in twice the pixels
  assert.deepEqual([zoom.scale, zoom.x, zoom.y], [1, -2400, -600]);
  zoom.fit();
  zoom.setWindow({ width: 400, height: 600 });
  assert.deepEqual([zoom.scale, zoom.isFit], [0.125, true]);
});

test("a prompt's texts are told by what they are for, through nodes that change both", () => {
  const conditioning = { output: ["CONDITIONING"], output_name: ["CONDITIONING"], output_is_list: [false] };
  const catalogue = new Catalogue({
    Text: { name: "Text", input: { required: { clip: ["CLIP"], text: ["STRING", { multiline: true }] } }, ...conditioning },
    Both: { name: "Both", input: { required: { positive: ["CONDITIONING"], negative: ["CONDITIONING"] } }, output: ["CONDITIONING", "CONDITIONING"], output_name: ["positive", "negative"], output_is_list: [false, false] },
    Sampler: { name: "Sampler", input: { required: { positive: ["CONDITIONING"], negative: ["CONDITIONING"], seed: ["INT", { control_after_generate: true }] } }, output: ["LATENT"], output_name: ["LATENT"], output_is_list: [false] },
  });
  const prompt = {
    1: { class_type: "Text", inputs: { text: "a cat" } },
    2: { class_type: "Text", inputs: { text: "a dog" } },
    3: { class_type: "Both", inputs: { positive: ["1", 0], negative: ["2", 0] } },
    4: { class_type: "Sampler", inputs: { positive: ["3", 0], negative: ["3", 1], seed: 18446744073709551615n } },
  };
  assert.deepEqual(textsIn(catalogue, prompt).texts, { positive: "a cat", negative: "a dog" });
  assert.deepEqual(seedsIn(catalogue, prompt), [{ nodeId: "4", type: "Sampler", values: { seed: 18446744073709551615n } }]);
});
