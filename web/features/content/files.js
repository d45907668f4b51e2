/** Files that nodes read: the picture, sound or video that a widget names, and whether it has become another one since. */

import { fileOf, kindOfFiles } from "../../core/file-inputs.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Server } from "../../core/server.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { Medium, Picture } from "./store.js" */

/** @typedef {{filename: string, subfolder: string, type: string}} File */

/** @type {WeakMap<InputSpec[], InputSpec[]>} inputs of a type -> those that name files */
const known = new WeakMap();

/**
 * @param {Server} server
 * @param {Node} node
 * @param {(file: File) => Record<string, string>} [versionOf]  what tells a
 *   file from the one that had its name before
 * @returns {{pictures: Picture[], media: Medium[]} | null} null: it reads no file
 */
export function filesOf(server, node, versionOf = () => ({})) {
  const specs = node.inputSpecs;
  let inputs = known.get(specs);
  if (!inputs) known.set(specs, (inputs = specs.filter(kindOfFiles)));
  if (!inputs.length) return null;
  /** @type {{pictures: Picture[], media: Medium[]}} */
  const found = { pictures: [], media: [] };
  for (const input of inputs) {
    if (node.isDriven(input.name)) continue;
    const file = fileOf(node.values[input.name], input.options.image_folder);
    if (!file) continue;
    const src = server.fileAddress(file, versionOf(file));
    const kind = kindOfFiles(input);
    if (kind === "image") found.pictures.push({ src, file, ...(input.options.animated_image_upload ? { isMoving: true } : {}) });
    else if (kind) found.media.push({ src, kind, file });
  }
  return found.pictures.length || found.media.length ? found : null;
}

/**
 * Which files have become others under their old names: pictures are kept by their addresses, and would be shown as they
 * were. Counted by this page, for the server says nothing of a file that somebody wrote over.
 */
export class Versions {
  /** @type {Map<string, number>} "input/folder/name.png" -> how often it came */
  #uploads = new Map();
  #runs = 0;
  #refreshes = 0;

  /** @param {Editor} editor @param {() => void} changed */
  constructor(editor, changed) {
    this.cleanups = [
      editor.events.on("files:uploaded", ({ folder, path }) => {
        const key = `${folder}/${path}`;
        this.#uploads.set(key, (this.#uploads.get(key) ?? 0) + 1);
        changed();
      }),
      editor.events.on("run:job", (job) => {
        if (!job?.hasEnded) return;
        this.#runs++;
        changed();
      }),
      editor.events.on("catalogue", () => {
        this.#refreshes++;
        changed();
      }),
    ];
  }

  /** @param {File} file @returns {Record<string, string>} for its address */
  of({ filename, subfolder, type }) {
    const uploads = this.#uploads.get(`${type}/${subfolder ? `${subfolder}/` : ""}${filename}`) ?? 0;
    const runs = type === "input" ? 0 : this.#runs; // what a run writes lies elsewhere
    return uploads || runs || this.#refreshes ? { v: `${this.#refreshes}.${runs}.${uploads}` } : {};
  }
}
