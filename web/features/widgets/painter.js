/** PAINTER: a picture that is painted by hand; what is painted is kept, what lies below it only seen. */

import { addStyle, h } from "../../core/dom.js";
import { buttonKind, keepFile, newName } from "./buttons.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

const MOST_STEPS = 20; // that can be taken back
const DEFAULT_SIZE = 512; // px

/** @param {Editor} editor @param {Widgets} widgets @returns {Promise<WidgetKind>} */
export async function painterKind(editor, widgets) {
  widgets.cleanups.push(await addStyle("./rare.css", import.meta.url));
  return buttonKind(editor, widgets, () => editor.text("widgets.paint"), (node, input) => paint(editor, widgets, node, input));
}

/** @param {string} src @returns {Promise<HTMLImageElement | null>} null: there is none */
async function load(src) {
  const image = h("img", { src });
  return image.decode().then(() => image, () => null);
}

/** The picture that comes into the node, if one is shown on the node that it comes from. @param {Editor} editor @param {Node} node @returns {string | null} */
function incoming(editor, node) {
  for (const [i, slot] of node.inputs.entries()) {
    const link = slot.type === "IMAGE" ? node.graph.linkInto(node, i) : undefined;
    const source = link && node.graph.node(link.from);
    const [picture] = source ? (editor.services.content?.picturesOf?.(source) ?? []) : [];
    if (picture) return picture.src;
  }
  return null;
}

/** @param {Editor} editor @param {any} value @returns {string | null} */
function addressOf(editor, value) {
  const [, path, type = "input"] = /^(.+?)(?: \[(input|output|temp)\])?$/s.exec(typeof value === "string" ? value : "") ?? [];
  if (!path) return null;
  const at = path.lastIndexOf("/");
  return editor.server.fileAddress({ filename: path.slice(at + 1), subfolder: path.slice(0, Math.max(0, at)), type });
}

/** @param {Editor} editor @param {Widgets} widgets @param {Node} node @param {InputSpec} input */
async function paint(editor, widgets, node, input) {
  const [below, before] = await Promise.all([incoming(editor, node), addressOf(editor, node.values[input.name])].map((src) => (src ? load(src) : null)));
  const width = below?.naturalWidth || Number(node.values.width) || before?.naturalWidth || DEFAULT_SIZE;
  const height = below?.naturalHeight || Number(node.values.height) || before?.naturalHeight || DEFAULT_SIZE;
  const canvas = h("canvas", { class: "painter-canvas", width, height, tabindex: 0, role: "img", "aria-label": editor.text("widgets.paint") });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  if (before) pen.drawImage(before, 0, 0, width, height);
  let isWanted = false;
  await editor.shell.dialog(editor.text("widgets.paint"), (body, close) => {
    /** @type {ImageData[]} */
    const steps = [];
    /** @param {string} key */
    const t = (key) => editor.text(key);
    const colour = h("input", { type: "color", value: "#ffffff", "aria-label": t("widgets.paint-colour") });
    const size = h("input", { type: "range", min: 1, max: 200, value: Math.round(Math.max(4, width / 24)), "aria-label": t("widgets.paint-size") });
    const erases = h("input", { type: "checkbox" });
    const back = h("button", { type: "button", disabled: true, on: { click: () => takeBack() } }, t("widgets.paint-undo"));
    const begin = () => {
      steps.push(pen.getImageData(0, 0, width, height));
      if (steps.length > MOST_STEPS) steps.shift();
      back.disabled = false;
    };
    const takeBack = () => {
      const step = steps.pop();
      if (step) pen.putImageData(step, 0, 0);
      back.disabled = !steps.length;
    };
    const clear = h("button", { type: "button", on: { click: () => { begin(); pen.clearRect(0, 0, width, height); } } }, t("widgets.paint-clear"));
    const picker = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": t("widgets.paint-load") });
    picker.addEventListener("change", async () => {
      const file = picker.files?.[0];
      if (!file) return;
      try {
        const picture = await createImageBitmap(file);
        begin();
        pen.globalCompositeOperation = "source-over";
        pen.drawImage(picture, 0, 0, width, height);
        picture.close();
      } catch {
        editor.shell.note(editor.text("widgets.paint-unreadable", { name: file.name }), { kind: "error" });
      }
    });
    /** @type {{x: number, y: number} | null} */
    let last = null;
    /** @param {PointerEvent} event */
    const stroke = (event) => {
      const area = canvas.getBoundingClientRect();
      const now = { x: ((event.clientX - area.left) / area.width) * width, y: ((event.clientY - area.top) / area.height) * height };
      pen.globalCompositeOperation = erases.checked || event.buttons === 2 ? "destination-out" : "source-over";
      pen.strokeStyle = colour.value;
      pen.lineCap = pen.lineJoin = "round";
      pen.lineWidth = Number(size.value) * (event.pointerType === "pen" ? 0.3 + event.pressure : 1);
      pen.beginPath();
      pen.moveTo(last?.x ?? now.x, last?.y ?? now.y);
      pen.lineTo(now.x, now.y);
      pen.stroke();
      last = now;
    };
    canvas.addEventListener("contextmenu", (event) => event.preventDefault()); // the right button erases
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      begin();
      last = null;
      stroke(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(each);
    });
    body.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        takeBack();
      }
      if (event.key === "[" || event.key === "]") size.value = String(Number(size.value) * (event.key === "]" ? 1.25 : 0.8));
      event.stopPropagation(); // keys mean painting here
    });
    const stage = h("div", { class: "painter-stage", style: { "--aspect": `${width} / ${height}`, "--ground": typeof node.values.bg_color === "string" ? node.values.bg_color : "transparent" } }, below && h("img", { class: "painter-below", src: below.src, alt: "" }), canvas);
    body.append(
      h("div", { class: "painter-tools" }, colour, h("label", {}, t("widgets.paint-size"), size), h("label", {}, erases, t("widgets.paint-erase")), back, clear, picker, h("button", { type: "button", on: { click: () => picker.click() } }, t("widgets.paint-load"))),
      stage,
      h("div", { class: "dialog-actions" }, h("button", { type: "button", on: { click: close } }, t("shell.cancel")), h("button", { type: "button", class: "main", on: { click: () => { isWanted = true; close(); } } }, t("widgets.paint-keep"))),
    );
  }, { kind: "painter-dialog" });
  if (!isWanted) return;
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) await keepFile(editor, widgets, node, input, blob, { name: newName("painter", "png"), subfolder: "painter" });
}
