/** The bar of the search in the graph: a field, how many were found, the next and the one before. */

import { addStyle, CLOSE, h, icon } from "../../core/dom.js";
import { Group } from "../../core/graph.js";
import { search } from "./search.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Find } from "./search.js" */

export class FindBar {
  #editor;
  #field;
  #count;
  #list;
  #onClose;
  /** @type {Find[]} */
  #found = [];
  #at = -1;
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
    editor.shell.over.append(this.element);
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  close() {
    this.element.remove();
    void this.#style.then((remove) => remove());
    this.#onClose();
    this.#editor.view.element.focus({ preventScroll: true });
  }

  #search() {
    const { document, kinds } = this.#editor;
    this.#revision = document.journal.revision;
    this.#found = search(document, this.#field.value, (node, name, value) => {
      const input = node.inputSpecs.find((each) => each.name === name);
      return kinds.of(input?.widget ?? null).text?.(value) ?? (typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value));
    });
    this.#at = -1;
    this.#show();
  }

  #show() {
    const editor = this.#editor;
    const { length } = this.#found;
    this.#count.textContent = !this.#field.value.trim() ? "" : length ? `${this.#at < 0 ? "" : `${this.#at + 1} / `}${length}` : editor.text("find.none");
    this.#list.replaceChildren(...this.#found.slice(0, 50).map((each, index) => {
      const isGroup = each.thing instanceof Group;
      const name = isGroup ? each.thing.title : /** @type {import("../../core/graph.js").Node} */ (each.thing).name;
      const inside = each.path.map((node) => node.name).join(" › ");
      return h("li", { class: index === this.#at ? "is-current" : null },
        h("button", { type: "button", "aria-current": index === this.#at ? "true" : null, on: { click: () => { this.#at = index; this.#go(); } } },
          h("span", { class: "find-name" }, inside && `${inside} › `, name || editor.text("groups.name"), isGroup ? "" : ` #${/** @type {any} */ (each.thing).id}`),
          each.where !== "title" && each.where !== "id" && h("small", {}, `${each.where === "type" ? editor.text("find.type") : each.where}: ${each.text}`)));
    }));
    this.#list.hidden = !length;
  }

  /** @param {number} by */
  step(by) {
    if (this.#revision !== this.#editor.document.journal.revision) {
      const at = this.#at;
      this.#search();
      this.#at = Math.min(at, this.#found.length - 1);
    }
    const { length } = this.#found;
    if (!length) return;
    this.#at = this.#at < 0 ? (by > 0 ? 0 : length - 1) : (this.#at + by + length) % length;
    this.#go();
  }

  #go() {
    const { thing, path } = this.#found[this.#at];
    const editor = this.#editor;
    if (thing instanceof Group) {
      const inner = path.at(-1);
      const graph = inner ? editor.document.definitions.get(inner.type)?.graph : editor.document.root;
      if (graph && graph !== editor.graph) editor.enter(path);
      editor.selection.set([thing]);
      editor.view.fit({ left: thing.x, top: thing.y, right: thing.x + thing.width, bottom: thing.y + thing.height });
    } else {
      editor.goTo(thing, path);
    }
    this.#show();
    this.#list.querySelector(".is-current")?.scrollIntoView({ block: "nearest" });
    this.#field.focus({ preventScroll: true });
  }
}
