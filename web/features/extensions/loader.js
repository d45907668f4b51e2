/**
 * Loads the scripts that packs bring and sets up what they register. One that fails is noted with its name and left
 * out; the others go on. `editor.services.extensions`
 */

import { takeExtensions } from "../../extension.js";
import { ExtensionApi } from "./api.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Extension } from "../../extension.js" */

/**
 * @typedef {{name: string, address: string, state: "loading" | "silent" | "there" | "failed", error: string}} ExtensionRecord
 *   one of each extension, and of each script that has not loaded. `silent`: it does not come to an end; `address`: of its
 *   script, "" if it is not known whose it is; `error`: what it threw last, also if it works otherwise
 */

const TOGETHER_MS = 300;
const PATIENCE_MS = 10_000; // what has not come to an end by then is told

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
  /** Of the note about silent ones. */
  #removeNote = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  /** @type {Promise<unknown>[]} */
  #settingUp = [];

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.#stopTaking = takeExtensions((extension) => void this.#settingUp.push(this.#setUp(extension)));
  }

  dispose() {
    this.#stopTaking();
    clearTimeout(this.#patience);
    this.#removeNote();
    for (const each of this.#apis.splice(0).reverse()) each.dispose();
  }

  /** Imports every script that the server lists. Resolves when all are set up or have failed. */
  async load() {
    this.#patience = setTimeout(() => {
      this.#tellAll();
      this.#tellSilent();
    }, PATIENCE_MS);
    try {
      /** @type {string[]} */
      const addresses = await this.#editor.server.get("/extensions");
      await Promise.all(addresses.map((address) => this.#import(address)));
      await Promise.all(this.#settingUp);
    } finally {
      clearTimeout(this.#patience);
      this.#tellAll();
    }
  }

  /** @param {string} address */
  async #import(address) {
    const name = decodeURIComponent(address.replace(/^\/extensions\//, ""));
    const record = this.#record(name, address);
    try {
      await import(address);
      this.records = this.records.filter((each) => each !== record); // what it registered stands for it
      this.#changed();
    } catch (error) {
      const isMissing = error instanceof TypeError && /import/i.test(error.message); // the browser has logged what it did not find
      if (!isMissing) console.warn(`extension ${name}: ${error}`);
      this.#failed(record, error);
    }
  }

  /** @param {Extension} extension */
  async #setUp({ name, setup }) {
    const isDouble = this.records.some((each) => each.name === name && each.state !== "failed");
    const record = this.#record(name, callingScript());
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
      this.#changed();
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
    this.#changed();
    return record;
  }

  #changed() {
    this.#editor.events.emit("extensions:change", this.records);
    if (!this.records.some((each) => each.state === "silent")) this.#removeNote();
  }

  /** Those that have not come to an end are named; should they still do so, they are as good as any. */
  #tellSilent() {
    const silent = this.records.filter((each) => each.state === "loading");
    if (!silent.length) return;
    for (const each of silent) {
      each.state = "silent";
      console.warn(`extension ${each.name}: ${each.address} has not come to an end`);
    }
    this.#changed();
    const text = silent.length === 1
      ? this.#editor.text("extensions.silent-one", { name: silent[0].name })
      : this.#editor.text("extensions.silent-many", { count: silent.length, names: silent.map((each) => each.name).join(", ") });
    this.#removeNote = this.#editor.shell.note(text, { lasts: true, action: this.#details() });
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
    this.#changed();
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
    shell.note(text, { kind: "error", action: this.#details() });
  }

  #details() {
    return { text: this.#editor.text("extensions.details"), run: () => this.#editor.commands.run("extensions.list") };
  }
}

/** The pack's script that is running, by the stack of calls. @returns {string} its address; "": none is among them */
function callingScript() {
  const stack = new Error().stack ?? "";
  const folder = `${location.origin}/extensions/`;
  const at = stack.indexOf(folder);
  const address = at < 0 ? "" : (/^[^\s?#)]*?\.m?js/.exec(stack.slice(at)) ?? [""])[0];
  return address.slice(location.origin.length);
}
