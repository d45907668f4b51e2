/**
 * What stands in the tabs and is not saved, so that a crash, a closed browser or a dead machine costs nothing.
 *
 * Twice: in the browser's own database a moment after every step, only what the step touched; and on the server, whole,
 * when the person pauses or leaves, so that another browser has it too.
 */

import { Node } from "../../core/graph.js";
import { writeExactly } from "../../core/json.js";
import { writeNode, writeWorkflow } from "../../core/write.js";
import { randomId } from "./ids.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Files } from "./files.js" */

const DATABASE = "heddle";
const SOON_MS = 300;
const PAUSE_MS = 4000; // without a step, before the server gets it
const BEAT_MS = 5000;
const SLICE = 150; // nodes that are put into the database at once

/**
 * @typedef {object} Head  a draft without the nodes of its graphs
 * @property {string} id
 * @property {string} window
 * @property {number} place  among the tabs
 * @property {boolean} isShown
 * @property {number} modified
 * @property {string} name
 * @property {string | null} path
 * @property {string | null} revision
 * @property {boolean} isDirty
 * @property {string[]} [jobs]  the last ones that were queued from it
 * @property {any} frame  the workflow, lists of nodes empty
 */

export class Drafts {
  #editor;
  #files;
  /** @type {IDBDatabase | null} */
  #database = null;
  #window = "";
  /** @type {Map<Document, {nodes: Set<Node>, isFrameStale: boolean, isWhole: boolean}>} what is not in the database yet */
  #stale = new Map();
  /** @type {Set<Document>} what the server does not have yet */
  #unsent = new Set();
  /** @type {Map<string, Set<string>>} keys of nodes that the database has, by draft */
  #kept = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #soon;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;
  /** @type {(() => void)[]} */
  #stop = [];

  /** @param {Editor} editor @param {Files} files */
  constructor(editor, files) {
    this.#editor = editor;
    this.#files = files;
  }

