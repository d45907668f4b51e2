/**
 * The pictures as a grid that is as long as the list: only what is in view is in the page. Chosen with the pointer as
 * files are elsewhere (Shift, Ctrl), or with the arrow keys. A finger opens one, or chooses more once some are chosen.
 */

import { h, icon } from "../../core/dom.js";
import { keyOf } from "./outputs.js";
import { durationText } from "./texts.js";

/** @import { Output, OutputList } from "./outputs.js" */

const GAP = 6;
const LEAST_COLUMNS = 2;
const OVERSCAN = 2; // rows beyond both edges
const TALLEST = 12e6; // px: browsers draw elements of some 17 million px and no taller ones
const REST_MS = 90; // the bar has been let go of
const MOST_LOADING = 4; // pictures at once: of the six lines that a browser has to a server some stay free for all else
const KINDS = /** @type {Record<string, string>} */ ({
  video: "M4 6h11v12H4zM15 10l5-3v10l-5-3z",
  audio: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0a2.5 2.5 0 0 1 5 0M19 16a2.5 2.5 0 1 1-5 0a2.5 2.5 0 0 1 5 0",
  "3d": "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
  text: "M6 3h9l4 4v14H6zM9 11h6M9 15h6",
  other: "M6 3h9l4 4v14H6z",
});

/**
 * What the grid asks of who shows it.
 * @typedef {object} GridWords
 * @property {string} label
 * @property {(entry: Output) => string} describe  for those who hear the page
 * @property {(index: number) => void} open
 * @property {(place: {x: number, y: number}) => void} menu
 * @property {() => void} changed  another choice, or another place in the list
 * @property {(event: KeyboardEvent) => boolean} key  whether it was meant for what is chosen
 * @property {(event: DragEvent, entries: Output[]) => void} drag
 *
 * @typedef {{element: HTMLElement, image: HTMLImageElement, mark: HTMLElement, name: HTMLElement, time: HTMLElement, index: number, key: string, src: string}} Cell
 */

export class Grid {
  /** @type {Map<string, Output>} by key, in the order in which they were chosen */
  chosen = new Map();
  /** Where the keyboard is; -1: nowhere yet. */
  active = -1;
  #anchor = 0;
  /** A finger opened the last: the next tap opens, too, and does not choose. */
  #isByTouch = false;
  /** Counts what is chosen and where the keyboard goes: what was still to be fetched for it counts no more then. */
  #turn = 0;
  #list;
  #words;
  /** @type {Map<number, Cell>} */
  #cells = new Map();
  /** @type {Cell[]} */
  #spare = [];
  #columns = 3;
  #side = 100;
  #size = 120;
  #lastTop = 0;
  #isFast = false;
  #isDue = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;
  /** @type {Set<string>} addresses that give no picture */
  #broken = new Set();
  /** Whose pictures are still to be asked for, and those whose are on their way. @type {Set<Cell>} */
  #waiting = new Set();
  /** @type {Set<Cell>} */
  #loading = new Set();

