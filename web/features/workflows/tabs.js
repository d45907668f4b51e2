/** One tab for each open workflow. They shrink, then scroll; where not all fit, a button lists them. */

import { h, icon } from "../../core/dom.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Files } from "./files.js" */

const TAB = "application/x-heddle-tab"; // kind of what a drag carries
const LINE_PX = 40; // of a wheel that counts in lines

export class Tabs {
  #editor;
  #files;
  #list;
  #plus;
  #all;
  /** @type {(() => void)[]} */
  #stop = [];
  #isStale = false;
  /** The one that was brought into view last. @type {Document | null} */
  #seen = null;

  /** @param {Editor} editor @param {Files} files */
  constructor(editor, files) {
    this.#editor = editor;
    this.#files = files;
    this.#list = h("div", { class: "tabs", role: "tablist", "aria-label": editor.text("workflows.tabs") });
    this.#plus = h("button", { type: "button", class: "quiet", title: editor.text("command.new"), "aria-label": editor.text("command.new"), on: { click: () => files.openNew() } }, icon("M12 5v14M5 12h14"));
    this.#all = h("button", { type: "button", class: "quiet tabs-all", title: editor.text("command.tabs"), "aria-label": editor.text("command.tabs"), "aria-haspopup": "menu", hidden: true, on: { click: () => this.list() } }, icon("M6 9l6 6 6-6"));
    editor.shell.barMiddle.append(this.#list, this.#plus, this.#all);
    this.#list.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#list.addEventListener("scroll", () => this.#showEdges(), { passive: true });
    const resized = new ResizeObserver(() => {
      this.#showEdges();
      this.#bringIntoView();
    });
    resized.observe(this.#list);
    resized.observe(editor.shell.barMiddle);
    const stale = () => this.#invalidate();
    this.#stop = [editor.events.on("documents", stale), editor.events.on("document", stale), files.events.on("change", stale), () => resized.disconnect()];
    this.#render();
  }

  dispose() {
    this.#stop.forEach((each) => each());
    this.#list.remove();
    this.#plus.remove();
    this.#all.remove();
  }

  /** Shows the tab so many places further on. @param {number} by */
  step(by) {
    const { documents, document } = this.#editor;
    this.#editor.show(documents[(documents.indexOf(document) + by + documents.length) % documents.length]);
  }

  /** Moves the tab that is shown so many places further on. @param {number} by */
  shift(by) {
    const { documents, document } = this.#editor;
    this.#move(document, documents.indexOf(document) + by);
  }

  /** A menu of all tabs: those too that are scrolled out of sight. */
  list() {
    const { documents, document, shell } = this.#editor;
    const place = (this.#all.hidden ? this.#list : this.#all).getBoundingClientRect();
    shell.menu([
      ...documents.map((each) => {
        const { name, path } = this.#files.stateOf(each);
        const text = path?.replace(/\.json$/i, "") ?? name;
        return { text: this.#files.isDirty(each) ? this.#editor.text("workflows.tab-unsaved", { name: text }) : text, isChecked: each === document, isStart: each === document, run: () => this.#editor.show(each) };
      }),
      "line",
      this.#editor.menuItem("file.new"),
      this.#editor.menuItem("file.browse"),
    ], { x: place.left, y: place.bottom + 4 });
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (event.ctrlKey || event.deltaX || this.#all.hidden) return; // the browser's zoom, and wheels that go sideways
    event.preventDefault();
    this.#list.scrollLeft += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
  }

  /** Whether there is more at either side, and the list with it. */
  #showEdges() {
    const { scrollLeft, scrollWidth, clientWidth, classList } = this.#list;
    const over = scrollWidth - clientWidth;
    this.#all.hidden = over <= 1;
    classList.toggle("has-before", over > 1 && scrollLeft > 1);
    classList.toggle("has-after", over > 1 && scrollLeft < over - 1);
  }

  #bringIntoView() {
    this.#list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
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
    const { documents, document: shown } = this.#editor;
    const hadFocus = this.#list.contains(document.activeElement);
    const { scrollLeft } = this.#list;
    this.#list.replaceChildren(...documents.map((each) => this.#tab(each)));
    this.#list.scrollLeft = scrollLeft;
    if (hadFocus) /** @type {HTMLElement | null} */ (this.#list.querySelector("[aria-selected=true]"))?.focus({ preventScroll: true });
    this.#showEdges();
    if (this.#seen !== shown) this.#bringIntoView(); // where a person scrolled to, it stays
    this.#seen = shown;
    const { name } = this.#files.stateOf(shown);
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
      title: state.path ?? `${state.name}\n${editor.text("workflows.never-saved")}`,
      on: {
        click: () => editor.show(each),
        mousedown: (/** @type {MouseEvent} */ event) => event.button === 1 && event.preventDefault(), // else some browsers begin to scroll
        auxclick: (/** @type {MouseEvent} */ event) => event.button === 1 && void this.#files.close(each),
        dblclick: () => { editor.show(each); editor.commands.run("file.rename"); },
        contextmenu: (/** @type {MouseEvent} */ event) => this.#menu(event, each),
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event, each),
        dragstart: (/** @type {DragEvent} */ event) => event.dataTransfer?.setData(TAB, state.id),
        dragover: (/** @type {DragEvent} */ event) => {
          if (!event.dataTransfer?.types.includes(TAB)) return;
          event.preventDefault();
          const isAfter = isInRightHalf(tab, event);
          tab.classList.toggle("is-after", isAfter);
          tab.classList.toggle("is-before", !isAfter);
        },
        dragleave: () => tab.classList.remove("is-before", "is-after"),
        drop: (/** @type {DragEvent} */ event) => this.#drop(event, each, isInRightHalf(tab, event)),
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
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "Home") this.#editor.show(this.#editor.documents[0]);
    else if (event.key === "End") this.#editor.show(/** @type {Document} */ (this.#editor.documents.at(-1)));
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
      editor.menuItem("file.move-left"), editor.menuItem("file.move-right"), "line",
      editor.menuItem("file.close"),
      { title: "workflows.close-others", isDisabled: !others.length, run: async () => { for (const other of others) if (!(await this.#files.close(other))) break; } },
    ], { x: event.clientX, y: event.clientY });
  }

  /** @param {DragEvent} event @param {Document} target @param {boolean} isAfter */
  #drop(event, target, isAfter) {
    const id = event.dataTransfer?.getData(TAB);
    const { documents } = this.#editor;
    const moved = documents.find((each) => this.#files.stateOf(each).id === id);
    if (!moved) return;
    event.preventDefault();
    const gap = documents.indexOf(target) + (isAfter ? 1 : 0); // before this one of all, the moved one still among them
    this.#move(moved, documents.indexOf(moved) < gap ? gap - 1 : gap);
  }

  /** @param {Document} moved @param {number} to  its place afterwards */
  #move(moved, to) {
    const { documents, events } = this.#editor;
    documents.splice(documents.indexOf(moved), 1);
    documents.splice(Math.max(0, to), 0, moved);
    this.#seen = null;
    events.emit("documents", null);
  }
}

/** @param {HTMLElement} tab @param {DragEvent} event */
function isInRightHalf(tab, event) {
  const { left, width } = tab.getBoundingClientRect();
  return event.clientX > left + width / 2;
}
