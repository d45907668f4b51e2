/** Draws the few shapes that nodes are made of, in graph px. */

import { colourOfType, darkened, isLight } from "./theme.js";

/** @import { Letters } from "./letters.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Box } from "./spatial.js" */

export const TEXT_PX = 12;
const KEPT_TEXTS = 5000;

export class Pen {
  /** @type {Map<string, string>} size, width and text -> what of it fits */
  #fitted = new Map();
  /** @type {Map<string, string[]>} weight -> by size */
  #fonts = new Map();
  /** @type {Map<string, string>} */
  #types = new Map();
  scale = 1;
  /** Colours of text on the body that is being drawn. */
  onBody = "";
  onBodyFaint = "";

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Theme} theme
   * @param {Letters} letters
   */
  constructor(context, theme, letters) {
    this.context = context;
    this.theme = theme;
    this.letters = letters;
  }

  /** Colour of the sockets and links of a type, as it is seen on this theme's ground. @param {string} type */
  ofType(type) {
    let colour = this.#types.get(type);
    if (!colour) {
      colour = colourOfType(type);
      if (isLight(this.context, this.theme.ground)) colour = darkened(this.context, colour);
      this.#types.set(type, colour);
    }
    return colour;
  }

  /** Colour of text that can be read on another. @param {string} ground */
  on(ground) {
    if (ground === this.theme.node || ground === this.theme.title) return this.theme.text;
    return isLight(this.context, ground) ? "#000000" : "#ffffff"; // one of both has a contrast of 4.5 with any colour
  }

  /** Whether text can be read at this zoom. */
  get isNear() {
    return this.scale >= 0.5;
  }

  /** @param {number} px @param {string} [weight] */
  font(px, weight = "") {
    // Setting the font that is set costs nothing; asking which one is set does.
    let known = this.#fonts.get(weight);
    if (!known) this.#fonts.set(weight, (known = []));
    this.context.font = known[px] ??= `${weight} ${px * this.letters.scale}px ${this.theme.font}`;
  }

  /**
   * What of a text fits into a width, with an ellipsis where it was cut.
   * @param {string} text
   * @param {number} width
   * @param {number} [px]
   * @param {string} [weight]
   */
  fit(text, width, px = TEXT_PX, weight = "") {
    const { letters } = this;
    const line = text.length > 300 ? text.slice(0, 300) : text;
    if (letters.width(line, px, weight) <= width) return line;
    const key = `${Math.round(width)} ${px}${weight} ${line}`;
    let fitted = this.#fitted.get(key);
    if (fitted === undefined) {
      const count = letters.fitting(line, width - letters.width("…", px, weight), px, weight);
      fitted = count ? `${line.slice(0, count)}…` : "";
      if (this.#fitted.size > KEPT_TEXTS) this.#fitted.clear();
      this.#fitted.set(key, fitted);
    }
    return fitted;
  }

  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y  of the middle of the line
   * @param {{colour?: string, width?: number, align?: CanvasTextAlign, px?: number, weight?: string}} [how]
   */
  text(text, x, y, { colour = this.theme.text, width = Infinity, align = "left", px = TEXT_PX, weight = "" } = {}) {
    const { context } = this;
    this.font(px, weight);
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = "middle";
    const shown = width === Infinity ? text : this.fit(text, width, px, weight);
    if (shown) context.fillText(shown, x, y);
  }

  /**
   * @param {Box} box
   * @param {string} fill
   * @param {{radius?: number | number[], edge?: string, edgeWidth?: number}} [how]
   */
  box(box, fill, { radius = 0, edge, edgeWidth = 1 } = {}) {
    const { context } = this;
    context.beginPath();
    context.roundRect(box.left, box.top, box.right - box.left, box.bottom - box.top, radius);
    if (fill) {
      context.fillStyle = fill;
      context.fill();
    }
    if (edge) {
      context.strokeStyle = edge;
      context.lineWidth = edgeWidth;
      context.stroke();
    }
  }

  /**
   * The usual look of a widget: a name at the left, its value at the right.
   * @param {Box} box
   * @param {string} name
   * @param {string} value
   * @param {{colour?: string}} [how]
   */
  field(box, name, value, { colour = this.theme.fieldText } = {}) {
    this.box(box, this.theme.field, { radius: 6 });
    if (this.isNear) this.pair(box, name, value, { colour });
  }

  /**
   * A name at the left, its value at the right: whichever is long is cut, the name first.
   * @param {Box} box
   * @param {string} name
   * @param {string} value
   * @param {{colour?: string}} [how]
   */
  pair(box, name, value, { colour = this.theme.fieldText } = {}) {
    const width = box.right - box.left - 20;
    const y = (box.top + box.bottom) / 2;
    const wanted = Math.min(this.letters.width(value, TEXT_PX), width * 0.65);
    const shownName = this.fit(name, Math.max(width - wanted - 10, width * 0.35));
    const taken = this.letters.width(shownName, TEXT_PX);
    this.text(shownName, box.left + 10, y, { colour: this.theme.faint });
    this.text(value, box.right - 10, y, { colour, width: Math.max(20, width - taken - 10), align: "right" });
  }
}
