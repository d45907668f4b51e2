/** The window of the palette: a field, what was found, and what the highlighted one is. All of it works by keys. */

import { h, icon } from "../../core/dom.js";
import { worth } from "../../core/everyday.js";
import { fitOfType, typeOfInput, typeOfOutput } from "../../core/flow.js";
import { holderOf, widgetAt } from "../../core/holders.js";
import { placeInside } from "../../core/shell.js";
import { colourOfType } from "../../core/view/theme.js";
import { rank, searchable } from "../../core/rank.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { PaletteEntry, PaletteRequest } from "./palette.js" */
/** @import { Searchable } from "../../core/rank.js" */

/** One line: a node, a folder of nodes, or a heading. @typedef {{entry: PaletteEntry} | {folder: string, name: string, count: number} | {heading: string}} Row  `folder` with "/" */

const PAGE_ROWS = 60; // made at once; more as one scrolls
const STAR = "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8L12 16.9l-5.2 2.7 1-5.8-4.2-4.1 5.8-.8z";
const FOLDER = "M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z";

/** @type {WeakMap<PaletteEntry, Searchable>} */
const searchables = new WeakMap();
let windows = 0; // for ids of rows

/** @param {PaletteEntry} entry */
function searchableOf(entry) {
  let found = searchables.get(entry);
  if (!found) searchables.set(entry, (found = searchable([entry.title, entry.name].filter(Boolean), entry.aliases, [entry.category, entry.menu].filter(Boolean).join("/"))));
  return found;
}

/**
 * @param {Editor} editor
 * @param {PaletteEntry[]} all
 * @param {PaletteRequest} request
 * @returns {{chosen: Promise<PaletteEntry | null>, close: () => void}}
 */
