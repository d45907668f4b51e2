/** The dialog in which a mask is drawn, over the whole page. */

import { h, icon } from "../../core/dom.js";
import { keysOf } from "../../core/commands.js";
import { Hand, within } from "./hand.js";
import { Surface } from "./surface.js";
import { MaskView } from "./view.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Choice, Tool } from "./hand.js" */

/** @typedef {{filename: string, subfolder: string, type: string}} File */

const ICONS = {
  paint: "M4 20c1-4 3-5 5-4l8-9 3 3-9 8c1 2-2 4-7 2z", erase: "M4 15l9-10 7 6-8 9H8zM9 10l7 6", fill: "M5 12l7-7 7 7-7 7zM12 5V3M20 15c2 3 1 5 0 5s-2-2 0-5",
  rectangle: "M4 6h16v12H4z", lasso: "M12 4c5 0 8 2.5 8 5.5S17 15 12 15s-8-2.5-8-5.5S7 4 12 4M8 15c-2 1-1 4 1 3s0 3-2 3",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10h-4", redo: "M16 5l4 4-4 4M20 9H10a5 5 0 0 0 0 10h4", fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  larger: "M12 5v14M5 12h14", smaller: "M5 12h14",
};
/** @type {[Tool, string][]} */
const TOOLS = [["paint", "b"], ["erase", "e"], ["fill", "g"], ["rectangle", "r"], ["lasso", "l"]];
const FRAME_MS = 10;
const STEP = 16; // CSS px that an arrow key moves the brush
/** @type {WeakMap<Editor, Choice>} */
const choices = new WeakMap();

/**
 * @param {Editor} editor
 * @param {File} file
 * @param {string} folder  that the picture with its mask goes into
 * @returns {Promise<{path: string, folder: string} | null>} null: nothing was saved
 */
