/** The list of the person's workflows and of the examples. */

import { h, icon } from "../../core/dom.js";
import { nameOf, nameWithFolders } from "./files.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { Files } from "./files.js" */

const MOST_NAMED = 3; // of what is missing
const TRASH = "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5";

/**
 * @param {Editor} editor
 * @param {Files} files
 * @param {Drafts} drafts
 * @param {HTMLElement} body
 * @returns {() => void}
 */
export function fillPanel(editor, files, drafts, body) {
  const search = h("input", { type: "search", placeholder: editor.text("workflows.search"), "aria-label": editor.text("workflows.search") });
  const list = h("div", { class: "workflow-list" });
  body.append(
    h("div", { class: "panel-tools" }, search,
      h("button", { type: "button", title: editor.text("command.new"), "aria-label": editor.text("command.new"), on: { click: () => editor.commands.run("file.new") } }, icon("M12 5v14M5 12h14")),
      h("button", { type: "button", title: editor.text("command.open"), "aria-label": editor.text("command.open"), on: { click: () => editor.commands.run("file.open") } }, icon("M12 15V4m-5 5l5-5 5 5M5 15v5h14v-5"))),
    list);
  /** @type {any[]} */
  let mine = [];
  /** @type {any[]} */
  let deleted = [];
  /** @type {any[]} */
  let examples = [];
  let unsaved = 0; // elsewhere
  let showsDeleted = false;

  let asked = 0; // answers that come late are not shown

  const refresh = async () => {
    const turn = ++asked;
    try {
      const [own, gone, all, kept] = await Promise.all([
        editor.server.get("/heddle/files/workflows"),
        editor.server.get("/heddle/files/workflows?deleted=true"),
        editor.server.get("/heddle/workflows"),
        drafts.elsewhere(),
      ]);
      if (turn !== asked) return;
      mine = own.workflows.sort((/** @type {any} */ a, /** @type {any} */ b) => b.modified - a.modified);
      deleted = gone.workflows;
      unsaved = kept.length;
      examples = all.filter((/** @type {any} */ each) => each.source !== "user");
      render();
    } catch (error) {
      editor.report(error);
    }
  };

  const render = () => {
    const wanted = search.value.trim().toLowerCase();
    /** @param {string} text */
    const isWanted = (text) => !wanted || text.toLowerCase().includes(wanted);
    list.replaceChildren(
      ...(unsaved ? [h("button", { type: "button", class: "draft-button", on: { click: async () => {
        await editor.commands.run("file.drafts");
        await refresh();
      } } }, editor.text("workflows.drafts-count", { count: unsaved }))] : []),
      section("workflows.mine", mine.filter((each) => isWanted(each.path)).map(ownRow), mine.length ? "workflows.none-found" : "workflows.none-yet"),
      section("workflows.examples", examples.filter((each) => isWanted([each.name, each.title, titleOf(editor, each), aboutOf(editor, each)].join(" "))).map(exampleRow), "workflows.none-found"),
      ...(deleted.length ? [h("details", { open: showsDeleted, on: { toggle: (/** @type {Event} */ event) => (showsDeleted = /** @type {HTMLDetailsElement} */ (event.target).open) } }, h("summary", {}, editor.text("workflows.deleted", { count: deleted.length })), ...deleted.filter((each) => isWanted(each.path)).map(deletedRow))] : []),
    );
  };

  /** @param {string} title @param {HTMLElement[]} rows @param {string} empty */
  const section = (title, rows, empty) => h("section", {}, h("h3", {}, editor.text(title)), rows.length ? rows : h("p", { class: "faint" }, editor.text(empty)));

  /** @param {any} each */
  const ownRow = (each) => {
    const row = h("div", { class: "workflow-row" },
      h("button", { type: "button", class: "row-main", title: each.path, on: { click: () => attempt(() => files.openPath(each.path)) } },
        each.thumbnail ? h("img", { src: each.thumbnail, alt: "", loading: "lazy" }) : h("span", { class: "no-picture" }, icon("M4 6h6v5H4zM14 13h6v5h-6zM10 8.5h5v7")),
        h("span", { class: "row-texts" }, h("span", { class: "row-name" }, nameWithFolders(each.path)), h("span", { class: "row-note" }, timeText(editor, each.modified)))),
      h("button", { type: "button", class: "quiet", "aria-label": editor.text("workflows.more", { name: nameOf(each.path) }), "aria-haspopup": "menu", on: { click: (/** @type {MouseEvent} */ event) => more(event, each) } }, icon("M12 6v.01M12 12v.01M12 18v.01")));
    row.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      more(event, each);
    });
    return row;
  };

  /** @param {MouseEvent} event @param {any} each */
  const more = (event, each) => {
    const at = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    editor.shell.menu([
      { title: "workflows.open", run: () => attempt(() => files.openPath(each.path)) },
      { title: "command.rename", run: () => attempt(() => files.renameFile(each.path)) },
      { title: "command.versions", run: () => attempt(async () => {
        await files.openPath(each.path);
        editor.commands.run("file.versions");
      }) },
      "line",
      { title: "workflows.delete", run: () => attempt(() => files.delete(each.path)) },
    ], { x: event.type === "contextmenu" ? event.clientX : at.left, y: event.type === "contextmenu" ? event.clientY : at.bottom });
  };

  /** @param {any} each */
  const exampleRow = (each) =>
    h("div", { class: "workflow-row" }, h("button", { type: "button", class: "row-main", on: { click: (/** @type {MouseEvent} */ event) => event.detail < 2 && attempt(() => files.openExample(each.name)) } },
      each.thumbnail || each.source === "shipped" ? h("img", { src: each.thumbnail ?? `/templates/${encodeURIComponent(each.name)}-1.webp`, alt: "", loading: "lazy" }) : null,
      h("span", { class: "row-texts" }, h("span", { class: "row-name" }, titleOf(editor, each)), h("span", { class: "row-note" }, lackOf(editor, each) ?? aboutOf(editor, each)))));

  /** @param {any} each */
  const deletedRow = (each) =>
    h("div", { class: "workflow-row" }, h("span", { class: "row-texts" }, h("span", { class: "row-name" }, nameWithFolders(each.path)), h("span", { class: "row-note" }, timeText(editor, each.saved))),
      h("button", { type: "button", on: { click: () => attempt(async () => {
        await editor.server.post(`/heddle/files/workflows/${encodeURIComponent(each.path)}/versions/${each.version}/restore`, {});
        await files.openPath(each.path);
      }) } }, editor.text("workflows.restore")),
      h("button", { type: "button", class: "quiet", title: editor.text("workflows.forget"), "aria-label": editor.text("workflows.forget-of", { name: nameWithFolders(each.path) }), on: { click: () => attempt(() => forget(each)) } }, icon(TRASH)));

  /** Nothing brings it back: the person is asked. @param {any} each */
  const forget = async (each) => {
    const answer = await editor.shell.ask(editor.text("workflows.forget-of", { name: nameWithFolders(each.path) }), editor.text("workflows.forget-ask", { count: each.versions }), [
      { id: "forget", text: editor.text("workflows.forget"), isDangerous: true },
      { id: "keep", text: editor.text("shell.cancel"), isMain: true },
    ]);
    if (answer === "forget") await editor.server.ask("DELETE", `/heddle/files/workflows/${encodeURIComponent(each.path)}/versions`);
  };

  /** @param {() => Promise<unknown>} work */
  const attempt = async (work) => {
    try {
      await work();
    } catch (error) {
      editor.report(error);
    }
    await refresh();
  };

  search.addEventListener("input", render);
  const stops = /** @type {const} */ (["workflow:saved", "workflow:pictured"]).map((name) => editor.events.on(name, () => void refresh()));
  void refresh();
  return () => stops.forEach((stop) => stop());
}

