/** The model files that the server has: found, looked at, put to use. */

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const models = {
  name: "models",
  install(editor) {
    const { commands, shell } = editor;
    editor.server.declare("heddle_models");
    const cleanups = [
      shell.addPanel({
        id: "models", title: "models.title", icon: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9", side: "left", order: 30,
        open: async (body) => (await import("./panel.js")).fillPanel(editor, body),
      }),
      commands.addAll([{ id: "panel.models", title: "command.panel-models", keys: ["m"], run: () => shell.togglePanel("models", { seeks: true }) }]),
    ];
    return () => cleanups.forEach((each) => each());
  },
};
