/**
 * Tells when the file of a tab was saved, renamed or deleted elsewhere: in another window, another browser, by a program.
 * A tab without changes of its own shows what is there now; otherwise the person chooses.
 */

import { parseExactly } from "../../core/json.js";
import { readWorkflow } from "../../core/read.js";
import { newId } from "../../core/ids.js";
import { nameOf, revisionOf, textOf } from "../workflows/files.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor, Feature } from "../../core/editor.js" */

const FOLDER = "workflows/"; // among the person's files

/** @typedef {{kind: "gone"} | {kind: "moved", path: string} | {kind: "newer", revision: string, text: string}} News */

/** @type {Feature} */
export const fileNews = {
  name: "file-news",
  needs: ["workflows", "run"],
  install(editor) {
    const news = new FileNews(editor);
    const { server, events, services } = editor;
    const stop = new AbortController();
    server.declare("heddle_files");
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") void news.look(editor.documents); // programs on the disk tell nobody
    }, { signal: stop.signal });
    const isBehind = () => services.workflows.stateOf(editor.document).newer !== null;
    const cleanups = [
      () => stop.abort(),
      editor.commands.addAll([
        { id: "file.take-newer", title: "command.take-newer", isOnce: true, when: isBehind, run: () => news.take(editor.document) },
        { id: "file.keep-mine", title: "command.keep-mine", when: isBehind, run: () => news.keep(editor.document) },
      ]),
      server.events.on("message", ({ type, data }) => {
        if (type === "heddle_files") void news.look(editor.documents.filter((each) => data.paths.includes(FOLDER + services.workflows.stateOf(each).path)), data.paths);
      }),
      server.events.on("state", (state) => void (state === "open" && news.look(editor.documents))), // what it missed
      events.on("documents", () => news.forget()),
      services.workflows.events.on("change", () => news.forget()),
    ];
    if (server.state === "open") void news.look(editor.documents);
    return () => {
      cleanups.forEach((each) => each());
      news.dispose();
    };
  },
};

