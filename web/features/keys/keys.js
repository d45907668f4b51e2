/** Keys run the commands that are bound to them. */

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const keys = {
  name: "keys",
  install(editor) {
    const stop = new AbortController();
    addEventListener("keydown", (event) => {
      if (event.defaultPrevented) return;
      if (editor.shell.isCovered) return; // a dialog has its own
      if (event.key === "Escape" && editor.view.pointer.isDragging) {
        editor.view.pointer.cancel();
        event.preventDefault();
        return;
      }
      editor.commands.press(event);
    }, { signal: stop.signal });
    const forget = editor.settings.events.on("keys", () => editor.commands.forgetKeys());
    return () => {
      stop.abort();
      forget();
    };
  },
};
