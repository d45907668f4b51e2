/** The list of keys, and of what the pointer does. */

import { groupsOf } from "../../core/command-groups.js";
import { h } from "../../core/dom.js";
import { keysText } from "../../core/editor.js";

/** @import { Editor } from "../../core/editor.js" */

const GESTURES = ["pan", "zoom", "select", "add", "link", "drop", "splice", "menu", "open"];

/** @param {Editor} editor @returns {Promise<void>} when it is closed */
export function showKeys(editor) {
  const { commands, shell } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  return shell.dialog(t("command.help-keys"), (body, close) => {
    const search = h("input", { type: "search", placeholder: t("help.search-keys"), "aria-label": t("help.search-keys"), autocomplete: "off" });
    const columns = h("div", { class: "help-keys", tabindex: "0", role: "region", "aria-label": t("command.help-keys") });
    const change = h("button", { type: "button", on: { click: () => { close(); commands.run("settings.keys"); } } }, t("command.settings-keys"));

    function render() {
      const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      /** @param {string} text */
      const isFound = (text) => words.every((word) => text.toLowerCase().includes(word));
      /** @param {string} title @param {[string, HTMLElement][]} rows */
      const block = (title, rows) => h("section", {}, h("h3", {}, title), h("dl", {}, rows.flatMap(([name, keys]) => [h("dt", {}, name), h("dd", {}, keys)])));
      const blocks = groupsOf(editor).map(({ key, commands: listed }) => {
        /** @type {[string, HTMLElement][]} */
        const rows = listed.flatMap((command) => {
          const keys = commands.keysOf(command.id).map(keysText);
          const name = t(command.title);
          return keys.length && isFound(`${name} ${keys.join(" ")}`) ? [/** @type {[string, HTMLElement]} */ ([name, h("span", {}, keys.flatMap((each, i) => [i ? " " : "", h("kbd", {}, each)]))])] : [];
        });
        return { rows, element: block(t(key), rows) };
      });
      /** @type {[string, HTMLElement][]} */
      const gestures = GESTURES.map((each) => /** @type {[string, HTMLElement]} */ ([t(`help.gesture.${each}`), h("span", {}, t(`help.gesture.${each}.how`))])).filter(([name, how]) => isFound(`${name} ${how.textContent}`));
      const shown = blocks.filter((each) => each.rows.length).map((each) => each.element);
      if (gestures.length) shown.unshift(block(t("help.pointer"), gestures));
      columns.replaceChildren(...(shown.length ? shown : [h("p", { class: "help-none" }, t("settings.none"))]));
    }

    search.addEventListener("input", render);
    body.append(h("div", { class: "help-keys-tools" }, search, change), columns);
    render();
    queueMicrotask(() => search.focus());
  }, { kind: "dialog-keys" });
}
