/**
 * Widths of texts, summed from the widths of their letters. Asking the canvas for each text costs more than drawing
 * it; a letter is asked for once. Pairs that are set closer than their letters say are off by less than a pixel.
 */

const UNIT_PX = 100; // letters are measured at this size and scaled: widths are in proportion to it
const KEPT = 20000; // texts

export class Letters {
  #context;
  #font;
  /** What sizes are multiplied by: a person may want all texts larger or smaller. */
  scale = 1;
  /** @type {Map<string, {plain: Float32Array, others: Map<string, number>, texts: Map<string, number>}>} by weight */
  #tables = new Map();

  /**
   * @param {CanvasRenderingContext2D} context  used for measuring
   * @param {string} font  family
   */
  constructor(context, font) {
    this.#context = context;
    this.#font = font;
  }

  /**
   * @param {string} text
   * @param {number} px  size of the text
   * @param {string} [weight]
   * @returns {number} in the unit of `px`
   */
  width(text, px, weight = "") {
    const table = this.#table(weight);
    let sum = table.texts.get(text);
    if (sum === undefined) {
      sum = 0;
      for (const letter of text) sum += this.#measure(table, letter, weight);
      if (table.texts.size > KEPT) table.texts.clear();
      table.texts.set(text, sum);
    }
    return (sum * px * this.scale) / UNIT_PX;
  }

  /** @param {string} weight */
  #table(weight) {
    let table = this.#tables.get(weight);
    if (!table) this.#tables.set(weight, (table = { plain: new Float32Array(128), others: new Map(), texts: new Map() }));
    return table;
  }

  /** @param {{plain: Float32Array, others: Map<string, number>}} table @param {string} letter @param {string} weight */
  #measure(table, letter, weight) {
    const code = letter.charCodeAt(0);
    const known = code < 128 ? table.plain[code] : table.others.get(letter);
    if (known) return known;
    this.#context.save();
    this.#context.font = `${weight} ${UNIT_PX}px ${this.#font}`;
    const { width } = this.#context.measureText(letter);
    this.#context.restore();
    if (code < 128) table.plain[code] = width || 1e-6;
    else table.others.set(letter, width || 1e-6);
    return width;
  }

  /**
   * How much of a text fits.
   * @param {string} text
   * @param {number} width
   * @param {number} px
   * @param {string} [weight]
   * @returns {number} of its code units
   */
  fitting(text, width, px, weight = "") {
    const table = this.#table(weight);
    const most = (width * UNIT_PX) / (px * this.scale);
    let sum = 0;
    let at = 0;
    for (const letter of text) {
      sum += this.#measure(table, letter, weight);
      if (sum > most) return at;
      at += letter.length;
    }
    return at;
  }

  /**
   * A text in lines: broken at its line ends, between words, and within what is longer than a line. Chinese and
   * Japanese break between any two letters.
   * @param {string} text
   * @param {number} width
   * @param {number} px
   * @param {number} [most]  how many lines are wanted
   * @returns {string[]}
   */
  wrap(text, width, px, most = Infinity) {
    const table = this.#table("");
    const limit = Math.max((width * UNIT_PX) / (px * this.scale), UNIT_PX);
    /** @type {string[]} */
    const lines = [];
    let start = 0; // of the line
    let breakAt = 0; // after this code unit the line may end; `start`: nowhere yet
    let sum = 0;
    let sumAtBreak = 0;
    let at = 0;
    for (const letter of text) {
      if (letter === "\n") {
        lines.push(text.slice(start, at));
        if (lines.length >= most) return lines;
        start = breakAt = at + 1;
        sum = sumAtBreak = 0;
      } else {
        const each = this.#measure(table, letter, "");
        if (sum + each > limit && letter !== " " && at > start) {
          if (breakAt <= start) [breakAt, sumAtBreak] = [at, sum];
          lines.push(text.slice(start, breakAt));
          if (lines.length >= most) return lines;
          start = breakAt;
          sum -= sumAtBreak;
          sumAtBreak = 0;
        }
        sum += each;
        if (letter === " " || letter === "-" || letter >= "\u3000") [breakAt, sumAtBreak] = [at + letter.length, sum];
      }
      at += letter.length;
    }
    lines.push(text.slice(start));
    return lines;
  }
}
