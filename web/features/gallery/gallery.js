/** Results to look through, to take up again, and to carry elsewhere. What is large is loaded when it is opened. */

import { addStyle, h } from "../../core/dom.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Output } from "./outputs.js" */

/** What is dragged out of the gallery: JSON of entries. */
export const DRAGGED = "application/x-heddle-outputs";

/** @typedef {Pick<Output, "filename"> & Partial<Output>} ResultFile  an entry, or as much as a node knows of its file */

/**
 * @typedef {object} GalleryService
 * @property {(file: ResultFile) => Promise<HTMLElement>} details  what is known of a result, to be read
 * @property {(files: ResultFile[], place: {x: number, y: number}, leave?: () => void) => Promise<void>} menu  what can be
 *   done with results; `place`: CSS px of the page; `leave` is called before the canvas is what matters
 */

/** @type {Feature} */
export const gallery = {
  name: "gallery",
  install(editor) {
    const { commands, shell } = editor;
    /** @type {{chosen: Output[], open: () => void} | null} the panel, while it is open */
    let panel = null;
    const actions = () => import("./actions.js");

    /** @param {any} given @returns {ResultFile[]} */
    function wanted(given) {
      const files = Array.isArray(given) ? given : (panel?.chosen ?? []);
      if (!files.length) shell.note(editor.text("gallery.choose-first"));
      return files;
    }

    /** @typedef {(files: ResultFile[]) => unknown} Act */
    /** @param {(all: typeof import("./actions.js")) => Act} pick @returns {(given?: any) => Promise<unknown>} */
    const acting = (pick) => async (given) => {
      const files = wanted(given);
      return files.length ? pick(await actions())(files) : undefined;
    };

    let isRemoving = false;

    /** A second press while the first is on its way is not meant for what it has. @param {any} given */
    async function removeOnce(given) {
      if (isRemoving) return false;
      isRemoving = true;
      try {
        return await acting((all) => (files) => all.remove(editor, files))(given);
      } finally {
        isRemoving = false;
      }
    }

    /** Of the details: they outlive the panel, and the viewer shows them without it. @type {Promise<() => void> | undefined} */
    let style;

    const takeService = editor.offer("gallery", {
      async details(file) {
        const [{ detailsOf }] = await Promise.all([import("./details.js"), (style ??= addStyle("./gallery.css", import.meta.url))]);
        return detailsOf(editor, file);
      },
      menu: async (files, place, leave = () => {}) => shell.menu((await actions()).menuOf(editor, files, leave), place),
    });

    const stops = [
      shell.addPanel({
        id: "gallery", title: "gallery.title", icon: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5v.01", side: "right", order: 20,
        open: async (body) => {
          const { GalleryPanel } = await import("./panel.js");
          const made = await GalleryPanel.open(editor, body);
          if (body.isConnected) panel = made;
          return () => {
            if (panel === made) panel = null;
            made.dispose();
          };
        },
      }),
      commands.addAll([
        { id: "gallery.toggle", title: "command.gallery", keys: ["g"], run: () => shell.togglePanel("gallery") },
        { id: "gallery.view", title: "command.gallery-view", when: () => Boolean(panel?.chosen.length), run: () => panel?.open() },
        { id: "gallery.open-workflow", title: "command.gallery-workflow", run: acting((all) => (files) => all.openWorkflows(editor, files)) },
        { id: "gallery.use-as-input", title: "command.gallery-input", run: acting((all) => (files) => all.useAsInput(editor, files)) },
        { id: "gallery.use-seed", title: "command.gallery-seed", run: acting((all) => (files) => all.useSeed(editor, files[0])) },
        { id: "gallery.use-prompt", title: "command.gallery-prompt", run: acting((all) => (files) => all.usePrompt(editor, files[0])) },
        { id: "gallery.copy", title: "command.gallery-copy", run: acting((all) => (files) => all.copyImage(editor, files[0])) },
        { id: "gallery.copy-path", title: "command.gallery-copy-path", run: acting((all) => (files) => all.copyPaths(editor, files)) },
        { id: "gallery.download", title: "command.gallery-download", run: acting((all) => (files) => all.download(editor, files)) },
        { id: "gallery.compare", title: "command.gallery-compare", run: acting((all) => (files) => all.compare(editor, files)) },
        { id: "gallery.details", title: "command.gallery-details", isOnce: true, run: acting((all) => (files) => all.showDetails(editor, files[0])) },
        { id: "gallery.delete", title: "command.gallery-delete", run: removeOnce },
        { id: "gallery.trash", title: "command.gallery-trash", isOnce: true, run: async () => (await import("./trash.js")).showTrash(editor) },
      ]),
      takeDrops(editor),
    ];
    editor.server.declare("heddle_outputs");
    return () => {
      void style?.then((remove) => remove());
      stops.forEach((each) => each());
      takeService();
    };
  },
};

/**
 * Results that are dropped on the canvas: as inputs, or with Shift their workflows.
 * @param {Editor} editor
 */
function takeDrops(editor) {
  const { stage } = editor.shell;
  const stop = new AbortController();
  const { signal } = stop;
  const hint = h("p", { class: "gallery-hint", hidden: true });
  stage.append(hint);
  /** @param {DragEvent} event */
  const isOurs = (event) => Boolean(event.dataTransfer?.types.includes(DRAGGED));
  stage.addEventListener("dragover", (event) => {
    if (!isOurs(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    hint.textContent = editor.text(event.shiftKey ? "gallery.drop-workflow" : "gallery.drop-input");
    hint.hidden = false;
  }, { signal });
  stage.addEventListener("dragleave", (event) => {
    if (!stage.contains(/** @type {globalThis.Node | null} */ (event.relatedTarget))) hint.hidden = true;
  }, { signal });
  addEventListener("dragend", () => (hint.hidden = true), { signal });
  stage.addEventListener("drop", (event) => {
    hint.hidden = true;
    if (!isOurs(event)) return;
    event.preventDefault(); // else its address would be opened
    const files = JSON.parse(event.dataTransfer?.getData(DRAGGED) || "[]");
    const area = editor.view.element.getBoundingClientRect();
    const place = editor.view.toGraph(event.clientX - area.left, event.clientY - area.top);
    const hit = editor.view.hit(place.x, place.y);
    const node = files.length === 1 && "node" in hit ? hit.node : undefined;
    const wantsWorkflow = event.shiftKey;
    void import("./actions.js").then((all) => (wantsWorkflow ? all.openWorkflows(editor, files) : all.useAsInput(editor, files, { place, node }))).catch((error) => editor.report(error));
  }, { signal });
  return () => {
    stop.abort();
    hint.remove();
  };
}
