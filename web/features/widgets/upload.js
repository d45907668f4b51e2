/** Bringing files to nodes that read them: a button, drag and drop, paste. */

import { h } from "../../core/dom.js";
import { kindOfFile, pictureTrouble } from "../../core/file-inputs.js";
import { setValue } from "./fields.js";
import { folderOf } from "./combo.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Widgets } from "./widgets.js" */

/** What may be brought, by the option that asks for it; files of kinds that a browser has no name for go by their ending. */
const ACCEPTED = /** @type {Record<string, string>} */ ({
  image_upload: "image/*",
  animated_image_upload: "image/*",
  video_upload: "video/*",
  audio_upload: "audio/*,video/*",
  file_upload: ".glb,.gltf,.obj,.fbx,.stl,.ply,.spz,.splat,.ksplat,.usdz",
  model_upload: ".glb,.gltf,.obj,.fbx,.stl,.ply,.spz,.splat,.ksplat,.usdz",
});

/** @param {InputSpec} input  the button @returns {string} as a file picker has it */
export function acceptedBy(input) {
  return ACCEPTED[input.options.upload] ?? "";
}

/** @param {Node} node @returns {InputSpec | undefined} its button */
export function buttonOf(node) {
  return node.widgets.find((each) => each.widget === "UPLOAD");
}

/** @param {InputSpec} input @param {File} file */
function accepts(input, file) {
  const kind = kindOfFile(file);
  return acceptedBy(input).split(",").some((each) => (each.includes("/") ? each.split("/")[0] === kind : file.name.toLowerCase().endsWith(each)));
}

/** Says that a node does not read such a file. @param {Editor} editor @param {Node} node @param {InputSpec} button @param {File} file */
function refuse(editor, node, button, file) {
  const what = `widgets.reads.${String(button.options.upload).replace(/_upload$/, "").replace("animated_", "")}`;
  editor.shell.note(editor.text("widgets.wrong-file", { file: file.name, node: node.name, what: editor.text(what) }), { kind: "error" });
}

/** @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
export function uploadKind(editor, widgets) {
  /** @param {InputSpec} input */
  const words = (input) => editor.text(`widgets.upload.${String(input.options.upload).replace(/_upload$/, "").replace("animated_", "")}`);
  /** @param {Node} node @param {InputSpec} input */
  const edit = (node, input) => {
    const picker = h("input", { type: "file", accept: acceptedBy(input) });
    picker.addEventListener("change", () => {
      const file = picker.files?.[0];
      if (file) void bring(editor, widgets, node, input, file).catch((error) => editor.report(error));
    });
    picker.click();
    return true;
  };
  return {
    height: () => 20,
    edit,
    draw(pen, node, input, box) {
      pen.box(box, pen.theme.title, { radius: 6 });
      if (!pen.isNear) return;
      const text = widgets.uploading.has(node) ? editor.text("widgets.uploading") : words(input);
      pen.text(text, (box.left + box.right) / 2, (box.top + box.bottom) / 2, { align: "center", width: box.right - box.left - 12, colour: pen.theme.text });
    },
    press: (_, node, input) => ({ end: (__, moved) => void (moved || edit(node, input)) }),
    control: (_, node, input) => h("span", { class: "control control-upload" }, h("button", { type: "button", on: { click: () => edit(node, input) } }, words(input))),
  };
}

/**
 * Uploads a file and chooses it.
 * @param {Editor} editor
 * @param {Widgets} widgets
 * @param {Node} node
 * @param {InputSpec} button
 * @param {File} file
 */
export async function bring(editor, widgets, node, button, file) {
  const input = node.widgets.find((each) => each.name === button.companionOf);
  if (!input) return;
  if (!accepts(button, file)) return void refuse(editor, node, button, file);
  const trouble = acceptedBy(button) === ACCEPTED.image_upload ? await pictureTrouble(file) : null;
  if (trouble) return void editor.shell.note(editor.text(trouble, { name: file.name }), { kind: "error" });
  const form = new FormData();
  form.append("image", file, file.name);
  const folder = folderOf(input) ?? "input";
  if (folder !== "input") form.append("type", folder);
  const { path, isLatest } = await widgets.send(node, input.name, form);
  widgets.choices.add(folder, path);
  if (isLatest) setValue(editor, node, input.name, path);
  editor.events.emit("files:uploaded", { folder, path });
}

/**
 * Files that are dropped on such a node, or pasted while one is chosen.
 * @param {Editor} editor
 * @param {Widgets} widgets
 * @returns {() => void}
 */
export function listenForFiles(editor, widgets) {
  const { view } = editor;
  const stop = new AbortController();
  const { signal } = stop;
  /** @type {Node | null} */
  let target = null;
  /** @param {Node | null} next */
  const aim = (next) => {
    if (target === next) return;
    target = next;
    view.redrawOverlay();
  };
  /** @param {DragEvent} event @returns {Node | null} */
  const nodeAt = (event) => {
    if (!event.dataTransfer?.types.includes("Files") || editor.shell.canvas.inert) return null; // something lies over the nodes
    const area = view.element.getBoundingClientRect();
    const { x, y } = view.toGraph(event.clientX - area.left, event.clientY - area.top);
    const hit = view.hit(x, y);
    return "node" in hit && buttonOf(hit.node) ? hit.node : null;
  };
  editor.shell.stage.addEventListener("dragover", (event) => {
    const node = nodeAt(event);
    aim(node);
    if (!node || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  }, { signal, capture: true });
  editor.shell.stage.addEventListener("dragleave", () => aim(null), { signal });
  editor.shell.stage.addEventListener("drop", (event) => {
    const node = nodeAt(event);
    aim(null);
    const button = node && buttonOf(node);
    const dropped = [...(event.dataTransfer?.files ?? [])];
    // What is seen or heard and let go of on a node is meant for it; a workflow is opened wherever it is dropped.
    const file = button && (dropped.find((each) => accepts(button, each)) ?? (dropped.every(kindOfFile) ? dropped[0] : undefined));
    if (!node || !button || !file) return;
    event.preventDefault();
    event.stopPropagation();
    void bring(editor, widgets, node, button, file).catch((error) => editor.report(error));
  }, { signal, capture: true });
  addEventListener("paste", (event) => {
    const [node, ...others] = editor.selection.nodes;
    const button = node && !others.length ? buttonOf(node) : undefined;
    const file = button && [...(event.clipboardData?.files ?? [])].find((each) => accepts(button, each));
    if (!button || !file || document.activeElement instanceof HTMLInputElement || document.activeElement instanceof HTMLTextAreaElement) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    void bring(editor, widgets, node, button, file).catch((error) => editor.report(error));
  }, { signal, capture: true });
  const stopLayer = view.addLayer("overlay", 90, (pen) => {
    if (!target) return;
    const box = view.layouts.boxOf(target);
    pen.box(box, "", { radius: 8, edge: pen.theme.accent, edgeWidth: 4 / Math.min(1, view.scale) });
  });
  return () => {
    stop.abort();
    stopLayer();
  };
}