/**
 * What a workflow needs and this machine does not have, in words.
 * @param {Editor} editor
 * @param {any} [told]  by the server's list
 * @returns {string | null}
 */
export function lackOf(editor, told) {
  const { nodes = [], files = [] } = told?.missing ?? {};
  const names = [...nodes, ...files.map((/** @type {any} */ each) => each.name)];
  if (!names.length) return told?.runs === false ? editor.text("workflows.no-run") : null;
  return editor.text("workflows.lacks", { names: names.slice(0, MOST_NAMED).join(", ") + (names.length > MOST_NAMED ? ", …" : "") });
}

/** What an example is called; one that packs or a person brought, as its file is. @param {Editor} editor @param {any} told */
export function titleOf(editor, told) {
  const name = `example.${told.name}.title`;
  return editor.messages.has(name) ? editor.text(name) : told.title ?? told.name;
}

/** What it shows, in a sentence; null of others than those that ship. @param {Editor} editor @param {any} told */
export function aboutOf(editor, told) {
  const name = `example.${told.name}.about`;
  return editor.messages.has(name) ? editor.text(name) : null;
}

/** @param {Editor} editor @param {number} time  ms since 1970 */
export function timeText(editor, time) {
  return new Date(time).toLocaleString(editor.messages.locale, { dateStyle: "medium", timeStyle: "short" });
}
