/** Pictures in the size that they are seen in. What was not seen for long is dropped, and the largest part of it first. */

const MOST_PIXELS = 48e6; // of all that are kept: 192 MB
const IDLE_MS = 60_000;
const SIDES = [96, 192, 384, 768, 1536, 3072]; // sizes that are kept: a little zoom makes none anew
const AT_ONCE = 4;

/**
 * @typedef {object} Kept
 * @property {ImageBitmap | null} bitmap
 * @property {number} side  longer side that it was made for; 0: not made yet
 * @property {number} wanted
 * @property {number} width  of the file, px; 0: not known yet
 * @property {number} height
 * @property {number} used_ms
 * @property {boolean} isLoading
 * @property {boolean} isBroken
 */

export class Pictures {
  /** @type {Map<string, Kept>} by address */
  #kept = new Map();
  /** @type {string[]} */
  #waiting = [];
  #loading = 0;
  #pixels = 0;
  #onReady;

  /** @param {(src: string, isNew: boolean) => void} onReady  a picture can be drawn; `isNew`: its size was not known before */
  constructor(onReady) {
    this.#onReady = onReady;
  }

  /**
   * Size of the file.
   * @param {string} src
   * @returns {{width: number, height: number} | null} null: not known yet
   */
  sizeOf(src) {
    const kept = this.#kept.get(src);
    return kept?.width ? kept : null;
  }

  /** @param {string} src */
  isBroken(src) {
    return this.#kept.get(src)?.isBroken ?? false;
  }

  /**
   * What can be drawn now; a better one is made and told of.
   * @param {string} src
   * @param {number} side  longer side that it is drawn with, device px
   * @returns {ImageBitmap | null}
   */
  get(src, side) {
    let kept = this.#kept.get(src);
    if (!kept) this.#kept.set(src, (kept = { bitmap: null, side: 0, wanted: 0, width: 0, height: 0, used_ms: 0, isLoading: false, isBroken: false }));
    kept.used_ms = performance.now();
    kept.wanted = SIDES.find((each) => each >= side) ?? SIDES[SIDES.length - 1];
    const isSharp = kept.side >= kept.wanted || (kept.bitmap && kept.side >= Math.max(kept.width, kept.height));
    if (!isSharp && !kept.isLoading && !kept.isBroken) {
      kept.isLoading = true;
      this.#waiting.push(src);
      this.#next();
    }
    return kept.bitmap;
  }

  #next() {
    while (this.#loading < AT_ONCE && this.#waiting.length) {
      const src = /** @type {string} */ (this.#waiting.shift());
      this.#loading++;
      void this.#load(src).finally(() => {
        this.#loading--;
        this.#next();
      });
    }
  }

  /** @param {string} src */
  async #load(src) {
    const kept = this.#kept.get(src);
    if (!kept) return;
    const isNew = !kept.width;
    try {
      const whole = await read(src);
      const { width, height } = whole;
      const factor = kept.wanted / Math.max(width, height);
      let bitmap = whole;
      if (factor < 1) {
        bitmap = await createImageBitmap(whole, { resizeWidth: Math.max(1, Math.round(width * factor)), resizeHeight: Math.max(1, Math.round(height * factor)), resizeQuality: "medium" });
        whole.close();
      }
      this.#pixels += bitmap.width * bitmap.height - (kept.bitmap ? kept.bitmap.width * kept.bitmap.height : 0);
      kept.bitmap?.close();
      Object.assign(kept, { bitmap, width, height, side: Math.max(bitmap.width, bitmap.height) });
    } catch {
      kept.isBroken = true; // said where it would be
    }
    kept.isLoading = false;
    this.#onReady(src, isNew);
    this.#drop(MOST_PIXELS);
  }

  /** Forgets what failed, so that it is tried again. */
  retry() {
    for (const [src, kept] of this.#kept) if (kept.isBroken) this.#kept.delete(src);
  }

  /** Drops what nobody looked at for long. */
  sweep() {
    const before = performance.now() - IDLE_MS;
    for (const kept of this.#kept.values()) if (kept.used_ms < before) this.#close(kept);
    if (this.#kept.size > 20_000) for (const [src, kept] of this.#kept) if (!kept.bitmap && !kept.isLoading) this.#kept.delete(src);
  }

  /** @param {number} most */
  #drop(most) {
    if (this.#pixels <= most) return;
    const inOrder = [...this.#kept.values()].filter((each) => each.bitmap).sort((a, b) => a.used_ms - b.used_ms);
    for (const kept of inOrder) {
      if (this.#pixels <= most * 0.8) break;
      this.#close(kept);
    }
  }

  /** The size of the file stays known: the node keeps its shape. @param {Kept} kept */
  #close(kept) {
    if (!kept.bitmap) return;
    this.#pixels -= kept.bitmap.width * kept.bitmap.height;
    kept.bitmap.close();
    kept.bitmap = null;
    kept.side = 0;
  }

  clear() {
    for (const kept of this.#kept.values()) this.#close(kept);
    this.#kept.clear();
    this.#waiting.length = 0;
  }
}

/** @param {string} src @returns {Promise<ImageBitmap>} */
async function read(src) {
  if (/^(blob|data):/.test(src)) return draw(src); // the page may not fetch those
  const answer = await fetch(src);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const blob = await answer.blob();
  if (blob.type !== "image/svg+xml") return createImageBitmap(blob);
  const address = URL.createObjectURL(blob);
  try {
    return await draw(address); // only an element reads drawings
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** @param {string} address */
async function draw(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return createImageBitmap(image);
}
