/** Opening and saving: which file each tab belongs to, and that no save overwrites what somebody else saved. */

import { Document } from "../../core/document.js";
import { Emitter } from "../../core/emitter.js";
import { isText } from "../../core/file-inputs.js";
import { newId } from "../../core/ids.js";
import { parseExactly, writeExactly } from "../../core/json.js";
import { readWorkflow } from "../../core/read.js";
import { Refusal } from "../../core/server.js";
import { writeWorkflow } from "../../core/write.js";

/** @import { Editor } from "../../core/editor.js" */

/**
 * What is known of one open document.
 * @typedef {object} FileState
 * @property {string} id  of its draft
 * @property {string} name  on its tab
 * @property {string | null} path  of its file below `workflows`; null: never saved
 * @property {string | null} revision  of the file when it was read or saved
 * @property {string | null} newer  revision of what was saved elsewhere since; null: nothing that is known
 * @property {object} mark  of the journal at that time
 * @property {boolean} isUnsaved  it was not saved before the page was loaded again
 */

const BELOW_BANNER = 84; // px from the top of the canvas, where nothing lies over it
const LEAST_READ = 0.6; // scale below which letters on nodes are hard to read
const LARGEST_FILE = 64 * 1024 * 1024;
const MOST_KINDS = 5; // of damage that is told at once
const MOST_PLACES = 8; // of each
const LONGEST_NAME = 255; // bytes of one part, as file systems have it
/** What Windows takes for a device, whatever its ending. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?$/i;

export class Files {
  /** @type {WeakMap<Document, FileState>} */
  #states = new WeakMap();
  /** `change`: a tab's name, file or dirt; `orphan`: its file was deleted. @type {Emitter<{change: Document, orphan: Document}>} */
  events = new Emitter();
  #editor;
  /** What is on its way to the server, by document: two saves at once would not know of each other. @type {WeakMap<Document, Promise<unknown>>} */
  #turns = new WeakMap();
  /** By path, until they are read: a double click opens one tab. @type {Map<string, Promise<Document>>} */
  #opening = new Map();
  /** @type {(shelf?: "mine" | "examples") => Promise<void>} */
  browse = async () => {};
  /** Whether this browser has all that stands in the tabs, saved or not. @type {() => boolean} */
  isKept = () => false;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.stop = editor.events.on("change", (document) => this.events.emit("change", document));
  }

  /** @param {Document} document @returns {FileState} */
  stateOf(document) {
    let state = this.#states.get(document);
    if (!state) {
      state = { id: newId(), name: this.#freeName(), path: null, revision: null, newer: null, mark: document.journal.mark, isUnsaved: false };
      this.#states.set(document, state);
    }
    return state;
  }

  /** One that no tab has. @param {string} [base]  how it begins */
  #freeName(base = this.#editor.text("workflows.unnamed")) {
    const taken = new Set(this.#editor.documents.map((each) => this.#states.get(each)?.name));
    for (let i = 1; ; i++) {
      const name = i === 1 ? base : `${base} ${i}`;
      if (!taken.has(name)) return name;
    }
  }

  /** @param {Document} document @param {Partial<FileState>} change */
  setState(document, change) {
    Object.assign(this.stateOf(document), change);
    this.events.emit("change", document);
  }

  /** Whether there is something in it that its file does not have. @param {Document} document */
  isDirty(document) {
    const state = this.stateOf(document);
    return state.isUnsaved || document.journal.mark !== state.mark;
  }

  /** An empty tab that nobody has done anything in. @param {Document} document */
  isUntouched(document) {
    return !this.isDirty(document) && this.stateOf(document).path === null && !document.root.nodes.size;
  }

  // Opening.

  /** @returns {Document} */
  openNew() {
    const document = new Document(this.#editor.catalogue);
    this.stateOf(document);
    this.#editor.open(document);
    return document;
  }

  /**
   * A workflow's JSON in a tab of its own. What is damaged in it is told.
   * @param {any} saved
   * @param {Partial<FileState>} [state]
   * @returns {Document}
   */
  openSaved(saved, state = {}) {
    const { document, damage } = readWorkflow(saved, this.#editor.catalogue);
    this.#states.set(document, { id: newId(), name: this.#freeName(), path: null, revision: null, newer: null, mark: document.journal.mark, isUnsaved: false, ...state });
    const current = this.#editor.document;
    const replaces = this.isUntouched(current) && this.#editor.documents.length === 1;
    this.#editor.open(document);
    if (replaces) this.#editor.close(current);
    if (damage.length) {
      this.#editor.shell.note(this.#damageTexts(damage).join("\n"), { kind: "error" });
    }
    return document;
  }

  /** A line for each kind of damage. @param {import("../../core/read.js").Damage[]} damage @returns {string[]} */
  #damageTexts(damage) {
    /** @type {Map<string, {key: string, within?: string, places: string[]}>} */
    const kinds = new Map();
    for (const { key, at, within } of damage) {
      const kind = `${key} ${within ?? ""}`;
      const found = kinds.get(kind);
      if (found) found.places.push(at);
      else kinds.set(kind, { key, within, places: [at] });
    }
    const lines = [...kinds.values()].slice(0, MOST_KINDS).map(({ key, within, places }) => {
      const rest = places.length - MOST_PLACES;
      const at = places.slice(0, MOST_PLACES).join(", ") + (rest > 0 ? ` ${this.#editor.text("workflows.more-damage", { count: rest })}` : "");
      const text = this.#editor.text(key, { at });
      return within ? this.#editor.text("damage.within", { text, within }) : text;
    });
    if (kinds.size > MOST_KINDS) lines.push(this.#editor.text("workflows.more-damage", { count: kinds.size - MOST_KINDS }));
    return lines;
  }

  /** One that ships, or the person's own by name. @param {string} name */
  async openExample(name) {
    const saved = await this.#editor.server.askExactly("GET", `/heddle/workflows/${name.split("/").map(encodeURIComponent).join("/")}`);
    const document = this.openSaved(saved, { name: name.split("/").at(-1) ?? name });
    this.#fitToRead(); // the place that it was saved at suits another window
    return document;
  }

  /** All of it; where that could not be read, as on a phone, the node whose words are changed first. */
  #fitToRead() {
    const { view, graph } = this.#editor;
    this.#editor.fitAll();
    if (view.scale >= LEAST_READ) return;
    const nodes = [...graph.nodes.values()].sort((a, b) => a.x - b.x || a.y - b.y);
    const isPrompt = (/** @type {typeof nodes[number]} */ node) => node.outputs.length > 0 && node.widgets.some(({ widget, options }) => widget === "STRING" && options.multiline);
    const first = nodes.find(isPrompt) ?? nodes[0];
    const box = first && view.boxAround([first]);
    if (!box) return;
    view.fit(box, { padding: 24 });
    view.moveTo(view.scale, { x: view.offset.x, y: BELOW_BANNER - box.top * view.scale }); // what comes after it is below
  }

  /** @param {string} name  of a file, else of an example */
  async openNamed(name) {
    const path = name.endsWith(".json") ? name : `${name}.json`;
    try {
      return await this.openPath(path);
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return this.openExample(name);
      throw error;
    }
  }

  /**
   * A file of the person's. One that is open already is shown.
   * @param {string} path
   * @returns {Promise<Document>}
   */
  async openPath(path) {
    const open = this.#editor.documents.find((each) => this.stateOf(each).path === path);
    if (open) {
      this.#editor.show(open);
      return open;
    }
    const asked = this.#opening.get(path) ?? this.#read(path).finally(() => this.#opening.delete(path));
    this.#opening.set(path, asked);
    return asked;
  }

  /** @param {string} path @returns {Promise<Document>} */
  async #read(path) {
    const answer = await fetch(this.#editor.server.address(`/heddle/files/workflows/${encodeURIComponent(path)}`), { cache: "no-cache" });
    if (answer.status === 404) throw new Refusal(404, this.#editor.text("workflows.not-there", { name: nameWithFolders(path) }), null);
    if (!answer.ok) throw new Refusal(answer.status, this.#editor.text("workflows.cannot-open", { name: path, reason: `HTTP ${answer.status}` }), null);
    const saved = this.#parse(textOf(await answer.arrayBuffer()), path);
    if (!Array.isArray(saved?.nodes)) throw this.#isOther(saved, path);
    return this.openSaved(saved, { name: nameOf(path), path, revision: revisionOf(answer) });
  }

  /** @param {string} text @param {string} name */
  #parse(text, name) {
    if (!text.trim()) throw new Error(this.#editor.text("workflows.empty-file", { name }));
    try {
      const { value, notNumbers } = parseExactly(text);
      if (notNumbers) this.#editor.shell.note(this.#editor.text("damage.number", { name, count: notNumbers }), { kind: "error" });
      return value;
    } catch {
      const { line, column, isCut } = breakIn(text);
      throw new Error(this.#editor.text(isCut ? "workflows.cut-json" : "workflows.broken-json", { name, line, column }));
    }
  }

  /** Asks for files of this machine. */
  chooseFile() {
    const field = document.createElement("input");
    field.type = "file";
    field.multiple = true;
    field.accept = ".json,.txt,image/*,video/*,audio/*,.avif,.flac,.opus,.m4v,.mkv,.glb,.svg,.latent,.safetensors";
    field.addEventListener("change", () => void this.openFiles([...(field.files ?? [])]));
    field.click();
  }

  /**
   * Each in a tab of its own; those that carry no workflow become nodes that read them.
   * @param {File[]} chosen
   * @param {{x: number, y: number}} [place]  where these nodes go, graph px
   */
  async openFiles(chosen, place) {
    /** @type {File[]} */
    const media = [];
    for (const each of chosen) {
      try {
        await this.openAnything(each, (file) => media.push(file));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#editor.report(new Error(reason.includes(each.name) ? reason : this.#editor.text("workflows.cannot-open", { name: each.name, reason })));
      }
    }
    if (!media.length) return;
    try {
      await this.#place(media, place);
    } catch (error) {
      this.#editor.report(error);
    }
  }

  /**
   * Files without a workflow: while a form is shown they are for its fields, and nodes that nobody sees are not made.
   * @param {File[]} files
   * @param {{x: number, y: number}} [place]  graph px
   */
  async #place(files, place) {
    const { form, media } = this.#editor.services;
    if (!form?.isShown) return media?.placeAll(files, place);
    const left = form.take(files);
    if (left.length) form.refuse(left);
    return undefined;
  }

  /**
   * A file of any kind that carries a workflow, a text of JSON or of settings, or parsed JSON.
   * @param {File | string | any} what
   * @param {(file: File) => unknown} [onMedia]  is given what carries none and can be an input; without it a node is made
   * @returns {Promise<Document | null>} null: nothing in it could be opened; the person was told
   */
  async openAnything(what, onMedia = (file) => this.#place([file])) {
    if (what && typeof what === "object" && !(what instanceof Blob)) return this.openSaved(what);
    const isPasted = !(what instanceof File); // and no file holds it
    const name = isPasted ? this.#freeName(this.#editor.text("workflows.pasted")) : what.name;
    if (what instanceof Blob && what.size > LARGEST_FILE && /\.json$/i.test(name)) {
      throw new Error(this.#editor.text("workflows.too-large", { name, megabytes: LARGEST_FILE / 2 ** 20 }));
    }
    if (what instanceof Blob && !what.size) throw new Error(this.#editor.text("workflows.empty-file", { name }));
    const isJson = typeof what === "string" || /\.json$/i.test(name);
    if (isJson) {
      const text = typeof what === "string" ? what : textOf(await what.arrayBuffer());
      if (typeof what !== "string" || /^\s*\{/.test(text)) {
        const saved = this.#parse(text, name);
        if (text.includes("\uFFFD")) this.#editor.shell.note(this.#editor.text("workflows.lost-letters", { name }), { kind: "error" });
        if (Array.isArray(saved?.nodes)) return this.openSaved(saved, { name: nameOf(name), isUnsaved: isPasted });
        if (Array.isArray(saved?.templates)) return this.#openTemplates(saved.templates, name);
        if (!mayHoldGraph(saved)) throw this.#isOther(saved, name);
      }
    }
    const form = new FormData();
    form.append("file", what instanceof Blob ? what : new Blob([what], { type: "text/plain" }), name);
    const found = await this.#editor.server.askExactly("POST", "/heddle/open", form);
    const notes = (found.notes ?? []).map((/** @type {string} */ note, /** @type {number} */ i) => this.#editor.messages.said(note, found.notes_said?.[i]));
    if (found.kind === "media" && notes.length) this.#editor.shell.note(this.#editor.text("workflows.damaged-input", { name, reason: notes.join("; ") }), { kind: "error" });
    else for (const note of notes) this.#editor.shell.note(this.#editor.text("workflows.file-note", { name, note }));
    if (found.workflow) {
      const document = this.openSaved(found.workflow, { name: nameOf(isPasted ? name : (found.name ?? name)), isUnsaved: isPasted });
      if (found.kind !== "workflow") document.journal.clear();
      return document;
    }
    if (found.kind === "media" && what instanceof File && this.#editor.services.media) {
      await onMedia(what);
      if (!notes.length && !this.#editor.services.form?.isShown) this.#editor.shell.note(this.#editor.text("workflows.became-input", { name }));
      return this.#editor.document;
    }
    if (found.kind === "templates") return this.#openTemplates(found.templates, name);
    const told = what instanceof Blob && PICTURE_NAME.test(name) ? ((await isText(what)) ? "workflows.text-not-picture" : "workflows.not-picture") : "workflows.nothing-in-it";
    this.#editor.shell.note(this.#editor.text(told, { name }), { kind: "error" });
    return null;
  }

  /** @param {any[]} templates @param {string} name */
  async #openTemplates(templates, name) {
    const { workflowOfTemplates } = await import("./templates.js");
    const { workflow, unread } = workflowOfTemplates(templates);
    if (!workflow.nodes.length) throw new Error(this.#editor.text("workflows.no-templates", { name }));
    const document = this.openSaved(workflow, { name: nameOf(name), isUnsaved: true });
    this.#editor.fitAll();
    const key = unread.length ? "workflows.some-templates" : "workflows.all-templates";
    this.#editor.shell.note(this.#editor.text(key, { name, count: workflow.groups.length, unread: unread.join(", ") }), { kind: unread.length ? "error" : "good" });
    return document;
  }

  /** @param {any} saved @param {string} name */
  #isOther(saved, name) {
    return new Error(this.#editor.text("workflows.other-json", { name, found: this.#describe(saved) }));
  }

  /** What JSON is that is no workflow, in words. @param {any} value */
  #describe(value) {
    if (Array.isArray(value)) return this.#editor.text("workflows.json-list", { count: value.length });
    if (value === null || typeof value !== "object") return this.#editor.text("workflows.json-value", { value: writeExactly(value).slice(0, 40) });
    const keys = Object.keys(value);
    if (!keys.length) return this.#editor.text("workflows.json-bare");
    const shown = keys.slice(0, 4).map((key) => (key.length > 24 ? `${key.slice(0, 24)}…` : key));
    return this.#editor.text("workflows.json-object", { keys: shown.join(", ") + (keys.length > 4 ? ", …" : "") });
  }

  // Saving.

  /** @param {Document} document @returns {any} */
  write(document) {
    const saved = writeWorkflow(document);
    if (document === this.#editor.document && this.#editor.graph === document.root) {
      const { scale, offset } = this.#editor.view;
      saved.extra = { ...saved.extra, ds: { scale, offset: [offset.x / scale, offset.y / scale] } };
    }
    return saved;
  }

  /** @returns {Promise<boolean>} whether it was saved */
  async save(document = this.#editor.document) {
    return this.#put(document);
  }

  /** @returns {Promise<boolean>} */
  async saveAs(document = this.#editor.document) {
    const { path, name } = this.stateOf(document);
    const given = await this.#editor.shell.askText(this.#editor.text("workflows.save-as"), path === null ? name : nameWithFolders(path), (text) => this.#nameTrouble(text));
    return given === null ? false : this.#put(document, pathOf(given));
  }

  /** What keeps a text from being the name of a file, in words. The server has the same rules. @param {string} given */
  #nameTrouble(given) {
    const path = pathOf(given);
    if (!path) return this.#editor.text("workflows.name-missing");
    const sign = /[:\0-\x1f\x7f]/.exec(path)?.[0];
    if (sign) return this.#editor.text("workflows.name-sign", { sign: sign === ":" ? sign : JSON.stringify(sign) });
    for (const part of path.split("/")) {
      if (DEVICE.test(part)) return this.#editor.text("workflows.name-device", { name: part.replace(/\..*/, "") });
      const bytes = new TextEncoder().encode(part).length;
      if (bytes > LONGEST_NAME) return this.#editor.text("workflows.name-long", { bytes, most: LONGEST_NAME });
    }
    return null;
  }

  /**
   * Asks for the name that a file is to have.
   * @param {string} name  that it has
   * @param {(path: string) => Promise<unknown>} take  gives it the new one
   */
  async #askName(name, take) {
    await this.#editor.shell.askText(this.#editor.text("workflows.rename"), name, async (given) => {
      const trouble = this.#nameTrouble(given);
      if (trouble) return trouble;
      try {
        await take(pathOf(given));
        return null;
      } catch (error) {
        if (error instanceof Refusal && error.status === 409) return this.#editor.text("workflows.name-taken", { name: nameWithFolders(pathOf(given)) });
        return error instanceof Refusal ? error.message : this.#editor.text("workflows.server-away");
      }
    });
  }

  /**
   * When what is on its way for the same document has come there: it may have another file or revision then.
   * @template T
   * @param {Document} document
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  inTurn(document, work) {
    const turn = (this.#turns.get(document) ?? Promise.resolve()).then(work);
    this.#turns.set(document, turn.catch(() => {}));
    return turn;
  }

  /**
   * @param {Document} document
   * @param {string | null} path  null: that of its file; the person is asked if it has none
   * @param {"known" | "any" | "none"} replaced  what may lie there: what this tab was read from, whatever, nothing
   * @returns {Promise<boolean>} whether it was saved
   */
  async #put(document, path = null, replaced = "known") {
    const outcome = await this.inTurn(document, () => this.#send(document, path ?? this.stateOf(document).path, replaced));
    if (outcome === "nameless") return this.saveAs(document);
    if (outcome === "saved" || outcome === "failed") return outcome === "saved";
    const taken = path ?? /** @type {string} */ (this.stateOf(document).path);
    const editor = this.#editor;
    const other = { id: "other", text: editor.text("workflows.conflict-other"), isMain: outcome !== "gone" };
    const answer = await editor.shell.ask(
      editor.text(`workflows.${outcome}-title`),
      editor.text(`workflows.${outcome}`, { name: nameWithFolders(taken) }),
      outcome === "gone"
        ? [{ id: "again", text: editor.text("workflows.gone-again"), isMain: true }, other]
        : [other, { id: "theirs", text: editor.text("workflows.conflict-theirs") }, { id: "mine", text: editor.text("workflows.conflict-mine"), isDangerous: true }],
    );
    if (answer === "mine") return this.#put(document, taken, "any");
    if (answer === "again") return this.#put(document, taken, "none");
    if (answer === "other") return this.saveAs(document);
    if (answer === "theirs") {
      const response = await fetch(editor.server.address(`/heddle/files/workflows/${encodeURIComponent(taken)}`), { cache: "no-cache" });
      if (response.ok) this.openSaved(this.#parse(await response.text(), taken), { name: `${nameOf(taken)} *` });
    }
    return false;
  }

  /**
   * @param {Document} document
   * @param {string | null} path
   * @param {"known" | "any" | "none"} replaced
   * @returns {Promise<"saved" | "failed" | "nameless" | "conflict" | "exists" | "gone">} the last three: what is there is
   *   newer than what this page knows, belongs to another workflow, or was deleted or moved
   */
  async #send(document, path, replaced) {
    const editor = this.#editor;
    const state = this.stateOf(document);
    if (path === null) return "nameless";
    const isOwn = path === state.path;
    const revision = replaced === "any" ? "*" : replaced === "known" && isOwn ? state.revision : null; // null: there must be no file
    const mark = document.journal.mark;
    const body = writeExactly(this.write(document));
    /** @type {Record<string, string>} */
    const headers = revision === null ? {} : { "If-Match": revision === "*" ? "*" : `"${revision}"` };
    try {
      const record = await editor.server.ask("PUT", `/heddle/files/workflows/${encodeURIComponent(path)}`, body, headers);
      this.setState(document, { path, name: nameOf(path), revision: record.revision, newer: null, mark, isUnsaved: false });
      this.#untold(document);
      editor.events.emit("workflow:saved", document);
      return "saved";
    } catch (error) {
      if (error instanceof Refusal && error.body?.error?.type === "changed_meanwhile") return !error.body.current ? "gone" : isOwn ? "conflict" : "exists";
      this.#tellUnsaved(document, nameOf(path), error);
      return "failed";
    }
  }

  /** What takes the note away that a document was not saved. @type {WeakMap<Document, () => void>} */
  #told = new WeakMap();

  /** It is not true any more. @param {Document} document */
  #untold(document) {
    this.#told.get(document)?.();
    this.#told.delete(document);
  }

  /** @param {Document} document @param {string} name @param {unknown} error */
  #tellUnsaved(document, name, error) {
    const { shell, server } = this.#editor;
    console.warn(error);
    const reason = error instanceof Refusal ? error.message : server.state === "away" ? this.#editor.text("workflows.server-away") : String(error);
    this.#untold(document);
    this.#told.set(document, shell.note(this.#editor.text("workflows.cannot-save", { name, reason }), {
      kind: "error",
      action: { text: this.#editor.text("viewer.save"), run: () => this.download(document) },
    }));
  }

  async rename() {
    const document = this.#editor.document;
    const state = this.stateOf(document);
    await this.#askName(state.path === null ? state.name : nameWithFolders(state.path), (path) => this.inTurn(document, async () => {
      const from = this.stateOf(document).path;
      if (from === null) return this.setState(document, { name: nameOf(path) });
      const record = await this.#editor.server.post(`/heddle/files/workflows/${encodeURIComponent(from)}/move`, { to: path });
      return this.setState(document, { path, name: nameOf(path), revision: record.revision });
    }));
  }

  /** Asks for another name for a file. @param {string} path */
  async renameFile(path) {
    await this.#askName(nameWithFolders(path), (to) => this.#move(path, to));
  }

  /**
   * Gives a file another name. A tab that shows it follows.
   * @param {string} from
   * @param {string} to
   */
  async #move(from, to) {
    await this.#inTurnOf(from, async () => {
      await this.#editor.server.post(`/heddle/files/workflows/${encodeURIComponent(from)}/move`, { to });
      for (const each of this.#tabsOf(from)) this.setState(each, { path: to, name: nameOf(to) }); // revisions are of what is in it
    });
  }

  /** Deletes a file. What stands in a tab that shows it stays there, as work that is not saved. @param {string} path */
  async delete(path) {
    await this.#inTurnOf(path, async () => {
      await this.#editor.server.ask("DELETE", `/heddle/files/workflows/${encodeURIComponent(path)}`);
      for (const each of this.#tabsOf(path)) {
        this.setState(each, { path: null, revision: null, newer: null, isUnsaved: true });
        this.events.emit("orphan", each);
      }
    });
  }

  /**
   * Puts another state of the same file into its tab. Jobs go on showing in it what they bring.
   * @param {Document} document
   * @param {Document} by
   * @param {Partial<FileState>} state
   */
  replace(document, by, state) {
    const { name, path } = this.stateOf(document);
    this.#states.set(by, { id: newId(), name, path, revision: null, newer: null, mark: by.journal.mark, isUnsaved: false, ...state });
    by.lastJobs = document.lastJobs;
    for (const job of this.#editor.services.run.jobs.all) {
      if (job.document === document) job.document = by.lastJobs.includes(job.id) ? null : by; // of the last ones the results are fetched
    }
    this.#editor.replace(document, by);
    this.#editor.events.emit("workflow:restored", by);
  }

  /** @param {string} path */
  #tabsOf(path) {
    return this.#editor.documents.filter((each) => this.stateOf(each).path === path);
  }

  /** When what is on its way for the tabs of a file has come there. @param {string} path @param {() => Promise<void>} work */
  #inTurnOf(path, work) {
    return this.#tabsOf(path).reduce((/** @type {() => Promise<void>} */ next, each) => () => this.inTurn(each, next), work)();
  }

  duplicate() {
    const { name } = this.stateOf(this.#editor.document);
    const saved = structuredClone(this.write(this.#editor.document));
    delete saved.id; // another workflow from now on
    const document = this.openSaved(saved, { name: this.#editor.text("workflows.copy-of", { name }), isUnsaved: true });
    return document;
  }

  /** The file, as a download. */
  download(document = this.#editor.document) {
    offer(writeExactly(this.write(document), 2), `${this.stateOf(document).name}.json`);
  }

  /** What programs send to the server. */
  async downloadPrompt() {
    const document = this.#editor.document;
    const prompt = await this.#editor.server.askExactly("POST", "/heddle/convert", writeExactly(this.write(document)));
    offer(writeExactly(prompt, 2), `${this.stateOf(document).name} (API).json`);
  }

  /** @param {Document} document @returns {Promise<boolean>} whether it was closed */
  async close(document) {
    const editor = this.#editor;
    while (this.isDirty(document)) { // once more if the person went on while it was being saved
      const { name } = this.stateOf(document);
      const answer = await editor.shell.ask(editor.text("workflows.close-title"), editor.text("workflows.close", { name }), [
        { id: "save", text: editor.text("workflows.close-save"), isMain: true },
        { id: "drop", text: editor.text("workflows.close-drop"), isDangerous: true },
        { id: "stay", text: editor.text("shell.cancel") },
      ]);
      if (answer === "drop") break;
      if (answer !== "save" || !(await this.save(document))) return false;
    }
    editor.close(document);
    editor.events.emit("workflow:closed", document);
    return true;
  }
}

const PICTURE_NAME = /\.(?:png|apng|jpe?g|webp|gif|avif|bmp|tiff?)$/i;

/**
 * What a file's bytes say: UTF-8 or, by its mark, UTF-16, as some editors of Windows write it.
 * @param {ArrayBuffer} bytes
 */
export function textOf(bytes) {
  const [first, second] = new Uint8Array(bytes.slice(0, 2));
  const coding = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(coding).decode(bytes);
}

/**
 * Where a text stops being JSON. NaN and infinities are passed over, as in `parseExactly`.
 * @param {string} text
 * @returns {{line: number, column: number, isCut: boolean}} both from 1; `isCut`: all of it is right, only its end is missing
 */
export function breakIn(text) {
  let at = text.trimEnd().length;
  const end = at;
  try {
    JSON.parse(text.replace(/-?\b(?:NaN|Infinity)\b/g, (word) => "0".padEnd(word.length)));
  } catch (error) {
    const told = error instanceof Error ? error.message : "";
    const [, line, column] = /line (\d+) column (\d+)/.exec(told) ?? []; // of every engine that tells one
    const [, position] = /position (\d+)/.exec(told) ?? [];
    if (position) at = Number(position);
    else if (line) at = text.split("\n").slice(0, Number(line) - 1).reduce((sum, each) => sum + each.length + 1, 0) + Number(column) - 1;
  }
  at = Math.min(at, end);
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1, isCut: at >= end };
}

/** Whether the server may find a graph, templates or another program's form in it. @param {any} value */
function mayHoldGraph(value) {
  if (!value || typeof value !== "object" || Array.isArray(value)) return false;
  if (["prompt", "workflow", "templates", "extra_data", "parameters"].some((key) => key in value)) return true;
  return Object.values(value).some((each) => each && typeof each === "object" && "class_type" in each);
}

/** @param {string} path  "faces/close up.json" @returns {string} "faces/close up" */
export function nameWithFolders(path) {
  return path.replace(/\.json$/i, "");
}

/** @param {string} path  "faces/close up.json" */
export function nameOf(path) {
  return (path.split("/").at(-1) ?? path).replace(/\.[a-z0-9]{2,11}$/i, "");
}

/** @param {string} given  what a person typed @returns {string} "" if there is nothing to a name in it */
export function pathOf(given) {
  const parts = given.replaceAll("\\", "/").replace(/\.json$/i, "").split("/").map((part) => part.trim().replace(/^\.+/, "")).filter(Boolean);
  return parts.length ? `${parts.join("/")}.json` : "";
}

/** @param {Response} answer */
export function revisionOf(answer) {
  return answer.headers.get("ETag")?.replace(/^(?:W\/)?"(.*)"$/, "$1") ?? null;
}

/** @param {string} text @param {string} name */
function offer(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name.replaceAll(/[\\/:*?"<>|]/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
