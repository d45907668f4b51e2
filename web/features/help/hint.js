/** At the first visit one line says what to do; after the first run, another one what else there is, until the next. Then never again. */

import { CLOSE, h, icon } from "../../core/dom.js";
import { keysText } from "../../core/editor.js";

/** @import { Editor } from "../../core/editor.js" */

const KEPT = "help.hint"; // how many lines are done with
const LINES = ["help.hint.run", "help.hint.more"];

/** @param {Editor} editor @returns {() => void} */
export function showHint(editor) {
  const { settings, commands } = editor;
  const words = h("p", {});
  const close = h("button", { type: "button", class: "quiet", title: editor.text("help.hint.close"), "aria-label": editor.text("help.hint.close"), on: { click: () => settings.write(KEPT, LINES.length) } }, icon(CLOSE));
  const line = h("div", { class: "hint", role: "note", hidden: true }, words, close);
  editor.shell.stage.append(line);

  /** @returns {number} */
  const done = () => Number(settings.read(KEPT, 0)) || 0;
  /** @param {string} id */
  const keyOf = (id) => {
    const keys = matchMedia("(hover: none)").matches ? undefined : commands.keysOf(id)[0]; // a phone has none
    return keys ? keysText(keys) : `“${editor.text(commands.get(id)?.title ?? id)}”`;
  };

  function show() {
    line.hidden = done() >= LINES.length;
    if (line.hidden) return;
    words.textContent = editor.text(LINES[done()], { run: keyOf("run.queue"), keys: keyOf("help.keys") });
  }

  const cleanups = [
    settings.events.on(KEPT, show),
    settings.events.on("keys", show),
    editor.events.on("run:job", (job) => void (job.state === "done" && job.document && done() < LINES.length && settings.write(KEPT, done() + 1))),
  ];
  queueMicrotask(show); // when the commands that it names are there
  return () => {
    cleanups.forEach((each) => each());
    line.remove();
  };
}
