/** The panel of model files. Loaded when it is opened. */

import { addStyle, h, icon } from "../../core/dom.js";
import { copyText } from "../../core/files-out.js";
import { embeddingText, loaderFor, uses } from "./uses.js";

/** @import { Editor } from "../../core/editor.js" */

/**
 * A file, as the server tells of it.
 * @typedef {object} ModelFile
 * @property {string} folder
 * @property {string} name
 * @property {number} path_index
 * @property {number} bytes
 * @property {number} modified_ms
 * @property {string | null} preview  address of a picture
 * @property {Record<string, any> | null} metadata
 * @property {string | null} problem  why it cannot be read
 * @property {string | null} sha256
 * @property {string | null} autov2
 */

const DRAGGED = "application/x-heddle-model";
const PAGE = 100;
const PAUSE_MS = 200;
const FIRST = ["checkpoints", "diffusion_models", "loras", "vae", "text_encoders", "controlnet", "embeddings", "upscale_models"];
const FACTS = ["title", "base_model", "trigger_words", "tags", "resolution", "network_dim", "description", "usage_hint", "author", "license"];

/** The folder that was looked at last; "": all of them. */
let folder = "";

/**
 * @param {Editor} editor
 * @param {HTMLElement} body
 * @returns {() => void}
 */
export function fillPanel(editor, body) {
  const { server, shell, view } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  /** @type {{name: string, total: number}[]} */
  let folders = [];
  /** @type {ModelFile[]} */
  let files = [];
  let total = 0;
  /** @type {ModelFile | null} */
  let current = null;
  let asked = 0; // answers that come late are not shown
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const search = h("input", { type: "search", placeholder: t("models.search"), "aria-label": t("models.search"), autocomplete: "off", spellcheck: "false" });
  const refresh = h("button", { type: "button", class: "quiet", title: t("models.refresh"), "aria-label": t("models.refresh"), on: { click: () => void reload(true) } }, icon("M20 11a8 8 0 1 0-2 6M20 5v6h-6"));
  const kinds = h("select", { "aria-label": t("models.folder"), on: { change: () => { folder = kinds.value; void list(); } } });
  const order = h("select", { "aria-label": t("models.sort"), on: { change: () => void list() } },
    [["name asc", "models.sort.name"], ["modified desc", "models.sort.newest"], ["size desc", "models.sort.largest"]].map(([value, title]) => h("option", { value }, t(title))));
  const shelf = h("div", { class: "models-list", role: "listbox", "aria-label": t("models.title"), tabindex: "0" });
  const none = h("p", { class: "none", role: "status", hidden: true });
  const card = h("div", { class: "models-card panel-card", role: "region", "aria-label": t("models.card"), tabindex: "0", hidden: true });

  /** @param {boolean} catalogueToo */
  async function reload(catalogueToo) {
    try {
      if (catalogueToo) await editor.refreshCatalogue();
      const names = /** @type {string[]} */ (await server.get("/models"));
      folders = await Promise.all(names.map(async (name) => ({ name, total: (await server.get(`/heddle/models/${encodeURIComponent(name)}?limit=0`)).total })));
      folders.sort((a, b) => Number(b.total > 0) - Number(a.total > 0) || place(a.name) - place(b.name) || a.name.localeCompare(b.name));
      if (!folders.some((each) => each.name === folder && each.total)) folder = "";
      const all = { name: "", total: (await server.get("/heddle/models?limit=0")).total };
      kinds.replaceChildren(...[all, ...folders].map((each) => h("option", { value: each.name, selected: each.name === folder }, t("models.folder-count", { name: each.name || t("models.all"), count: each.total }))));
      await list();
    } catch (error) {
      editor.report(error);
    }
  }

  /** @param {boolean} [more]  behind those that are shown */
  async function list(more = false) {
    const mine = ++asked;
    const of = folder;
    const [sort, direction] = order.value.split(" ");
    const query = new URLSearchParams({ text: search.value.trim(), sort, order: direction, limit: String(PAGE), offset: String(more ? files.length : 0) });
    try {
      const found = await server.get(`/heddle/models${of && `/${encodeURIComponent(of)}`}?${query}`);
      if (mine !== asked) return;
      total = found.total;
      const from = more ? files.length : 0;
      files = more ? [...files, ...found.models] : found.models;
      const rows = files.slice(from).map((file, i) => rowOf(file, from + i));
      if (more) shelf.append(...rows);
      else shelf.replaceChildren(...rows);
      shelf.hidden = !files.length;
      none.hidden = files.length > 0;
      none.textContent = search.value.trim() ? t("models.none-found") : t("models.none", { folder: of });
      const kept = files.find((each) => each.name === current?.name && each.folder === current.folder);
      if (!more) mark(kept ?? null, false);
    } catch (error) {
      editor.report(error);
    }
  }

  /** @param {ModelFile} file @param {number} index */
  function rowOf(file, index) {
    const cut = file.name.lastIndexOf("/");
    return h("div", { class: "models-row", id: `model-${index}`, role: "option", "aria-selected": "false", draggable: "true", title: file.name, data: { name: file.name }, on: {
      click: () => mark(file, false),
      dblclick: () => use(file),
      dragstart: (/** @type {DragEvent} */ event) => {
        event.dataTransfer?.setData(DRAGGED, JSON.stringify([file.folder, file.name]));
      },
    } },
    file.preview ? h("img", { src: file.preview, alt: "", loading: "lazy", draggable: "false", on: { error: (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.target).replaceWith(noPicture()) } }) : noPicture(),
    h("span", { class: "models-words" }, h("span", { class: "models-name" }, file.name.slice(cut + 1).replace(/\.(safetensors|sft|ckpt|pt|pth|bin|gguf)$/i, "")),
      h("span", { class: "models-note" }, [folder ? "" : file.folder, file.metadata?.base_model, sizeText(file.bytes), cut > 0 ? file.name.slice(0, cut) : ""].filter(Boolean).join(" · ")),
      file.problem && h("span", { class: "models-problem" }, t("models.broken"))));
  }

  const noPicture = () => h("span", { class: "models-no-picture" }, icon("M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9"));

  /** @param {ModelFile | null} file @param {boolean} scrolls */
  function mark(file, scrolls) {
    current = file;
    shelf.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const row = file && shelf.children[files.indexOf(file)];
    row?.setAttribute("aria-selected", "true");
    if (row) shelf.setAttribute("aria-activedescendant", row.id);
    else shelf.removeAttribute("aria-activedescendant");
    if (scrolls) row?.scrollIntoView({ block: "nearest" });
    card.hidden = !file;
    if (file) describe(file);
  }

  /** @param {ModelFile} file */
  function describe(file) {
    const isUsable = file.folder === "embeddings" || loaderFor(editor, file.folder, file.name) !== undefined;
    /** @type {[string, string][]} */
    const facts = [[t("models.file"), file.name], [t("models.folder"), file.folder], [t("models.size"), sizeText(file.bytes)], [t("models.modified"), new Date(file.modified_ms).toLocaleString(editor.messages.locale, { dateStyle: "medium", timeStyle: "short" })]];
    for (const key of FACTS) {
      const value = file.metadata?.[key];
      const text = Array.isArray(value) ? value.join(", ") : value === null || value === undefined ? "" : String(value);
      if (text) facts.push([t(`models.fact.${key}`), text]);
    }
    const hash = file.sha256
      ? h("dd", { class: "models-hash" }, h("code", {}, file.autov2 ?? ""), h("button", { type: "button", class: "quiet", title: t("models.copy-hash"), "aria-label": t("models.copy-hash"), on: { click: () => void copy(/** @type {string} */ (file.sha256)) } }, icon("M9 9h11v11H9zM5 15H4V4h11v1")))
      : h("dd", {}, h("button", { type: "button", class: "models-find-hash", on: { click: () => void askHash(file) } }, t("models.find-hash")));
    card.replaceChildren(
      h("div", { class: "models-actions" },
        h("button", { type: "button", class: "main", disabled: !isUsable, title: isUsable ? t("models.use-hint") : t("models.no-loader"), on: { click: () => use(file) } }, t("models.use")),
        h("button", { type: "button", on: { click: () => void copy(file.folder === "embeddings" ? embeddingText(file.name) : file.name) } }, t("models.copy-name"))),
      ...(file.problem ? [h("p", { class: "models-problem" }, editor.messages.failure(file.problem, "WeightsError"))] : []),
      h("dl", { class: "models-facts" }, ...facts.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]), h("dt", {}, t("models.hash")), hash));
  }

  /** @param {Pick<ModelFile, "folder" | "name">} file @param {{x: number, y: number}} [at] */
  function use(file, at) {
    const node = uses(editor, file.folder, file.name, at);
    if (!node) return void shell.note(t("models.no-loader"), { kind: "error" });
    shell.say(t("models.used", { name: file.name, node: node.name }));
    if (matchMedia("(max-width: 700px)").matches) shell.closePanel("left"); // it hides the canvas there
    return undefined;
  }

  /** @param {string} text */
  async function copy(text) {
    if (await copyText(text)) shell.note(t("models.copied", { text: text.length > 80 ? `${text.slice(0, 80)}…` : text }), { kind: "good" });
    else await shell.askText(t("models.copy-by-hand"), text);
  }

  /** @param {ModelFile} file */
  async function askHash(file) {
    try {
      hear((await server.post("/heddle/models/hash", { models: [{ folder: file.folder, name: file.name }] })).models);
    } catch (error) {
      editor.report(error);
    }
  }

  /** @param {any[]} told */
  function hear(told) {
    for (const each of told) {
      const file = files.find((other) => other.name === each.name && other.folder === each.folder);
      if (!file) continue;
      if (each.sha256) Object.assign(file, { sha256: each.sha256, autov2: each.autov2 });
      if (file !== current) continue;
      const button = card.querySelector(".models-find-hash");
      if (each.state === "known" || each.state === "failed") describe(file);
      else if (button) button.textContent = t("models.hashing", { percent: Math.round(each.percent ?? 0) });
      if (each.state === "failed") shell.note(t("models.hash-failed", { name: each.name, reason: editor.messages.said(each.reason ?? "", each.said) }), { kind: "error" });
    }
  }

  shelf.addEventListener("keydown", (event) => {
    const at = current ? files.indexOf(current) : -1;
    const page = Math.max(1, Math.floor(shelf.clientHeight / 56) - 1);
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: files.length - 1, PageDown: at + page, PageUp: at - page };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) mark(files[Math.min(files.length - 1, Math.max(0, moves[event.key]))] ?? null, true);
    else if (event.key === "Enter" && current) use(current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  shelf.addEventListener("scroll", () => {
    if (files.length < total && shelf.scrollTop + shelf.clientHeight > shelf.scrollHeight - 400) void list(true);
  });
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void list(), PAUSE_MS);
  });
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    view.element.focus({ preventScroll: true });
  });
  const stop = new AbortController();
  shell.stage.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes(DRAGGED)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  }, { signal: stop.signal });
  shell.stage.addEventListener("drop", (event) => {
    const dragged = event.dataTransfer?.getData(DRAGGED);
    if (!dragged) return;
    event.preventDefault();
    const [kind, name] = JSON.parse(dragged);
    const area = view.element.getBoundingClientRect();
    use({ folder: kind, name }, view.toGraph(event.clientX - area.left, event.clientY - area.top));
    view.element.focus({ preventScroll: true });
  }, { signal: stop.signal });

  const removeStyle = addStyle("./models.css", import.meta.url);
  body.classList.add("models", "is-list");
  body.append(h("div", { class: "panel-tools" }, search, refresh), h("div", { class: "panel-tools" }, kinds, order), none, shelf, card);
  const stops = [
    server.events.on("message", ({ type, data }) => void (type === "heddle_models" && hear(data?.models ?? []))),
    editor.events.on("catalogue", () => void list()),
  ];
  void reload(false);
  return () => {
    clearTimeout(timer);
    stop.abort();
    stops.forEach((each) => each());
    body.classList.remove("models", "is-list");
    void removeStyle.then((remove) => remove());
  };
}

/** @param {string} name */
function place(name) {
  const at = FIRST.indexOf(name);
  return at < 0 ? FIRST.length : at;
}

/** @param {number} bytes */
function sizeText(bytes) {
  const mb = bytes / 1e6;
  return mb >= 1000 ? `${(mb / 1000).toFixed(2)} GB` : `${mb.toFixed(mb < 10 ? 1 : 0)} MB`;
}
