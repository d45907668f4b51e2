/** The journal: what it takes back, and what one step of undo is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Journal } from "../../web/core/journal.js";

test("undo puts back properties, entries and places in lists, redo does them again", () => {
  const journal = new Journal();
  const owner = {};
  const thing = { a: 1 };
  const entries = new Map([["x", 1]]);
  const list = [1, 2, 3];
  journal.edit("all", () => {
    journal.set(owner, thing, "a", 2);
    journal.set(owner, thing, "b", 3);
    journal.put(owner, entries, "x", undefined);
    journal.splice(owner, list, 1, 1, 7, 8);
  });
  assert.deepEqual([thing, [...entries], list], [{ a: 2, b: 3 }, [], [1, 7, 8, 3]]);
  assert.ok(journal.undo());
  assert.deepEqual([thing, [...entries], list], [{ a: 1 }, [["x", 1]], [1, 2, 3]]);
  assert.ok(journal.redo());
  assert.deepEqual([thing, [...entries], list], [{ a: 2, b: 3 }, [], [1, 7, 8, 3]]);
});

test("a gesture is one step however often it sets a thing", () => {
  const journal = new Journal();
  const thing = { x: 0 };
  const gesture = journal.begin("drag");
  for (let x = 1; x <= 100; x++) journal.set(thing, thing, "x", x);
  gesture.commit();
  journal.undo();
  assert.equal(thing.x, 0);
  assert.ok(!journal.canUndo);
});

test("an edit inside a gesture belongs to it", () => {
  const journal = new Journal();
  const thing = { x: 0, y: 0 };
  const gesture = journal.begin("drag");
  journal.set(thing, thing, "x", 1);
  journal.edit("inner", () => journal.set(thing, thing, "y", 1));
  assert.ok(!journal.canUndo);
  gesture.commit();
  journal.undo();
  assert.deepEqual(thing, { x: 0, y: 0 });
});

test("an edit that throws is taken back and leaves no step", () => {
  const journal = new Journal();
  const thing = { x: 0 };
  assert.throws(() => journal.edit("bad", () => {
    journal.set(thing, thing, "x", 1);
    throw new Error("no");
  }), /no/);
  assert.equal(thing.x, 0);
  assert.ok(!journal.canUndo);
});

test("what changes nothing leaves no step, and does not forget what can be redone", () => {
  const journal = new Journal();
  const thing = { x: 0 };
  journal.edit("one", () => journal.set(thing, thing, "x", 1));
  journal.undo();
  const gesture = journal.begin("nothing");
  journal.set(thing, thing, "x", 5);
  journal.set(thing, thing, "x", 0);
  gesture.commit();
  assert.ok(journal.redo());
  assert.equal(thing.x, 1);
});

test("nothing changes outside an edit", () => {
  const journal = new Journal();
  assert.throws(() => journal.set({}, {}, "x", 1), /inside edit/);
});

test("500 steps can be undone, the oldest goes first", () => {
  const journal = new Journal();
  const thing = { x: 0 };
  for (let x = 1; x <= 510; x++) journal.edit("step", () => journal.set(thing, thing, "x", x));
  let steps = 0;
  while (journal.undo()) steps++;
  assert.deepEqual([steps, thing.x], [500, 10]);
});
