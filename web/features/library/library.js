/**
 * The types of nodes, as a tree to look through, with what each one is for; and reading them anew when the server has
 * other ones or other files.
 */

/** @import { Feature } from "../../core/editor.js" */

const PAUSE_MS = 800; // files rarely come alone

/** @type {Feature} */
export const library = {
  name: "library",
  needs: ["palette"],
  install(editor) {
    const { commands, events, server, shell } = editor;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(() => void editor.refreshCatalogue().catch((error) => console.warn("object_info", error)), PAUSE_MS);
    };
    server.declare("heddle_outputs");
    const cleanups = [
      shell.addPanel({
        id: "library", title: "library.title", icon: "M4 5h6v6H4zM14 5h6v6h-6zM4 15h6v4H4zM14 15h6v4h-6z", side: "left", order: 20,
        open: async (body) => (await import("./panel.js")).fillPanel(editor, body),
      }),
      commands.addAll([
        { id: "panel.library", title: "command.panel-library", keys: ["n"], run: () => shell.togglePanel("library", { seeks: true }) },
        { id: "library.refresh", title: "command.refresh", keys: ["r"], run: async () => {
          const isOther = await editor.refreshCatalogue();
          shell.note(editor.text(isOther ? "library.refreshed" : "library.nothing-new"), { kind: "good" });
        } },
      ]),
      events.on("files:uploaded", later),
      events.on("reconnect:back", later),
      server.events.on("message", ({ type, data }) => void (type === "heddle_outputs" && data?.places?.includes("input") && later())),
    ];
    return () => {
      clearTimeout(timer);
      cleanups.forEach((each) => each());
    };
  },
};
