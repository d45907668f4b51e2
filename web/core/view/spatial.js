/** Finds what lies in a rectangle, at a cost that follows what is found and not how much there is. */

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box  graph px */

const CELL = 512; // side of the smallest cells, graph px
const LEVELS = 12; // the largest cells are 2^11 times as wide; what is larger still lies in those

/**
 * A grid in several sizes: a thing lies in the cells of the size that its box fits into, at most four of them.
 * @template {object} T
 */
export class SpatialIndex {
  /** @type {Map<number, Set<T>>[]} */
  #levels = Array.from({ length: LEVELS }, () => new Map());
  /** @type {Map<T, {box: Box, level: number, cells: number[]}>} */
  #places = new Map();

  get size() {
    return this.#places.size;
  }

  /** @returns {Iterable<T>} */
  get all() {
    return this.#places.keys();
  }

  /** @param {T} thing */
  has(thing) {
    return this.#places.has(thing);
  }

  /** @param {T} thing @returns {Box | undefined} */
  boxOf(thing) {
    return this.#places.get(thing)?.box;
  }

  /**
   * Puts a thing in, or moves it.
   * @param {T} thing
   * @param {Box} box
   */
  place(thing, box) {
    const size = Math.max(box.right - box.left, box.bottom - box.top, 1);
    const level = Math.min(LEVELS - 1, Math.max(0, Math.ceil(Math.log2(size / CELL))));
    const cells = cellsOf(box, level);
    const known = this.#places.get(thing);
    if (known) {
      known.box = box;
      if (known.level === level && sameCells(known.cells, cells)) return;
      this.#leave(thing, known);
    }
    for (const cell of cells) {
      let things = this.#levels[level].get(cell);
      if (!things) this.#levels[level].set(cell, (things = new Set()));
      things.add(thing);
    }
    this.#places.set(thing, { box, level, cells });
  }

  /** @param {T} thing */
  remove(thing) {
    const known = this.#places.get(thing);
    if (!known) return;
    this.#leave(thing, known);
    this.#places.delete(thing);
  }

  /** @param {T} thing @param {{level: number, cells: number[]}} place */
  #leave(thing, { level, cells }) {
    for (const cell of cells) {
      const things = this.#levels[level].get(cell);
      things?.delete(thing);
      if (things && !things.size) this.#levels[level].delete(cell);
    }
  }

  /**
   * @param {Box} box
   * @returns {T[]} in no order, each once
   */
  within(box) {
    /** @type {Set<T>} */
    const found = new Set();
    for (let level = 0; level < LEVELS; level++) {
      const cells = this.#levels[level];
      if (!cells.size) continue;
      const wanted = cellCount(box, level) > cells.size ? cells.keys() : cellsOf(box, level);
      for (const cell of wanted) {
        for (const thing of cells.get(cell) ?? []) {
          const place = this.#places.get(thing);
          if (place && overlap(place.box, box)) found.add(thing);
        }
      }
    }
    return [...found];
  }

  clear() {
    for (const level of this.#levels) level.clear();
    this.#places.clear();
  }
}

/** @param {Box} one @param {Box} other */
export function overlap(one, other) {
  return one.left <= other.right && one.right >= other.left && one.top <= other.bottom && one.bottom >= other.top;
}

/** @param {Box} box @param {number} level */
function cellCount(box, level) {
  const side = CELL * 2 ** level;
  return (Math.floor(box.right / side) - Math.floor(box.left / side) + 1) * (Math.floor(box.bottom / side) - Math.floor(box.top / side) + 1);
}

/** @param {Box} box @param {number} level @returns {number[]} */
function cellsOf(box, level) {
  const side = CELL * 2 ** level;
  const [left, right] = [clamp(box.left / side), clamp(box.right / side)];
  const [top, bottom] = [clamp(box.top / side), clamp(box.bottom / side)];
  /** @type {number[]} */
  const cells = [];
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) cells.push(y * SPAN + x);
  return cells;
}

const SPAN = 2 ** 25; // cells in a row: two coordinates in one number, far beyond any place in a file
/** @param {number} coordinate */
function clamp(coordinate) {
  return Math.max(-SPAN / 2 + 1, Math.min(SPAN / 2 - 1, Math.floor(coordinate)));
}

/** @param {number[]} one @param {number[]} other */
function sameCells(one, other) {
  return one.length === other.length && one.every((cell, i) => cell === other[i]);
}
