/** What kinds share that open something: a button on the node, and files that come from the page. */

import { h } from "../../core/dom.js";
import { labelOf, setValue } from "./fields.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

/**
 * A kind that is a button.
 * @param {Editor} editor
 * @param {Widgets} widgets
 * @param {(node: Node, input: InputSpec) => string} words
 * @param {(node: Node, input: InputSpec) => unknown} open
 * @returns {WidgetKind}
 */
export function buttonKind(editor, widgets, words, open) {
  /** @param {Node} node @param {InputSpec} input */
  const edit = (node, input) => {
    void Promise.resolve(open(node, input)).catch((error) => editor.report(error));
    return true;
  };
  return {
    height: () => 24,
    edit,
    draw(pen, node, input, box) {
      pen.box(box, pen.theme.title, { radius: 6 });
      if (!pen.isNear) return;
      const text = widgets.uploading.has(node) ? editor.text("widgets.uploading") : words(node, input);
      pen.text(text, (box.left + box.right) / 2, (box.top + box.bottom) / 2, { align: "center", width: box.right - box.left - 12 });
    },
    press: (_, node, input) => ({ end: (__, moved) => void (moved || edit(node, input)) }),
    control: (_, node, input) => h("span", { class: "control control-upload" }, h("button", { type: "button", "aria-label": `${labelOf(node, input)}: ${words(node, input)}`, on: { click: () => edit(node, input) } }, words(node, input))),
  };
}

/**
 * Brings a file to the server's input folder.
 * @param {Editor} editor
 * @param {Widgets} widgets
 * @param {Node} node  that it is for
 * @param {Blob} blob
 * @param {{name: string, subfolder: string}} where
 * @returns {Promise<string>} as widgets name it
 */
export async function bringFile(editor, widgets, node, blob, { name, subfolder }) {
  const form = new FormData();
  form.append("image", blob, name);
  form.append("subfolder", subfolder);
  widgets.uploading.add(node);
  editor.view.redraw();
  try {
    const answer = await editor.server.post("/upload/image", form);
    const path = answer.subfolder ? `${answer.subfolder}/${answer.name}` : answer.name;
    editor.events.emit("files:uploaded", { folder: "input", path });
    return path;
  } finally {
    widgets.uploading.delete(node);
    editor.view.redraw();
  }
}

/**
 * The same, and writes its name into a widget: a step of undo.
 * @param {Editor} editor
 * @param {Widgets} widgets
 * @param {Node} node
 * @param {InputSpec} input
 * @param {Blob} blob
 * @param {{name: string, subfolder: string}} where
 */
export async function keepFile(editor, widgets, node, input, blob, where) {
  setValue(editor, node, input.name, await bringFile(editor, widgets, node, blob, where));
}

/** A name that no other picture or sound has. @param {string} kind @param {string} ending */
export function newName(kind, ending) {
  return `${kind}-${new Date().toISOString().replace(/[:.]/g, "-").replace("Z", "")}.${ending}`;
}
