/** A tree that people walk through by keys and pointer. Only the rows in view are elements, so it may have any length. */

import { h } from "./dom.js";

/**
 * @typedef {object} TreeRow
 * @property {string} id  its own in the tree
 * @property {string} text
 * @property {string} [label]  what is said of it, where the text alone says too little
 * @property {number} level  1 is the outermost
 * @property {boolean} [isOpen]  of a branch; undefined: a leaf
 * @property {any} [data]
 *
 * @typedef {object} TreeOptions
 * @property {string} label  of the tree, for people who cannot see it
 * @property {(row: TreeRow) => (Node | string | null)[]} content  what a row shows
 * @property {(row: TreeRow) => void} mark  it is the current one now
 * @property {(row: TreeRow) => void} take  Enter or a double click on a leaf
 * @property {(row: TreeRow, open: boolean) => void} fold  a branch is to be opened or closed
 * @property {(event: KeyboardEvent, row: TreeRow) => boolean | void} [key]  true: it was for the row
 * @property {(event: DragEvent, row: TreeRow) => void} [drag]
 */

const ROW_PX = 30;
const MORE_ROWS = 6; // beyond what is seen
let trees = 0;

export class Tree {
  /** @type {TreeRow[]} */
  rows = [];
  /** Of each row: its place among its siblings, and how many they are. @type {{place: number, count: number}[]} */
  #places = [];
  #at = -1;
  #options;
  #id = `tree-${++trees}`;
  #typed = "";
  #typedMs = 0;

  /** @param {TreeOptions} options */
  constructor(options) {
    this.#options = options;
    this.canvas = h("div", { class: "tree-rows", role: "presentation" });
    this.element = h("div", { class: "tree", role: "tree", tabindex: "0", "aria-label": options.label }, this.canvas);
    this.element.addEventListener("scroll", () => this.#draw());
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("focus", () => {
      if (this.#at < 0 && this.rows.length) this.markAt(0);
    });
    this.observer = new ResizeObserver(() => this.#draw());
    this.observer.observe(this.element);
  }

  dispose() {
    this.observer.disconnect();
  }

  /** @returns {TreeRow | undefined} */
  get current() {
    return this.rows[this.#at];
  }

  /** Other rows; the current one stays the current one if it is still there. @param {TreeRow[]} rows @param {string} [current]  id */
  show(rows, current = this.current?.id) {
    this.rows = rows;
    this.#places = placesOf(rows);
    this.canvas.style.height = `${rows.length * ROW_PX}px`;
    this.#at = rows.findIndex((row) => row.id === current);
    this.#draw();
  }

  /** @param {number} index */
  markAt(index) {
    const row = this.rows[index];
    if (!row) return;
    this.#at = index;
    this.reveal(index);
    this.#draw();
    this.#options.mark(row);
  }

  /** Scrolls a row into view. @param {number} index */
  reveal(index) {
    const { scrollTop, clientHeight } = this.element;
    if (index * ROW_PX < scrollTop) this.element.scrollTop = index * ROW_PX;
    else if ((index + 1) * ROW_PX > scrollTop + clientHeight) this.element.scrollTop = (index + 1) * ROW_PX - clientHeight;
  }

  #draw() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW_PX) - MORE_ROWS);
    const last = Math.min(this.rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / ROW_PX) + MORE_ROWS);
    const shown = [];
    for (let i = first; i < last; i++) shown.push(this.#element(i));
    if (this.#at >= 0 && (this.#at < first || this.#at >= last)) shown.push(this.#element(this.#at)); // what has the focus is always there
    this.canvas.replaceChildren(...shown);
    if (this.#at >= 0) this.element.setAttribute("aria-activedescendant", `${this.#id}-${this.#at}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  #element(index) {
    const row = this.rows[index];
    const isBranch = row.isOpen !== undefined;
    return h("div", {
      class: "tree-row", id: `${this.#id}-${index}`, role: "treeitem", "aria-level": row.level, "aria-selected": String(index === this.#at),
      "aria-expanded": isBranch ? String(row.isOpen) : null, "aria-setsize": this.#places[index].count, "aria-posinset": this.#places[index].place,
      draggable: this.#options.drag && !isBranch ? "true" : null, style: { top: `${index * ROW_PX}px`, "--level": row.level - 1 },
      on: {
        click: () => {
          this.markAt(index);
          if (isBranch) this.#options.fold(row, !row.isOpen);
        },
        dblclick: () => void (isBranch || this.#options.take(row)),
        dragstart: (/** @type {DragEvent} */ event) => this.#options.drag?.(event, row),
      },
    }, h("span", { class: "tree-fold", "aria-hidden": "true" }, isBranch ? (row.isOpen ? "▾" : "▸") : ""),
    row.label ? [h("span", { class: "tree-seen", "aria-hidden": "true" }, this.#options.content(row)), h("span", { class: "unseen" }, row.label)] : this.#options.content(row));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const row = this.current;
    if (event.isComposing || event.target !== this.element) return;
    const { key } = event;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_PX) - 1);
    const last = this.rows.length - 1;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: this.#at + 1, ArrowUp: this.#at - 1, Home: 0, End: last, PageDown: this.#at + page, PageUp: this.#at - page };
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (row && this.#options.key?.(event, row)) {
      // done
    } else if (isPlain && key in moves) {
      this.markAt(Math.min(last, Math.max(0, moves[key])));
    } else if (isPlain && row && key === "ArrowRight") {
      if (row.isOpen === false) this.#options.fold(row, true);
      else if (row.isOpen) this.markAt(this.#at + 1);
    } else if (isPlain && row && key === "ArrowLeft") {
      if (row.isOpen) this.#options.fold(row, false);
      else this.markAt(this.rows.findLastIndex((each, i) => i < this.#at && each.level < row.level));
    } else if (isPlain && row && (key === "Enter" || key === " ")) {
      if (row.isOpen === undefined) this.#options.take(row);
      else this.#options.fold(row, !row.isOpen);
    } else if (isPlain && !event.shiftKey && key.length === 1 && /[\p{L}\p{N}]/u.test(key)) {
      this.#find(key);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Goes on to the next row that begins with what was typed. @param {string} letter */
  #find(letter) {
    const now = performance.now();
    this.#typed = now - this.#typedMs < 700 ? this.#typed + letter.toLowerCase() : letter.toLowerCase();
    this.#typedMs = now;
    const from = this.#typed.length > 1 ? this.#at : this.#at + 1;
    for (let i = 0; i < this.rows.length; i++) {
      const index = (from + i + this.rows.length) % this.rows.length;
      if (this.rows[index].text.toLowerCase().startsWith(this.#typed)) return this.markAt(index);
    }
    return undefined;
  }
}

/** @param {TreeRow[]} rows @returns {{place: number, count: number}[]} */
function placesOf(rows) {
  const places = rows.map(() => ({ place: 0, count: 0 }));
  /** @type {{place: number, count: number}[][]} siblings that are being gathered, by level */
  const open = [];
  const close = (/** @type {number} */ level) => {
    while (open.length > level) {
      const siblings = open.pop() ?? [];
      for (const each of siblings) each.count = siblings.length;
    }
  };
  rows.forEach(({ level }, i) => {
    close(level + 1);
    (open[level] ??= []).push(places[i]);
    places[i].place = open[level].length;
  });
  close(0);
  return places;
}