export async function showMaskDialog(editor, file, folder) {
  const t = editor.text.bind(editor);
  const { server, shell } = editor;
  const before = document.activeElement;
  let choice = choices.get(editor);
  if (!choice) choices.set(editor, (choice = { tool: "paint", size: 40, hardness: 0.8, opacity: 1, tolerance: 24, colour: "#ff3b30", shade: 0.6, px: 8 }));
  const chosen = choice;

  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  let lastTask = 0;
  worker.addEventListener("message", ({ data }) => {
    const task = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) task?.reject(new Error(data.error));
    else task?.resolve(data.result);
  });
  worker.addEventListener("error", (event) => waiting.forEach((task) => task.reject(new Error(event.message || t("mask.failed")))));
  /** @param {string} name @param {Record<string, any>} [more] @returns {Promise<any>} */
  const ask = (name, more = {}) => new Promise((resolve, reject) => {
    waiting.set(++lastTask, { resolve, reject });
    worker.postMessage({ id: lastTask, name, mask: surface?.data ?? null, width: surface?.width, height: surface?.height, address: colours, ...more });
  });

  const colours = server.fileAddress(file, { channel: "rgb", quick: "true", r: String(Date.now()) });
  const opacity = server.fileAddress(file, { channel: "a", quick: "true", r: String(Date.now()) });
  /** @type {Surface | null} */
  let surface = null;
  /** @type {MaskView | null} */
  let view = null;
  /** @type {Hand | null} */
  let hand = null;
  /** @type {{path: string, folder: string} | null} */
  let saved = null;
  let isClosing = false;

  // What is seen.

  /** @param {string} name @param {string} shape @param {() => unknown} run @param {Record<string, any>} [more] */
  const button = (name, shape, run, more = {}) => h("button", { type: "button", class: "quiet", "aria-label": t(name), title: more.keys ? `${t(name)} (${more.keys})` : t(name), disabled: more.disabled, on: { click: () => void run() } }, icon(shape));
  const toolButtons = new Map(TOOLS.map(([tool, key]) => [tool, h("button", { type: "button", class: "quiet", "aria-label": t(`mask.${tool}`), title: `${t(`mask.${tool}`)} (${key.toUpperCase()})`, "aria-pressed": "false", on: { click: () => choose(tool) } }, icon(ICONS[tool]))]));
  const undo = button("mask.undo", ICONS.undo, () => travel("undo"), { keys: "Ctrl+Z", disabled: true });
  const redo = button("mask.redo", ICONS.redo, () => travel("redo"), { keys: "Ctrl+Shift+Z", disabled: true });
  const percent = h("span", { class: "mask-percent" });
  const save = h("button", { type: "button", class: "main", disabled: true, title: "Ctrl+S", on: { click: () => void keep() } }, t("mask.save"));
  const status = h("p", { class: "mask-status", role: "status" }, t("mask.loading"));
  const stage = h("div", { class: "mask-stage", tabindex: "0", role: "application", "aria-label": t("mask.stage"), "aria-description": t("mask.stage-keys") });
  /** @type {(() => void)[]} */
  const refresh = [];

  /**
   * @param {string} name
   * @param {"size" | "hardness" | "opacity" | "tolerance" | "shade" | "px"} key
   * @param {{low: number, high: number, times?: number, isSquare?: boolean, unit: string}} how  `times`: of what is kept
   */
  function slider(name, key, { low, high, times = 1, isSquare = false, unit }) {
    const shown = h("output", {});
    const range = h("input", { type: "range", min: isSquare ? Math.sqrt(low) : low, max: isSquare ? Math.sqrt(high) : high, step: isSquare ? "any" : 1, "aria-label": t(name), on: { input: () => {
      const value = Number(range.value);
      chosen[key] = isSquare ? Math.round(value * value) : value / times;
      show();
    } } });
    refresh.push(() => {
      const value = chosen[key] * times;
      range.value = String(isSquare ? Math.sqrt(value) : value);
      shown.textContent = `${Math.round(value)}${unit}`;
      range.setAttribute("aria-valuetext", shown.textContent);
    });
    return h("label", { class: "mask-slider" }, h("span", {}, t(name)), shown, range);
  }

  const colour = h("input", { type: "color", "aria-label": t("mask.colour"), on: { input: () => { chosen.colour = colour.value; show(); } } });
  /** @param {string} name @param {() => unknown} run */
  const change = (name, run) => h("button", { type: "button", on: { click: () => void run() } }, t(name));
  const options = h("aside", { class: "mask-options", "aria-label": t("mask.options") },
    slider("mask.size", "size", { low: 1, high: 1000, isSquare: true, unit: " px" }),
    slider("mask.hardness", "hardness", { low: 0, high: 100, times: 100, unit: " %" }),
    slider("mask.opacity", "opacity", { low: 5, high: 100, times: 100, unit: " %" }),
    slider("mask.tolerance", "tolerance", { low: 0, high: 255, unit: "" }),
    h("div", { class: "mask-changes" }, change("mask.invert", () => alter("invert")), change("mask.clear", () => alter("clear"))),
    slider("mask.px", "px", { low: 1, high: 200, unit: " px" }),
    h("div", { class: "mask-changes" },
      change("mask.grow", () => alter("grow", { px: chosen.px })),
      change("mask.shrink", () => alter("grow", { px: -chosen.px })),
      change("mask.feather", () => alter("feather", { px: chosen.px }))),
    slider("mask.shade", "shade", { low: 10, high: 100, times: 100, unit: " %" }),
    h("label", { class: "mask-colour" }, h("span", {}, t("mask.colour")), colour));
  const dialog = h("dialog", { class: "mask", "aria-label": t("mask.title", { name: file.filename }) },
    h("header", { class: "mask-bar" }, h("h2", {}, t("mask.title", { name: file.filename })), undo, redo,
      button("mask.smaller", ICONS.smaller, () => view?.zoom(1 / 1.25), { keys: "-" }), percent, button("mask.larger", ICONS.larger, () => view?.zoom(1.25), { keys: "+" }), button("mask.fit", ICONS.fit, () => view?.fit(), { keys: "0" }),
      h("span", { class: "mask-gap" }), h("button", { type: "button", on: { click: () => void close() } }, t("shell.cancel")), save),
    h("div", { class: "mask-middle" }, h("div", { class: "mask-tools", role: "toolbar", "aria-label": t("mask.tools") }, [...toolButtons.values()]), h("div", { class: "mask-holder" }, stage, status), options));

  function show() {
    refresh.forEach((each) => each());
    colour.value = chosen.colour;
    for (const [tool, each] of toolButtons) each.setAttribute("aria-pressed", String(tool === chosen.tool));
    view?.setLook(chosen.colour, chosen.shade);
    hand?.showCursor();
    showSteps();
  }

  function showSteps() {
    undo.disabled = !surface?.canUndo;
    redo.disabled = !surface?.canRedo;
    save.disabled = !surface || Boolean(hand?.isBusy);
  }

  /** @param {Tool} tool */
  function choose(tool) {
    chosen.tool = tool;
    show();
  }

  /** @param {"undo" | "redo"} way */
  function travel(way) {
    if (!surface || hand?.isBusy || !hand?.finish()) return;
    surface[way]();
    showSteps();
  }

  // What is done.

  /** A change of the whole mask, made in the worker and put in tile by tile. @param {string} name @param {Record<string, any>} [more] */
  async function alter(name, more = {}) {
    const [mask, own] = [surface, hand];
    if (!mask || !own || own.isBusy || !own.finish()) return;
    own.isBusy = true;
    status.textContent = t("mask.working");
    showSteps();
    try {
      const data = await ask(name, more);
      if (isClosing) return;
      mask.begin();
      await putIn(mask, data);
      mask.commit();
    } catch (error) {
      editor.report(error);
    } finally {
      own.isBusy = false;
      status.textContent = "";
      showSteps();
    }
  }

  /** @param {Surface} mask @param {Uint8Array} data */
  async function putIn(mask, data) {
    let until = performance.now() + FRAME_MS;
    for (const _ of mask.replace(data)) {
      if (performance.now() < until) continue;
      await new Promise((resolve) => setTimeout(resolve));
      until = performance.now() + FRAME_MS;
    }
  }

  /** @param {Tool} tool @param {boolean} erases @param {number[]} points */
  function select(tool, erases, points) {
    const how = { erases, opacity: chosen.opacity };
    if (tool === "fill") void alter("flood", { ...how, x: Math.floor(points[0]), y: Math.floor(points[1]), tolerance: chosen.tolerance });
    else void alter("polygon", { ...how, points });
  }

  async function keep() {
    if (!surface || !hand || hand.isBusy || !hand.finish()) return;
    hand.isBusy = true;
    showSteps();
    status.textContent = t("mask.saving");
    try {
      const picture = await ask("png");
      const form = new FormData();
      form.append("image", picture, `${file.filename.replace(/\.[^.]*$/, "").replace(/-mask( \(\d+\))?$/, "")}-mask.png`);
      form.append("original_ref", JSON.stringify(file));
      form.append("type", folder);
      if (file.type === folder && file.subfolder) form.append("subfolder", file.subfolder);
      const { name, subfolder } = await server.post("/upload/mask", form);
      saved = { path: subfolder ? `${subfolder}/${name}` : name, folder };
      isClosing = true;
      dialog.close();
    } catch (error) {
      hand.isBusy = false;
      status.textContent = "";
      showSteps();
      editor.report(error);
    }
  }

  async function close() {
    if (surface?.isChanged && !(await isGivenUp())) return;
    isClosing = true;
    dialog.close();
  }

  async function isGivenUp() {
    return (await shell.ask(t("mask.discard-title"), t("mask.discard"), [{ id: "stay", text: t("mask.stay"), isMain: true }, { id: "discard", text: t("mask.discard-it"), isDangerous: true }])) === "discard";
  }

  // Keys.

  /** @type {Record<string, () => unknown>} */
  const keys = {
    "ctrl+z": () => travel("undo"), "ctrl+shift+z": () => travel("redo"), "ctrl+y": () => travel("redo"), "ctrl+s": keep, "ctrl+enter": keep,
    "[": () => hand?.resize(-1), "]": () => hand?.resize(1), "{": () => harden(-1), "}": () => harden(1),
    x: () => choose(chosen.tool === "paint" ? "erase" : "paint"), i: () => alter("invert"), delete: () => alter("clear"),
    0: () => view?.fit(), 1: () => view?.zoom(1 / view.scale), "+": () => view?.zoom(1.25), "=": () => view?.zoom(1.25), "-": () => view?.zoom(1 / 1.25),
    ...Object.fromEntries(TOOLS.map(([tool, key]) => [key, () => choose(tool)])),
  };
  /** @type {Record<string, [number, number]>} */
  const arrows = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };

  /** @param {number} step */
  function harden(step) {
    chosen.hardness = within(chosen.hardness + 0.1 * step, 0, 1);
    show();
  }

  dialog.addEventListener("keydown", (event) => {
    const pressed = keysOf(event);
    const isOnStage = event.target === stage;
    const arrow = isOnStage && arrows[pressed.replace("shift+", "")];
    if (arrow && hand) hand.step(arrow[0] * STEP * (event.shiftKey ? 4 : 1), arrow[1] * STEP * (event.shiftKey ? 4 : 1));
    else if (isOnStage && pressed === "enter") hand?.press();
    else if (isOnStage && pressed === "space" && hand) {
      hand.isPanning = true;
      hand.showCursor();
    } else if (keys[pressed] && (isOnStage || !(event.target instanceof HTMLInputElement) || event.ctrlKey || event.metaKey)) void keys[pressed]();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("keyup", (event) => {
    if (event.key !== " " || !hand) return;
    hand.isPanning = false;
    hand.showCursor();
  });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    void close();
  });

  // Begins.

  shell.root.append(dialog);
  dialog.showModal();
  show();
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  try {
    const [shownMask, pictures] = await Promise.all([ask("opacity", { address: opacity }), ask("pictures")]);
    if (isClosing) throw new Error("closed");
    const made = new Surface(pictures[0].width, pictures[0].height);
    surface = made;
    view = new MaskView(stage, made, pictures);
    hand = new Hand(stage, view, made, chosen, select, show);
    const follow = view.onMove;
    view.onMove = () => {
      follow();
      percent.textContent = `${Math.round((view?.scale ?? 1) * 100)} %`;
    };
    view.onMove();
    hand.isBusy = true; // what the file has is no step of undo, and joins none
    if (shownMask.length) await putIn(made, shownMask);
    hand.isBusy = false;
    status.textContent = "";
    show();
    stage.focus({ preventScroll: true });
  } catch (error) {
    if (!isClosing) {
      editor.report(new Error(t("mask.cannot-read", { name: file.filename, reason: error instanceof Error ? error.message : String(error) })));
      isClosing = true;
      dialog.close();
    }
  }
  await closed;
  hand?.dispose();
  view?.dispose();
  worker.terminate();
  dialog.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  return saved;
}
