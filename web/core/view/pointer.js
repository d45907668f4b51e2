/**
 * Presses of mouse, pen and finger on the canvas, handed to the features in turn until one takes it. Two fingers move
 * and zoom the view; a long press of a finger is a right click.
 */

import { FINGER_REACH } from "./hits.js";

/** @import { Hit } from "./hits.js" */
/** @import { CanvasView } from "./view.js" */

/**
 * @typedef {object} Press
 * @property {number} x  graph px
 * @property {number} y
 * @property {number} screenX  CSS px from the canvas' corner
 * @property {number} screenY
 * @property {Hit} hit
 * @property {number} button
 * @property {boolean} ctrl
 * @property {boolean} shift
 * @property {boolean} alt
 * @property {string} kind  "mouse", "pen" or "touch"
 *
 * What goes on while the pointer stays down. `cancel` puts everything back.
 * @typedef {object} Drag
 * @property {(press: Press) => void} [move]
 * @property {(press: Press, moved: boolean) => void} [end]
 * @property {() => void} [cancel]
 * @property {string} [cursor]
 * @property {boolean} [pans]  near the canvas' edge the view moves along, and `move` is called again
 *
 * @typedef {(press: Press) => Drag | boolean | void} PressHandler  true: taken, nothing more to do
 */

const STILL_PX = 4; // a hand shakes as much
const STILL_TOUCH_PX = 10; // and a finger rolls
const EDGE_PX = 36; // how near to the edge the view begins to move
const FASTEST_PX = 18; // a frame, at the edge and beyond
const LONG_PRESS_MS = 500;

export class Pointer {
  /** @type {{order: number, handler: PressHandler}[]} */
  #handlers = [];
  /** @type {{drag: Drag, id: number, start: Press, hasMoved: boolean} | null} */
  #drag = null;
  /** @type {Map<number, {x: number, y: number}>} fingers that are down */
  #fingers = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #longPress;
  /** Whether the finger that is down has opened a menu. */
  #wasLong = false;
  #view;
  /** The last event of what is being dragged. @type {PointerEvent | null} */
  #lastEvent = null;
  #panFrame = 0;
  /** @type {Press | null} where the pointer was last; null: not on the canvas */
  last = null;

  /** @param {CanvasView} view */
  constructor(view) {
    this.#view = view;
  }

  /**
   * @param {number} order  low ones are asked first
   * @param {PressHandler} handler
   */
  onPress(order, handler) {
    const entry = { order, handler };
    this.#handlers.push(entry);
    this.#handlers.sort((a, b) => a.order - b.order);
    return () => void this.#handlers.splice(this.#handlers.indexOf(entry), 1);
  }

  get isDragging() {
    return this.#drag !== null;
  }

