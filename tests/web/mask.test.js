/** Masks: strokes that do not add up, undo by tiles, and what is done to a whole mask. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { combine, feather, flood, grow, polygon } from "../../web/features/mask/ops.js";
import { Surface } from "../../web/features/mask/surface.js";
import { randomOf } from "./graph_data.js";

const WHOLE = { hardness: 1, opacity: 1, erases: false };

test("a stroke covers what lies within its radius, as strongly as the brush says, however often it crosses itself", () => {
  const surface = new Surface(1100, 700); // over the edges of tiles
  surface.begin();
  const half = { ...WHOLE, opacity: 0.5 };
  for (let i = 0; i < 5; i++) [...surface.stroke({ x: 500, y: 500, radius: 20 }, { x: 530, y: 530, radius: 20 }, half)];
  surface.commit();
  const at = (x, y) => surface.data[y * 1100 + x];
  assert.equal(at(512, 512), 128);
  assert.equal(at(540, 540), 128);
  assert.equal(at(470, 500), 0);
  assert.equal(at(530, 500), 0, "beside the line");
  surface.begin();
  [...surface.stroke({ x: 512, y: 512, radius: 4 }, { x: 512, y: 512, radius: 4 }, { ...WHOLE, erases: true })];
  surface.commit();
  assert.equal(at(512, 512), 0);
  assert.equal(at(524, 524), 128);
});

test("undo and redo bring back every pixel, and what is cancelled was never there", () => {
  const random = randomOf(7);
  const surface = new Surface(1300, 600);
  const point = () => ({ x: random() * 1300, y: random() * 600, radius: 3 + random() * 80 });
  const states = [surface.data.slice()];
  for (let i = 0; i < 12; i++) {
    surface.begin();
    [...surface.stroke(point(), point(), { hardness: random(), opacity: random(), erases: random() < 0.3 })];
    if (i === 6) [...surface.replace(polygon([100, 100, 1200, 300, 300, 590], 1300, 600))];
    if (i === 9) surface.cancel();
    else surface.commit();
    if (i !== 9) states.push(surface.data.slice());
  }
  for (let i = states.length - 1; i > 0; i--) {
    assert.deepEqual(surface.data, states[i]);
    surface.undo();
  }
  assert.deepEqual(surface.data, states[0]);
  assert.equal(surface.canUndo, false);
  while (surface.canRedo) surface.redo();
  assert.deepEqual(surface.data, states.at(-1));
});

test("only what changed is told", () => {
  const surface = new Surface(4096, 4096);
  const told = [];
  surface.onChange = (rect) => told.push(rect);
  surface.begin();
  [...surface.stroke({ x: 1000, y: 1000, radius: 10 }, { x: 1010, y: 1000, radius: 10 }, WHOLE)];
  assert.deepEqual(told, [{ x: 990, y: 990, width: 31, height: 21 }]);
  const other = surface.data.slice();
  other[4095] = 9;
  [...surface.replace(other)];
  assert.deepEqual(told.slice(1), [{ x: 3584, y: 0, width: 512, height: 512 }]);
});

test("filling takes the area of like colour, and no further", () => {
  const [width, height] = [7, 5];
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba[4 * i] = i % width === 3 ? 200 : 100 + (i % 2);
  const found = flood(rgba, width, height, 0, 4, 5);
  for (let i = 0; i < found.length; i++) assert.equal(found[i], i % width < 3 ? 255 : 0);
  assert.ok(flood(rgba, width, height, 0, 0, 100).every((each) => each === 255));
  assert.ok(flood(rgba, width, height, 1, 1, 0).filter(Boolean).length === 1, "no tolerance: a chessboard");
  assert.ok(flood(rgba, width, height, 9, 0, 100).every((each) => each === 0), "outside");
});

test("outlines fill their inside with smooth edges", () => {
  const found = polygon([1, 1, 3.5, 1, 3.5, 4, 1, 4], 6, 6);
  const rows = [...Array(6)].map((_, y) => [...found.subarray(y * 6, y * 6 + 6)]);
  assert.deepEqual(rows[0], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(rows[2], [0, 255, 255, 128, 0, 0]);
  assert.deepEqual(rows[4], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...combine(Uint8Array.of(0, 100, 255), Uint8Array.of(255, 255, 255), true, 0.5)], [0, 50, 128]);
});

test("growing and shrinking reach as far as they say, in circles", () => {
  const size = 41;
  const dot = new Uint8Array(size * size);
  dot[20 * size + 20] = 255;
  const grown = grow(dot, size, size, 7);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const distance = Math.hypot(x - 20, y - 20);
      if (distance <= 6.5) assert.equal(grown[y * size + x], 255);
      if (distance >= 7.5) assert.equal(grown[y * size + x], 0);
    }
  }
  const back = grow(grown, size, size, -6);
  assert.ok(back[20 * size + 20] === 255 && back[20 * size + 24] === 0);
  const soft = feather(grown, size, size, 6);
  const line = [...soft.subarray(20 * size + 20, 21 * size)];
  assert.ok(line.every((each, i) => i === 0 || each <= line[i - 1]), "falls off to the edge");
  assert.ok(Math.abs(soft.reduce((sum, each) => sum + each, 0) / grown.reduce((sum, each) => sum + each, 0) - 1) < 0.02);
});
