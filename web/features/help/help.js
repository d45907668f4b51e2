/**
 * Where people find what there is: one menu of all commands, the list of keys, what a node is for, and at the first visit
 * a line of what to do.
 */

import { addStyle, h } from "../../core/dom.js";
import { showHint } from "./hint.js";

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const help = {
  name: "help",
  needs: ["run"],
  async install(editor) {
    const { commands, shell } = editor;
    const removeStyle = await addStyle("./help.css", import.meta.url);
    const words = editor.text("help.menu");
    const button = h("button", {
      type: "button", class: "help-menu", title: `${words} (F10)`, "aria-label": words, "aria-haspopup": "menu", on: { click: () => openMenu() },
    }, h("img", { src: new URL("../../heddle.svg", import.meta.url).href, alt: "", width: 24, height: 24 }), h("span", { class: "help-menu-mark", "aria-hidden": "true" }, "▾"));
    shell.barStart.prepend(button);

    async function openMenu() {
      const { menuItems } = await import("./menu.js");
      const { left, bottom } = button.getBoundingClientRect();
      shell.menu(menuItems(editor), { x: left, y: bottom + 4 });
    }

    const cleanups = [
      removeStyle,
      shell.addPanel({
        id: "help", title: "help.title", icon: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M12 16.8v.1", side: "right", order: 90,
        open: async (body) => (await import("./panel.js")).fillPanel(editor, body),
      }),
      commands.addAll([
        { id: "help.node", title: "command.help-node", keys: ["f1"], inText: true, run: () => shell.togglePanel("help") },
        { id: "help.keys", title: "command.help-keys", isOnce: true, keys: ["?"], run: async () => (await import("./keys.js")).showKeys(editor) },
        { id: "help.about", title: "command.help-about", isOnce: true, run: async () => (await import("./about.js")).showAbout(editor) },
        { id: "help.menu", title: "command.help-menu", keys: ["f10"], isHidden: true, inText: true, run: openMenu },
      ]),
      editor.addMenu(70, ({ hit }) => ("node" in hit && hit.kind !== "input" && hit.kind !== "output" ? [editor.menuItem("help.node")] : [])),
      showHint(editor),
    ];
    return () => {
      cleanups.forEach((each) => each());
      button.remove();
    };
  },
};