  /**
   * Opens the tabs of the last time.
   * @returns {Promise<boolean>} whether there were any
   */
  async restore() {
    try {
      this.#database = await openDatabase();
      this.#window = await this.#claimWindow();
      const heads = (await this.#heads()).filter((head) => head.window === this.#window).sort((a, b) => a.place - b.place);
      /** @type {Document | null} */
      let shown = null;
      for (const head of heads) {
        const document = await this.#reopen(head);
        if (document && head.isShown) shown = document;
      }
      if (shown) this.#editor.show(shown);
      if (heads.length) return true;
    } catch (error) {
      console.warn("drafts of this browser cannot be read", error);
    }
    return this.#restoreFromServer();
  }

  /** Another browser, or one whose data was cleared: what the server has and no file has. */
  async #restoreFromServer() {
    const { drafts } = await this.#editor.server.get("/heddle/drafts").catch(() => ({ drafts: [] }));
    if (!drafts.length) return false;
    this.#editor.shell.note(this.#editor.text("workflows.drafts-elsewhere", { count: drafts.length }), {
      action: { text: this.#editor.text("workflows.drafts-open"), run: async () => {
        for (const each of drafts) {
          const kept = await this.#editor.server.askExactly("GET", `/heddle/drafts/${each.id}`);
          this.#files.openSaved(kept, { id: each.id, name: each.name ?? "", path: each.path, revision: each.revision, isUnsaved: true });
        }
      } },
      lasts: true,
    });
    return false;
  }

  /** @param {Head} head @returns {Promise<Document | null>} */
  async #reopen(head) {
    try {
      const records = await this.#nodesOf(head.id);
      const frame = structuredClone(head.frame);
      const graphs = new Map([["", frame], ...(frame.definitions?.subgraphs ?? []).map((/** @type {any} */ each) => [each.id, each])]);
      this.#kept.set(head.id, new Set(records.map((each) => each.key[1])));
      for (const { key, record } of records.sort((a, b) => a.rank - b.rank)) {
        graphs.get(key[1].slice(0, key[1].lastIndexOf("\n")))?.nodes.push(record);
      }
      const { id, name, path, revision } = head;
      const document = this.#files.openSaved(frame, { id, name, path, revision, isUnsaved: head.isDirty });
      document.lastJobs = head.jobs ?? [];
      this.#editor.events.emit("workflow:restored", document);
      return document;
    } catch (error) {
      this.#editor.report(error);
      return null;
    }
  }

  /** From now on every step is kept. */
  begin() {
    whenIdle(() => void this.#editor.server.get("/heddle/drafts").then(
      ({ drafts }) => drafts.forEach((/** @type {any} */ each) => this.#onServer.add(each.id)),
      (error) => console.warn("the server's drafts are not known", error),
    ));
    const { events } = this.#editor;
    const stop = new AbortController();
    this.#stop.push(
      () => stop.abort(),
      events.on("workflow:closed", (document) => void this.#forget(document)),
      events.on("documents", () => this.#watchAll()),
      events.on("document", () => this.#editor.documents.forEach((each) => this.#note(each, null))),
      events.on("run:jobs", (document) => this.#note(document, null)),
      this.#files.events.on("change", (document) => this.#note(document, null)),
    );
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "hidden") return;
      void this.#write();
      void this.#send();
    }, { signal: stop.signal });
    addEventListener("pagehide", () => void this.#write(), { signal: stop.signal });
    this.#watchAll();
  }

  dispose() {
    this.#stop.forEach((each) => each());
    clearTimeout(this.#soon);
    clearTimeout(this.#pause);
    this.#database?.close();
  }

  /** @type {WeakSet<Document>} */
  #watched = new WeakSet();

  #watchAll() {
    for (const document of this.#editor.documents) {
      if (this.#watched.has(document)) continue;
      this.#watched.add(document);
      const { events } = document.journal;
      this.#stop.push(events.on("commit", ({ owners }) => this.#note(document, owners)));
      this.#stop.push(events.on("travel", ({ entry }) => this.#note(document, entry.owners)));
      this.#stop.push(events.on("aside", (owners) => this.#note(document, owners))); // seeds that a run changed
      this.#note(document, this.#kept.has(this.#files.stateOf(document).id) ? null : "all");
    }
  }

  /** @param {Document} document @param {Set<object> | "all" | null} what  owners; null: only what stands on the tab */
  #note(document, what) {
    if (!this.#editor.documents.includes(document)) return;
    let stale = this.#stale.get(document);
    if (!stale) this.#stale.set(document, (stale = { nodes: new Set(), isFrameStale: false, isWhole: false }));
    if (what === "all") {
      stale.isWhole = true;
    } else if (what) {
      for (const owner of what) {
        if (owner instanceof Node) stale.nodes.add(owner);
        // Links, groups, reroutes and the ends of subgraphs lie in the frame.
        if (!(owner instanceof Node) || owner.graph.boundary?.input === owner || owner.graph.boundary?.output === owner) stale.isFrameStale = true;
      }
    }
    if (what && this.#files.isDirty(document)) this.#unsent.add(document);
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => whenIdle(() => void this.#write()), SOON_MS);
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => whenIdle(() => void this.#send()), PAUSE_MS);
  }

  /** Puts what changed into the browser's database. */
  async #write() {
    if (!this.#database) return;
    const all = [...this.#stale];
    this.#stale.clear();
    for (const [document, stale] of all) {
      if (!this.#editor.documents.includes(document)) continue;
      const { id, name, path, revision } = this.#files.stateOf(document);
      const kept = this.#kept.get(id) ?? new Set();
      const isNew = !this.#kept.has(id);
      this.#kept.set(id, kept);
      /** @type {string[]} */
      const gone = [];
      if (stale.isWhole || isNew || stale.isFrameStale) {
        /** @type {Set<string>} */
        const there = new Set();
        for (const graph of document.graphs()) {
          for (const node of graph.nodes.values()) {
            const key = keyOf(node);
            there.add(key);
            if (stale.isWhole || isNew || !kept.has(key)) stale.nodes.add(node);
          }
        }
        for (const key of kept) {
          if (there.has(key)) continue;
          gone.push(key);
          kept.delete(key);
        }
      }
      const there = [...stale.nodes].filter((node) => node.graph.node(node.id) === node && node.graph.nodes.has(node.key));
      const transaction = await this.#putInSlices(id, there, kept);
      if (!transaction) return;
      const nodes = transaction.objectStore("nodes");
      for (const key of gone) nodes.delete([id, key]);
      const place = this.#editor.documents.indexOf(document);
      /** @type {any} */
      const head = {
        id, window: this.#window, place, isShown: document === this.#editor.document, modified: Date.now(), name, path, revision,
        isDirty: this.#files.isDirty(document), jobs: document.lastJobs,
      };
      if (stale.isWhole || isNew || stale.isFrameStale || !this.#frames.has(document)) {
        this.#frames.set(document, frameOf(document));
      }
      head.frame = this.#frames.get(document);
      transaction.objectStore("heads").put(head);
      await done(transaction).catch((error) => console.warn("the draft could not be kept in this browser", error));
    }
  }

  /**
   * Puts nodes in, a few at a time, so that nobody waits for a large graph. The last few are left in a transaction that
   * is open still: with them comes all that makes the draft count.
   * @param {string} id
   * @param {Node[]} nodes
   * @param {Set<string>} kept
   * @returns {Promise<IDBTransaction | null>} null: the page is being left
   */
  async #putInSlices(id, nodes, kept) {
    for (let at = 0; ; at += SLICE) {
      if (!this.#database) return null;
      const transaction = this.#database.transaction(["heads", "nodes"], "readwrite", { durability: "relaxed" });
      const store = transaction.objectStore("nodes");
      for (const node of nodes.slice(at, at + SLICE)) {
        kept.add(keyOf(node));
        store.put({ key: [id, keyOf(node)], rank: node.rank, record: writeNode(node) });
      }
      if (at + SLICE >= nodes.length) return transaction;
      await done(transaction);
      if (document.visibilityState === "visible") await new Promise((resolve) => whenIdle(() => resolve(undefined)));
    }
  }

  /** @type {WeakMap<Document, any>} */
  #frames = new WeakMap();

  /** Sends what the server lacks. */
  async #send() {
    if (this.#editor.server.state === "away") return;
    for (const document of [...this.#unsent]) {
      this.#unsent.delete(document);
      if (!this.#editor.documents.includes(document) || !this.#files.isDirty(document)) continue;
      const { id, name, path, revision } = this.#files.stateOf(document);
      const query = new URLSearchParams({ name, ...(path ? { path } : {}), ...(revision ? { revision } : {}) });
      const body = await pack(writeExactly(this.#files.write(document)));
      try {
        await this.#editor.server.ask("PUT", `/heddle/drafts/${id}?${query}`, body.blob, body.headers);
        this.#onServer.add(id);
      } catch (error) {
        console.warn("the draft could not be kept on the server", error);
        this.#unsent.add(document);
      }
    }
    for (const document of this.#editor.documents) {
      if (!this.#files.isDirty(document)) await this.#unsend(document);
    }
  }

  /** @type {Set<string>} ids of drafts that the server has */
  #onServer = new Set();

  /** @param {Document} document */
  async #unsend(document) {
    const { id } = this.#files.stateOf(document);
    if (!this.#onServer.delete(id)) return;
    await this.#editor.server.ask("DELETE", `/heddle/drafts/${id}`).catch((error) => console.warn("a draft stays on the server", error));
  }

  /** @param {Document} document  closed by the person */
  async #forget(document) {
    const { id } = this.#files.stateOf(document);
    this.#stale.delete(document);
    this.#unsent.delete(document);
    if (this.#database) await this.#erase(id);
    await this.#unsend(document);
  }

  /** @param {string} id */
  async #erase(id) {
    const transaction = /** @type {IDBDatabase} */ (this.#database).transaction(["heads", "nodes"], "readwrite");
    transaction.objectStore("heads").delete(id);
    transaction.objectStore("nodes").delete(rangeOf(id));
    this.#kept.delete(id);
    await done(transaction);
  }

  /** @returns {Promise<Head[]>} */
  #heads() {
    return request(/** @type {IDBDatabase} */ (this.#database).transaction("heads").objectStore("heads").getAll());
  }

  /** @param {string} id @returns {Promise<{key: [string, string], rank: number, record: any}[]>} */
  #nodesOf(id) {
    return request(/** @type {IDBDatabase} */ (this.#database).transaction("nodes").objectStore("nodes").getAll(rangeOf(id)));
  }

  /**
   * Which window's tabs are ours. A page that is loaded again knows its own; a new one takes over those of windows that
   * are gone, as after the browser was closed.
   */
  async #claimWindow() {
    const mine = sessionStorage.getItem("heddle.window");
    const beat = () => localStorage.setItem(`heddle.window.${this.#window}`, String(Date.now()));
    const isCopy = mine !== null && performance.getEntriesByType("navigation").every((each) => /** @type {any} */ (each).type === "navigate") && isAlive(mine);
    this.#window = mine !== null && !isCopy ? mine : randomId(); // a duplicated browser tab brings its session along
    sessionStorage.setItem("heddle.window", this.#window);
    if (mine === null) {
      const orphans = (await this.#heads()).filter((head) => !isAlive(head.window));
      const store = /** @type {IDBDatabase} */ (this.#database).transaction("heads", "readwrite").objectStore("heads");
      for (const head of orphans) store.put({ ...head, window: this.#window });
      await done(store.transaction);
    }
    beat();
    const timer = setInterval(beat, BEAT_MS);
    const leave = () => {
      clearInterval(timer);
      removeEventListener("pagehide", leave);
      localStorage.removeItem(`heddle.window.${this.#window}`);
    };
    addEventListener("pagehide", leave);
    this.#stop.push(leave);
    return this.#window;
  }
}

/** @param {string} id  of a window */
function isAlive(id) {
  return Date.now() - Number(localStorage.getItem(`heddle.window.${id}`) ?? 0) < 3 * BEAT_MS;
}

/** @param {Node} node */
function keyOf(node) {
  return `${node.graph.definition?.id ?? ""}\n${node.key}`;
}

/** @param {Document} document */
function frameOf(document) {
  const whole = writeWorkflow(document, { withoutNodes: true });
  return structuredClone(whole); // it shares parts with the document, which goes on changing
}

/** @param {string} id */
function rangeOf(id) {
  return IDBKeyRange.bound([id, ""], [id, "\uffff"]);
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.addEventListener("upgradeneeded", () => {
    opening.result.createObjectStore("heads", { keyPath: "id" });
    opening.result.createObjectStore("nodes", { keyPath: "key" });
  });
  return request(opening);
}

/** @template T @param {IDBRequest<T>} asked @returns {Promise<T>} */
function request(asked) {
  return new Promise((resolve, reject) => {
    asked.addEventListener("success", () => resolve(asked.result));
    asked.addEventListener("error", () => reject(asked.error));
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error));
    transaction.addEventListener("error", () => reject(transaction.error));
  });
}

/** @param {() => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 1000 });
  else setTimeout(work, 0);
}

/** @param {string} text @returns {Promise<{blob: Blob, headers: Record<string, string>}>} */
async function pack(text) {
  const plainBlob = new Blob([text]);
  const packed = await new Response(plainBlob.stream().pipeThrough(new CompressionStream("gzip"))).blob();
  return { blob: packed, headers: { "Content-Encoding": "gzip", "Content-Type": "application/json" } };
}
