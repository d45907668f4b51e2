/**
 * Loads the scripts that packs bring and sets up what they register. One that fails is noted with its name and left
 * out; the others go on. `editor.services.extensions`
 */

import { takeExtensions } from "../../extension.js";
import { ExtensionApi } from "./api.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Extension } from "../../extension.js" */

/**
 * @typedef {{name: string, address: string, state: "loading" | "there" | "failed", error: string}} ExtensionRecord
 *   `address`: of its script, "" if it is not known whose it is; `error`: what it threw last, also if it works otherwise
 */

const TOGETHER_MS = 300;
const PATIENCE_MS = 10_000; // one that never comes to an end keeps nothing from being told

export class Extensions {
  /** @type {ExtensionRecord[]} in the order in which they were heard of */
  records = [];
  #editor;
  /** @type {ExtensionApi[]} */
  #apis = [];
  /** @type {Set<ExtensionRecord>} failed, and not told yet */
  #untold = new Set();
  /** What fails is told a little later, with what fails beside it. */
  #isTelling = false;
  /** Scripts are still on their way: one note names all that fail. */
  #isLoading = true;
  #stopTaking;
  /** @type {Promise<unknown>[]} */
  #settingUp = [];

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.#stopTaking = takeExtensions((extension) => void this.#settingUp.push(this.#setUp(extension)));
  }

  dispose() {
    this.#stopTaking();
    for (const each of this.#apis.splice(0).reverse()) each.dispose();
  }

  /** Imports every script that the server lists. Resolves when all are set up or have failed. */
  async load() {
    const patience = setTimeout(() => this.#tellAll(), PATIENCE_MS);
    try {
      /** @type {string[]} */
      const addresses = await this.#editor.server.get("/extensions");
      await Promise.all(addresses.map((address) => this.#import(address)));
      await Promise.all(this.#settingUp);
    } finally {
      clearTimeout(patience);
      this.#tellAll();
    }
  }

  /** @param {string} address */
  async #import(address) {
    try {
      await import(address);
    } catch (error) {
      const name = decodeURIComponent(address.replace(/^\/extensions\//, ""));
      const record = this.#record(name, address);
      const isMissing = error instanceof TypeError && /import/i.test(error.message); // the browser has logged what it did not find
      if (!isMissing) console.warn(`extension ${name}: ${error}`);
      this.#failed(record, error);
    }
  }

  /** @param {Extension} extension */
  async #setUp({ name, setup }) {
    const isDouble = this.records.some((each) => each.name === name && each.state !== "failed");
    const record = this.#record(name, "");
    const api = new ExtensionApi(name, this.#editor, (where, error, isAsked) => {
      console.warn(`extension ${name}, ${where}:`, error);
      this.#noteError(record, error, isAsked);
    });
    try {
      if (isDouble) throw new Error("there is an extension of this name already");
      const undo = await setup(api);
      this.#apis.push(api);
      if (typeof undo === "function") this.#apis.push(/** @type {any} */ ({ dispose: api.guard("undo", undo) }));
      record.state = "there";
    } catch (error) {
      console.warn(`extension ${name}, setup:`, error);
      api.dispose();
      this.#failed(record, error);
    }
  }

  /** @param {string} name @param {string} address */
  #record(name, address) {
    /** @type {ExtensionRecord} */
    const record = { name, address, state: "loading", error: "" };
    this.records.push(record);
    return record;
  }

  /** @param {ExtensionRecord} record @param {unknown} error */
  #failed(record, error) {
    record.state = "failed";
    this.#noteError(record, error);
  }

  /**
   * Tells the person once for each extension, all that came together in one note.
   * @param {ExtensionRecord} record
   * @param {unknown} error
   * @param {boolean} [isAsked]  the person waits for what failed: it is told again
   */
  #noteError(record, error, isAsked = false) {
    const isNew = isAsked || !record.error;
    record.error = error instanceof Error ? error.message || error.name : String(error);
    if (!isNew) return;
    this.#editor.events.emit("extension:error", { name: record.name, error }); // the console shows it
    this.#untold.add(record);
    if (this.#isLoading || this.#isTelling) return;
    this.#isTelling = true;
    setTimeout(() => {
      this.#isTelling = false;
      this.#tellAll();
    }, TOGETHER_MS);
  }

  #tellAll() {
    this.#isLoading = false;
    const told = [...this.#untold];
    this.#untold.clear();
    if (!told.length) return;
    const { shell } = this.#editor;
    const text = told.length === 1
      ? this.#editor.text(told[0].state === "failed" ? "extensions.failed" : "extensions.threw", { name: told[0].name, error: told[0].error })
      : this.#editor.text("extensions.failed-many", { count: told.length, names: told.map((each) => each.name).join(", ") });
    shell.note(text, { kind: "error", action: { text: this.#editor.text("extensions.details"), run: () => this.#editor.commands.run("extensions.list") } });
  }
}
