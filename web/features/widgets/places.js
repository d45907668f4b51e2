/** What this page shows in words alone, with the files behind it: 3D views and layers. And the player of a node's sound. */

import { h } from "../../core/dom.js";
import { Player } from "../../core/player.js";
import { labelOf } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

const MODEL = /\.(glb|gltf|obj|fbx|stl|ply|spz|splat|ksplat|usdz)(?: \[(?:input|output|temp)\])?$/i;

/** @param {Editor} editor @param {Widgets} widgets @param {string} name @returns {WidgetKind} */
export function placeKind(editor, widgets, name) {
  return name === "AUDIO_UI" ? playerKind(editor, widgets) : wordsKind(editor, name);
}

/** The file that a node is about: what it made, else what one of its widgets names. @param {Editor} editor @param {Node} node @returns {{src: string, name: string} | null} */
function fileOf(editor, node) {
  const made = editor.services.content?.get(node)?.media.find((/** @type {any} */ each) => each.kind === "file");
  if (made) return { src: made.src, name: made.file.filename };
  for (const { name } of node.widgets) {
    const value = node.values[name];
    if (typeof value !== "string" || !MODEL.test(value) || node.isDriven(name)) continue;
    const [, path, type = "input"] = /** @type {RegExpExecArray} */ (/^(.+?)(?: \[(input|output|temp)\])?$/s.exec(value));
    const at = path.lastIndexOf("/");
    const filename = path.slice(at + 1);
    return { src: editor.server.fileAddress({ filename, subfolder: path.slice(0, Math.max(0, at)), type }), name: filename };
  }
  return null;
}

/** @param {{src: string, name: string}} file */
function download({ src, name }) {
  h("a", { href: src, download: name }).click();
}

/** @param {Editor} editor @param {string} name @returns {WidgetKind} */
function wordsKind(editor, name) {
  const words = editor.text(name === "COMPOSITOR" ? "widgets.no-layers" : "widgets.no-3d");
  /** @param {Node} node */
  const offer = (node) => {
    const file = name === "COMPOSITOR" ? null : fileOf(editor, node);
    return { file, text: file ? editor.text("widgets.download", { name: file.name }) : editor.text("widgets.no-file") };
  };
  return {
    height: () => 54,
    edit(node) {
      const { file } = offer(node);
      if (file) download(file);
      return Boolean(file);
    },
    draw(pen, node, _, box) {
      pen.box(box, pen.theme.field, { radius: 6 });
      if (!pen.isNear) return;
      const { file, text } = offer(node);
      const [x, width] = [(box.left + box.right) / 2, box.right - box.left - 16];
      if (name === "COMPOSITOR") return pen.text(words, x, (box.top + box.bottom) / 2, { align: "center", width, colour: pen.theme.faint });
      pen.text(words, x, box.top + 17, { align: "center", width, colour: pen.theme.faint });
      pen.text(text, x, box.top + 37, { align: "center", width, colour: file ? pen.theme.accent : pen.theme.faint });
    },
    press(_, node) {
      const { file } = offer(node);
      return file ? { end: (__, moved) => void (moved || download(file)) } : undefined;
    },
    control(_, node) {
      const { file, text } = offer(node);
      return h("span", { class: "control" }, h("span", {}, words), file && h("a", { href: file.src, download: file.name }, text));
    },
  };
}

/** A sound that a node reads or made. @param {Editor} editor @param {Widgets} widgets @returns {WidgetKind} */
function playerKind(editor, widgets) {
  const player = h("audio", {});
  /** @type {Node | null} */
  let playing = null;
  const redraw = () => editor.view.redraw();
  for (const event of ["play", "pause", "ended", "error"]) player.addEventListener(event, redraw);
  widgets.cleanups.push(() => player.pause());
  /** @param {Node} node @param {InputSpec} input @returns {string | null} */
  const sourceOf = (node, input) => {
    const value = node.values[input.name];
    if (typeof value === "string" && /^(\/|blob:)/.test(value)) return value;
    return editor.services.content?.mediaOf?.(node).find((/** @type {any} */ each) => each.kind === "audio")?.src ?? null;
  };
  /** @param {Node} node @param {InputSpec} input */
  const toggle = (node, input) => {
    const src = sourceOf(node, input);
    if (!src) return false;
    if (playing === node && !player.paused) player.pause();
    else {
      if (playing !== node || player.getAttribute("src") !== src) player.src = src;
      playing = node;
      player.play().catch(() => editor.shell.note(editor.text("widgets.no-sound"), { kind: "error" }));
    }
    return true;
  };
  /** @param {Node} node @param {InputSpec} input */
  const words = (node, input) => editor.text(!sourceOf(node, input) ? "widgets.no-audio" : playing === node && !player.paused ? "widgets.pause" : "widgets.play");
  return {
    height: () => 24,
    edit: toggle,
    draw(pen, node, input, box) {
      pen.box(box, pen.theme.title, { radius: 6 });
      if (pen.isNear) pen.text(words(node, input), (box.left + box.right) / 2, (box.top + box.bottom) / 2, { align: "center", width: box.right - box.left - 12 });
    },
    press: (_, node, input) => ({ end: (__, moved) => void (moved || toggle(node, input)) }),
    control: (_, node, input) => {
      const src = sourceOf(node, input);
      return h("span", { class: "control" }, src ? new Player(editor, { kind: "audio", src, name: labelOf(node, input) }).element : h("span", {}, words(node, input)));
    },
  };
}
