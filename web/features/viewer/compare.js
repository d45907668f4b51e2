/** Two pictures, one place: with a line between them, side by side, their difference, or one after the other. */

import { CLOSE, h, icon } from "../../core/dom.js";
import { handle, zoomByKey } from "./hands.js";
import { Zoom } from "./zoom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Item } from "./viewer.js" */

const BLINK_MS = 700;
const SQUARES_FROM = 6; // scale, as in the viewer
const MODES = /** @type {const} */ (["slider", "side", "difference", "blink"]);

/**
 * @param {Editor} editor
 * @param {Item} first
 * @param {Item} second
 * @returns {Promise<void>} when it is closed
 */
export function showComparison(editor, first, second) {
  const t = editor.text.bind(editor);
  const stop = new AbortController();
  const { signal } = stop;
  const zoom = new Zoom();
  /** @type {(typeof MODES)[number]} */
  let mode = MODES.find((each) => each === editor.settings.read("viewer.compare")) ?? "slider";
  let share = 0.5; // of the window that shows the first
  let isSecond = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let blinking;
  let pair = [first, second];

  const pictures = pair.map((item) => h("img", { class: "viewer-picture", alt: item.name ?? "", src: item.src, draggable: "false" }));
  const labels = pair.map(() => h("p", { class: "compare-label" }));
  const panes = pictures.map((picture, i) => h("div", { class: "compare-pane" }, picture, labels[i]));
  const line = h("div", { class: "compare-line", role: "slider", tabindex: "0", "aria-label": t("viewer.line"), "aria-valuemin": 0, "aria-valuemax": 100 });
  const stage = h("div", { class: "viewer-stage compare-stage", tabindex: "-1" }, panes, line);
  const choices = MODES.map((each) => h("button", { type: "button", "aria-pressed": "false", on: { click: () => choose(each) } }, t(`viewer.compare-${each}`)));
  const swap = h("button", { type: "button", class: "quiet", "aria-label": t("viewer.swap"), title: t("viewer.swap"), on: { click: exchange } }, icon("M7 4L3 8l4 4M3 8h14M17 12l4 4-4 4M21 16H7"));
  const percent = h("button", { type: "button", class: "quiet viewer-percent", title: t("viewer.actual"), on: { click: () => act(() => (zoom.isFit || Math.abs(zoom.scale - 1) > 0.001 ? zoom.actual() : zoom.fit())) } });
  const dialog = h("dialog", { class: "viewer is-picture", "aria-label": t("viewer.comparison") },
    h("header", { class: "viewer-bar" }, h("div", { class: "compare-modes", role: "group", "aria-label": t("viewer.comparison") }, choices),
      h("div", { class: "viewer-tools" }, h("span", { class: "viewer-zooming" }, percent), swap,
        h("button", { type: "button", class: "quiet", "aria-label": t("shell.close"), title: t("shell.close"), on: { click: () => dialog.close() } }, icon(CLOSE)))),
    h("div", { class: "viewer-middle" }, stage));

  /** @param {() => void} change */
  function act(change) {
    change();
    draw();
  }

  /** @param {(typeof MODES)[number]} wanted */
  function choose(wanted) {
    mode = wanted;
    editor.settings.write("viewer.compare", mode);
    clearInterval(blinking);
    isSecond = false;
    if (mode === "blink") {
      blinking = setInterval(() => act(() => (isSecond = !isSecond)), BLINK_MS);
    }
    measure();
  }

  function exchange() {
    pair = [pair[1], pair[0]];
    pictures.forEach((picture, i) => {
      picture.src = pair[i].src;
      picture.alt = pair[i].name ?? "";
    });
    draw();
  }

  /** Both are laid over each other, so the second gets the size of the first. */
  function measure() {
    const { clientWidth: width, clientHeight: height } = stage;
    if (!width) return;
    const isUpright = width < height;
    dialog.dataset.mode = mode;
    dialog.classList.toggle("is-upright", isUpright);
    const isSide = mode === "side";
    zoom.setWindow({ width: isSide && !isUpright ? (width - 2) / 2 : width, height: isSide && isUpright ? (height - 2) / 2 : height });
    draw();
  }

  function draw() {
    choices.forEach((each, i) => each.setAttribute("aria-pressed", String(MODES[i] === mode)));
    percent.textContent = t("viewer.percent", { percent: Math.round(zoom.scale * 100) });
    percent.setAttribute("aria-label", `${t("viewer.actual")}: ${percent.textContent}`);
    stage.classList.toggle("can-pan", zoom.canPan);
    for (const { style } of pictures) {
      style.transform = `translate(${zoom.x}px, ${zoom.y}px)`;
      style.width = `${zoom.picture.width * zoom.scale}px`;
      style.height = `${zoom.picture.height * zoom.scale}px`;
      style.imageRendering = zoom.scale >= SQUARES_FROM ? "pixelated" : "auto";
    }
    const at = share * stage.clientWidth;
    panes[1].style.clipPath = mode === "slider" ? `inset(0 0 0 ${at}px)` : "";
    panes[1].style.visibility = mode === "blink" && !isSecond ? "hidden" : "";
    panes[0].style.visibility = mode === "blink" && isSecond ? "hidden" : "";
    line.hidden = mode !== "slider";
    line.style.transform = `translateX(${at}px)`;
    line.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    labels.forEach((label, i) => {
      const { naturalWidth, naturalHeight } = pictures[i];
      label.textContent = [pair[i].name ?? pair[i].file?.filename, naturalWidth ? `${naturalWidth} × ${naturalHeight}` : null].filter(Boolean).join(" · ");
    });
  }

  /** @param {number} x  of the page */
  function moveLine(x) {
    const area = stage.getBoundingClientRect();
    share = Math.max(0, Math.min(1, (x - area.left) / area.width));
    draw();
  }

  line.addEventListener("pointerdown", (event) => {
    line.setPointerCapture(event.pointerId);
    event.stopPropagation();
  }, { signal });
  line.addEventListener("pointermove", (event) => {
    if (line.hasPointerCapture(event.pointerId)) moveLine(event.clientX);
  }, { signal });
  handle(stage, () => zoom, {
    changed: draw,
    placeOf(x, y) {
      const pane = panes[mode === "side" ? panes.findIndex((each) => within(each, x, y)) : 0] ?? panes[0];
      const area = pane.getBoundingClientRect();
      return { x: x - area.left, y: y - area.top };
    },
  }, signal);
  dialog.addEventListener("keydown", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const at = Number(event.key);
    if (isPlain && mode === "slider" && !event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) act(() => (share = Math.max(0, Math.min(1, share + (event.key === "ArrowLeft" ? -0.02 : 0.02)))));
    else if (isPlain && event.key === "s") exchange();
    else if (isPlain && at >= 1 && at <= MODES.length) choose(MODES[at - 1]);
    else if (isPlain && event.key === " " && !(event.target instanceof HTMLButtonElement)) choose(MODES[(MODES.indexOf(mode) + 1) % MODES.length]);
    else if (zoomByKey(event, zoom)) draw();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, { signal });
  for (const picture of pictures) {
    picture.addEventListener("load", () => {
      const { naturalWidth: width, naturalHeight: height } = pictures[0];
      if (width) zoom.setPicture({ width, height }, true);
      draw();
    }, { signal });
    picture.addEventListener("error", () => editor.shell.note(t("content.no-picture"), { kind: "error" }), { signal });
  }
  const watch = new ResizeObserver(measure);
  const closed = editor.shell.modal(dialog).then(() => {
    stop.abort();
    clearInterval(blinking);
    watch.disconnect();
  });
  watch.observe(stage);
  stage.focus();
  choose(mode);
  return closed;
}

/** @param {Element} element @param {number} x @param {number} y */
function within(element, x, y) {
  const area = element.getBoundingClientRect();
  return x >= area.left && x <= area.right && y >= area.top && y <= area.bottom;
}
