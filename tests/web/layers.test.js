/** Laying out: nothing overlaps, links lead to the right, whatever the graph. */

import assert from "node:assert/strict";
import { test } from "node:test";
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
