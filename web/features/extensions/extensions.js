/** What packs bring for the page: their scripts are loaded once the page can be used, and listed with what went wrong. */

import { addStyle } from "../../core/dom.js";

/** @import { Feature } from "../../core/editor.js" */
/** @import { Extensions } from "./loader.js" */

/** @type {Feature} */
export const extensions = {
  name: "extensions",
  install(editor) {
    /** @type {Extensions | null} */
    let service = null;
    let isGone = false;
    let takeService = () => {};
    const start = async () => {
      const { Extensions } = await import("./loader.js");
      if (isGone) return;
      service = new Extensions(editor);
      takeService = editor.offer("extensions", service);
      await service.load();
    };
    if (!editor.isSafe) void start().catch((error) => editor.report(error));
    else editor.shell.note(editor.text("extensions.safe"), { lasts: true });
    /** @type {(() => void) | null} */
    let removeStyle = null;
    const stop = editor.commands.add({ id: "extensions.list", title: "command.extensions", run: async () => {
      removeStyle ??= await addStyle("./extensions.css", import.meta.url);
      const { showExtensions } = await import("./list.js");
      await showExtensions(editor, () => service?.records ?? []);
    } });
    return () => {
      isGone = true;
      stop();
      service?.dispose();
      removeStyle?.();
      takeService();
    };
  },
};
