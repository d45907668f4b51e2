/** Wheel, pointer and fingers on a picture that can be zoomed. */

/** @import { Zoom } from "./zoom.js" */

const STILL_PX = 4;
const SWIPE_PX = 60;
const WHEEL = 0.0022; // ln of the factor for each px of the wheel

/**
 * @param {HTMLElement} element
 * @param {() => Zoom} zoomOf
 * @param {object} told
 * @param {() => void} told.changed
 * @param {(x: number, y: number) => {x: number, y: number}} told.placeOf  of the page -> of the zoom's window
 * @param {(step: 1 | -1) => void} [told.swipe]  a finger went sideways over a picture that fits
 * @param {(event: PointerEvent) => boolean} [told.take]  what has its own use for a press
 * @param {AbortSignal} signal
 */
export function handle(element, zoomOf, { changed, placeOf, swipe, take }, signal) {
  /** @type {Map<number, {x: number, y: number}>} */
  const down = new Map();
  let start = { x: 0, y: 0 };
  let hasMoved = false;
  element.addEventListener("wheel", (event) => {
    if (/** @type {Element} */ (event.target).closest("pre")) return; // a text is scrolled
    event.preventDefault();
    const { x, y } = placeOf(event.clientX, event.clientY);
    const px = event.deltaY * (event.deltaMode === 1 ? 33 : 1) * (event.ctrlKey ? 4 : 1); // a pinch on a pad counts finer
    zoomOf().by(Math.exp(-Math.max(-240, Math.min(240, px)) * WHEEL), x, y);
    changed();
  }, { passive: false, signal });
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 1) return;
    if (take?.(event)) return;
    if (/** @type {Element} */ (event.target).closest("button, a, video, audio, input, pre, [role=slider]")) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = { x: event.clientX, y: event.clientY };
    hasMoved = down.size > 1;
  }, { signal });
  element.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const zoom = zoomOf();
    if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, each]) => each);
      const middle = placeOf((now.x + other.x) / 2, (now.y + other.y) / 2);
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      zoom.by(factor, middle.x, middle.y);
      zoom.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (hasMoved || Math.hypot(now.x - start.x, now.y - start.y) > STILL_PX) {
      if (!hasMoved) element.classList.add("is-held");
      hasMoved = true;
      zoom.pan(now.x - before.x, now.y - before.y);
    }
    down.set(event.pointerId, now);
    changed();
  }, { signal });
  /** @param {PointerEvent} event */
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    element.classList.remove("is-held");
    const dx = event.clientX - start.x;
    const isSideways = Math.abs(dx) > SWIPE_PX && Math.abs(dx) > 2 * Math.abs(event.clientY - start.y);
    if (event.type === "pointerup" && event.pointerType === "touch" && !down.size && isSideways && !zoomOf().canPan) swipe?.(dx < 0 ? 1 : -1);
  };
  element.addEventListener("pointerup", up, { signal });
  element.addEventListener("pointercancel", up, { signal });
  element.addEventListener("dblclick", (event) => {
    if (/** @type {Element} */ (event.target).closest("button, a, video, audio, input, pre, [role=slider]")) return;
    const { x, y } = placeOf(event.clientX, event.clientY);
    const zoom = zoomOf();
    if (!zoom.isFit) zoom.fit();
    else if (Math.abs(zoom.fitScale - 1) > 0.01) zoom.actual(1, x, y);
    else zoom.to(4, x, y); // it is seen whole at its own size already
    changed();
  }, { signal });
}

/**
 * The keys that zoom and pan.
 * @param {KeyboardEvent} event
 * @param {Zoom} zoom
 * @returns {boolean} whether it was one
 */
export function zoomByKey(event, zoom) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const STEP = 80;
  switch (event.key) {
    case "+":
    case "=":
      zoom.by(1.25);
      return true;
    case "-":
      zoom.by(0.8);
      return true;
    case "0":
    case ".":
      zoom.fit();
      return true;
    case "1":
      zoom.actual();
      return true;
    case "ArrowUp":
    case "ArrowDown":
      zoom.pan(0, event.key === "ArrowUp" ? STEP : -STEP);
      return zoom.canPan;
    case "ArrowLeft":
    case "ArrowRight":
      if (!event.shiftKey) return false; // those go from picture to picture
      zoom.pan(event.key === "ArrowLeft" ? STEP : -STEP, 0);
      return true;
    default:
      return false;
  }
}