  /** Lets go of what is being dragged and puts it back. */
  cancel() {
    clearTimeout(this.#longPress);
    this.#stopPanning();
    const { drag } = this.#drag ?? {};
    this.#drag = null;
    drag?.cancel?.();
    this.#view.element.style.cursor = "";
  }

  /** @param {HTMLElement} element @returns {() => void} */
  listen(element) {
    const stop = new AbortController();
    const { signal } = stop;
    element.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    element.addEventListener("pointermove", (event) => this.#move(event), { signal });
    element.addEventListener("pointerup", (event) => this.#up(event), { signal });
    element.addEventListener("pointercancel", (event) => this.#lost(event), { signal });
    element.addEventListener("lostpointercapture", (event) => this.#lost(event), { signal });
    element.addEventListener("touchend", (event) => {
      if (this.#wasLong) event.preventDefault(); // no click on what the menu has put under the finger
      this.#wasLong = false;
    }, { signal });
    element.addEventListener("pointerleave", () => (this.last = null), { signal });
    element.addEventListener("dblclick", (event) => this.#view.events.emit("double", this.#read(event)), { signal });
    element.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      if (event.button === 2 && !this.#drag?.hasMoved) this.#view.events.emit("menu", this.#read(event));
    }, { signal });
    return () => stop.abort();
  }

  /** @param {MouseEvent} event @returns {Press} */
  #read(event) {
    const view = this.#view;
    const area = view.element.getBoundingClientRect();
    const [screenX, screenY] = [event.clientX - area.left, event.clientY - area.top];
    const { x, y } = view.toGraph(screenX, screenY);
    /** @type {Hit | undefined} */
    let hit;
    return {
      x, y, screenX, screenY,
      button: event.button,
      ctrl: event.ctrlKey || event.metaKey,
      shift: event.shiftKey,
      alt: event.altKey,
      kind: event instanceof PointerEvent ? event.pointerType : "mouse",
      get hit() {
        return (hit ??= view.hit(x, y, this.kind === "touch" ? FINGER_REACH : undefined)); // found when somebody asks: a drag rarely does
      },
    };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#view.element.focus({ preventScroll: true });
    if (event.pointerType === "touch") {
      this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (this.#fingers.size === 2) {
        this.cancel();
        return;
      }
    }
    if (this.#drag) return;
    const press = this.#read(event);
    this.last = press;
    for (const { handler } of [...this.#handlers]) {
      const taken = handler(press);
      if (!taken) continue;
      const drag = taken === true ? {} : taken;
      this.#drag = { drag, id: event.pointerId, start: press, hasMoved: false };
      this.#view.element.setPointerCapture(event.pointerId);
      if (drag.cursor) this.#view.element.style.cursor = drag.cursor;
      break;
    }
    if (event.pointerType === "touch") {
      this.#longPress = setTimeout(() => {
        if (this.#drag?.hasMoved) return;
        this.cancel();
        this.#wasLong = true;
        this.#view.events.emit("menu", press);
      }, LONG_PRESS_MS);
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerType === "touch" && this.#fingers.size >= 2) {
      this.#pinch(event);
      return;
    }
    const press = this.#read(event);
    this.last = press;
    const going = this.#drag;
    if (!going) {
      this.#view.events.emit("hover", press);
      return;
    }
    if (going.id !== event.pointerId) return;
    const still = event.pointerType === "touch" ? STILL_TOUCH_PX : STILL_PX;
    if (!going.hasMoved && Math.hypot(press.screenX - going.start.screenX, press.screenY - going.start.screenY) < still) return;
    going.hasMoved = true;
    clearTimeout(this.#longPress);
    going.drag.move?.(press);
    this.#lastEvent = event;
    if (going.drag.pans && !this.#panFrame && this.#pull(event)) this.#panFrame = requestAnimationFrame(() => this.#panAlong());
  }

  /** How far the view is to move in a frame, since the pointer is near an edge. @param {PointerEvent} event */
  #pull(event) {
    const { left, right, top, bottom } = this.#view.element.getBoundingClientRect();
    /** @param {number} before  px from the edge at the low side @param {number} behind */
    const along = (before, behind) => {
      const inner = Math.min(before, behind);
      if (inner >= EDGE_PX) return 0;
      return (before < behind ? 1 : -1) * FASTEST_PX * Math.min(1, (EDGE_PX - inner) / EDGE_PX);
    };
    const pull = { x: along(event.clientX - left, right - event.clientX), y: along(event.clientY - top, bottom - event.clientY) };
    return pull.x || pull.y ? pull : null;
  }

  #panAlong() {
    this.#panFrame = 0;
    const going = this.#drag;
    const event = this.#lastEvent;
    const pull = going && event && this.#pull(event);
    if (!pull) return;
    this.#view.panBy(pull.x, pull.y);
    this.last = this.#read(event);
    going.drag.move?.(this.last);
    this.#panFrame = requestAnimationFrame(() => this.#panAlong());
  }

  #stopPanning() {
    cancelAnimationFrame(this.#panFrame);
    this.#panFrame = 0;
    this.#lastEvent = null;
  }

  /** @param {PointerEvent} event */
  #up(event) {
    clearTimeout(this.#longPress);
    this.#fingers.delete(event.pointerId);
    const going = this.#drag;
    if (!going || going.id !== event.pointerId) return;
    this.#stopPanning();
    this.#drag = null;
    this.#view.element.style.cursor = "";
    going.drag.end?.(this.#read(event), going.hasMoved);
    if (!going.hasMoved && going.start.button < 2) this.#view.events.emit(going.start.button ? "middle" : "click", going.start);
  }

  /** @param {PointerEvent} event */
  #lost(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#drag?.id === event.pointerId) this.cancel();
  }

  /** @param {PointerEvent} event */
  #pinch(event) {
    const before = [...this.#fingers.values()];
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = [...this.#fingers.values()];
    const area = this.#view.element.getBoundingClientRect();
    /** @param {{x: number, y: number}[]} two */
    const read = ([a, b]) => ({ x: (a.x + b.x) / 2 - area.left, y: (a.y + b.y) / 2 - area.top, apart: Math.hypot(a.x - b.x, a.y - b.y) });
    const [from, to] = [read(before), read(after)];
    this.#view.panBy(to.x - from.x, to.y - from.y);
    if (from.apart > 0) this.#view.zoomAt(to.x, to.y, this.#view.scale * (to.apart / from.apart));
  }
}
