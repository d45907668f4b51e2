/** What is kept of a person's settings, and what is not believed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Settings } from "../../web/core/settings.js";

const DECLARED = [
  { id: "size", title: "", section: "", kind: "number", fallback: 10, low: 1, high: 20 },
  { id: "style", title: "", section: "", kind: "choice", fallback: "a", options: [{ value: "a", title: "" }, { value: "b", title: "" }] },
  { id: "ground", title: "", section: "", kind: "colour", fallback: "" },
];

function make(values = {}, save = async () => {}) {
  const settings = new Settings(values, save);
  settings.declare(DECLARED);
  return settings;
}

test("a value that a setting cannot hold reads as the usual one", () => {
  const settings = make({ "Heddle.size": "large", "Heddle.style": "c", "Heddle.ground": "red;}" });
  assert.deepEqual(["size", "style", "ground"].map((id) => settings.read(id)), [10, "a", ""]);
});

test("a file of settings is taken in, but for what does not fit", () => {
  const settings = make();
  assert.deepEqual(settings.takeIn({ size: 12, style: "c", "palette.favourites": ["x"] }), ["style"]);
  assert.deepEqual(settings.written, { size: 12, "palette.favourites": ["x"] });
  settings.write("size", undefined);
  assert.equal(settings.read("size"), 10);
  assert.equal(settings.isChanged("size"), false);
});

test("what the server could not take goes with the next call, the newest value of each", async () => {
  const sent = [];
  let isAway = true;
  const warn = console.warn;
  console.warn = () => {};
  const settings = make({}, async (changes) => {
    if (isAway) throw new Error("away");
    sent.push(changes);
  });
  settings.write("size", 5);
  settings.write("style", "b");
  await settings.flush();
  settings.write("size", 6);
  await settings.flush();
  isAway = false;
  await settings.flush();
  console.warn = warn;
  assert.deepEqual(sent, [{ "Heddle.size": 6, "Heddle.style": "b" }]);
});

test("what is on its way or waits for its turn is known to the one who leaves", async () => {
  /** @type {(() => void)[]} */
  const taken = [];
  const settings = make({}, () => new Promise((resolve) => taken.push(() => resolve(undefined))));
  assert.equal(settings.unsent, null);
  settings.write("size", 5);
  settings.write("style", "b");
  settings.write("size", 6);
  assert.deepEqual(settings.unsent, { "Heddle.size": 6, "Heddle.style": "b" });
  const flushed = settings.flush();
  for (let i = 0; i < 2; i++) {
    taken[i]();
    await new Promise((resolve) => setTimeout(resolve));
  }
  await flushed;
  assert.equal(settings.unsent, null);
});
