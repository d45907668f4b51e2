/** The list that a combo opens: a search, folders, pictures, several at once. Loaded when one is first opened. */

import { h, icon } from "../../core/dom.js";
import { placeInside } from "../../core/shell.js";

/**
 * @typedef {object} ChooserOptions
 * @property {string} title
 * @property {any[]} choices
 * @property {any} value  of one that may hold several: a list
 * @property {boolean} isMultiple
 * @property {(value: any) => string} textOf
 * @property {(() => void) | null} refresh
 * @property {(name: string, values?: Record<string, string | number>) => string} t
 * @property {{left: number, top: number, right: number, bottom: number}} beside  CSS px of the page
 * @property {HTMLElement} root
 * @property {(value: any) => void} choose  one that may hold several is told with every change
 */

/** @typedef {{choice: any, text: string, folder: string, isMissing: boolean, element: HTMLElement | null}} Row */

/**
 * @param {ChooserOptions} options
 * @returns {{closed: Promise<void>, update: (choices: any[]) => void, illustrate: (pictureOf: (value: any) => string | null) => void}}
 *   `update`: the list is another one now; `illustrate`: with small pictures, by their addresses
 */
export function openChooser(options) {
  const { t, textOf, isMultiple } = options;
  const before = document.activeElement;
  /** @type {any[]} */
  let chosen = isMultiple ? (Array.isArray(options.value) ? [...options.value] : []) : [options.value];
  /** @type {Row[]} */
  let rows = [];
  /** @type {Row[]} */
  let visible = [];
  let at = -1;
  /** @type {(value: any) => string | null} */
  let pictureOf = () => null;

  const search = h("input", { type: "search", placeholder: t("widgets.search"), "aria-label": t("widgets.search"), role: "combobox", "aria-expanded": "true", "aria-controls": "chooser-list", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false" });
  const list = h("div", { class: "chooser-list", id: "chooser-list", role: "listbox", "aria-label": options.title, "aria-multiselectable": isMultiple ? "true" : null });
  const empty = h("p", { class: "chooser-empty", role: "status", hidden: true });
  const reload = options.refresh && h("button", { type: "button", class: "quiet", title: t("widgets.refresh"), "aria-label": t("widgets.refresh"), on: { click: () => { options.refresh?.(); search.focus(); } } }, icon("M20 11a8 8 0 1 0-2 6M20 5v6h-6"));
  const panel = h("div", { class: "chooser", role: "dialog", "aria-label": options.title }, h("div", { class: "chooser-head" }, search, reload), list, empty);

  /** @param {any[]} choices */
  const build = (choices) => {
    const missing = chosen.filter((each) => each !== undefined && each !== null && each !== "" && !choices.includes(each));
    rows = [...missing, ...choices].map((choice, i) => {
      const text = textOf(choice);
      const cut = typeof choice === "string" ? Math.max(choice.lastIndexOf("/"), choice.lastIndexOf("\\")) : -1;
      return { choice, text, folder: cut > 0 ? text.slice(0, cut) : "", isMissing: i < missing.length, element: null };
    });
    // Files of one folder stand together, those of the top first, each in the order that it came in.
    const folders = [...new Set(rows.map((each) => (each.isMissing ? "" : each.folder)))].sort((a, b) => (a === "" ? -1 : b === "" ? 1 : a.localeCompare(b)));
    if (folders.length > 1) rows = folders.flatMap((folder) => rows.filter((each) => (each.isMissing ? "" : each.folder) === folder));
    filter();
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    visible = rows.filter((row) => words.every((word) => row.text.toLowerCase().includes(word)));
    if (words.length) visible.sort((a, b) => rank(a, words[0]) - rank(b, words[0]));
    const inFolders = !words.length && rows.some((row) => row.folder);
    /** @type {HTMLElement[]} */
    const elements = [];
    let folder = "";
    for (const row of visible) {
      if (inFolders && !row.isMissing && row.folder !== folder) {
        folder = row.folder;
        elements.push(h("div", { class: "chooser-folder", role: "presentation" }, folder));
      }
      elements.push((row.element = rowOf(row, inFolders)));
    }
    list.replaceChildren(...elements);
    empty.hidden = visible.length > 0;
    empty.textContent = rows.length ? t("widgets.none-found") : t("widgets.empty");
    const current = visible.findIndex((row) => chosen.includes(row.choice));
    point(words.length || current < 0 ? 0 : current);
  };

  /** @param {Row} row @param {string} word */
  const rank = (row, word) => {
    const text = row.text.toLowerCase();
    const name = text.slice(row.folder ? row.folder.length + 1 : 0);
    return name === word ? 0 : name.startsWith(word) ? 1 : name.includes(word) ? 2 : 3;
  };

  /** @param {Row} row @param {boolean} isShort */
  const rowOf = (row, isShort) => {
    const picture = row.isMissing ? null : pictureOf(row.choice);
    const isChosen = chosen.includes(row.choice);
    return h("div", { class: `chooser-row${row.isMissing ? " is-missing" : ""}`, role: "option", id: `chooser-${rows.indexOf(row)}`, "aria-selected": String(isChosen), title: row.text, on: {
      click: () => pick(row),
      pointermove: () => point(visible.indexOf(row), false),
    } }, picture && h("img", { src: picture, alt: "", loading: "lazy", on: { error: (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.target).remove() } }),
      h("span", { class: "chooser-text" }, isShort && row.folder && !row.isMissing ? row.text.slice(row.folder.length + 1) : row.text),
      row.isMissing && h("span", { class: "chooser-note" }, t("widgets.not-here")));
  };

  /** @param {number} index @param {boolean} [scrolls] */
  const point = (index, scrolls = true) => {
    visible[at]?.element?.classList.remove("is-at");
    at = visible.length ? Math.max(0, Math.min(index, visible.length - 1)) : -1;
    const element = visible[at]?.element;
    element?.classList.add("is-at");
    if (element) search.setAttribute("aria-activedescendant", element.id);
    else search.removeAttribute("aria-activedescendant");
    if (scrolls) element?.scrollIntoView({ block: "nearest" });
  };

  /** @param {Row} row */
  const pick = (row) => {
    if (!isMultiple) {
      close();
      options.choose(row.choice);
      return;
    }
    chosen = chosen.includes(row.choice) ? chosen.filter((each) => each !== row.choice) : [...chosen, row.choice];
    row.element?.setAttribute("aria-selected", String(chosen.includes(row.choice)));
    options.choose(chosen);
  };

  const stop = new AbortController();
  /** @type {() => void} */
  let resolve = () => {};
  const closed = /** @type {Promise<void>} */ (new Promise((done) => (resolve = done)));
  const close = () => {
    if (stop.signal.aborted) return;
    stop.abort();
    const hadFocus = panel.contains(document.activeElement);
    panel.remove();
    if (hadFocus && before instanceof HTMLElement) before.focus({ preventScroll: true });
    resolve();
  };

  panel.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const page = Math.max(1, Math.floor(list.clientHeight / 30) - 1);
    const moves = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page });
    if (event.key in moves) point(moves[event.key]);
    else if (event.key === "Home" && !search.value) point(0);
    else if (event.key === "End" && !search.value) point(visible.length - 1);
    else if (event.key === "Enter") {
      if (visible[at]) pick(visible[at]);
      if (isMultiple && event.ctrlKey) close();
    } else if (event.key === "Escape" || event.key === "Tab") close();
    else {
      event.stopPropagation(); // what is typed here is no shortcut
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  search.addEventListener("input", filter);
  addEventListener("pointerdown", (event) => {
    if (!panel.contains(/** @type {Node} */ (event.target))) close();
  }, { capture: true, signal: stop.signal });
  addEventListener("wheel", (event) => {
    if (!panel.contains(/** @type {Node} */ (event.target))) close();
  }, { capture: true, passive: true, signal: stop.signal });
  addEventListener("resize", close, { signal: stop.signal });

  const { beside } = options;
  panel.style.minWidth = `${Math.max(240, Math.min(480, beside.right - beside.left))}px`;
  options.root.append(panel);
  build(options.choices);
  placeInside(panel, beside.left, beside.bottom + 2);
  const area = panel.getBoundingClientRect();
  if (area.top < beside.bottom && beside.top - area.height - 2 > 4) panel.style.top = `${beside.top - area.height - 2}px`; // above, where it hides nothing
  search.focus({ preventScroll: true });
  point(at);
  return {
    closed,
    update: build,
    illustrate: (next) => {
      pictureOf = next;
      const { scrollTop } = list;
      const before = at;
      filter();
      point(before, false);
      list.scrollTop = scrollTop;
    },
  };
}
