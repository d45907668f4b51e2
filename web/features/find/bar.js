/**
 * The bar of the search: a field, how many were found, the next and the one before. While a form is shown its fields
 * come first; what only the graph has says so, and opens it there.
 */

import { addStyle, CLOSE, h, icon } from "../../core/dom.js";
import { Group } from "../../core/graph.js";
import { nameOfInput } from "../../core/words.js";
import { search } from "./search.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { FormService } from "../form/form.js" */
/** @import { Find } from "./search.js" */

/** @typedef {ReturnType<FormService["find"]>[number]} FieldFind */

export class FindBar {
  #editor;
  #field;
  #count;
  #list;
  #onClose;
  #stop;
  /** @type {(FieldFind | Find)[]} */
  #found = [];
  #at = -1;
  #isForm = false;
  /** @type {FieldFind | null} */
  #marked = null;
  #revision = -1;
  /** @type {Promise<() => void>} */
  #style;

  /** @param {Editor} editor @param {() => void} onClose */
  constructor(editor, onClose) {
    this.#editor = editor;
    this.#onClose = onClose;
    this.#style = addStyle("./find.css", import.meta.url);
    /** @param {string} key */
    const t = (key) => editor.text(key);
    this.#field = h("input", { type: "search", "aria-label": t("command.find"), placeholder: t("find.hint"), autocomplete: "off", spellcheck: "false", on: { input: () => this.#search() } });
    this.#count = h("span", { class: "find-count", role: "status" });
    this.#list = h("ol", { class: "find-list" });
    /** @param {string} key @param {string} path @param {() => void} run */
    const button = (key, path, run) => h("button", { type: "button", class: "quiet", title: t(key), "aria-label": t(key), on: { click: run } }, icon(path));
    this.element = h("div", { class: "find", role: "search" },
      h("div", { class: "find-line" }, this.#field, this.#count, button("command.find-previous", "M6 15l6-6 6 6", () => this.step(-1)), button("command.find-next", "M6 9l6 6 6-6", () => this.step(1)), button("shell.close", CLOSE, () => this.close())),
      this.#list);
    this.element.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") this.close();
      else if (event.key === "Enter" || event.key === "ArrowDown" || event.key === "ArrowUp") this.step(event.key === "ArrowUp" || event.shiftKey ? -1 : 1);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    editor.shell.stage.append(this.element);
    this.#stop = editor.events.on("document", () => this.#search());
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  close() {
    const found = this.#marked;
    this.#mark(null);
    this.#stop();
    this.element.remove();
    void this.#style.then((remove) => remove());
    this.#onClose();
    const { form } = this.#editor.services;
    if (!form?.isShown) this.#editor.view.element.focus({ preventScroll: true });
    else if (!found || !form.reveal(found.id, found.name)) form.focus();
  }

  /** @param {FieldFind | null} found */
  #mark(found) {
    this.#marked?.mark(false);
    this.#marked = found;
    found?.mark(true);
  }

  #search() {
    const { document, kinds } = this.#editor;
    this.#revision = document.journal.revision;
    this.#mark(null);
    const { form } = this.#editor.services;
    this.#isForm = Boolean(form?.isShown);
    const text = this.#field.value.trim().toLowerCase();
    const fields = this.#isForm && text ? (form?.find(text) ?? []) : [];
    const shown = new Set(fields.map((each) => `${each.id} ${each.name}`));
    this.#found = [...fields, ...search(document, this.#field.value, (node, name, value) => {
      const input = node.inputSpecs.find((each) => each.name === name);
      return kinds.of(input?.widget ?? null).text?.(value) ?? (typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value));
    }).filter((each) => !shown.has(`${[...each.path, each.thing].map((node) => node.id).join(":")} ${each.where}`))];
    this.#at = -1;
    this.#show();
  }

  #show() {
    const editor = this.#editor;
    const { length } = this.#found;
    this.#count.textContent = !this.#field.value.trim() ? "" : length ? `${this.#at < 0 ? "" : `${this.#at + 1} / `}${length}` : editor.text("find.none");
    this.#list.replaceChildren(...this.#found.slice(0, 50).map((each, index) => {
      if ("mark" in each) return this.#row(index, [each.title], each.value);
      const { thing } = each;
      const isGroup = thing instanceof Group;
      const name = isGroup ? thing.title : thing.name;
      const inside = each.path.map((node) => node.name).join(" › ");
      const held = each.where === "title" || each.where === "id" ? "" : `${each.where === "type" ? editor.text("find.type") : isGroup ? each.where : nameOfInput(thing, each.where)}: ${each.text}`;
      return this.#row(index, [inside && `${inside} › `, name || editor.text("groups.name"), isGroup ? "" : ` #${thing.id}`],
        [this.#isForm ? editor.text("find.in-graph") : "", held].filter(Boolean).join(" · "));
    }));
    this.#list.hidden = !length;
  }

  /** @param {number} index @param {string[]} name @param {string} more */
  #row(index, name, more) {
    const isCurrent = index === this.#at;
    return h("li", { class: isCurrent ? "is-current" : null },
      h("button", { type: "button", "aria-current": isCurrent ? "true" : null, on: { click: () => { this.#at = index; this.#go(); } } },
        h("span", { class: "find-name" }, name), more && h("small", {}, more)));
  }

  /** @param {number} by */
  step(by) {
    if (this.#revision !== this.#editor.document.journal.revision || this.#isForm !== Boolean(this.#editor.services.form?.isShown)) {
      const at = this.#at;
      this.#search();
      this.#at = Math.min(at, this.#found.length - 1);
    }
    const fields = this.#found.filter((each) => "mark" in each).length; // Enter goes on among them: the form stays
    const length = fields || this.#found.length;
    if (!length) return;
    this.#at = this.#at < 0 ? (by > 0 ? 0 : length - 1) : (Math.min(this.#at, length) + by + length) % length;
    this.#go();
  }

  #go() {
    const found = this.#found[this.#at];
    this.#mark("mark" in found ? found : null);
    if (!("mark" in found)) {
      this.#goInGraph(found);
      if (this.#isForm) { // no longer
        this.#search();
        this.#at = this.#found.findIndex((each) => "thing" in each && each.thing === found.thing && each.path.length === found.path.length);
      }
    }
    this.#show();
    this.#list.querySelector(".is-current")?.scrollIntoView({ block: "nearest" });
    this.#field.focus({ preventScroll: true });
  }

  /** @param {Find} found */
  #goInGraph({ thing, path }) {
    const editor = this.#editor;
    if (thing instanceof Group) {
      if (editor.services.form?.isShown) editor.services.form.show("graph");
      const inner = path.at(-1);
      const graph = inner ? editor.document.definitions.get(inner.type)?.graph : editor.document.root;
      if (graph && graph !== editor.graph) editor.enter(path);
      editor.selection.set([thing]);
      editor.view.fit({ left: thing.x, top: thing.y, right: thing.x + thing.width, bottom: thing.y + thing.height });
    } else {
      editor.goTo(thing, path);
    }
  }
}
