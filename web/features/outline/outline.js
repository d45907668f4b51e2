/**
 * The graph as a tree beside the canvas, for those who read it, hear it, or use no pointer. The tree is made when the
 * panel is opened; the first stop of the keyboard on the page leads there.
 */

import { h } from "../../core/dom.js";

/** @import { Feature } from "../../core/editor.js" */

/** @type {Feature} */
export const outline = {
  name: "outline",
  needs: ["palette", "walk"],
  install(editor) {
    const { commands, shell } = editor;
    /** @type {HTMLElement | null} */
    let tree = null;
    let isWanted = false;
    const stopPanel = shell.addPanel({
      id: "outline", title: "outline.title", icon: "M4 6h3M4 12h3M4 18h3M10 6h10M12 12h8M12 18h8", side: "left", order: 40,
      open(body) {
        let isOpen = true;
        /** @type {(() => void) | undefined} */
        let close;
        void import("./panel.js").then(({ fillPanel }) => {
          if (!isOpen) return;
          const filled = fillPanel(editor, body);
          ({ tree, close } = filled);
          if (isWanted) tree.focus();
          isWanted = false;
        }).catch((error) => editor.report(error));
        return () => {
          isOpen = false;
          tree = null;
          close?.();
        };
      },
    });
    const open = () => {
      if (tree) return tree.focus();
      isWanted = true;
      shell.openPanel("outline");
      return undefined;
    };
    const stopCommands = commands.addAll([
      { id: "outline.open", title: "command.outline", keys: ["alt+o"], run: open },
      { id: "panel.outline", title: "command.panel-outline", run: () => shell.togglePanel("outline") },
    ]);
    const skips = h("nav", { class: "skips", "aria-label": editor.text("outline.skips") },
      h("button", { type: "button", class: "skip", on: { click: open } }, editor.text("outline.skip")),
      h("button", { type: "button", class: "skip", on: { click: () => editor.view.element.focus() } }, editor.text("outline.skip-canvas")));
    shell.root.prepend(skips);
    return () => {
      stopPanel();
      stopCommands();
      skips.remove();
    };
  },
};