  /** @param {OutputList} list @param {GridWords} words */
  constructor(list, words) {
    this.#list = list;
    this.#words = words;
    this.space = h("div", { class: "gallery-space", role: "presentation" });
    this.element = h("div", { class: "gallery-grid", role: "listbox", tabindex: "0", "aria-multiselectable": "true", "aria-label": words.label }, this.space);
    const { element } = this;
    element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    element.addEventListener("click", (event) => this.#clicked(event));
    element.addEventListener("dblclick", (event) => {
      const index = this.#indexAt(event.target);
      if (index >= 0) words.open(index);
    });
    element.addEventListener("contextmenu", (event) => {
      const index = this.#indexAt(event.target);
      if (index < 0) return;
      event.preventDefault();
      const entry = list.get(index);
      if (entry && !this.chosen.has(keyOf(entry))) this.#only(index);
      words.menu({ x: event.clientX, y: event.clientY });
    });
    element.addEventListener("dragstart", (event) => {
      const index = this.#indexAt(event.target);
      const entry = list.get(index);
      if (!entry) return event.preventDefault();
      if (!this.chosen.has(keyOf(entry))) this.#only(index);
      words.drag(event, [...this.chosen.values()]);
    });
    element.addEventListener("keydown", (event) => this.#pressed(event));
    this.#watch = new ResizeObserver(() => this.measure());
    this.#watch.observe(element);
  }

  #watch;

  dispose() {
    this.#watch.disconnect();
    clearTimeout(this.#rest);
  }

  /** @param {number} size  of a picture, CSS px: the least that it gets */
  setSize(size) {
    this.#size = size;
    this.measure();
  }

  get columns() {
    return this.#columns;
  }

  /** The first that is seen. */
  get first() {
    return Math.min(Math.max(0, this.#list.total - 1), Math.ceil((this.#top() - GAP) / this.#row - 0.5) * this.#columns);
  }

  get isAtTop() {
    return this.element.scrollTop < this.#row / 2;
  }

  get #row() {
    return this.#side + GAP;
  }

  get #whole() {
    return Math.ceil(this.#list.total / this.#columns) * this.#row;
  }

  /** How much further the list goes on for each px that the bar does: 1, unless it is taller than a browser draws. */
  get #stretch() {
    const { clientHeight } = this.element;
    return this.#whole <= TALLEST ? 1 : (this.#whole - clientHeight) / (TALLEST - clientHeight);
  }

  #top() {
    return this.element.scrollTop * this.#stretch;
  }

  /** Sizes anew, with what was looked at in its place. */
  measure() {
    const width = this.element.clientWidth;
    if (!width) return;
    const { first } = this;
    const wasAtTop = this.isAtTop;
    this.#columns = Math.max(LEAST_COLUMNS, Math.floor((width + GAP) / (this.#size + GAP)));
    const side = Math.floor((width - GAP * (this.#columns - 1)) / this.#columns);
    const isOther = side !== this.#side;
    this.#side = side;
    this.draw();
    if (isOther && !wasAtTop) this.scrollTo(first);
  }

  /** @param {number} index  shown as the first */
  scrollTo(index) {
    this.element.scrollTop = (Math.floor(index / this.#columns) * this.#row) / this.#stretch;
    this.draw();
  }

  /** @param {number} index  brought into view if it is not */
  reveal(index) {
    const top = Math.floor(index / this.#columns) * this.#row;
    const { clientHeight } = this.element;
    if (top < this.#top()) this.element.scrollTop = top / this.#stretch;
    else if (top + this.#row > this.#top() + clientHeight) this.element.scrollTop = (top + this.#row - clientHeight) / this.#stretch;
    this.draw();
  }

  #scrolled() {
    const { scrollTop, clientHeight } = this.element;
    this.#isFast = Math.abs(scrollTop - this.#lastTop) * this.#stretch > clientHeight;
    this.#lastTop = scrollTop;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#isFast = false;
      this.draw();
    }, REST_MS);
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.draw();
      this.#words.changed();
    });
  }

  /** What is in view, and nothing else. */
  draw() {
    const list = this.#list;
    const top = this.#top();
    const { clientHeight, scrollTop } = this.element;
    this.space.style.height = `${Math.min(this.#whole, TALLEST)}px`;
    const from = Math.max(0, Math.floor(top / this.#row) - OVERSCAN) * this.#columns;
    const to = Math.min(list.total, (Math.ceil((top + clientHeight) / this.#row) + OVERSCAN) * this.#columns);
    for (const [index, cell] of this.#cells) {
      if (index >= from && index < to) continue;
      this.#cells.delete(index);
      this.#spare.push(cell);
      if (this.#waiting.has(cell) || this.#loading.has(cell)) this.#drop(cell);
    }
    const shift = scrollTop - top; // 0, unless the list is stretched
    for (let index = from; index < to; index++) {
      let cell = this.#cells.get(index);
      if (!cell) this.#cells.set(index, (cell = this.#spare.pop() ?? this.#make()));
      this.#fill(cell, index, shift);
    }
    for (const cell of this.#spare) cell.element.hidden = true;
    this.#load();
    if (!this.#isFast && list.isKnown) void list.want(from, to);
  }

  /** Asks for the next pictures. One that the server has to make first may take long. */
  #load() {
    for (const cell of this.#waiting) {
      if (this.#loading.size >= MOST_LOADING) return;
      this.#waiting.delete(cell);
      this.#loading.add(cell);
      cell.image.src = cell.src;
    }
  }

  /** Nobody looks at its picture any more. @param {Cell} cell */
  #drop(cell) {
    this.#waiting.delete(cell);
    this.#loading.delete(cell);
    cell.image.removeAttribute("src");
    cell.key = cell.src = "";
  }

  /** @returns {Cell} */
  #make() {
    const image = h("img", { alt: "", draggable: "false", decoding: "async" });
    const mark = h("span", { class: "gallery-mark", "aria-hidden": "true" });
    const name = h("span", { class: "gallery-name", "aria-hidden": "true" });
    const time = h("span", { class: "gallery-time", "aria-hidden": "true", data: { time: "" } });
    const element = h("div", { class: "gallery-cell", role: "option", draggable: "true" }, image, mark, name, time);
    /** @type {Cell} */
    const cell = { element, image, mark, name, time, index: -1, key: "", src: "" };
    image.addEventListener("load", () => {
      image.style.visibility = "";
      this.#loading.delete(cell);
      this.#load();
    });
    image.addEventListener("error", () => {
      if (!cell.src) return;
      this.#broken.add(cell.src);
      this.#loading.delete(cell);
      cell.key = "";
      this.draw();
    });
    this.space.append(element);
    return cell;
  }

  /** @param {Cell} cell @param {number} index @param {number} shift */
  #fill(cell, index, shift) {
    const { element, image } = cell;
    const entry = this.#list.get(index);
    const key = entry ? `${keyOf(entry)} ${entry.modified_ms}` : "?";
    const { style } = element;
    const place = `translate(${(index % this.#columns) * this.#row}px, ${Math.floor(index / this.#columns) * this.#row + shift}px)`;
    if (style.transform !== place) style.transform = place;
    const side = `${this.#side}px`;
    if (style.width !== side) style.width = style.height = side;
    if (element.hidden) element.hidden = false;
    if (cell.index !== index) {
      cell.index = index;
      element.id = `gallery-${index}`;
      element.setAttribute("aria-posinset", String(index + 1));
    }
    const isChosen = entry !== undefined && this.chosen.has(keyOf(entry));
    if (element.ariaSelected !== String(isChosen)) element.ariaSelected = String(isChosen);
    element.classList.toggle("is-active", index === this.active);
    if (cell.key !== key) {
      this.#drop(cell);
      cell.key = key;
      element.setAttribute("aria-setsize", String(this.#list.total));
      element.setAttribute("aria-label", entry ? this.#words.describe(entry) : "…");
      element.title = entry?.filename ?? "";
      cell.time.dataset.time = "";
      const isPicture = entry?.thumbnail && !this.#broken.has(entry.thumbnail);
      image.hidden = !isPicture;
      const kind = entry && entry.kind !== "image" ? entry.kind : entry && !isPicture ? "other" : "";
      cell.mark.replaceChildren(...(kind ? [icon(KINDS[kind] ?? KINDS.other)] : []));
      cell.mark.classList.toggle("is-large", Boolean(kind) && !isPicture);
      cell.name.textContent = entry && !isPicture ? entry.filename : "";
    }
    const time = entry?.duration_s ? durationText(entry.duration_s) : "";
    if (entry && cell.time.dataset.time !== time) {
      cell.time.dataset.time = time; // it may become known later than the rest
      element.setAttribute("aria-label", this.#words.describe(entry));
    }
    const src = entry?.thumbnail ?? "";
    if (!src || cell.src === src || this.#isFast || this.#broken.has(src)) return;
    cell.src = src;
    image.style.visibility = "hidden"; // the picture before it is not shown in its place
    this.#waiting.add(cell);
  }

  // Choosing.

  /** @param {EventTarget | null} target */
  #indexAt(target) {
    const element = target instanceof Element ? target.closest(".gallery-cell") : null;
    return element ? Number(element.id.slice("gallery-".length)) : -1;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const index = this.#indexAt(event.target);
    if (index < 0) return this.clear();
    const isTouch = event instanceof PointerEvent && event.pointerType === "touch";
    this.#isByTouch = isTouch && !this.chosen.size;
    if (this.#isByTouch) this.#words.open(index);
    else if (isTouch) this.#toggle(index);
    else if (event.shiftKey) void this.#stretchTo(index, event.ctrlKey || event.metaKey);
    else if (event.ctrlKey || event.metaKey) this.#toggle(index);
    else this.#only(index);
    return undefined;
  }

  /** @param {number} index */
  #only(index) {
    this.chosen.clear();
    this.#toggle(index);
  }

  /** @param {number} index */
  #toggle(index) {
    const entry = this.#list.get(index);
    this.active = this.#anchor = index;
    if (entry) {
      const key = keyOf(entry);
      if (!this.chosen.delete(key)) this.chosen.set(key, entry);
    }
    this.#told();
  }

  /** @param {number} index @param {boolean} isMore  what was chosen before stays so */
  async #stretchTo(index, isMore) {
    this.active = index;
    const [from, to] = [Math.min(this.#anchor, index), Math.max(this.#anchor, index) + 1];
    const mine = ++this.#turn;
    const entries = await this.#list.slice(from, to);
    if (mine !== this.#turn) return;
    if (!isMore) this.chosen.clear();
    for (const each of entries) this.chosen.set(keyOf(each), each);
    this.#told();
  }

  clear() {
    this.chosen.clear();
    this.#told();
  }

  /** @param {number} most */
  async chooseAll(most) {
    const mine = ++this.#turn;
    const entries = await this.#list.slice(0, Math.min(most, this.#list.total));
    if (mine !== this.#turn) return;
    this.chosen = new Map(entries.map((each) => [keyOf(each), each]));
    this.#told();
  }

  /** The list goes on from another place. @param {number} by */
  moved(by) {
    if (this.active >= 0) this.active += by;
    this.#anchor += by;
  }

  /** After one was looked at: the keyboard goes there, and it alone is chosen. @param {number} index */
  async goTo(index) {
    if (!(await this.#reach(index))) return;
    if (this.#isByTouch) this.#told();
    else this.#only(index);
  }

  /** @param {number} index @returns {Promise<boolean>} whether it is there, and the keyboard still goes there */
  async #reach(index) {
    const mine = ++this.#turn;
    this.active = index; // at once: the next key goes on from there
    this.reveal(index);
    await this.#list.fetch(index);
    return mine === this.#turn;
  }

  #told() {
    this.#turn++;
    const active = this.#cells.get(this.active);
    if (active) this.element.setAttribute("aria-activedescendant", active.element.id);
    else this.element.removeAttribute("aria-activedescendant");
    this.draw();
    this.#words.changed();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const { key } = event;
    const isCtrl = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#row)) * this.#columns;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity,
    });
    const last = this.#list.total - 1;
    const isPlain = !isCtrl && !event.altKey;
    if (key in steps && !event.altKey && last >= 0) {
      const from = this.active < 0 ? (steps[key] > 0 ? -1 : 0) : this.active;
      const index = this.active < 0 && Number.isFinite(steps[key]) ? this.first : Math.max(0, Math.min(last, from + steps[key]));
      void this.#reach(index).then((isThere) => {
        if (!isThere) return undefined;
        if (event.shiftKey) return this.#stretchTo(index, isCtrl);
        return isCtrl ? this.#told() : this.#only(index);
      });
    } else if (key === " " && this.active >= 0) {
      this.#toggle(this.active);
    } else if (key === "Enter" && isPlain && this.active >= 0) {
      this.#words.open(this.active);
    } else if (key === "Escape" && this.chosen.size) {
      this.clear();
    } else if ((key === "ContextMenu" || (key === "F10" && event.shiftKey)) && this.chosen.size) {
      const area = (this.#cells.get(this.active)?.element ?? this.element).getBoundingClientRect();
      this.#words.menu({ x: area.left + 12, y: area.top + 12 });
    } else if (!this.#words.key(event)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
