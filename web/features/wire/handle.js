/** The dot beside a reroute that the pointer is over: a link is drawn from there. The reroute itself is moved. */

/** @import { Editor } from "../../core/editor.js" */
/** @import { Reroute } from "../../core/graph.js" */
/** @import { Press } from "../../core/view/pointer.js" */

const OFFSET = 19; // CSS px at least, from the middle of the reroute
const RADIUS = 7;

export class RerouteHandle {
  /** @type {Reroute | null} */
  #shown = null;
  #editor;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    const { view } = editor;
    this.cleanups = [
      view.events.on("hover", (press) => this.#follow(press)),
      view.events.on("graph", () => (this.#shown = null)),
      view.addLayer("overlay", 20, (pen) => {
        const { shown } = this;
        if (!shown) return;
        const { far } = this;
        const { context, theme } = pen;
        const x = shown.x + OFFSET * far;
        context.beginPath();
        context.arc(shown.x, shown.y, 10, 0, 2 * Math.PI);
        context.strokeStyle = theme.accent;
        context.lineWidth = 1.5 * far;
        context.stroke();
        context.beginPath();
        context.arc(x, shown.y, RADIUS * far, 0, 2 * Math.PI);
        context.fillStyle = theme.accentGround;
        context.fill();
        context.beginPath();
        context.moveTo(x - 3.5 * far, shown.y);
        context.lineTo(x + 3.5 * far, shown.y);
        context.moveTo(x, shown.y - 3.5 * far);
        context.lineTo(x, shown.y + 3.5 * far);
        context.strokeStyle = "#ffffff";
        context.stroke();
      }),
    ];
  }

  /** The reroute that has the dot now. */
  get shown() {
    const { graph } = this.#editor;
    return this.#shown && graph.reroutes.get(this.#shown.id) === this.#shown ? this.#shown : null;
  }

  /** Graph px of a CSS px, where the view is far. */
  get far() {
    return 1 / Math.min(1, this.#editor.view.scale);
  }

  /** @param {{x: number, y: number}} at @returns {Reroute | null} whose dot lies there */
  at({ x, y }) {
    const { shown, far } = this;
    return shown && Math.hypot(shown.x + OFFSET * far - x, shown.y - y) <= (RADIUS + 2) * far ? shown : null;
  }

  /** @param {Press} press */
  #follow(press) {
    const { view } = this.#editor;
    const { shown, far } = this;
    const isBeside = shown && press.x >= shown.x && press.x <= shown.x + (OFFSET + RADIUS + 4) * far && Math.abs(press.y - shown.y) <= (RADIUS + 4) * far;
    const now = this.at(press) ?? (press.hit.kind === "reroute" ? press.hit.reroute : isBeside ? shown : null);
    if (now !== this.#shown) {
      this.#shown = now;
      view.redrawOverlay();
    }
    if (this.at(press)) view.element.style.cursor = "crosshair";
  }
}