export function openPanel(editor, all, request) {
  const { catalogue, settings, shell, graph } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  const id = `palette-${++windows}`;
  const wanted = request.fits;
  const type = wanted && (wanted.side === "output" ? typeOfOutput(graph, wanted.node, wanted.slot) : typeOfInput(graph, wanted.node, wanted.slot));
  const link = request.between;
  const given = (link && graph.node(link.from)?.outputs[link.fromSlot]?.type) ?? "*";
  const taken = (link && graph.node(link.to)?.inputs[link.toSlot]?.type) ?? "*";
  /** @type {Map<PaletteEntry, number>} */
  const fit = new Map();
  const offered = all.filter((entry) => {
    if (!link && (!wanted || type === undefined)) return true;
    const how = link ? Math.min(fitOfEntry(entry, "output", given), fitOfEntry(entry, "input", taken)) : fitOfEntry(entry, /** @type {Socket} */ (wanted).side, /** @type {string} */ (type));
    if (how) fit.set(entry, how);
    return how > 0;
  });
  // What drives a widget most often is a value of its own.
  const widget = wanted?.side === "input" ? widgetAt(wanted.node, wanted.slot) : undefined;
  const holder = widget && holderOf(editor.catalogue, widget);
  const byId = new Map(offered.map((entry) => [entry.id, entry]));
  const recent = new Map(/** @type {string[]} */ (settings.read("palette.recent", [])).map((each, i) => [each, i]));
  /** @type {Set<string>} */
  const favourites = new Set(settings.read("palette.favourites", []));
  let folder = "";
  /** @type {Row[]} */
  let rows = [];
  let at = -1;
  let made = 0;

  const field = h("input", {
    type: "search", class: "palette-field", role: "combobox", "aria-expanded": "true", "aria-controls": `${id}-list`, "aria-autocomplete": "list",
    "aria-label": t("palette.search"), placeholder: t("palette.search"), autocomplete: "off", spellcheck: "false",
  });
  const where = h("div", { class: "palette-where" });
  const list = h("div", { class: "palette-list", id: `${id}-list`, role: "listbox", "aria-label": t("palette.found"), tabindex: "-1" });
  const card = h("div", { class: "palette-card", "aria-live": "polite" });
  const panel = h("div", { class: "palette", role: "dialog", "aria-label": t("command.add-node") },
    h("div", { class: "palette-head" }, icon("M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21"), field), where,
    h("div", { class: "palette-body" }, list, card),
    h("div", { class: "palette-foot" },
      h("span", {}, h("kbd", {}, "↑↓"), " ", t("palette.key-choose")), h("span", {}, h("kbd", {}, "Enter"), " ", t("palette.key-add")),
      h("span", {}, h("kbd", {}, "Ctrl+D"), " ", t("palette.key-star")), h("span", {}, h("kbd", {}, "Esc"), " ", t("palette.key-close"))));

  const worthOf = worth(settings);
  /** @param {PaletteEntry} entry */
  const bonus = (entry) => worthOf(entry) + (fit.get(entry) ?? 0) * 25;

  /** @returns {Row[]} */
  function rowsNow() {
    const query = field.value.trim();
    if (query) return rank(offered, query, searchableOf, bonus).map((entry) => ({ entry }));
    if (wanted || link) return rank(offered, "", searchableOf, (entry) => bonus(entry) + (fit.get(entry) ?? 0) * 200 + (entry.id === holder ? 1000 : 0)).map((entry) => ({ entry }));
    /** @type {Row[]} */
    const found = [];
    if (!folder) {
      const starred = offered.filter((entry) => favourites.has(entry.id));
      if (starred.length) found.push({ heading: t("palette.favourites") }, ...starred.map((entry) => ({ entry })));
      const used = [...recent.keys()].map((each) => byId.get(each)).filter((each) => each !== undefined).slice(0, 6);
      if (used.length) found.push({ heading: t("palette.recent") }, ...used.map((entry) => ({ entry })));
      found.push({ heading: t("palette.categories") });
    }
    const prefix = folder ? `${folder}/` : "";
    /** @type {Map<string, number>} */
    const inner = new Map();
    /** @type {PaletteEntry[]} */
    const here = [];
    for (const entry of offered) {
      if (entry.category === folder) here.push(entry);
      else if (entry.category.startsWith(prefix)) {
        const name = entry.category.slice(prefix.length).split("/")[0];
        inner.set(name, (inner.get(name) ?? 0) + 1);
      }
    }
    const folders = [...inner].map(([name, count]) => ({ folder: prefix + name, name: catalogue.menuOf(name), count }));
    found.push(...folders.sort((a, b) => a.name.localeCompare(b.name)));
    for (const entry of here.sort((a, b) => a.title.localeCompare(b.title))) found.push({ entry });
    return found;
  }

  function refresh() {
    rows = rowsNow();
    at = rows.findIndex((row) => !("heading" in row));
    made = 0;
    list.replaceChildren();
    list.scrollTop = 0;
    if (!rows.length) list.append(h("p", { class: "none" }, t("palette.none")));
    makeMore();
    showWhere();
    mark();
  }

  function showWhere() {
    /** @type {HTMLElement[]} */
    const parts = [];
    if (wanted && type !== undefined) {
      parts.push(h("span", { class: "palette-fits" }, h("i", { class: "dot", style: { background: colourOfType(type) } }), t(wanted.side === "output" ? "palette.takes" : "palette.gives", { type })));
    }
    if (folder && !field.value) {
      parts.push(h("button", { type: "button", class: "palette-up", on: { click: () => { folder = parentOf(folder); refresh(); field.focus(); } } }, "‹ ", catalogue.menuOf(folder)));
    }
    where.replaceChildren(...parts);
    where.hidden = !parts.length;
  }

  function makeMore() {
    const end = Math.min(rows.length, made + PAGE_ROWS);
    for (; made < end; made++) list.append(elementOf(rows[made], made));
  }

  /** @param {Row} row @param {number} index */
  function elementOf(row, index) {
    if ("heading" in row) return h("div", { class: "palette-heading", role: "presentation" }, row.heading);
    const choose = () => { at = index; mark(); };
    if ("folder" in row) {
      return h("div", { class: "palette-row", id: `${id}-${index}`, role: "option", "aria-selected": "false", on: { pointermove: choose, click: () => take(index) } },
        icon(FOLDER), h("span", { class: "palette-name" }, row.name), h("span", { class: "palette-category" }, String(row.count)), h("span", { "aria-hidden": "true" }, "›"));
    }
    const { entry } = row;
    const isStarred = favourites.has(entry.id);
    return h("div", { class: "palette-row", id: `${id}-${index}`, role: "option", "aria-selected": "false", on: { pointermove: choose, click: () => take(index) } },
      h("span", { class: isStarred ? "palette-star star is-starred" : "palette-star star", title: t(isStarred ? "palette.unstar" : "palette.star"), on: { click: (/** @type {Event} */ event) => { event.stopPropagation(); star(index); } } }, icon(STAR)),
      h("span", { class: "palette-name" }, entry.title),
      entry.isDeprecated && h("span", { class: "badge" }, t("palette.deprecated")),
      entry.isExperimental && h("span", { class: "badge" }, t("palette.experimental")),
      h("span", { class: "palette-category" }, entry.menu || entry.category));
  }

  function mark() {
    while (at >= made && made < rows.length) makeMore();
    for (const each of list.querySelectorAll("[aria-selected=true]")) each.setAttribute("aria-selected", "false");
    const row = list.querySelector(`#${id}-${at}`);
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    if (row) field.setAttribute("aria-activedescendant", row.id);
    else field.removeAttribute("aria-activedescendant");
    describe();
  }

  function describe() {
    const row = rows[at];
    if (!row || !("entry" in row)) {
      card.replaceChildren();
      return;
    }
    const { entry } = row;
    /** @param {{name: string, label?: string, type: string}} slot */
    const line = (slot) => h("li", {}, h("i", { class: "dot", style: { background: colourOfType(slot.type) } }), h("span", {}, slot.label ?? slot.name), h("small", {}, slot.type.length > 24 ? `${slot.type.slice(0, 24)}…` : slot.type));
    const sockets = entry.inputs.filter((each) => !each.isWidget);
    const widgets = entry.inputs.filter((each) => each.isWidget);
    card.replaceChildren(
      h("h2", {}, entry.title),
      ...(entry.name && entry.name !== entry.title ? [h("p", { class: "palette-type" }, entry.name)] : []),
      ...(entry.doc ? [h("p", { class: "palette-doc" }, entry.doc)] : []),
      ...(sockets.length ? [h("h3", {}, t("palette.inputs")), h("ul", {}, sockets.map(line))] : []),
      ...(widgets.length ? [h("h3", {}, t("palette.widgets")), h("ul", {}, widgets.map(line))] : []),
      ...(entry.outputs.length ? [h("h3", {}, t("palette.outputs")), h("ul", {}, entry.outputs.map(line))] : []));
    card.scrollTop = 0;
  }

  /** @param {number} index */
  function star(index) {
    const row = rows[index];
    if (!row || !("entry" in row)) return;
    if (!favourites.delete(row.entry.id)) favourites.add(row.entry.id);
    settings.write("palette.favourites", [...favourites]);
    list.querySelector(`#${id}-${index}`)?.replaceWith(elementOf(row, index));
    mark();
  }

  /** @param {number} by */
  function step(by) {
    for (let next = at + by; next >= 0 && next < rows.length; next += Math.sign(by)) {
      if ("heading" in rows[next]) continue;
      at = next;
      break;
    }
    mark();
  }

  /** @type {(entry: PaletteEntry | null) => void} */
  let answer = () => {};
  /** @type {Promise<PaletteEntry | null>} */
  const chosen = new Promise((resolve) => (answer = resolve));

  /** @param {number} index */
  function take(index) {
    const row = rows[index];
    if (!row || "heading" in row) return;
    if ("folder" in row) {
      folder = row.folder;
      refresh();
      field.focus();
    } else {
      finish(row.entry);
    }
  }

  const before = document.activeElement;
  const stop = new AbortController();
  /** @param {PaletteEntry | null} entry */
  function finish(entry) {
    stop.abort();
    const hadFocus = panel.contains(document.activeElement);
    panel.remove();
    if (hadFocus && before instanceof HTMLElement) before.focus({ preventScroll: true });
    answer(entry);
  }

  // Wherever one clicks, the keyboard stays with the palette: with the field, or where a text may be copied from.
  panel.tabIndex = -1;
  panel.addEventListener("mousedown", (event) => {
    const target = /** @type {globalThis.Node} */ (event.target);
    if (target !== field && !card.contains(target)) event.preventDefault();
  });
  field.addEventListener("input", refresh);
  list.addEventListener("scroll", () => {
    if (list.scrollTop + list.clientHeight > list.scrollHeight - 200) makeMore();
  });
  panel.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") step(key === "ArrowDown" ? 1 : -1);
    else if (key === "PageDown" || key === "PageUp") step(key === "PageDown" ? Math.min(10, rows.length - 1 - at) || 1 : -Math.min(10, at) || -1);
    else if (key === "Enter") take(at);
    else if (key === "Escape") finish(null);
    else if (key === "d" && (event.ctrlKey || event.metaKey)) star(at);
    else if (key === "ArrowRight" && !field.value && rows[at] && "folder" in rows[at]) take(at);
    else if ((key === "ArrowLeft" || key === "Backspace") && !field.value && folder) {
      folder = parentOf(folder);
      refresh();
    } else if (key !== "Tab") {
      event.stopPropagation(); // letters are for the field, not for the canvas' keys
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  addEventListener("pointerdown", (event) => {
    if (!panel.contains(/** @type {globalThis.Node} */ (event.target))) finish(null);
  }, { signal: stop.signal, capture: true });

  shell.topmost.append(panel);
  refresh();
  if (request.page) placeInside(panel, request.page.x, request.page.y, innerWidth - 4);
  else panel.classList.add("is-central");
  field.focus();
  return { chosen, close: () => finish(null) };
}

/** @param {string} folder */
function parentOf(folder) {
  return folder.includes("/") ? folder.slice(0, folder.lastIndexOf("/")) : "";
}

/** @param {PaletteEntry} entry @param {"input" | "output"} side @param {string} type */
function fitOfEntry(entry, side, type) {
  const inputs = entry.inputs.map((each) => ({ name: each.name, type: each.type, widget: each.isWidget ? each.type : null }));
  return fitOfType(/** @type {any} */ ({ inputs, outputs: entry.outputs }), side, type);
}
