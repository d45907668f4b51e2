/** What a person prefers, in one dialog: every declared setting, the keys of all commands, as a file in and out. */

import { h, icon } from "../../core/dom.js";
import { LOCALES } from "../../core/messages.js";

/** @import { Feature } from "../../core/editor.js" */

const GEAR = "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2";

/** @type {Feature} */
export const settings = {
  name: "settings",
  install(editor) {
    /** @param {string} [section]  key of the message of the one that is shown first */
    const open = async (section) => {
      const { showSettings } = await import("./dialog.js");
      await showSettings(editor, section);
    };
    const button = h("button", {
      type: "button", class: "rail-button rail-bottom", title: editor.text("command.settings"), "aria-label": editor.text("command.settings"), "aria-haspopup": "dialog",
      style: { order: 3000 }, on: { click: () => editor.commands.run("settings.open") },
    }, icon(GEAR), h("span", { class: "rail-name" }, editor.text("settings.title")));
    editor.shell.rails.left.append(button);
    const cleanups = [
      editor.events.on("reconnect:back", () => void editor.settings.flush()),
      editor.settings.declare([
        {
          id: "language", title: "settings.language", section: "settings.general", kind: "choice", fallback: "", needsReload: true,
          options: [{ value: "", title: "settings.language.browser" }, ...Object.keys(LOCALES).map((value) => ({ value, title: `settings.language.${value}` }))],
        },
        { id: "spellcheck", title: "settings.spellcheck", section: "settings.general", kind: "boolean", fallback: true },
      ]),
      editor.commands.addAll([
        { id: "settings.open", title: "command.settings", isOnce: true, keys: ["ctrl+,"], inText: true, run: (section) => open(section) },
        { id: "settings.keys", title: "command.settings-keys", isOnce: true, run: () => open("settings.keys") },
      ]),
    ];
    return () => {
      cleanups.forEach((each) => each());
      button.remove();
    };
  },
};
