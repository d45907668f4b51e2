/** Where a picture lies in its window, and how large. All in CSS px; a picture's own are as many at a scale of 1. */

const MOST = 32;
const MOST_FIT = 4; // small pictures do not become clouds
const NEAR = 1.002; // as large as it fits, give or take a rounding

/** @typedef {{width: number, height: number}} Size */

export class Zoom {
  scale = 1;
  /** Left edge of the picture. */
  x = 0;
  y = 0;
  /** @type {Size} */
  window = { width: 1, height: 1 };
  /** @type {Size} */
  picture = { width: 1, height: 1 };
  /** As long as it fits, it goes on doing so when the window changes. */
  isFit = true;

  /** The scale at which all of it is seen. */
  get fitScale() {
    return Math.min(MOST_FIT, this.window.width / this.picture.width, this.window.height / this.picture.height);
  }

  /** @param {Size} window */
  setWindow(window) {
    const middle = this.#middle();
    this.window = window;
    if (this.isFit) this.fit();
    else this.#lookAt(middle);
  }

  /** Another picture. @param {Size} picture @param {boolean} [stays]  the part that is seen stays, if it has the same shape */
  setPicture(picture, stays = false) {
    const isSame = Math.abs(picture.width * this.picture.height - picture.height * this.picture.width) < picture.width + picture.height;
    if (stays && isSame && !this.isFit) {
      this.scale *= this.picture.width / picture.width;
      this.picture = picture;
      return;
    }
    this.picture = picture;
    this.fit();
  }

  fit() {
    this.isFit = true;
    this.scale = this.fitScale;
    this.#hold();
  }

  /** One px of the picture is one of the screen. @param {number} ratio  device px in a CSS px @param {number} [x] @param {number} [y] */
  actual(ratio = 1, x = this.window.width / 2, y = this.window.height / 2) {
    this.to(1 / ratio, x, y);
  }

  /** @param {number} factor @param {number} [x]  what lies there stays there @param {number} [y] */
  by(factor, x = this.window.width / 2, y = this.window.height / 2) {
    this.to(this.scale * factor, x, y);
  }

  /** @param {number} scale @param {number} x @param {number} y */
  to(scale, x, y) {
    const least = Math.min(this.fitScale, 1) / 2;
    const next = Math.max(least, Math.min(MOST, scale));
    const factor = next / this.scale;
    this.x = x - (x - this.x) * factor;
    this.y = y - (y - this.y) * factor;
    this.scale = next;
    this.isFit = next <= this.fitScale * NEAR && next >= this.fitScale / NEAR;
    this.#hold();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#hold();
  }

  /** Whether there is more of it than is seen. */
  get canPan() {
    return this.picture.width * this.scale > this.window.width * NEAR || this.picture.height * this.scale > this.window.height * NEAR;
  }

  #middle() {
    return { x: (this.window.width / 2 - this.x) / this.scale, y: (this.window.height / 2 - this.y) / this.scale };
  }

  /** @param {{x: number, y: number}} middle  px of the picture */
  #lookAt(middle) {
    this.x = this.window.width / 2 - middle.x * this.scale;
    this.y = this.window.height / 2 - middle.y * this.scale;
    this.#hold();
  }

  /** Smaller than the window it lies in the middle; larger, no edge comes away from the window's. */
  #hold() {
    const width = this.picture.width * this.scale;
    const height = this.picture.height * this.scale;
    this.x = width <= this.window.width ? (this.window.width - width) / 2 : Math.min(0, Math.max(this.window.width - width, this.x));
    this.y = height <= this.window.height ? (this.window.height - height) / 2 : Math.min(0, Math.max(this.window.height - height, this.y));
  }
}
