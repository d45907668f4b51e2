/** What pointers and keys do on the picture: painting, outlines, moving and zooming. */

import { h } from "../../core/dom.js";

/** @import { Brush, Surface } from "./surface.js" */
/** @import { MaskView } from "./view.js" */

/** @typedef {"paint" | "erase" | "fill" | "rectangle" | "lasso"} Tool */

/**
 * What a person paints with; kept while the page is open.
 * @typedef {object} Choice
 * @property {Tool} tool
 * @property {number} size  of the brush across, px of the picture
 * @property {number} hardness  0..1
 * @property {number} opacity  0..1
 * @property {number} tolerance  of filling, 0..255
 * @property {string} colour  of the mask on the screen, #rrggbb
 * @property {number} shade  how much of the picture it hides, 0..1
 * @property {number} px  that it grows, shrinks or is feathered
 */

const BUDGET_MS = 8; // of a frame, for painting
const LEAST_STEP = 0.5; // px between two dabs
const SVG = "http://www.w3.org/2000/svg";

export class Hand {
  /** Where the brush is, px of the picture. @type {{x: number, y: number} | null} */
  at = null;
  isPanning = false; // the space bar is held
  #stage;
  #view;
  #surface;
  #choice;
  /** @type {(tool: Tool, erases: boolean, points: number[]) => void} */
  #select;
  /** @type {(() => void)} */
  #changed;
  /** @type {Map<number, {x: number, y: number}>} fingers, CSS px */
  #fingers = new Map();
  /** @type {{id: number, erases: boolean, last: {x: number, y: number, radius: number}, waiting: {x: number, y: number, radius: number}[], part: Iterator<number> | null, isOver: boolean} | null} `part`: what is being painted */
  #stroke = null;
  /** @type {{id: number, tool: Tool, erases: boolean, points: number[]} | null} */
  #outline = null;
  /** @type {{id: number, x: number, y: number} | null} */
  #drag = null;
  /** @type {{x: number, y: number} | null} where the last stroke ended */
  #lastPoint = null;
  #frame = 0;
  #isBusy = false;

  /**
   * @param {HTMLElement} stage
   * @param {MaskView} view
   * @param {Surface} surface
   * @param {Choice} choice
   * @param {(tool: Tool, erases: boolean, points: number[]) => void} select  an outline, or a point for filling, is there
   * @param {() => void} changed  a step is done, or the brush is another one
   */
  constructor(stage, view, surface, choice, select, changed) {
    this.#stage = stage;
    this.#view = view;
    this.#surface = surface;
    this.#choice = choice;
    this.#select = select;
    this.#changed = changed;
    this.cursor = h("div", { class: "mask-cursor", hidden: true });
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("class", "mask-outline");
    this.svg.setAttribute("aria-hidden", "true");
    this.line = document.createElementNS(SVG, "polygon");
    this.svg.append(this.line);
    stage.append(this.svg, this.cursor);
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", (event) => this.#up(event));
    stage.addEventListener("pointerleave", () => (this.cursor.hidden = true));
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    view.onMove = () => this.showCursor();
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.#stroke = null;
    this.#surface.cancel();
  }

  /** While something else changes the mask. A stroke that is drawn meanwhile is painted afterwards, as a step of its own. */
  get isBusy() {
    return this.#isBusy;
  }

