/** The index of places finds exactly what a search through everything finds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { overlap, SpatialIndex } from "../../web/core/view/spatial.js";

/** Numbers from 0 to 1, the same in every run. */
function chance(seed) {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

test("what lies in a rectangle is found, whatever its size, also after moves", () => {
  const next = chance(7);
  const index = new SpatialIndex();
  const things = Array.from({ length: 400 }, (_, id) => ({ id }));
  const box = () => {
    const [x, y, size] = [(next() - 0.5) * 20000, (next() - 0.5) * 20000, 10 ** (1 + next() * 4)];
    return { left: x, top: y, right: x + size * next(), bottom: y + size * next() };
  };
  for (const thing of things) index.place(thing, box());
  for (let round = 0; round < 200; round++) {
    index.place(things[Math.floor(next() * things.length)], box());
    index.remove(things[Math.floor(next() * things.length)]);
    const wanted = box();
    const found = index.within(wanted).map((each) => each.id).sort((a, b) => a - b);
    const expected = things.filter((each) => index.has(each) && overlap(index.boxOf(each), wanted)).map((each) => each.id);
    assert.deepEqual(found, expected);
  }
});
