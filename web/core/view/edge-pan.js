/** Moves the view while something is dragged at its edge, so that a drag reaches what is not seen yet. */

/** @import { Press } from "./pointer.js" */
/** @import { CanvasView } from "./view.js" */

const EDGE_PX = 28; // how near to the canvas' edge, CSS px
const FASTEST_PX = 18; // a frame

export class EdgePan {
  #view;
  #again;
  #frame = 0;
  /** @type {Press | null} */
  #last = null;

  /**
   * @param {CanvasView} view
   * @param {(press: Press) => void} again  told where the pointer is now in the graph, after each step
   */
  constructor(view, again) {
    this.#view = view;
    this.#again = again;
  }

  /** @param {Press} press  of the drag that goes on */
  follow(press) {
    this.#last = press;
    if (this.#speed()) this.#frame ||= requestAnimationFrame(() => this.#step());
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#last = null;
  }

  /** @returns {{x: number, y: number} | null} CSS px a frame; null: the pointer is not at the edge */
  #speed() {
    if (!this.#last) return null;
    const { screenX, screenY } = this.#last;
    const { width, height } = this.#view;
    /** @param {number} at @param {number} end */
    const along = (at, end) => (at < EDGE_PX ? Math.min(1, (EDGE_PX - at) / EDGE_PX) : at > end - EDGE_PX ? -Math.min(1, (at - end + EDGE_PX) / EDGE_PX) : 0) * FASTEST_PX;
    const [x, y] = [along(screenX, width), along(screenY, height)];
    return x || y ? { x, y } : null;
  }

  #step() {
    this.#frame = 0;
    const speed = this.#speed();
    const last = this.#last;
    if (!speed || !last) return;
    const view = this.#view;
    view.panBy(speed.x, speed.y);
    const { x, y } = view.toGraph(last.screenX, last.screenY);
    const { screenX, screenY, button, ctrl, shift, alt, kind } = last;
    this.#again({ x, y, screenX, screenY, button, ctrl, shift, alt, kind, get hit() { return view.hit(x, y); } });
    this.#frame ||= requestAnimationFrame(() => this.#step());
  }
}
