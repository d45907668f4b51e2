/** A window with a field and a list: one types, chooses by keys or pointer, and something is done. */

import { h } from "./dom.js";
import { rank, searchable } from "./rank.js";

/** @import { Editor } from "./editor.js" */

/**
 * @typedef {object} Pick
 * @property {string} text
 * @property {string} [detail]  smaller, at the right
 * @property {string} [keys]  as people read them
 * @property {string[]} [words]  found by these, too
 * @property {number} [weight]  0 to 100: moves it up
 * @property {string} [colour]  of a dot before the words
 * @property {() => unknown} run
 */

let windows = 0;
const MOST_ROWS = 200;

/**
 * @param {Editor} editor
 * @param {string} title
 * @param {Pick[]} picks  in the order in which they are shown before anything is typed
 * @returns {Promise<void>} when it is closed
 */
export function openPicker(editor, title, picks) {
  const id = `picker-${++windows}`;
  const searchables = new Map(picks.map((pick) => [pick, searchable([pick.text], pick.words ?? [], pick.detail ?? "")]));
  /** @type {Pick[]} */
  let shown = [];
  let at = 0;
  const field = h("input", {
    type: "search", class: "picker-field", role: "combobox", "aria-expanded": "true", "aria-controls": `${id}-list`, "aria-autocomplete": "list",
    "aria-label": title, placeholder: title, autocomplete: "off", spellcheck: "false",
  });
  const list = h("div", { class: "picker-list", id: `${id}-list`, role: "listbox", "aria-label": title, tabindex: "-1" });
  const panel = h("div", { class: "picker", role: "dialog", "aria-label": title }, field, list);
  const before = document.activeElement;
  const stop = new AbortController();

  return new Promise((resolve) => {
    function close() {
      stop.abort();
      const hadFocus = panel.contains(document.activeElement);
      panel.remove();
      if (hadFocus && before instanceof HTMLElement) before.focus({ preventScroll: true });
      resolve();
    }

    function refresh() {
      const query = field.value.trim();
      shown = query ? rank(picks, query, (pick) => /** @type {any} */ (searchables.get(pick)), (pick) => pick.weight ?? 0) : picks;
      shown = shown.slice(0, MOST_ROWS);
      at = 0;
      list.replaceChildren(...shown.map((pick, index) => h("div", { class: "picker-row", id: `${id}-${index}`, role: "option", "aria-selected": "false", on: { pointermove: () => mark(index), click: () => take(index) } },
        pick.colour && h("i", { class: "dot", style: { background: pick.colour } }), h("span", { class: "picker-text" }, pick.text), pick.detail && h("span", { class: "picker-detail" }, pick.detail), pick.keys && h("kbd", {}, pick.keys))));
      if (!shown.length) list.append(h("p", { class: "none" }, editor.text("palette.none")));
      mark(0);
    }

    /** @param {number} index */
    function mark(index) {
      at = index;
      list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
      const row = list.children[at];
      if (!row?.id) {
        field.removeAttribute("aria-activedescendant");
        return;
      }
      row.setAttribute("aria-selected", "true");
      row.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", row.id);
    }

    /** @param {number} index */
    function take(index) {
      const pick = shown[index];
      if (!pick) return;
      close();
      pick.run();
    }

    field.addEventListener("input", refresh);
    panel.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const { key } = event;
      if (key === "ArrowDown") mark(Math.min(shown.length - 1, at + 1));
      else if (key === "ArrowUp") mark(Math.max(0, at - 1));
      else if (key === "PageDown") mark(Math.min(shown.length - 1, at + 10));
      else if (key === "PageUp") mark(Math.max(0, at - 10));
      else if (key === "Enter") take(at);
      else if (key === "Escape") close();
      else if (key !== "Tab") {
        event.stopPropagation();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    });
    addEventListener("pointerdown", (event) => {
      if (!panel.contains(/** @type {globalThis.Node} */ (event.target))) close();
    }, { signal: stop.signal, capture: true });
    editor.shell.topmost.append(panel);
    refresh();
    field.focus();
  });
}
