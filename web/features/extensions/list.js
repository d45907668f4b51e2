/** The dialog of extensions: which are there, and what went wrong with others. Loaded when it is opened. */

import { h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { ExtensionRecord } from "./loader.js" */

const RANK = { failed: 0, silent: 1, loading: 2, there: 3 };

/** @param {Editor} editor @param {() => ExtensionRecord[]} read */
export async function showExtensions(editor, read) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  /** @param {ExtensionRecord} each */
  const isWrong = (each) => Boolean(each.error) || each.state === "silent";
  const list = h("ul", { class: "extensions" });
  const none = h("p", {}, t("extensions.none"));
  const render = () => {
    const order = [...read()].sort((a, b) => Number(isWrong(b)) - Number(isWrong(a)) || RANK[a.state] - RANK[b.state] || a.name.localeCompare(b.name));
    none.hidden = order.length > 0;
    list.replaceChildren(...order.map((each) => h("li", {},
      h("span", { class: "extensions-name" }, each.name),
      h("span", { class: isWrong(each) ? "extensions-wrong" : "extensions-right" }, t(`extensions.${each.state === "there" && each.error ? "faulty" : each.state}`)),
      each.error && h("p", {}, each.error),
      each.address && h("code", {}, each.address))));
  };
  render();
  const stop = editor.events.on("extensions:change", render);
  await editor.shell.dialog(t("command.extensions"), (body) => body.append(none, list));
  stop();
}
