/** One tab for each open workflow. */

import { h, icon } from "../../core/dom.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Files } from "./files.js" */

export class Tabs {
  #editor;
  #files;
  #list;
  #plus;
  /** @type {(() => void)[]} */
  #stop = [];
  #isStale = false;

  /** @param {Editor} editor @param {Files} files */
  constructor(editor, files) {
    this.#editor = editor;
    this.#files = files;
    this.#list = h("div", { class: "tabs", role: "tablist", "aria-label": editor.text("workflows.tabs") });
    this.#plus = h("button", { type: "button", class: "quiet", title: editor.text("command.new"), "aria-label": editor.text("command.new"), on: { click: () => files.openNew() } }, icon("M12 5v14M5 12h14"));
    editor.shell.barMiddle.append(this.#list, this.#plus);
    const stale = () => this.#invalidate();
    this.#stop = [editor.events.on("documents", stale), editor.events.on("document", stale), files.events.on("change", stale)];
    this.#render();
  }

  dispose() {
    this.#stop.forEach((each) => each());
    this.#list.remove();
    this.#plus.remove();
  }

  /** Shows the tab so many places further on. @param {number} by */
  step(by) {
    const { documents, document } = this.#editor;
    this.#editor.show(documents[(documents.indexOf(document) + by + documents.length) % documents.length]);
  }

  #invalidate() {
    if (this.#isStale) return;
    this.#isStale = true;
    queueMicrotask(() => {
      this.#isStale = false;
      this.#render();
    });
  }

  #render() {
    const { documents } = this.#editor;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...documents.map((each) => this.#tab(each)));
    if (hadFocus) /** @type {HTMLElement | null} */ (this.#list.querySelector("[aria-selected=true]"))?.focus();
    this.#list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { name } = this.#files.stateOf(this.#editor.document);
    document.title = `${name} · Heddle`;
  }

  /** @param {Document} each */
  #tab(each) {
    const editor = this.#editor;
    const state = this.#files.stateOf(each);
    const isShown = each === editor.document;
    const isDirty = this.#files.isDirty(each);
    const tab = h("div", {
      class: "tab", role: "tab", tabindex: isShown ? "0" : "-1", "aria-selected": String(isShown), "aria-keyshortcuts": "Delete", draggable: "true",
      title: state.path ?? editor.text("workflows.never-saved"),
      on: {
        click: () => editor.show(each),
        auxclick: (/** @type {MouseEvent} */ event) => event.button === 1 && void this.#files.close(each),
        dblclick: () => { editor.show(each); editor.commands.run("file.rename"); },
        contextmenu: (/** @type {MouseEvent} */ event) => this.#menu(event, each),
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event, each),
        dragstart: (/** @type {DragEvent} */ event) => event.dataTransfer?.setData("application/x-heddle-tab", state.id),
        dragover: (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("application/x-heddle-tab") && event.preventDefault(),
        drop: (/** @type {DragEvent} */ event) => this.#drop(event, each),
      },
    },
      h("span", { class: "tab-name" }, state.name),
      state.newer !== null && h("span", { class: "tab-newer", title: editor.text("workflows.newer-mark"), "aria-label": editor.text("workflows.newer-mark"), role: "img" }, "↻"),
      isDirty && h("span", { class: "tab-dirty", title: editor.text("workflows.unsaved"), "aria-label": editor.text("workflows.unsaved"), role: "img" }, "●"),
      // For the pointer alone: a tab holds no other control. By keyboard it is the Delete key.
      h("span", { class: "tab-close", "aria-hidden": "true", title: editor.text("workflows.close-tab", { name: state.name }), on: {
        click: (/** @type {Event} */ event) => { event.stopPropagation(); void this.#files.close(each); },
      } }, icon("M7 7l10 10M17 7L7 17")));
    return tab;
  }

  /** @param {KeyboardEvent} event @param {Document} each */
  #key(event, each) {
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "Enter" || event.key === " ") this.#editor.show(each);
    else if (event.key === "Delete") void this.#files.close(each);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {MouseEvent} event @param {Document} each */
  #menu(event, each) {
    event.preventDefault();
    const editor = this.#editor;
    editor.show(each);
    const others = editor.documents.filter((other) => other !== each);
    const { newer } = this.#files.stateOf(each);
    editor.shell.menu([
      ...(newer !== null && editor.commands.get("file.take-newer") ? [editor.menuItem("file.take-newer"), editor.menuItem("file.keep-mine"), /** @type {const} */ ("line")] : []),
      editor.menuItem("file.save"), editor.menuItem("file.save-as"), editor.menuItem("file.rename"), editor.menuItem("file.versions"), "line",
      ...(editor.commands.get("form.toggle") ? [editor.menuItem("form.toggle")] : []), editor.menuItem("file.duplicate"), editor.menuItem("file.download"), editor.menuItem("file.download-prompt"), "line",
      editor.menuItem("file.close"),
      { title: "workflows.close-others", isDisabled: !others.length, run: async () => { for (const other of others) if (!(await this.#files.close(other))) break; } },
    ], { x: event.clientX, y: event.clientY });
  }

  /** @param {DragEvent} event @param {Document} target */
  #drop(event, target) {
    const id = event.dataTransfer?.getData("application/x-heddle-tab");
    const { documents } = this.#editor;
    const moved = documents.find((each) => this.#files.stateOf(each).id === id);
    if (!moved || moved === target) return;
    event.preventDefault();
    const to = documents.indexOf(target);
    documents.splice(documents.indexOf(moved), 1);
    documents.splice(to, 0, moved);
    this.#editor.events.emit("documents", null);
  }
}
