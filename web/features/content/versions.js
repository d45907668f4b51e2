/**
 * Which files have become others under their old names: pictures are kept by their addresses, and would be shown as they
 * were. Counted by this page, for the server says nothing of a file that somebody wrote over.
 */

/** @import { Editor } from "../../core/editor.js" */

/** @typedef {{filename: string, subfolder: string, type: string}} File */

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
