/**
 * The picture with its mask over it, as it is looked at: two canvases of the size of the stage. The mask is drawn from
 * its bytes, a pixel of the screen at a time, and only where it changed: so what a stroke costs is what is seen of it.
 */

import { h } from "../../core/dom.js";

/** @import { Rect, Surface } from "./surface.js" */

const LEAST = 0.02;
const MOST = 32;
const MOST_RATIO = 2; // pixels of the canvas for a CSS px

export class MaskView {
  scale = 1; // CSS px for a pixel of the picture
  x = 0; // of the picture's corner, CSS px from the stage's
  y = 0;
  #surface;
  #pictures;
  /** Of the mask's canvas, its px: what is to be drawn again. @type {{left: number, top: number, right: number, bottom: number} | null} */
  #dirty = null;
  #isMoved = true;
  #colour = 0;
  #frame = 0;
  #isFit = true;
  #ratio = 1;
  /** Told when it moved. @type {() => void} */
  onMove = () => {};

  /**
   * @param {HTMLElement} stage
   * @param {Surface} surface
   * @param {ImageBitmap[]} pictures  the picture, at half its size, a quarter ...; closed with the view
   */
  constructor(stage, surface, pictures) {
    this.stage = stage;
    this.#surface = surface;
    this.#pictures = pictures;
    this.back = h("canvas", { class: "mask-canvas" });
    this.over = h("canvas", { class: "mask-canvas" });
    stage.prepend(this.back, this.over);
    surface.onChange = (rect) => this.#touch(rect);
    this.resizing = new ResizeObserver(() => this.#resize());
    this.resizing.observe(stage);
    this.#resize();
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.resizing.disconnect();
    this.#pictures.forEach((each) => each.close());
    this.back.remove();
    this.over.remove();
  }

  /** @param {string} colour  #rrggbb @param {number} opacity  0..1 */
  setLook(colour, opacity) {
    const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    this.over.style.opacity = String(opacity);
    if (this.#colour === ((b << 16) | (g << 8) | r)) return;
    this.#colour = (b << 16) | (g << 8) | r;
    this.#touchAll();
  }

  /** @param {Rect} rect  of the picture */
  #touch({ x, y, width, height }) {
    const factor = this.scale * this.#ratio;
    const [left, top] = [Math.floor(this.x * this.#ratio + x * factor) - 1, Math.floor(this.y * this.#ratio + y * factor) - 1];
    const [right, bottom] = [Math.ceil(this.x * this.#ratio + (x + width) * factor) + 1, Math.ceil(this.y * this.#ratio + (y + height) * factor) + 1];
    const known = this.#dirty;
    this.#dirty = known
      ? { left: Math.min(known.left, left), top: Math.min(known.top, top), right: Math.max(known.right, right), bottom: Math.max(known.bottom, bottom) }
      : { left, top, right, bottom };
    this.#soon();
  }

  #touchAll() {
    this.#dirty = { left: 0, top: 0, right: this.over.width, bottom: this.over.height };
    this.#soon();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    if (this.#isMoved) this.#drawPicture();
    this.#isMoved = false;
    const { width, height } = this.over;
    const dirty = this.#dirty;
    this.#dirty = null;
    if (!dirty) return;
    const [left, top, right, bottom] = [Math.max(0, dirty.left), Math.max(0, dirty.top), Math.min(width, dirty.right), Math.min(height, dirty.bottom)];
    if (left < right && top < bottom) this.#drawMask(left, top, right - left, bottom - top);
  }

  #drawPicture() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.back.getContext("2d"));
    const factor = this.scale * this.#ratio;
    const source = this.#pictures.findLast((_, i) => factor <= 1 / 2 ** i) ?? this.#pictures[0];
    context.clearRect(0, 0, this.back.width, this.back.height);
    context.imageSmoothingEnabled = factor < 3;
    context.drawImage(source, this.x * this.#ratio, this.y * this.#ratio, this.#surface.width * factor, this.#surface.height * factor);
  }

  /** @param {number} left  px of the canvas @param {number} top @param {number} width @param {number} height */
  #drawMask(left, top, width, height) {
    const { data, width: across, height: down } = this.#surface;
    const context = /** @type {CanvasRenderingContext2D} */ (this.over.getContext("2d"));
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const step = 1 / (this.scale * this.#ratio);
    const apart = step > 1.4 ? step / 4 : 0; // four places of a pixel, where several lie under one
    /** @param {number} at @param {number} corner @param {number} most */
    const placeOf = (at, corner, most) => {
      const place = Math.floor((at + 0.5 - corner) * step + apart);
      const first = Math.floor((at + 0.5 - corner) * step - apart);
      return first < 0 || place >= most ? -1 : first;
    };
    const between = Math.round(2 * apart);
    const columns = Int32Array.from({ length: width }, (_, i) => placeOf(left + i, this.x * this.#ratio, across - between));
    for (let row = 0; row < height; row++) {
      const y = placeOf(top + row, this.y * this.#ratio, down - between);
      if (y < 0) continue;
      const line = y * across;
      const next = line + between * across;
      const to = row * width;
      for (let i = 0; i < width; i++) {
        const x = columns[i];
        if (x < 0) continue;
        const value = between ? (data[line + x] + data[line + x + between] + data[next + x] + data[next + x + between]) >> 2 : data[line + x];
        if (value) pixels[to + i] = (value << 24) | this.#colour;
      }
    }
    context.putImageData(image, left, top);
  }

  // Where it is looked at.

  #resize() {
    this.#ratio = Math.min(MOST_RATIO, devicePixelRatio || 1);
    for (const canvas of [this.back, this.over]) {
      canvas.width = Math.max(1, Math.round(this.stage.clientWidth * this.#ratio));
      canvas.height = Math.max(1, Math.round(this.stage.clientHeight * this.#ratio));
    }
    if (this.#isFit) this.fit();
    else this.#place();
  }

  #place() {
    this.#isMoved = true;
    this.#touchAll();
    this.onMove();
  }

  fit() {
    const { clientWidth, clientHeight } = this.stage;
    const { width, height } = this.#surface;
    this.scale = Math.max(LEAST, Math.min(MOST, (clientWidth - 32) / width, (clientHeight - 32) / height));
    this.x = (clientWidth - width * this.scale) / 2;
    this.y = (clientHeight - height * this.scale) / 2;
    this.#isFit = true;
    this.#place();
  }

  /** @param {number} factor @param {number} [x]  CSS px from the stage's corner; the middle if not said @param {number} [y] */
  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const scale = Math.max(LEAST, Math.min(MOST, this.scale * factor));
    this.x = x - ((x - this.x) / this.scale) * scale;
    this.y = y - ((y - this.y) / this.scale) * scale;
    this.scale = scale;
    this.#isFit = false;
    this.#place();
  }

  /** @param {number} dx  CSS px @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#isFit = false;
    this.#place();
  }

  /** @param {{clientX: number, clientY: number}} event @returns {{x: number, y: number}} px of the picture */
  toPicture({ clientX, clientY }) {
    const area = this.stage.getBoundingClientRect();
    return { x: (clientX - area.left - this.x) / this.scale, y: (clientY - area.top - this.y) / this.scale };
  }

  /** @param {number} x  px of the picture @param {number} y @returns {{x: number, y: number}} CSS px from the stage's corner */
  toStage(x, y) {
    return { x: this.x + x * this.scale, y: this.y + y * this.scale };
  }
}
