/** The dialog of extensions: which are there, and what went wrong with others. Loaded when it is opened. */

import { h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { ExtensionRecord } from "./loader.js" */

/** @param {Editor} editor @param {ExtensionRecord[]} records */
export function showExtensions(editor, records) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  const order = [...records].sort((a, b) => Number(Boolean(b.error)) - Number(Boolean(a.error)) || a.name.localeCompare(b.name));
  return editor.shell.dialog(t("command.extensions"), (body) => {
    if (!order.length) body.append(h("p", {}, t("extensions.none")));
    body.append(h("ul", { class: "extensions" }, order.map((each) => h("li", {},
      h("span", { class: "extensions-name" }, each.name),
      h("span", { class: each.error ? "extensions-wrong" : "extensions-right" }, t(`extensions.${each.state === "there" && each.error ? "faulty" : each.state}`)),
      each.error && h("p", {}, each.error),
      each.address && h("code", {}, each.address)))));
  });
}
