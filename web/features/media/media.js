/**
 * Pictures, videos and sounds as inputs: `editor.services.media`. A file that carries no workflow becomes a node that
 * reads it; a result is copied to the inputs and given to the chosen node, or to a new one.
 */

import { kindOfFile, kindOfFiles } from "../../core/file-inputs.js";
import { BYPASSED, MUTED } from "../../core/graph.js";
import { unfold } from "../../core/spec.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { FileKind } from "../../core/file-inputs.js" */
/** @import { Graph, Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Point } from "../../core/view/links.js" */

/** The types that people know for this; of others the first that reads such files is taken. @type {Record<FileKind, string>} */
const USUAL = { image: "LoadImage", video: "LoadVideo", audio: "LoadAudio" };
const GAP = 30; // between nodes that come together, graph px

/** @typedef {{kind: FileKind, value: string}} Brought  a file among the inputs, as widgets name it */

/**
 * @typedef {{filename: string, subfolder?: string, type?: string, kind: string}} Result  a file that a job wrote
 *
 * @typedef {object} MediaService
 * @property {(file: File, place?: Point) => Promise<void>} place  uploads a file and makes a node that reads it; `place`:
 *   corner of the node, graph px, without it where the pointer is
 * @property {(files: File[], place?: Point) => Promise<void>} placeAll  several, beside each other, in one step of undo
 * @property {(results: Result[], where?: {place?: Point, node?: Node}) => Promise<void>} use  results as inputs: one goes
 *   to the node that is chosen or meant if it reads such files, else each gets a node
 * @property {(kind: string) => boolean} canRead  whether there are nodes that read such files
 */

/** @type {Feature} */
export const media = {
  name: "media",
  install(editor) {
    const stopHook = editor.services.run.prepare.add((asked) => capture(editor, asked));
    const takeService = editor.offer("media", {
      place: (file, place) => placeAll(editor, [file], place),
      placeAll: (files, place) => placeAll(editor, files, place),
      use: (results, where) => use(editor, results, where),
      canRead: (kind) => typeFor(editor, kind) !== null,
    });
    return () => {
      stopHook();
      takeService();
    };
  },
};

/**
 * Pictures of the camera for the nodes that want one at each run.
 * @param {Editor} editor
 * @param {{document: Document, targets: string[] | null}} asked
 * @returns {Promise<boolean>} false: one could not be taken, and the person was told why
 */
async function capture(editor, { document }) {
  for (const graph of document.graphs()) {
    for (const node of graph.nodes.values()) {
      const input = node.inputSpecs.find((each) => each.widget === "WEBCAM");
      if (!input || node.mode === MUTED || node.mode === BYPASSED || node.values.capture_on_queue !== true || node.isDriven(input.name)) continue;
      let trouble;
      try {
        trouble = await editor.services.widgets.capture(node, input);
      } catch (error) {
        editor.report(error);
        return false;
      }
      if (!trouble) continue;
      editor.shell.note(editor.text("media.not-captured", { node: node.name, reason: editor.text(trouble) }), { kind: "error", action: {
        text: editor.text("media.turn-off"),
        run: () => document.edit("undo.value", () => graph.setValue(node, "capture_on_queue", false)),
      } });
      return false;
    }
  }
  return true;
}

/** @param {Editor} editor @param {File[]} files @param {Point} [place] */
async function placeAll(editor, files, place) {
  const where = { graph: editor.graph, corner: place ?? cornerOf(editor) }; // what is shown when they are here may be another
  /** @type {Brought[]} */
  const brought = [];
  for (const file of files) {
    const kind = kindOfFile(file);
    if (!kind || !typeFor(editor, kind)) {
      editor.shell.note(editor.text("media.no-node", { name: file.name }), { kind: "error" });
      continue;
    }
    const form = new FormData();
    form.append("image", file, file.name);
    const { name, subfolder } = await editor.server.post("/upload/image", form);
    const value = subfolder ? `${subfolder}/${name}` : name;
    know(editor, value);
    brought.push({ kind, value });
  }
  if (brought.length) makeNodes(editor, brought, where);
}

