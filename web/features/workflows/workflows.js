/**
 * Workflows as files: tabs, opening, saving with versions, and drafts that survive whatever happens to the browser.
 * What is needed only when a person asks for it lies in modules of its own.
 */

import { addStyle } from "../../core/dom.js";
import { Drafts } from "./drafts.js";
import { Files } from "./files.js";
import { Tabs } from "./tabs.js";

/** @import { Feature } from "../../core/editor.js" */

const FIRST_CHOICES = ["text_to_image", "image_to_image"];

/** @type {Feature} */
export const workflows = {
  name: "workflows",
  async install(editor) {
    const removeStyle = await addStyle("./workflows.css", import.meta.url);
    const files = new Files(editor);
    const takeService = editor.offer("workflows", files);
    const tabs = new Tabs(editor, files);
    const drafts = new Drafts(editor, files);
    files.isKept = () => drafts.isKept;
    const stopCommands = editor.commands.addAll([
      { id: "file.new", title: "command.new", keys: ["alt+n"], run: () => files.openNew() },
      { id: "file.open", title: "command.open", keys: ["ctrl+o"], run: () => files.chooseFile() },
      { id: "file.browse", title: "command.browse", isOnce: true, run: () => browse() },
      { id: "file.save", title: "command.save", keys: ["ctrl+s"], inText: true, run: () => files.save() },
      { id: "file.save-as", title: "command.save-as", isOnce: true, keys: ["ctrl+shift+s"], inText: true, run: () => files.saveAs() },
      { id: "file.rename", title: "command.rename", isOnce: true, run: () => files.rename() },
      { id: "file.duplicate", title: "command.duplicate-tab", run: () => files.duplicate() },
      { id: "file.download", title: "command.download", run: () => files.download() },
      { id: "file.download-prompt", title: "command.download-prompt", run: () => files.downloadPrompt() },
      { id: "file.versions", title: "command.versions", isOnce: true, when: () => files.stateOf(editor.document).path !== null, run: showVersions },
      { id: "file.drafts", title: "command.drafts", isOnce: true, run: showKeptDrafts },
      { id: "file.close", title: "command.close-tab", keys: ["alt+w"], run: () => files.close(editor.document) },
      { id: "file.next", title: "command.next-tab", keys: ["alt+pagedown"], run: () => tabs.step(1) },
      { id: "file.previous", title: "command.previous-tab", keys: ["alt+pageup"], run: () => tabs.step(-1) },
      { id: "file.move-left", title: "command.tab-left", keys: ["alt+shift+pageup"], when: () => editor.documents.indexOf(editor.document) > 0, run: () => tabs.shift(-1) },
      { id: "file.move-right", title: "command.tab-right", keys: ["alt+shift+pagedown"], when: () => editor.document !== editor.documents.at(-1), run: () => tabs.shift(1) },
      { id: "file.tabs", title: "command.tabs", keys: ["alt+t"], inText: true, run: () => tabs.list() },
    ]);

    /** @param {"mine" | "examples"} [shelf] */
    async function browse(shelf) {
      const { showBrowser } = await import("./browser.js");
      await showBrowser(editor, files, shelf);
    }
    files.browse = browse;

    async function showVersions() {
      const { showVersions: show } = await import("./versions.js");
      await show(editor, files);
    }

    async function showKeptDrafts() {
      const { showDrafts } = await import("./elsewhere.js");
      await showDrafts(editor, drafts);
    }

    const removePanel = editor.shell.addPanel({
      id: "workflows",
      title: "workflows.panel",
      icon: "M4 5h6l2 2h8v12H4z",
      side: "left",
      order: 10,
      open: async (body) => (await import("./panel.js")).fillPanel(editor, files, drafts, body),
    });
    const stopPictures = editor.events.on("workflow:saved", (document) => void import("./thumbnail.js")
      .then(({ keepThumbnail }) => keepThumbnail(editor, files, document))
      .catch((error) => console.warn("the workflow has no picture", error)));
    const stopToggle = editor.commands.add({ id: "panel.workflows", title: "command.panel-workflows", keys: ["w"], run: () => editor.shell.togglePanel("workflows") });

    const empty = editor.document;
    if (!(await drafts.restore())) await openFirst();
    if (editor.documents.length > 1 && files.isUntouched(empty)) editor.close(empty);
    drafts.begin();
    const followAddress = () => void openAddressed();
    addEventListener("hashchange", followAddress);
    await openAddressed();

    /** What runs at once on this machine, so that the first key press gives a picture. */
    async function openFirst() {
      const found = await editor.server.get("/heddle/workflows");
      /** @param {(each: any) => boolean} holds @returns {string | undefined} */
      const first = (holds) => {
        const names = found.filter(holds).map((/** @type {any} */ each) => each.name);
        return FIRST_CHOICES.find((each) => names.includes(each)) ?? names[0];
      };
      const name = first((each) => each.runs === true) ?? first((each) => each.runs === null) ?? first(() => true);
      if (name) await files.openExample(name);
    }

    /** `#workflow=NAME` opens one: an address that can be sent to somebody. */
    async function openAddressed() {
      const name = new URLSearchParams(location.hash.slice(1)).get("workflow");
      if (!name) return;
      window.history.replaceState(null, "", location.pathname + location.search);
      try {
        await files.openNamed(name);
      } catch (error) {
        editor.report(error);
      }
    }

    return () => {
      removeEventListener("hashchange", followAddress);
      stopCommands();
      stopToggle();
      stopPictures();
      removePanel();
      drafts.dispose();
      tabs.dispose();
      takeService();
      files.stop();
      removeStyle();
    };
  },
};