  set isBusy(isBusy) {
    this.#isBusy = isBusy;
    if (isBusy || !this.#stroke) return;
    this.#surface.begin();
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  /** Ends what is being painted, unless the button is still held. @returns {boolean} whether nothing is being painted */
  finish() {
    if (this.#stroke?.isOver && !this.isBusy) this.#paint(Infinity);
    return this.#stroke === null;
  }

  showCursor() {
    const { at } = this;
    const isBrush = this.#choice.tool === "paint" || this.#choice.tool === "erase";
    this.cursor.hidden = !at || !isBrush || this.isPanning;
    this.#stage.classList.toggle("is-brush", isBrush && !this.isPanning);
    this.#stage.classList.toggle("is-panning", this.isPanning);
    if (!at) return;
    const size = Math.max(3, this.#choice.size * this.#view.scale);
    const { x, y } = this.#view.toStage(at.x, at.y);
    this.cursor.style.width = this.cursor.style.height = `${size}px`;
    this.cursor.style.transform = `translate(${x - size / 2}px, ${y - size / 2}px)`;
  }

  /** @param {PointerEvent} event */
  #radiusOf(event) {
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.15 + 0.85 * event.pressure : 1;
    return (this.#choice.size / 2) * pressure;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#stage.focus({ preventScroll: true });
    this.#stage.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") {
      this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (this.#fingers.size > 1) return this.#giveUp(); // two fingers move the picture
    }
    if (this.isPanning || event.button === 1) {
      this.#drag = { id: event.pointerId, x: event.clientX, y: event.clientY };
      event.preventDefault();
      return undefined;
    }
    const { tool } = this.#choice;
    const isStroke = tool === "paint" || tool === "erase";
    if ((this.isBusy && (!isStroke || this.#stroke)) || !this.finish() || (event.button !== 0 && event.button !== 2 && event.button !== 5)) return undefined;
    const point = this.#view.toPicture(event);
    this.at = point;
    const isOpposite = event.button === 2 || event.button === 5 || event.altKey; // 5: the other end of a pen
    if (tool === "fill") {
      this.#select(tool, isOpposite, [point.x, point.y]);
    } else if (tool === "rectangle" || tool === "lasso") {
      this.#outline = { id: event.pointerId, tool, erases: isOpposite, points: [point.x, point.y] };
    } else {
      const radius = this.#radiusOf(event);
      const isLine = event.shiftKey && this.#lastPoint; // from where the last stroke ended
      this.#begin(event.pointerId, (tool === "erase") !== isOpposite, isLine ? { .../** @type {{x: number, y: number}} */ (this.#lastPoint), radius } : { ...point, radius }).waiting.push({ ...point, radius });
    }
    this.showCursor();
    return undefined;
  }

  /** @param {number} id @param {boolean} erases @param {{x: number, y: number, radius: number}} first */
  #begin(id, erases, first) {
    if (!this.isBusy) this.#surface.begin();
    this.#stroke = { id, erases, last: first, waiting: [first], part: null, isOver: false };
    this.#frame ||= requestAnimationFrame(() => this.#paint());
    return this.#stroke;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const finger = this.#fingers.get(event.pointerId);
    if (finger && this.#fingers.size > 1) return this.#pinch(event);
    if (finger) this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.at = this.#view.toPicture(event);
    if (this.#drag?.id === event.pointerId) {
      this.#view.pan(event.clientX - this.#drag.x, event.clientY - this.#drag.y);
      this.#drag = { id: event.pointerId, x: event.clientX, y: event.clientY };
    } else if (this.#stroke?.id === event.pointerId && !this.#stroke.isOver) { // one that is over may wait to be painted
      const points = event.getCoalescedEvents?.() ?? [];
      for (const each of points.length ? points : [event]) this.#stroke.waiting.push({ ...this.#view.toPicture(each), radius: this.#radiusOf(each) });
      this.#frame ||= requestAnimationFrame(() => this.#paint());
    } else if (this.#outline?.id === event.pointerId) {
      const { points, tool } = this.#outline;
      const { x, y } = this.#view.toPicture(event);
      if (tool === "lasso") points.push(x, y);
      else points.splice(2, points.length, x, points[1], x, y, points[0], y);
      this.#showOutline(points);
    }
    this.showCursor();
    return undefined;
  }

  /** @param {number[]} points */
  #showOutline(points) {
    const shown = [];
    for (let i = 0; i < points.length; i += 2) {
      const { x, y } = this.#view.toStage(points[i], points[i + 1]);
      shown.push(`${x},${y}`);
    }
    this.line.setAttribute("points", shown.join(" "));
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#drag?.id === event.pointerId) this.#drag = null;
    if (this.#outline?.id === event.pointerId) {
      const { tool, erases, points } = this.#outline;
      this.#outline = null;
      this.#showOutline([]);
      if (points.length >= 6 && event.type === "pointerup") this.#select(tool, erases, points);
    }
    if (this.#stroke?.id === event.pointerId) {
      this.#stroke.isOver = true;
      this.#frame ||= requestAnimationFrame(() => this.#paint());
    }
    if (event.pointerType === "touch") {
      this.at = null;
      this.cursor.hidden = true;
    }
  }

  /** Paints what the pointer has run through. @param {number} [budgetMs]  as much as a frame has time for */
  #paint(budgetMs = BUDGET_MS) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const stroke = this.#stroke;
    if (!stroke || this.isBusy) return;
    const start = performance.now();
    const { hardness, opacity } = this.#choice;
    /** @type {Brush} */
    const brush = { hardness, opacity, erases: stroke.erases };
    while ((stroke.part || stroke.waiting.length) && performance.now() - start < budgetMs) {
      if (stroke.part) {
        if (stroke.part.next().done) stroke.part = null;
        continue;
      }
      const next = stroke.waiting[0];
      const [dx, dy] = [next.x - stroke.last.x, next.y - stroke.last.y];
      const distance = Math.hypot(dx, dy);
      if (distance < LEAST_STEP && stroke.waiting.length > 1) {
        stroke.waiting.shift();
        continue;
      }
      const longest = Math.max(8, next.radius / 2); // a long way is painted in parts, each well within a frame
      const isPart = distance > longest;
      const to = isPart ? { x: stroke.last.x + (dx / distance) * longest, y: stroke.last.y + (dy / distance) * longest, radius: next.radius } : next;
      stroke.part = this.#surface.stroke(stroke.last, to, brush);
      stroke.last = to;
      if (!isPart) stroke.waiting.shift();
    }
    if (stroke.part || stroke.waiting.length) {
      this.#frame = requestAnimationFrame(() => this.#paint());
    } else if (stroke.isOver) {
      this.#lastPoint = stroke.last;
      this.#stroke = null;
      this.#surface.commit();
      this.#changed();
    }
  }

  /** What was begun is not meant. */
  #giveUp() {
    if (this.#stroke) {
      this.#stroke = null;
      if (!this.isBusy) this.#surface.cancel();
    }
    this.#outline = null;
    this.#showOutline([]);
    this.cursor.hidden = true;
  }

  /** @param {PointerEvent} event */
  #pinch(event) {
    const before = [...this.#fingers.values()];
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const now = [...this.#fingers.values()];
    const area = this.#stage.getBoundingClientRect();
    /** @param {{x: number, y: number}[]} fingers */
    const middle = ([a, b]) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) });
    const [from, to] = [middle(before), middle(now)];
    this.#view.pan(to.x - from.x, to.y - from.y);
    this.#view.zoom(to.apart / from.apart, to.x - area.left, to.y - area.top);
    this.cursor.hidden = true;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const delta = event.deltaY || event.deltaX; // Shift turns it
    const step = -Math.sign(delta);
    const choice = this.#choice;
    if (event.altKey && event.shiftKey) choice.opacity = within(choice.opacity + 0.05 * step, 0.05, 1);
    else if (event.shiftKey) choice.hardness = within(choice.hardness + 0.05 * step, 0, 1);
    else if (event.altKey) this.resize(step);
    else {
      const area = this.#stage.getBoundingClientRect();
      const px = event.deltaMode === 0 ? delta : delta * 32;
      return this.#view.zoom(1.0016 ** -within(px, -400, 400), event.clientX - area.left, event.clientY - area.top);
    }
    this.#changed();
    return this.showCursor();
  }

  /** @param {number} step  larger or smaller */
  resize(step) {
    const { size } = this.#choice;
    this.#choice.size = Math.round(within(step > 0 ? Math.max(size + 1, size * 1.15) : Math.min(size - 1, size / 1.15), 1, 1000));
    this.#changed();
    this.showCursor();
  }

  /** With keys: moves the brush. @param {number} dx  CSS px @param {number} dy */
  step(dx, dy) {
    const at = this.at ?? { x: this.#surface.width / 2, y: this.#surface.height / 2 };
    const { scale } = this.#view;
    this.at = { x: within(at.x + dx / scale, 0, this.#surface.width), y: within(at.y + dy / scale, 0, this.#surface.height) };
    this.showCursor();
  }

  /** With keys: what a click does where the brush is. */
  press() {
    if (this.isBusy || !this.finish()) return;
    if (!this.at) this.step(0, 0);
    const { x, y } = /** @type {{x: number, y: number}} */ (this.at);
    const { tool, size } = this.#choice;
    if (tool === "fill") return this.#select(tool, false, [x, y]);
    if (tool === "rectangle" || tool === "lasso") return;
    this.#begin(-1, tool === "erase", { x, y, radius: size / 2 }).isOver = true;
  }
}

/** @param {number} value @param {number} low @param {number} high */
export function within(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
