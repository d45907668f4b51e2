/**
 * Pictures, videos and sounds over the whole page: `editor.services.viewer`. One viewer for the gallery, for nodes and
 * for the queue; beside it, two pictures compared.
 */

import { addStyle } from "../../core/dom.js";

/** @import { Editor, Feature } from "../../core/editor.js" */

/**
 * @typedef {object} Item
 * @property {string} src
 * @property {string} [kind]  "image" (if not said), "video", "audio"; of others only the name is shown
 * @property {string} [name]
 * @property {string | null} [thumbnail]  shown until the picture is here
 * @property {{filename: string, subfolder?: string, type?: string, [more: string]: any}} [file]  as the server names it
 *
 * A list of any length.
 * @typedef {object} Items
 * @property {number} length
 * @property {(index: number) => Item | undefined | Promise<Item | undefined>} get
 * @property {(index: number) => void} [shown]  told which one is looked at
 * @property {(index: number) => unknown} gone  its file was deleted: the list is to be without it
 */

/**
 * Each is over when the person closes it.
 * @typedef {object} ViewerService
 * @property {(items: Item[] | Items, index?: number) => Promise<void>} open
 * @property {(first: Item, second: Item) => Promise<void>} compare
 */

/** @type {Feature} */
export const viewer = {
  name: "viewer",
  install(editor) {
    /** @type {Promise<() => void> | null} */
    let style = null;
    const withStyle = () => (style ??= addStyle("./viewer.css", import.meta.url));

    const takeService = editor.offer("viewer", {
      async open(items, index = 0) {
        const [{ showViewer }] = await Promise.all([import("./show.js"), withStyle()]);
        await showViewer(editor, Array.isArray(items) ? asItems([...items]) : items, index);
      },
      async compare(first, second) {
        const [{ showComparison }] = await Promise.all([import("./compare.js"), withStyle()]);
        await showComparison(editor, first, second);
      },
    });
    return () => {
      takeService();
      void style?.then((remove) => remove());
    };
  },
};

/** @param {Item[]} list @returns {Items} */
function asItems(list) {
  return {
    get length() {
      return list.length;
    },
    get: (index) => list[index],
    gone: (index) => list.splice(index, 1),
  };
}
