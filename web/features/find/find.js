/** Finds nodes, groups and notes by title, type, number, what their widgets hold or are called, inside subgraphs, too. */

import { FindBar } from "./bar.js";

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const find = {
  name: "find",
  install(editor) {
    /** @type {FindBar | null} */
    let bar = null;
    const open = () => {
      bar ??= new FindBar(editor, () => (bar = null));
      bar.focus();
    };
    const stops = [
      editor.commands.addAll([
        { id: "find.open", title: "command.find", keys: ["ctrl+f"], inText: true, run: open },
        { id: "find.next", title: "command.find-next", keys: ["f3"], when: () => bar !== null, inText: true, run: () => bar?.step(1) },
        { id: "find.previous", title: "command.find-previous", keys: ["shift+f3"], when: () => bar !== null, inText: true, run: () => bar?.step(-1) },
      ]),
      editor.addMenu(46, ({ hit }) => (hit.kind === "empty" ? [editor.menuItem("find.open")] : [])),
    ];
    return () => {
      bar?.close();
      stops.forEach((stop) => stop());
    };
  },
};
