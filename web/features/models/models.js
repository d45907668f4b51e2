/** The model files that the server has: found, looked at, put to use. */

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const models = {
  name: "models",
  install(editor) {
    const { commands, shell } = editor;
    editor.server.announce("heddle_models");
    const cleanups = [
      shell.addPanel({
        id: "models", title: "models.title", icon: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9", side: "left", order: 30,
        open(body) {
          let isOpen = true;
          /** @type {(() => void) | undefined} */
          let close;
          void import("./panel.js").then(({ fillPanel }) => {
            if (isOpen) close = fillPanel(editor, body);
          }).catch((error) => editor.report(error));
          return () => {
            isOpen = false;
            close?.();
          };
        },
      }),
      commands.addAll([{ id: "panel.models", title: "command.panel-models", keys: ["m"], run: () => shell.togglePanel("models") }]),
    ];
    return () => cleanups.forEach((each) => each());
  },
};
