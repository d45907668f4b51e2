/** The list of problems, over the canvas where the eye is: what is wrong, a way to it, and what may mend it. */

import { CLOSE, h, icon } from "../../core/dom.js";
import { copyText } from "../../core/files-out.js";
import { nameOfInput } from "../../core/words.js";
import { mend } from "./problems.js";
import { reportOf } from "./report.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Errors } from "./errors.js" */
/** @import { Problem } from "./problems.js" */

const SHOWN = 50; // more are not read one by one

export class Card {
  /** @param {Editor} editor @param {Errors} errors */
  constructor(editor, errors) {
    this.editor = editor;
    this.errors = errors;
    this.element = h("section", { class: "errors", hidden: true, "aria-label": editor.text("errors.list") });
    editor.shell.over.append(this.element);
    this.isSmall = false;
    errors.isCovered = ({ left, top, right, bottom }) => {
      const [start, end] = [editor.view.toScreen(left, top), editor.view.toScreen(right, bottom)];
      const { offsetLeft: x, offsetTop: y, offsetWidth: width, offsetHeight: height } = this.element;
      return start.x < x + width && end.x > x && start.y < y + height && end.y > y;
    };
    this.cleanups = [
      editor.events.on("errors:change", () => this.show()),
      editor.events.on("errors:told", ({ document, problems }) => {
        this.isSmall = false;
        this.show();
        if (document === editor.document) return;
        editor.shell.note(editor.text("errors.elsewhere", { name: editor.services.run.nameOf(document) || editor.text("run.untitled"), count: problems.length }), {
          kind: "error",
          action: { text: editor.text("errors.go"), run: () => errors.goTo(problems[0]) },
        });
      }),
    ];
  }

  dispose() {
    this.cleanups.forEach((each) => each());
    this.element.remove();
  }

  show() {
    const { editor, errors } = this;
    const problems = errors.list();
    this.element.hidden = !problems.length;
    if (!problems.length) return this.element.replaceChildren();
    const isRun = problems[0].kind === "run";
    const name = isRun ? "errors.stopped" : errors.isPartial() ? "errors.partial" : problems.length === 1 ? "errors.one" : "errors.many";
    const title = h("h2", {}, editor.text(name, { count: problems.length }));
    const toggle = h("button", { type: "button", class: "quiet", "aria-expanded": String(!this.isSmall), "aria-label": editor.text("errors.fold"), title: editor.text("errors.fold"), on: { click: () => { this.isSmall = !this.isSmall; this.show(); } } }, icon(this.isSmall ? "M6 9l6 6 6-6" : "M6 15l6-6 6 6"));
    const close = h("button", { type: "button", class: "quiet", "aria-label": editor.text("shell.close"), title: editor.text("shell.close"), on: { click: () => errors.clear(editor.document) } }, icon(CLOSE));
    this.element.replaceChildren(
      h("header", { class: "errors-head" }, title, toggle, close),
      ...(this.isSmall ? [] : [h("ul", { class: "errors-list" }, problems.slice(0, SHOWN).map((each) => this.#row(each)))]),
    );
    return undefined;
  }

  /** @param {Problem} problem */
  #row(problem) {
    const { editor, errors } = this;
    const place = problem.input ? editor.text("errors.place", { node: problem.title, input: this.#inputName(problem) }) : problem.title;
    const go = problem.nodeId !== null && editor.nodeOf(problem.nodeId, problem.document)
      ? h("button", { type: "button", class: "errors-go", on: { click: () => errors.goTo(problem) } }, editor.text("errors.go"))
      : null;
    const near = problem.near.map((each) => h("button", {
      type: "button", class: "errors-near", title: each, on: { click: () => mend(editor, problem, each) },
    }, editor.text("errors.use", { name: each.split("/").at(-1) ?? each })));
    const report = problem.kind === "run"
      ? h("button", { type: "button", on: { click: (/** @type {Event} */ event) => void this.#copy(problem, /** @type {HTMLElement} */ (event.currentTarget)) } }, editor.text("errors.copy"))
      : null;
    return h("li", {},
      place && h("p", { class: "errors-place" }, place),
      h("p", { class: "errors-words" }, problem.message),
      problem.source && h("p", { class: "errors-source" }, problem.source),
      problem.traceback ? h("details", {}, h("summary", {}, editor.text("errors.details", { type: problem.type?.split(".").at(-1) ?? "" })), h("pre", { tabindex: "0" }, problem.traceback)) : null,
      h("div", { class: "errors-actions" }, go, near, report));
  }

  /** @param {Problem} problem */
  #inputName(problem) {
    const node = this.editor.nodeOf(problem.nodeId ?? "", problem.document)?.node;
    const { input } = problem;
    return input && node ? nameOfInput(node, input) : input ?? "";
  }

  /** @param {Problem} problem @param {HTMLElement} button */
  async #copy(problem, button) {
    const isCopied = await copyText(await reportOf(this.editor, problem));
    button.textContent = this.editor.text(isCopied ? "shell.copied" : "shell.not-copied");
  }
}
