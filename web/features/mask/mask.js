/**
 * Drawing masks on pictures: on the one that a node loads, or on one that a node shows, for which a node that loads it is
 * added. `editor.commands.run("mask.open", {node, picture?})`.
 */

import { addStyle } from "../../core/dom.js";
import { fileOf, kindOfFiles } from "../../core/file-inputs.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */

/**
 * A picture, and the widget that names it, if one does.
 * @typedef {{file: {filename: string, subfolder: string, type: string}, node: Node, input: InputSpec | null}} Subject
 */

const LOADER = "LoadImage";

/** @type {Feature} */
export const mask = {
  name: "mask",
  install(editor) {
    /** @type {Promise<() => void> | null} */
    let style = null;

    /** @param {any} argument */
    async function open(argument) {
      const subject = subjectOf(editor, argument);
      if (!subject) return void editor.shell.note(editor.text("mask.no-picture"));
      style ??= addStyle("./mask.css", import.meta.url);
      const [{ showMaskDialog }] = await Promise.all([import("./dialog.js"), style]);
      const saved = await showMaskDialog(editor, subject.file, subject.input?.options.image_folder ?? "input");
      if (saved) take(editor, subject, saved);
      return undefined;
    }

    const stops = [
      editor.commands.add({ id: "mask.open", title: "command.mask", isOnce: true, run: open }),
      editor.addMenu(6, (press) => {
        const { hit } = press;
        if (!("node" in hit) || hit.kind === "input" || hit.kind === "output") return [];
        const found = editor.services.content?.pictureAt?.(press);
        const argument = found ?? { node: hit.node };
        return subjectOf(editor, argument) ? [editor.menuItem("mask.open", argument)] : [];
      }),
    ];
    return () => {
      stops.forEach((stop) => stop());
      void style?.then((remove) => remove());
    };
  },
};

/**
 * @param {Editor} editor
 * @param {{node?: Node, picture?: {file?: any, isMoving?: boolean}} | undefined} argument  of nothing: what is chosen
 * @returns {Subject | null}
 */
function subjectOf(editor, argument) {
  const [chosen, ...others] = editor.selection.nodes;
  const node = argument?.node ?? (others.length ? undefined : chosen);
  if (!node) return null;
  const input = node.widgets.find((each) => each.widget === "COMBO" && kindOfFiles(each) === "image" && !node.isDriven(each.name)) ?? null;
  if (input) {
    const file = fileOf(node.values[input.name], input.options.image_folder);
    return file && { file, node, input };
  }
  const content = editor.services.content?.get(node);
  const picture = argument?.picture ?? content?.pictures[Math.max(0, content.enlarged)];
  const { filename, subfolder = "", type = "output" } = picture?.file ?? {};
  return typeof filename === "string" && !picture?.isMoving ? { file: { filename, subfolder, type }, node, input: null } : null;
}

/** One step of undo: the node loads the picture with its mask. @param {Editor} editor @param {Subject} subject @param {{path: string, folder: string}} saved */
function take(editor, { node, input }, { path, folder }) {
  editor.services.widgets?.choices.add(folder, path);
  const { graph } = node;
  const where = editor.view.layouts.boxOf(node);
  const added = graph.document.edit("undo.mask", () => {
    if (input) graph.setValue(node, input.name, path);
    return input ? null : graph.addNode(LOADER, { x: where.right + 60, y: node.y }, { image: path });
  });
  if (added && graph === editor.graph) editor.selection.set([added]);
  editor.events.emit("files:uploaded", { folder, path });
}
