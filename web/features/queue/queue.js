/** The panel of jobs: what runs, waits, is done or failed, of this page and of all others. */

import { addStyle } from "../../core/dom.js";

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const queue = {
  name: "queue",
  needs: ["run"],
  async install(editor) {
    const removeStyle = await addStyle("./queue.css", import.meta.url);
    const stopPanel = editor.shell.addPanel({
      id: "queue",
      title: "queue.title",
      icon: "M4 6h16M4 12h10M4 18h7M17 13v8l5-4z",
      side: "right",
      order: 10,
      async open(body) {
        const { QueuePanel } = await import("./panel.js");
        const panel = new QueuePanel(editor, body);
        return () => panel.dispose();
      },
    });
    const stopCommands = editor.commands.addAll([
      { id: "queue.toggle", title: "command.queue", keys: ["q"], run: () => editor.shell.togglePanel("queue") },
    ]);
    return () => {
      stopPanel();
      stopCommands();
      removeStyle();
    };
  },
};