/**
 * @param {Editor} editor
 * @param {Result[]} results
 * @param {{place?: Point, node?: Node}} [where]
 */
async function use(editor, results, { place, node } = {}) {
  const where = { graph: editor.graph, corner: place ?? cornerOf(editor) };
  const chosen = node ?? (editor.selection.nodes.length === 1 ? editor.selection.nodes[0] : undefined);
  /** @type {Brought[]} */
  const brought = [];
  for (const { filename, subfolder = "", type = "output", kind } of results) {
    const wanted = /** @type {FileKind} */ (kind);
    if (!typeFor(editor, kind)) {
      editor.shell.note(editor.text("media.no-node", { name: filename }), { kind: "error" });
      continue;
    }
    const { value } = await editor.server.post("/heddle/outputs/use-as-input", { filename, subfolder, type });
    know(editor, value);
    brought.push({ kind: wanted, value });
  }
  if (!brought.length) return;
  const [only, ...others] = brought;
  const isThere = chosen?.graph.node(chosen.id) === chosen;
  const input = chosen && isThere && !others.length && (node || !place) ? inputFor(chosen.inputSpecs, only.kind) : undefined;
  if (chosen && input && !chosen.isDriven(input.name)) {
    chosen.graph.document.edit("undo.value", () => chosen.graph.setValue(chosen, input.name, only.value));
    editor.shell.note(editor.text("media.set", { name: chosen.name }), { kind: "good" });
  } else {
    makeNodes(editor, brought, where);
    editor.shell.note(editor.text(others.length ? "media.nodes-made" : "media.node-made", { count: brought.length }), { kind: "good" });
  }
}

/** The lists of choices are the server's, from before. @param {Editor} editor @param {string} value */
function know(editor, value) {
  editor.services.widgets.choices.add("input", value);
  editor.events.emit("files:uploaded", { folder: "input", path: value });
}

/** Where nodes go that nobody gave a place. @param {Editor} editor @returns {Point} */
function cornerOf({ view }) {
  const { last } = view.pointer;
  return last ? { x: last.x, y: last.y } : view.toGraph(view.width / 2 - 150, view.height / 2 - 150);
}

/** @param {Editor} editor @param {Brought[]} brought @param {{graph: Graph, corner: Point}} where */
function makeNodes(editor, brought, { graph, corner }) {
  const { view } = editor;
  let x = Math.round(corner.x);
  const y = Math.round(corner.y);
  const nodes = graph.document.edit("undo.add-node", () => brought.map(({ kind, value }) => {
    const found = /** @type {{type: string, input: InputSpec}} */ (typeFor(editor, kind));
    const node = graph.addNode(found.type, { x, y }, { [found.input.name]: value });
    const { width, height } = view.layouts.of(node);
    graph.setNode(node, "width", Math.ceil(width));
    graph.setNode(node, "height", Math.ceil(height));
    x += Math.ceil(width) + GAP;
    return node;
  }));
  if (graph === editor.graph) editor.selection.set(nodes);
}

/** @param {Editor} editor @param {string} kind @returns {{type: string, input: InputSpec} | null} */
function typeFor(editor, kind) {
  const { catalogue } = editor;
  if (!Object.hasOwn(USUAL, kind)) return null;
  for (const type of [USUAL[/** @type {FileKind} */ (kind)], ...catalogue.types]) {
    const spec = catalogue.spec(type);
    const input = spec && inputFor(unfold(spec, {}, () => false), kind);
    if (input) return { type, input };
  }
  return null;
}

/** @param {InputSpec[]} inputs @param {string} kind */
function inputFor(inputs, kind) {
  return inputs.find((each) => each.widget === "COMBO" && kindOfFiles(each) === kind && (each.options.image_folder ?? "input") === "input");
}
