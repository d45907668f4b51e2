/** The log of the server and the errors of this page, in a panel at the bottom. */

/** @import { Feature } from "../../core/editor.js" */
/** @import { Line } from "./panel.js" */

const KEPT_ERRORS = 200;

/** @type {Feature} */
export const console = {
  name: "console",
  install(editor) {
    const { commands, shell, events } = editor;
    /** What went wrong in the page, packs' scripts included. @type {Line[]} */
    const errors = [];
    const stop = new AbortController();
    editor.server.declare("heddle_logs"); // lines come with their level and who said them

    /** @param {unknown} error @param {string} [where] */
    function note(error, where = "") {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      /** @type {Line} */
      const line = { t: new Date().toISOString(), m: where ? `${text}\n${where}` : text, level: "error", source: "page" };
      errors.push(line);
      if (errors.length > KEPT_ERRORS) errors.shift();
      events.emit("console:error", line);
    }
    addEventListener("error", (event) => {
      if (event.error || event.message) note(event.error ?? event.message, event.filename && !event.error ? `${event.filename}:${event.lineno}` : "");
    }, { signal: stop.signal });
    addEventListener("unhandledrejection", (event) => note(event.reason), { signal: stop.signal });

    const cleanups = [
      () => stop.abort(),
      events.on("extension:error", ({ name, error }) => note(error, name)),
      shell.addPanel({
        id: "console", title: "console.title", icon: "M4 5h16v14H4zM7 9l3 3-3 3M12 15h5", side: "bottom", order: 10,
        open: async (body) => (await import("./panel.js")).fillPanel(editor, body, errors),
      }),
      commands.addAll([{ id: "panel.console", title: "command.panel-console", keys: ["ctrl+`"], inText: true, run: () => shell.togglePanel("console") }]),
    ];
    return () => cleanups.forEach((each) => each());
  },
};
