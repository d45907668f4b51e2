/** Undo and redo. */

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const history = {
  name: "history",
  install(editor) {
    return editor.commands.addAll([
      { id: "edit.undo", title: "command.undo", keys: ["ctrl+z"], run: () => editor.document.journal.undo() },
      { id: "edit.redo", title: "command.redo", keys: ["ctrl+y", "ctrl+shift+z"], run: () => editor.document.journal.redo() },
    ]);
  },
};
