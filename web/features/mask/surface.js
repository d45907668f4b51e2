/**
 * A mask and what is drawn on it: one byte a pixel, 255 is masked. What a stroke touches is kept by tiles for undo, so a
 * stroke costs what it covers and not what the picture measures. Knows no page.
 */

export const TILE = 512; // px
const MOST_KEPT_BYTES = 256 * 2 ** 20;
// Most tiles of most masks: steps of undo that hold them cost nothing. Nobody writes into what `#read` gives.
const EMPTY = new Uint8Array(TILE * TILE);
const FULL = new Uint8Array(TILE * TILE).fill(255);

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Rect  px of the picture, whole
 * @typedef {{x: number, y: number, radius: number}} Dab
 * @typedef {{hardness: number, opacity: number, erases: boolean}} Brush  both 0..1
 * @typedef {Map<number, Uint8Array>} Tiles  number of the tile -> its pixels
 */

export class Surface {
  /** @type {Tiles | null} what tiles were before the step that is being done */
  #before = null;
  /** @type {Tiles} how much the stroke covers: it does not add up where it crosses itself */
  #covered = new Map();
  /** @type {Tiles[]} */
  #done = [];
  /** @type {Tiles[]} */
  #undone = [];
  /** Told what is another one. @type {(rect: Rect) => void} */
  onChange = () => {};

  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height);
    this.across = Math.ceil(width / TILE);
    this.down = Math.ceil(height / TILE);
  }

  get canUndo() {
    return this.#done.length > 0 && !this.#before;
  }

  get canRedo() {
    return this.#undone.length > 0 && !this.#before;
  }

  /** Whether anything was done that is not taken back. */
  get isChanged() {
    return this.#done.length > 0;
  }

  /** @param {number} tile @returns {Rect} */
  rectOf(tile) {
    const [x, y] = [(tile % this.across) * TILE, Math.floor(tile / this.across) * TILE];
    return { x, y, width: Math.min(TILE, this.width - x), height: Math.min(TILE, this.height - y) };
  }

  /** @param {number} tile @returns {Uint8Array} a copy; of one that is empty or full, what all of them share */
  #read(tile) {
    const { x, y, width, height } = this.rectOf(tile);
    const [first] = this.data.subarray(y * this.width + x);
    const plain = first === 0 ? EMPTY : first === 255 ? FULL : null;
    if (plain && this.#isPlain(x, y, width, height, first)) return plain.subarray(0, width * height);
    const pixels = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const at = (y + row) * this.width + x;
      pixels.set(this.data.subarray(at, at + width), row * width);
    }
    return pixels;
  }

  /** @param {number} x @param {number} y @param {number} width @param {number} height @param {number} value */
  #isPlain(x, y, width, height, value) {
    const { data } = this;
    for (let row = y; row < y + height; row++) {
      const end = row * this.width + x + width;
      for (let at = end - width; at < end; at++) if (data[at] !== value) return false;
    }
    return true;
  }

  /** @param {number} tile @param {Uint8Array} pixels */
  #write(tile, pixels) {
    const { x, y, width, height } = this.rectOf(tile);
    for (let row = 0; row < height; row++) this.data.set(pixels.subarray(row * width, (row + 1) * width), (y + row) * this.width + x);
    this.onChange({ x, y, width, height });
  }

  /** Opens a step of undo. */
  begin() {
    this.#before = new Map();
    this.#covered = new Map();
  }

  /** Closes it. One that touched nothing leaves no trace. */
  commit() {
    const before = this.#before;
    this.#before = null;
    this.#covered = new Map();
    if (!before?.size) return;
    this.#done.push(before);
    this.#undone = [];
    let bytes = this.#done.reduce((sum, each) => sum + bytesOf(each), 0);
    while (bytes > MOST_KEPT_BYTES && this.#done.length > 1) bytes -= bytesOf(/** @type {Tiles} */ (this.#done.shift()));
  }

  /** Takes back what was done since `begin`. */
  cancel() {
    const before = this.#before;
    this.#before = null;
    this.#covered = new Map();
    for (const [tile, pixels] of before ?? []) this.#write(tile, pixels);
  }

  undo() {
    this.#travel(this.#done, this.#undone);
  }

  redo() {
    this.#travel(this.#undone, this.#done);
  }

  /** @param {Tiles[]} from @param {Tiles[]} to */
  #travel(from, to) {
    const tiles = this.#before ? undefined : from.pop();
    if (!tiles) return;
    /** @type {Tiles} */
    const now = new Map();
    for (const [tile, pixels] of tiles) {
      now.set(tile, this.#read(tile));
      this.#write(tile, pixels);
    }
    to.push(now);
  }

  /**
   * A part of a stroke, between `begin` and `commit`: everything as near to the line from one dab to the other as the
   * latter's radius. Yields after each tile, since a large brush covers more than a frame has time for.
   * @param {Dab} from
   * @param {Dab} to
   * @param {Brush} brush
   */
  *stroke(from, to, { hardness, opacity, erases }) {
    const before = this.#before;
    if (!before) return;
    const radius = Math.max(0.5, to.radius);
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
    const right = Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + radius) + 1);
    const bottom = Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + radius) + 1);
    if (left >= right || top >= bottom) return;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length2 = dx * dx + dy * dy;
    const [alongX, alongY] = length2 > 0 ? [dx / length2, dy / length2] : [0, 0];
    const covers = coversOf(radius, hardness);
    const toCover = (covers.length - 1) / (radius * radius);
    const strength = Math.round(256 * opacity);
    const { data, width } = this;
    for (let ty = Math.floor(top / TILE); ty * TILE < bottom; ty++) {
      for (let tx = Math.floor(left / TILE); tx * TILE < right; tx++) {
        const tile = ty * this.across + tx;
        const rect = this.rectOf(tile);
        const [x0, x1] = [Math.max(left, rect.x), Math.min(right, rect.x + rect.width)];
        const [y0, y1] = [Math.max(top, rect.y), Math.min(bottom, rect.y + rect.height)];
        let kept = before.get(tile);
        if (!kept) before.set(tile, (kept = this.#read(tile)));
        let covered = this.#covered.get(tile);
        if (!covered) this.#covered.set(tile, (covered = new Uint8Array(kept.length)));
        for (let y = y0; y < y1; y++) {
          const py = y + 0.5 - from.y;
          let at = (y - rect.y) * rect.width + x0 - rect.x;
          for (let x = x0; x < x1; x++, at++) {
            const known = covered[at];
            if (known === 255) continue; // most of a large brush was covered a moment ago
            const px = x + 0.5 - from.x;
            let share = px * alongX + py * alongY;
            share = share < 0 ? 0 : share > 1 ? 1 : share;
            const ex = px - share * dx;
            const ey = py - share * dy;
            const place = (ex * ex + ey * ey) * toCover;
            if (place >= covers.length - 1) continue;
            const cover = covers[place | 0];
            if (cover <= known) continue;
            covered[at] = cover;
            const old = kept[at];
            const part = cover * strength; // of 255 * 256
            data[y * width + x] = erases ? (old * (65280 - part) + 32640) / 65280 : old + ((255 - old) * part + 32640) / 65280;
          }
        }
        this.onChange({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
        yield tile;
      }
    }
  }

  /**
   * Another mask, as one step of undo. Yields after each tile, so that who calls it can let the page breathe; between
   * `begin` and `commit`.
   * @param {Uint8Array} data  of the same size
   */
  *replace(data) {
    for (let tile = 0; tile < this.across * this.down; tile++) {
      const { x, y, width, height } = this.rectOf(tile);
      const now = this.#read(tile);
      let isOther = false;
      for (let row = 0; row < height; row++) {
        const at = (y + row) * this.width + x;
        for (let column = 0; column < width && !isOther; column++) isOther = now[row * width + column] !== data[at + column];
        if (isOther) break;
      }
      if (isOther) {
        this.#before?.set(tile, this.#before.get(tile) ?? now);
        for (let row = 0; row < height; row++) {
          const at = (y + row) * this.width + x;
          this.data.set(data.subarray(at, at + width), at);
        }
        this.onChange({ x, y, width, height });
      }
      yield tile;
    }
  }
}

const FINENESS = 4096; // parts of the squared radius

/**
 * How much a brush covers, by the squared distance from its middle.
 * @param {number} radius
 * @param {number} hardness
 * @returns {Uint8Array}
 */
function coversOf(radius, hardness) {
  const core = Math.max(0, Math.min(hardness * radius, radius - 1)); // an edge of one pixel at least
  const fade = 1 / Math.max(radius - core, 0.5);
  const covers = new Uint8Array(FINENESS);
  for (let i = 0; i < FINENESS; i++) {
    const distance = radius * Math.sqrt((i + 0.5) / FINENESS);
    const linear = distance <= core ? 1 : 1 - (distance - core) * fade;
    covers[i] = Math.round(255 * linear * linear * (3 - 2 * linear));
  }
  return covers;
}

/** @param {Tiles} tiles */
function bytesOf(tiles) {
  let bytes = 0;
  for (const pixels of tiles.values()) if (pixels.buffer !== EMPTY.buffer && pixels.buffer !== FULL.buffer) bytes += pixels.length;
  return bytes;
}
