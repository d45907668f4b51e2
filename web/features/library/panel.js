/** The panel of node types. Loaded when it is opened. */

import { addStyle, h, icon } from "../../core/dom.js";
import { worth } from "../../core/everyday.js";
import { describeType } from "../../core/node-doc.js";
import { rank, searchable } from "../../core/rank.js";
import { Tree } from "../../core/tree.js";
import { colourOfType } from "../../core/view/theme.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Searchable } from "../../core/rank.js" */
/** @import { TreeRow } from "../../core/tree.js" */
/** @import { PaletteEntry } from "../palette/palette.js" */

const STAR = "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8L12 16.9l-5.2 2.7 1-5.8-4.2-4.1 5.8-.8z";
const DRAGGED = "application/x-heddle-node";
const FAVOURITES = "*favourites";
const RECENT = "*recent";
const MOST_RECENT = 10;

/** A folder of the tree. @typedef {{folders: Map<string, Folder>, entries: PaletteEntry[], count: number}} Folder */

/** Folders that are open, also after the panel was closed and opened. */
const opened = new Set([FAVOURITES]);

/**
 * @param {Editor} editor
 * @param {HTMLElement} body
 * @returns {() => void}
 */
export function fillPanel(editor, body) {
  const { settings, shell, view } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  const { palette } = editor.services;
  /** @type {PaletteEntry[]} */
  let entries = [];
  /** @type {Map<string, PaletteEntry>} */
  let byId = new Map();
  /** @type {WeakMap<PaletteEntry, Searchable>} */
  let searchables = new WeakMap();
  /** @type {Folder} */
  let root = emptyFolder();

  const search = h("input", { type: "search", placeholder: t("palette.search"), "aria-label": t("palette.search"), autocomplete: "off", spellcheck: "false" });
  const refresh = h("button", { type: "button", class: "quiet", title: t("command.refresh"), "aria-label": t("command.refresh"), on: { click: () => editor.commands.run("library.refresh") } }, icon("M20 11a8 8 0 1 0-2 6M20 5v6h-6"));
  const none = h("p", { class: "none", role: "status", hidden: true }, t("palette.none"));
  const card = h("div", { class: "library-card panel-card", role: "region", "aria-label": t("library.card"), tabindex: "0", hidden: true });
  const tree = new Tree({
    label: t("library.title"),
    content: contentOf,
    mark: describe,
    take: (row) => add(row.data),
    fold(row, open) {
      if (open) opened.add(row.id);
      else opened.delete(row.id);
      render();
    },
    key(event, row) {
      if ((event.ctrlKey || event.metaKey) && event.key === "d" && row.data) return star(row.data), true;
      return false;
    },
    drag(event, row) {
      if (!event.dataTransfer || !row.data) return;
      event.dataTransfer.setData(DRAGGED, row.data.id);
      event.dataTransfer.effectAllowed = "copy";
    },
  });

  /** @returns {Set<string>} */
  const favourites = () => new Set(settings.read("palette.favourites", []));

  function load() {
    entries = palette?.entries() ?? [];
    byId = new Map(entries.map((entry) => [entry.id, entry]));
    searchables = new WeakMap();
    root = emptyFolder();
    for (const entry of entries) {
      let folder = root;
      for (const name of entry.category.split("/").filter(Boolean)) {
        folder.count++;
        let inner = folder.folders.get(name);
        if (!inner) folder.folders.set(name, (inner = emptyFolder()));
        folder = inner;
      }
      folder.count++;
      folder.entries.push(entry);
    }
    render();
  }

  /** @param {PaletteEntry} entry */
  function searchableOf(entry) {
    let found = searchables.get(entry);
    if (!found) searchables.set(entry, (found = searchable([entry.title, entry.name].filter(Boolean), entry.aliases, [entry.category, entry.menu].filter(Boolean).join("/"))));
    return found;
  }

  function render() {
    const query = search.value.trim();
    const rows = query ? found(query) : all();
    tree.show(rows);
    none.hidden = rows.length > 0;
    if (query && tree.rows.length) {
      tree.element.scrollTop = 0;
      tree.markAt(0);
    } else if (tree.current) {
      describe(tree.current);
    }
  }

  /** @param {string} query @returns {TreeRow[]} */
  function found(query) {
    return rank(entries, query, searchableOf, worth(settings)).map((entry) => leaf(entry, "found", 1));
  }

  /** @returns {TreeRow[]} */
  function all() {
    /** @type {TreeRow[]} */
    const rows = [];
    /** @param {string} id @param {string} title @param {PaletteEntry[]} listed */
    const shelf = (id, title, listed) => {
      if (!listed.length) return;
      rows.push({ id, text: title, level: 1, isOpen: opened.has(id), data: undefined });
      if (opened.has(id)) rows.push(...listed.map((entry) => leaf(entry, id, 2)));
    };
    /** @param {string[]} ids */
    const known = (ids) => ids.map((id) => byId.get(id)).filter((entry) => entry !== undefined);
    shelf(FAVOURITES, t("palette.favourites"), known([...favourites()]));
    shelf(RECENT, t("palette.recent"), known(settings.read("palette.recent", [])).slice(0, MOST_RECENT));
    /** @param {Folder} folder @param {string} path @param {number} level */
    const walk = (folder, path, level) => {
      const folders = [...folder.folders].map(([name, inner]) => ({ name, inner, text: editor.catalogue.menuOf(name) }));
      for (const { name, inner, text } of folders.sort((a, b) => a.text.localeCompare(b.text))) {
        const id = `${path}${name}/`;
        rows.push({ id, text, level, isOpen: opened.has(id) });
        if (opened.has(id)) walk(inner, id, level + 1);
      }
      for (const entry of [...folder.entries].sort((a, b) => a.title.localeCompare(b.title))) rows.push(leaf(entry, path, level));
    };
    walk(root, "", 1);
    return rows;
  }

  /** @param {TreeRow} row @returns {(globalThis.Node | string | null)[]} */
  function contentOf(row) {
    /** @type {PaletteEntry | undefined} */
    const entry = row.data;
    if (!entry) return [h("span", { class: "tree-text" }, row.text)];
    const colour = colourOfType(entry.outputs[0]?.type ?? "*");
    return [
      h("i", { class: "dot", style: { background: colour } }), h("span", { class: "tree-text" }, entry.title),
      entry.isDeprecated ? h("span", { class: "badge" }, t("palette.deprecated")) : entry.isExperimental ? h("span", { class: "badge" }, t("palette.experimental")) : null,
      favourites().has(entry.id) ? h("span", { class: "star is-starred" }, icon(STAR)) : null,
    ];
  }

  /** @param {TreeRow} row */
  function describe(row) {
    /** @type {PaletteEntry | undefined} */
    const entry = row.data;
    card.hidden = !entry;
    if (!entry) return;
    const isStarred = favourites().has(entry.id);
    const spec = editor.document.specOf(entry.id);
    const starWords = t(isStarred ? "palette.unstar" : "palette.star");
    card.replaceChildren(
      h("div", { class: "library-card-head" }, h("h3", {}, entry.title),
        h("button", { type: "button", class: isStarred ? "quiet is-starred" : "quiet", title: `${starWords} (Ctrl+D)`, "aria-label": starWords, "aria-pressed": String(isStarred), on: { click: () => star(entry) } }, icon(STAR)),
        h("button", { type: "button", class: "main", on: { click: () => add(entry) } }, t("library.add"))),
      ...(spec ? describeType(editor, spec) : entry.doc ? [h("p", { class: "doc-text" }, entry.doc)] : []));
    card.scrollTop = 0;
  }

  /** @param {PaletteEntry} entry */
  function star(entry) {
    const starred = favourites();
    if (!starred.delete(entry.id)) starred.add(entry.id);
    settings.write("palette.favourites", [...starred]);
  }

  /** @param {PaletteEntry | undefined} entry */
  function add(entry) {
    if (!entry) return;
    const place = view.toGraph(view.width / 2 - 110, view.height / 2 - 80);
    const isTaken = () => [...editor.graph.nodes.values()].some((node) => Math.abs(node.x - place.x) < 15 && Math.abs(node.y - place.y) < 15);
    while (isTaken()) [place.x, place.y] = [place.x + 30, place.y + 30];
    put(entry, place);
    if (matchMedia("(max-width: 700px)").matches) shell.closePanel("left"); // it hides the canvas there
  }

  /** @param {PaletteEntry} entry @param {{x: number, y: number}} place  graph px */
  function put(entry, place) {
    try {
      palette?.insert(entry, place);
      palette?.remember(entry);
    } catch (error) {
      editor.report(error);
    }
  }

  const stop = new AbortController();
  const { signal } = stop;
  shell.stage.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes(DRAGGED)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  }, { signal });
  shell.stage.addEventListener("drop", (event) => {
    const entry = byId.get(event.dataTransfer?.getData(DRAGGED) ?? "");
    if (!entry) return;
    event.preventDefault();
    const area = view.element.getBoundingClientRect();
    const { x, y } = view.toGraph(event.clientX - area.left, event.clientY - area.top);
    put(entry, { x: x - 20, y: y + 15 });
    view.element.focus({ preventScroll: true });
  }, { signal });
  search.addEventListener("input", render);
  search.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key !== "ArrowDown" && event.key !== "Enter")) return;
    event.preventDefault();
    if (event.key === "Enter") add(tree.current?.data);
    else tree.element.focus();
  });
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    if (event.target === search && search.value) {
      search.value = "";
      render();
    } else {
      view.element.focus({ preventScroll: true });
    }
  });

  const removeStyle = addStyle("./library.css", import.meta.url);
  body.classList.add("library", "is-list");
  body.append(h("div", { class: "panel-tools" }, search, refresh), none, tree.element, card);
  const stops = [
    editor.events.on("catalogue", load),
    editor.events.on("graph", load),
    settings.events.on("palette.favourites", render),
    settings.events.on("palette.recent", render),
  ];
  load();
  return () => {
    stop.abort();
    stops.forEach((each) => each());
    tree.dispose();
    body.classList.remove("library", "is-list");
    void removeStyle.then((remove) => remove());
  };
}

/** @returns {Folder} */
function emptyFolder() {
  return { folders: new Map(), entries: [], count: 0 };
}

/** @param {PaletteEntry} entry @param {string} within @param {number} level @returns {TreeRow} */
function leaf(entry, within, level) {
  return { id: `${within}\n${entry.id}`, text: entry.title, level, data: entry };
}
