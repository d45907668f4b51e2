/** All commands that make sense now, found by their words, with their keys. */

import { keysText } from "../../core/editor.js";
import { openPicker } from "../../core/picker.js";

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const commandPalette = {
  name: "command-palette",
  install(editor) {
    const { commands } = editor;
    /** @type {string[]} */
    let recent = [];
    return commands.addAll([
      { id: "palette.commands", title: "command.commands", keys: ["ctrl+shift+p"], inText: true, run: async () => {
        const possible = commands.all.filter((each) => !each.isHidden && each.id !== "palette.commands" && commands.isPossible(each.id));
        const order = possible.sort((a, b) => place(recent, a.id) - place(recent, b.id) || editor.text(a.title).localeCompare(editor.text(b.title)));
        await openPicker(editor, editor.text("command.commands"), order.map((command) => ({
          text: editor.text(command.title),
          keys: commands.keysOf(command.id).map(keysText).join("  "),
          words: [command.id],
          weight: recent.includes(command.id) ? 40 : 0,
          run: () => {
            recent = [command.id, ...recent.filter((each) => each !== command.id)].slice(0, 8);
            commands.run(command.id);
          },
        })));
      } },
    ]);
  },
};

/** @param {string[]} recent @param {string} id */
function place(recent, id) {
  const at = recent.indexOf(id);
  return at < 0 ? recent.length : at;
}
