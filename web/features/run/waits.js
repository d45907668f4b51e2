/**
 * Runs that wait for a hook which does not answer: its extension is named, and the person decides whether to go on
 * without. Loaded when one takes long.
 */

/** @import { Editor } from "../../core/editor.js" */
/** @import { Answer } from "./run.js" */

export class Waits {
  #editor;
  /** By hook. @type {Map<Function, {ends: Set<(answer: Answer) => void>, remove: () => void}>} */
  #all = new Map();

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  /** No run that waits is wanted any more. */
  dispose() {
    for (const { ends } of [...this.#all.values()]) for (const end of [...ends]) end("cancel");
  }

  /**
   * One note for all runs that wait for the same.
   * @param {Function} hook
   * @param {string} name  of its extension; "": it is of none
   * @param {(answer: Answer) => void} end  told what the person decides
   * @returns {() => void} it waits no longer
   */
  add(hook, name, end) {
    const wait = this.#all.get(hook) ?? { ends: new Set(), remove: () => {} };
    this.#all.set(hook, wait);
    wait.ends.add(end);
    wait.remove();
    const editor = this.#editor;
    /** @param {Answer} answer */
    const all = (answer) => [...wait.ends].forEach((each) => each(answer));
    const text = editor.text(name ? "run.waits-for" : "run.waits-for-page", { name });
    const many = wait.ends.size > 1 ? `\n${editor.text("run.waits-count", { count: wait.ends.size })}` : "";
    wait.remove = editor.shell.note(text + many, {
      lasts: true,
      action: [
        { text: editor.text("run.without"), run: () => all("without") },
        { text: editor.text("run.not-wanted"), run: () => all("cancel") },
      ],
    });
    return () => {
      if (!wait.ends.delete(end) || wait.ends.size) return;
      wait.remove();
      this.#all.delete(hook);
    };
  }
}
