/** Does what takes long, beside the page: changes of whole masks, reading and writing pictures. */

import { combine, feather, flood, grow, invert, polygon } from "./ops.js";

const STRIP = 512; // rows at once
const LARGE = 1500; // px; larger pictures are kept smaller, too: looked at as a whole they would flicker

/** @typedef {{id: number, name: string, mask: Uint8Array | null, width: number, height: number, [more: string]: any}} Task */

/** @type {{address: string, pixels: Uint8ClampedArray} | null} colours of the picture */
let colours = null;

/** @type {Record<string, (task: any) => Promise<Uint8Array | Blob | ImageBitmap[]> | Uint8Array | Blob>} */
const TASKS = {
  invert: ({ mask }) => invert(mask),
  clear: ({ width, height }) => new Uint8Array(width * height),
  grow: ({ mask, width, height, px }) => grow(mask, width, height, px),
  feather: ({ mask, width, height, px }) => feather(mask, width, height, px),
  polygon: ({ mask, width, height, points, erases, opacity }) => combine(mask, polygon(points, width, height), erases, opacity),
  async flood({ mask, width, height, address, x, y, tolerance, erases, opacity }) {
    const pixels = colours && colours.address === address ? colours.pixels : (await read(address)).pixels;
    colours = { address, pixels };
    return combine(mask, flood(pixels, width, height, x, y, tolerance), erases, opacity);
  },
  /** The picture, at half its size, a quarter ... */
  async pictures({ address }) {
    const found = [await createImageBitmap(await fetchFile(address))];
    for (let last = found[0]; Math.max(last.width, last.height) > LARGE; found.push(last)) {
      last = await createImageBitmap(last, { resizeWidth: Math.ceil(last.width / 2), resizeHeight: Math.ceil(last.height / 2), resizeQuality: "medium" });
    }
    return found;
  },
  /** What is masked already; nothing where all is opaque. */
  async opacity({ address }) {
    const bytes = await (await fetchFile(address)).arrayBuffer();
    return invert(new Uint8Array(bytes));
  },
  /** Black, and only the opacity says something: what a canvas does to colours under it changes nothing. */
  async png({ mask, width, height }) {
    const { canvas, context } = newCanvas(width, height);
    for (let top = 0; top < height; top += STRIP) {
      const rows = Math.min(STRIP, height - top);
      const strip = new ImageData(width, rows);
      for (let i = 0, at = top * width; i < rows * width; i++, at++) strip.data[4 * i + 3] = 255 - mask[at];
      context.putImageData(strip, 0, top);
    }
    return canvas.convertToBlob({ type: "image/png" });
  },
};

/** @param {number} width @param {number} height */
function newCanvas(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error(`a picture of ${width} x ${height} pixels is too large for this browser`);
  return { canvas, context };
}

/** @param {string} address @returns {Promise<Blob>} */
async function fetchFile(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.blob();
}

/** @param {string} address @returns {Promise<{pixels: Uint8ClampedArray}>} */
async function read(address) {
  const bitmap = await createImageBitmap(await fetchFile(address), { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  const { context } = newCanvas(width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { pixels: context.getImageData(0, 0, width, height).data };
}

addEventListener("message", async ({ data }) => {
  const { id, name } = /** @type {Task} */ (data);
  try {
    const result = await TASKS[name](data);
    postMessage({ id, result }, { transfer: Array.isArray(result) ? result : result instanceof Uint8Array ? [result.buffer] : [] });
  } catch (error) {
    postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
