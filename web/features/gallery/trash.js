/** What was deleted and can still come back. */

import { h } from "../../core/dom.js";
import { restore } from "./actions.js";

/** @import { Editor } from "../../core/editor.js" */

const NAMED = 3; // files of one heap

/** @param {Editor} editor */
export async function showTrash(editor) {
  const list = h("ul", { class: "trash-list" });
  const none = h("p", { class: "gallery-empty" }, editor.text("gallery.trash-empty"));
  const empty = h("button", { type: "button", class: "danger", on: { click: () => void attempt(async () => {
    const answer = await editor.shell.ask(editor.text("gallery.trash-clear"), editor.text("gallery.trash-ask"), [
      { id: "clear", text: editor.text("gallery.trash-clear"), isDangerous: true },
      { id: "keep", text: editor.text("shell.cancel"), isMain: true },
    ]);
    if (answer === "clear") await editor.server.ask("DELETE", "/heddle/outputs/trash");
  }) } }, editor.text("gallery.trash-clear"));

  /** @param {() => Promise<unknown>} work */
  async function attempt(work) {
    try {
      await work();
    } catch (error) {
      editor.report(error);
    }
    await load();
  }

  /** @param {number} time_ms */
  const when = (time_ms) => new Date(time_ms).toLocaleString(editor.messages.locale, { dateStyle: "medium", timeStyle: "short" });

  async function load() {
    const { heaps } = await editor.server.get("/heddle/outputs/trash");
    list.replaceChildren(...heaps.map((/** @type {any} */ heap) => h("li", {},
      h("div", { class: "trash-words" },
        h("p", {}, heap.files.slice(0, NAMED).map((/** @type {any} */ each) => each.filename).join(", "), heap.files.length > NAMED ? ` ${editor.text("gallery.and-more", { count: heap.files.length - NAMED })}` : ""),
        h("p", { class: "trash-note" }, editor.text("gallery.trash-when", { time: when(heap.deleted_ms), until: when(heap.until_ms) }))),
      h("button", { type: "button", on: { click: () => void attempt(() => restore(editor, heap.trash)) } }, editor.text("gallery.restore")))));
    list.hidden = empty.hidden = !heaps.length;
    none.hidden = heaps.length > 0;
  }

  await load();
  await editor.shell.dialog(editor.text("command.gallery-trash"), (body) => body.append(none, list, h("div", { class: "dialog-actions" }, empty)), { kind: "gallery-dialog" });
}