class FileNews {
  #editor;
  #files;
  /** Notes that wait for an answer. @type {Map<Document, {revision: string, remove: () => void}>} */
  #notes = new Map();
  /** Documents whose files are gone, with the revision that was lost: told once. @type {WeakMap<Document, {revision: string | null, wasUnsaved: boolean, remove: () => void}>} */
  #gone = new WeakMap();
  /** Of the last note that a tab shows what was saved elsewhere. */
  #removeShown = () => {};

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
    this.#files = editor.services.workflows;
  }

  dispose() {
    this.#removeShown();
    for (const { remove } of this.#notes.values()) remove();
    this.#notes.clear();
  }

  /** Notes of what is settled go. */
  forget() {
    for (const [document, { revision, remove }] of this.#notes) {
      if (this.#editor.documents.includes(document) && this.#files.stateOf(document).newer === revision) continue;
      remove();
      this.#notes.delete(document);
    }
  }

  /**
   * Asks whether these are still what their files are.
   * @param {Document[]} documents
   * @param {string[]} [changed]  of the person's files: one that was renamed is among them by both names
   */
  async look(documents, changed = []) {
    for (const document of [...documents]) {
      try {
        const news = await this.#ask(document, changed);
        if (news) this.#take(document, news);
      } catch (error) {
        console.warn("whether a file has changed is not known", error); // the line is broken: asked again when it is back
      }
    }
  }

  /**
   * In turn with the tab's own saves: what they put there is no news.
   * @param {Document} document
   * @param {string[]} [changed]
   * @returns {Promise<News | null>}
   */
  #ask(document, changed = []) {
    return this.#files.inTurn(document, async () => {
      const { path, revision } = this.#files.stateOf(document);
      if (path === null || revision === null || !this.#editor.documents.includes(document)) return null;
      const answer = await this.#read(path, revision);
      if (answer.status === 404) {
        const others = changed.filter((each) => each.startsWith(FOLDER) && each !== FOLDER + path);
        for (const other of others.map((each) => each.slice(FOLDER.length))) {
          if ((await this.#read(other, revision)).status === 304) return { kind: "moved", path: other };
        }
        return { kind: "gone" };
      }
      const found = answer.ok ? revisionOf(answer) : null;
      return found === null || found === revision ? null : { kind: "newer", revision: found, text: textOf(await answer.arrayBuffer()) };
    });
  }

  /** @param {string} path @param {string} revision @returns {Promise<Response>} 304: that is what lies there */
  #read(path, revision) {
    const address = this.#editor.server.address(`/heddle/files/workflows/${encodeURIComponent(path)}`);
    return fetch(address, { cache: "no-store", headers: { "If-None-Match": `"${revision}"` } });
  }

  /** @param {Document} document @param {News} news */
  #take(document, news) {
    if (!this.#editor.documents.includes(document)) return;
    const { name, newer, revision, isUnsaved } = this.#files.stateOf(document);
    const gone = this.#gone.get(document);
    if (news.kind === "moved") {
      // It was looked for between its renaming and the word of that.
      const isFoundAgain = gone?.revision === revision;
      if (isFoundAgain) gone?.remove();
      this.#gone.delete(document);
      return this.#files.setState(document, {
        path: news.path, name: nameOf(news.path), isUnsaved: isFoundAgain ? Boolean(gone?.wasUnsaved) : isUnsaved,
      });
    }
    if (news.kind === "gone") {
      if (gone?.revision === revision) return;
      this.#files.setState(document, { newer: null, isUnsaved: true });
      this.#files.events.emit("orphan", document);
      const remove = this.#editor.shell.note(this.#editor.text("workflows.file-gone", { name }), { lasts: true });
      this.#gone.set(document, { revision, wasUnsaved: isUnsaved, remove });
      return;
    }
    if (newer === news.revision) return; // told already
    const { jobs } = this.#editor.services.run;
    const isIdle = !document.journal.isOpen && !jobs.active.some((job) => job.document === document);
    if (isIdle && !this.#files.isDirty(document)) {
      this.#replace(document, news);
      this.#removeShown(); // who saves often elsewhere is told of once
      this.#removeShown = this.#editor.shell.note(this.#editor.text("workflows.newer-shown", { name }));
      return;
    }
    this.#files.setState(document, { newer: news.revision });
    this.#tell(document, news.revision);
  }

  /** @param {Document} document @param {string} revision */
  #tell(document, revision) {
    const { shell } = this.#editor;
    const { name } = this.#files.stateOf(document);
    /** @param {string} key */
    const t = (key) => this.#editor.text(key, { name });
    this.#notes.set(document, { revision, remove: shell.note(t("workflows.newer"), {
      lasts: true,
      action: [
        { text: t("command.take-newer"), run: () => this.take(document) },
        { text: t("command.keep-mine"), run: () => this.keep(document) },
      ],
    }) });
  }

  /** Shows what is in the file now. What stood in the tab can be brought back. @param {Document} document */
  async take(document) {
    const editor = this.#editor;
    const { name } = this.#files.stateOf(document);
    try {
      const news = await this.#ask(document);
      if (news?.kind !== "newer") return void (news && this.#take(document, news));
      const wasDirty = this.#files.isDirty(document);
      const { revision } = news;
      const fresh = this.#replace(document, news);
      this.#removeShown();
      if (!wasDirty) return;
      editor.shell.note(editor.text("workflows.newer-taken", { name }), { action: { text: editor.text("workflows.bring-back"), run: () => {
        const isThere = editor.documents.includes(fresh) && !this.#files.isDirty(fresh) && this.#files.stateOf(fresh).revision === revision;
        if (isThere) return this.#files.replace(fresh, document, { revision, isUnsaved: true });
        this.#files.setState(document, { id: newId(), path: null, revision: null, newer: null, isUnsaved: true });
        editor.open(document);
      } } });
    } catch (error) {
      editor.report(error);
      if (this.#files.stateOf(document).newer !== null) this.#tell(document, /** @type {string} */ (this.#files.stateOf(document).newer));
    }
  }

  /** The next save puts what stands in the tab in its place; the other one stays as a version. @param {Document} document */
  keep(document) {
    const { newer } = this.#files.stateOf(document);
    if (newer !== null) this.#files.setState(document, { revision: newer, newer: null, isUnsaved: true });
  }

  /** @param {Document} document @param {{revision: string, text: string}} news @returns {Document} */
  #replace(document, { revision, text }) {
    const { document: fresh } = readWorkflow(parseExactly(text).value, this.#editor.catalogue);
    this.#files.replace(document, fresh, { revision });
    return fresh;
  }
}
