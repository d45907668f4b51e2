/** Laying out: nothing overlaps, links lead to the right, whatever the graph. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { layOutFramed } from "../../web/features/arrange/frames.js";
import { layOut } from "../../web/features/arrange/layers.js";
import { randomOf } from "./graph_data.js";

/** @param {number} seed @param {number} count @param {boolean} hasCircles */
function randomGraph(seed, count, hasCircles) {
  const random = randomOf(seed);
  const pieces = Array.from({ length: count }, (_, i) => ({ id: String(i), x: random() * 2000, y: random() * 2000, width: 100 + random() * 300, height: 50 + random() * 400 }));
  const pairs = Array.from({ length: Math.floor(count * 1.5) }, () => {
    const [a, b] = [Math.floor(random() * count), Math.floor(random() * count)];
    return { from: String(hasCircles ? a : Math.min(a, b)), to: String(hasCircles ? b : Math.max(a, b)) };
  });
  return { pieces, pairs };
}

for (const [seed, count, hasCircles] of [[1, 1, false], [2, 7, false], [3, 40, false], [4, 200, false], [5, 60, true], [6, 500, true]]) {
  test(`nothing overlaps and links lead right: seed ${seed}, ${count} nodes${hasCircles ? ", with circles" : ""}`, () => {
    const { pieces, pairs } = randomGraph(seed, count, hasCircles);
    const places = layOut(pieces, pairs);
    assert.equal(places.size, count);
    const boxes = pieces.map((piece) => ({ ...piece, ...places.get(piece.id) }));
    for (const box of boxes) assert.ok(Number.isFinite(box.x) && Number.isFinite(box.y));
    for (let i = 0; i < boxes.length; i++) {
      for (let j = i + 1; j < boxes.length; j++) {
        const [a, b] = [boxes[i], boxes[j]];
        const isApart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y + 1e-6 || b.y + b.height <= a.y + 1e-6;
        assert.ok(isApart, `${a.id} and ${b.id} overlap`);
      }
    }
    if (hasCircles) return;
    for (const { from, to } of pairs) {
      if (from === to) continue;
      const [a, b] = [boxes[Number(from)], boxes[Number(to)]];
      assert.ok(a.x + a.width < b.x, `${from} lies left of ${to}`);
    }
  });
}

test("a chain lies in one row, and a loader just before what it feeds", () => {
  const size = { x: 0, y: 0, width: 100, height: 60 };
  const places = layOut(["a", "b", "c", "late"].map((id) => ({ id, ...size })), [{ from: "a", to: "b" }, { from: "b", to: "c" }, { from: "late", to: "c" }]);
  assert.equal(places.get("late").x, places.get("b").x);
  const chain = layOut(["a", "b", "c"].map((id) => ({ id, ...size })), [{ from: "a", to: "b" }, { from: "b", to: "c" }]);
  assert.equal(new Set([...chain.values()].map(({ y }) => y)).size, 1);
});

test("a chain of ten thousand nodes is no deep recursion", () => {
  const pieces = Array.from({ length: 10_000 }, (_, i) => ({ id: String(i), x: 0, y: 0, width: 10, height: 10 }));
  const pairs = pieces.slice(1).map((piece, i) => ({ from: String(i), to: piece.id }));
  assert.equal(layOut(pieces, pairs).size, 10_000);
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`frames keep theirs and lie apart: seed ${seed}`, () => {
    const { pieces, pairs } = randomGraph(seed, 60, seed % 2 === 0);
    const random = randomOf(seed + 100);
    const ids = pieces.map((piece) => piece.id);
    const outer = { id: "outer", pieces: ids.slice(0, 20) };
    const frames = [outer, { id: "inner", pieces: ids.slice(4, 9) }, { id: "beside", pieces: ids.slice(20, 30) }, { id: "crossing", pieces: ids.slice(27, 33) }, { id: "one", pieces: ["40"] }, { id: "none", pieces: ["gone"] }];
    frames.push({ id: "some", pieces: ids.slice(45).filter(() => random() < 0.5) });
    const { places, areas } = layOutFramed(pieces, pairs, frames);
    assert.equal(places.size, pieces.length);
    assert.ok(!areas.has("none"));
    const boxes = pieces.map((piece) => ({ ...piece, ...places.get(piece.id) }));
    const holds = (area, box) => area.x <= box.x && area.y <= box.y && area.x + area.width >= box.x + box.width && area.y + area.height >= box.y + box.height;
    const apart = (a, b) => a.x + a.width <= b.x + 1e-6 || b.x + b.width <= a.x + 1e-6 || a.y + a.height <= b.y + 1e-6 || b.y + b.height <= a.y + 1e-6;
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) assert.ok(apart(boxes[i], boxes[j]));
    const [a, ...others] = areas;
    for (const [name, area] of [a, ...others]) {
      for (const [other, that] of areas) {
        if (name === other) continue;
        const isNested = [name, other].sort().join() === "inner,outer";
        assert.ok(isNested ? holds(areas.get("outer"), areas.get("inner")) : apart(area, that), `${name} and ${other} overlap`);
      }
      const mine = new Set(frames.find(({ id }) => id === name).pieces);
      for (const box of boxes) assert.ok(apart(area, box) || mine.has(box.id), `${box.id} lies over ${name}`);
    }
    for (const id of outer.pieces) assert.ok(holds(areas.get("outer"), boxes[Number(id)]));
    assert.ok(Math.abs(Math.min(...boxes.map((each) => each.x), ...[...areas.values()].map((each) => each.x))) < 1e-6);
  });
}

test("without frames the places are those of the plain layout", () => {
  const { pieces, pairs } = randomGraph(9, 30, false);
  assert.deepEqual([...layOutFramed(pieces, pairs, []).places].sort(), [...layOut(pieces, pairs)].sort());
});
