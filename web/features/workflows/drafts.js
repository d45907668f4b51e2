/**
 * What stands in the tabs and is not saved, so that a crash, a closed browser or a dead machine costs nothing.
 *
 * Twice: in the browser's own database a moment after every step, only what the step touched; and on the server, whole,
 * when the person pauses or leaves, so that another browser has it too.
 */

import { Node } from "../../core/graph.js";
import { newId } from "../../core/ids.js";
import { writeExactly } from "../../core/json.js";
import { Refusal } from "../../core/server.js";
import { writeNode, writeWorkflow } from "../../core/write.js";
import { Windows } from "./windows.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Files } from "./files.js" */

const DATABASE = "heddle";
const SOON_MS = 300;
const PAUSE_MS = 4000; // without a step, before the server gets it
const PLACES = "heddle.places"; // where the person looks, by drafts
const WINDOW = "heddle.window"; // in the session's storage: the id of this window
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
 * @property {string[]} [nodes]  keys of its nodes: what else lies there is of a write that was cut off
 */

/**
 * What the server tells of a draft that it keeps.
 * @typedef {{id: string, name: string | null, path: string | null, revision: string | null, modified: number}} KeptDraft  `modified`: ms since 1970
 */

export class Drafts {
  #editor;
  #files;
  /** @type {IDBDatabase | null} */
  #database = null;
  #windows = new Windows();
  /** @type {Map<Document, {nodes: Set<Node>, isFrameStale: boolean, isWhole: boolean}>} what is not in the database yet */
  #stale = new Map();
  /** @type {Set<Document>} what the server does not have yet */
  #unsent = new Set();
  /** @type {Map<string, Set<string>>} keys of nodes that the database has, by draft */
  #kept = new Map();
  #isWriting = false;
  /** Drafts that are being taken out of the database. */
  #erasing = 0;
  /** It failed, and is tried again with the next step. */
  #isResting = false;
  /** What this browser could not keep when it was asked last. @type {Set<Document>} */
  #failed = new Set();
  /** The person knows that the server keeps nothing. */
  #isTold = false;
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
      const database = await this.#openDatabase();
      await this.#claimWindow(database);
      const heads = (await headsIn(database)).filter((head) => head.window === this.#windows.id).sort((a, b) => a.place - b.place);
      /** @type {Document | null} */
      let shown = null;
      for (const head of heads) {
        const document = await this.#reopen(database, head);
        if (document && head.isShown) shown = document;
      }
      if (shown) this.#editor.show(shown);
      this.#goBack();
      if (heads.length) return true;
    } catch (error) {
      console.warn("drafts of this browser cannot be read", error);
    }
    return false;
  }

  /** A page that is loaded again shows of each tab what it showed. */
  #goBack() {
    const places = JSON.parse(sessionStorage.getItem(PLACES) ?? "{}");
    for (const document of this.#editor.documents) {
      const place = places[this.#files.stateOf(document).id];
      if (place) this.#editor.putPlace(document, place);
    }
  }

  #keepPlaces() {
    const { documents } = this.#editor;
    const places = documents.map((document) => [this.#files.stateOf(document).id, this.#editor.placeOf(document)]);
    sessionStorage.setItem(PLACES, JSON.stringify(Object.fromEntries(places)));
  }

  async #openDatabase() {
    const database = await openDatabase();
    database.addEventListener("close", () => { // the person has cleared what the browser keeps
      this.#database = null;
      this.#kept.clear();
      for (const each of this.#editor.documents) this.#note(each, "all");
    });
    return (this.#database = database);
  }

  /** Which drafts it has: of those that are open here, and of other browsers, which are offered. */
  async #askServer() {
    const found = await this.elsewhere();
    if (found.length) (await import("./elsewhere.js")).offerDrafts(this.#editor, this, found);
  }

  /** What the server keeps that no window of this browser has. @returns {Promise<KeptDraft[]>} the one changed last first */
  async elsewhere() {
    /** @type {{drafts: KeptDraft[]}} */
    const { drafts } = await this.#editor.server.get("/heddle/drafts");
    for (const each of drafts) this.#onServer.add(each.id);
    const here = new Set(this.#editor.documents.flatMap((each) => [this.#files.stateOf(each).id, this.#replaced.get(each)]));
    for (const head of this.#database ? await headsIn(this.#database).catch(() => []) : []) here.add(head.id); // open in another window
    return drafts.filter((each) => !here.has(each.id));
  }

  /**
   * Opens one of those, under an id of its own: the browser that it comes from may still be writing to the old one.
   * @param {KeptDraft} draft
   */
  async adopt({ id, name, path, revision }) {
    const kept = await this.#editor.server.askExactly("GET", `/heddle/drafts/${id}`);
    const document = this.#files.openSaved(kept, { name: name ?? "", path, revision, isUnsaved: true });
    this.#replaced.set(document, id);
    this.#note(document, "all");
    await this.#send();
  }

  /** Takes one of those away for good. @param {string} id */
  async discard(id) {
    await this.#editor.server.ask("DELETE", `/heddle/drafts/${id}`);
  }

  /** @param {IDBDatabase} database @param {Head} head @returns {Promise<Document | null>} */
  async #reopen(database, head) {
    try {
      const records = await nodesIn(database, head.id);
      const known = head.nodes && new Set(head.nodes);
      const frame = structuredClone(head.frame);
      const graphs = new Map([["", frame], ...(frame.definitions?.subgraphs ?? []).map((/** @type {any} */ each) => [each.id, each])]);
      this.#kept.set(head.id, new Set(records.map((each) => each.key[1])));
      for (const { key, record } of records.sort((a, b) => a.rank - b.rank)) {
        if (known && !known.has(key[1])) continue;
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
    whenIdle(() => void this.#askServer().catch((error) => console.warn("the server's drafts are not known", error)));
    const { events } = this.#editor;
    const stop = new AbortController();
    this.#stop.push(
      () => stop.abort(),
      events.on("documents", () => this.#watchAll()),
      events.on("document", () => this.#editor.documents.forEach((each) => this.#note(each, null))),
      events.on("run:jobs", (document) => this.#note(document, null)),
      this.#files.events.on("change", (document) => this.#note(document, null)),
      this.#files.events.on("orphan", (document) => this.#note(document, "all")),
    );
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "hidden") return;
      void this.#write();
      void this.#send();
    }, { signal: stop.signal });
    addEventListener("pagehide", () => {
      void this.#write();
      this.#keepPlaces();
    }, { signal: stop.signal });
    addEventListener("beforeunload", (event) => {
      if ((!this.#database || this.#failed.size) && this.#unsent.size) event.preventDefault(); // nobody has kept it yet
    }, { signal: stop.signal });
    this.#windows.onTaken = (ids) => this.#loseTo(ids);
    this.#watchAll();
  }

  /** What is open here goes on as drafts of its own. @param {string[]} ids  of drafts that another window writes now */
  #loseTo(ids) {
    for (const document of this.#editor.documents) {
      const { id } = this.#files.stateOf(document);
      if (!ids.includes(id)) continue;
      this.#kept.delete(id);
      this.#onServer.delete(id);
      this.#files.setState(document, { id: newId() });
      this.#note(document, "all");
    }
  }

  dispose() {
    this.#stop.forEach((each) => each());
    for (const stops of this.#watched.values()) stops.forEach((each) => each());
    clearTimeout(this.#soon);
    clearTimeout(this.#pause);
    this.#windows.dispose();
    this.#database?.close();
  }

  /** @type {Map<Document, (() => void)[]>} what stops listening to each that is open */
  #watched = new Map();

  #watchAll() {
    for (const [document, stops] of this.#watched) {
      if (this.#editor.documents.includes(document)) continue;
      stops.forEach((each) => each());
      this.#watched.delete(document);
      void this.#forget(document).catch((error) => console.warn("the draft of a closed tab stays", error));
    }
    for (const document of this.#editor.documents) {
      if (this.#watched.has(document)) continue;
      const { events } = document.journal;
      this.#watched.set(document, [
        events.on("commit", ({ owners }) => this.#note(document, owners)),
        events.on("travel", ({ entry }) => this.#note(document, entry.owners)),
        events.on("aside", (owners) => this.#note(document, owners)), // seeds that a run changed
      ]);
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

  /** Whether the browser's database has all that stands in the tabs: nothing is lost if the page ends now. */
  get isKept() {
    return !this.#stale.size && !this.#isWriting && !this.#erasing;
  }

  /** Puts what changed into the browser's database. One goes on at a time: two would mix what they saw. */
  async #write() {
    if (this.#isWriting) return; // it goes round again
    this.#isWriting = true;
    while (this.#stale.size && !this.#isResting) await this.#writeAll();
    this.#isWriting = this.#isResting = false;
  }

  async #writeAll() {
    const all = [...this.#stale];
    this.#stale.clear();
    for (const [document, stale] of all) {
      if (!this.#editor.documents.includes(document)) continue;
      try {
        await this.#writeOne(this.#database ?? (await this.#openDatabase()), document, stale);
        this.#failed.delete(document);
      } catch (error) {
        if (!this.#failed.has(document)) console.warn("the draft could not be kept in this browser", error);
        this.#failed.add(document);
        this.#isResting = true;
        const again = this.#stale.get(document);
        this.#stale.set(document, { nodes: again?.nodes ?? new Set(), isFrameStale: true, isWhole: true }); // with the next step
      }
    }
  }

  /**
   * @param {IDBDatabase} database
   * @param {Document} document
   * @param {{nodes: Set<Node>, isFrameStale: boolean, isWhole: boolean}} stale
   */
  async #writeOne(database, document, stale) {
    const { id } = this.#files.stateOf(document);
    const isWhole = stale.isWhole || !this.#kept.has(id);
    /** @type {Set<string>} */
    const kept = this.#kept.get(id) ?? new Set();
    this.#kept.set(id, kept);
    if (isWhole || stale.isFrameStale) {
      for (const graph of document.graphs()) {
        for (const node of graph.nodes.values()) if (isWhole || !kept.has(keyOf(node))) stale.nodes.add(node);
      }
    }
    const transaction = await this.#putInSlices(database, document, id, [...stale.nodes], kept);
    if (!transaction) return;
    if (isWhole || stale.isFrameStale || !this.#frames.has(document)) {
      const there = new Set([...document.graphs()].flatMap((graph) => [...graph.nodes.values()].map(keyOf)));
      for (const { first, last, keys } of runsOf(kept, there)) {
        transaction.objectStore("nodes").delete(IDBKeyRange.bound([id, first], [id, last]));
        for (const key of keys) kept.delete(key);
      }
      this.#frames.set(document, { frame: frameOf(document), nodes: [...there] });
    }
    const { name, path, revision } = this.#files.stateOf(document);
    /** @type {Head} */
    const head = {
      id, window: this.#windows.id, place: this.#editor.documents.indexOf(document), isShown: document === this.#editor.document, modified: Date.now(),
      name, path, revision, isDirty: this.#files.isDirty(document), jobs: document.lastJobs, .../** @type {any} */ (this.#frames.get(document)),
    };
    transaction.objectStore("heads").put(head);
    await done(transaction);
  }

  /**
   * Puts nodes in, a few at a time, so that nobody waits for a large graph. The last few are left in a transaction that
   * is open still: with them comes all that makes the draft count.
   * @param {IDBDatabase} database
   * @param {Document} document
   * @param {string} id
   * @param {Node[]} nodes
   * @param {Set<string>} kept
   * @returns {Promise<IDBTransaction | null>} null: it was closed meanwhile, or is another draft now
   */
  async #putInSlices(database, document, id, nodes, kept) {
    for (let at = 0; ; at += SLICE) {
      if (this.#files.stateOf(document).id !== id || !this.#editor.documents.includes(document)) return null;
      const transaction = database.transaction(["heads", "nodes"], "readwrite", { durability: "relaxed" });
      const store = transaction.objectStore("nodes");
      for (const node of nodes.slice(at, at + SLICE)) {
        if (node.graph.node(node.id) !== node || !node.graph.nodes.has(node.key)) continue;
        kept.add(keyOf(node));
        store.put({ key: [id, keyOf(node)], rank: node.rank, record: writeNode(node) });
      }
      if (at + SLICE >= nodes.length) return transaction;
      await done(transaction);
      if (window.document.visibilityState === "visible") await new Promise((resolve) => whenIdle(() => resolve(undefined)));
    }
  }

  /** @type {WeakMap<Document, {frame: any, nodes: string[]}>} */
  #frames = new WeakMap();
  /** Drafts of other browsers, until the server has what was made of them. @type {WeakMap<Document, string>} */
  #replaced = new WeakMap();

  /** What is on its way to the server. @type {Promise<void>} */
  #sending = Promise.resolve();

  /** Sends what the server lacks, when what was sent before is there: it must not come after what is newer. @returns {Promise<void>} */
  #send() {
    return (this.#sending = this.#sending.then(() => this.#sendAll()));
  }

  async #sendAll() {
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
        this.#isTold = false;
        const old = this.#replaced.get(document);
        if (old && this.#replaced.delete(document)) await this.#drop(old);
      } catch (error) {
        console.warn("the draft could not be kept on the server", error);
        this.#unsent.add(document);
        if (error instanceof Refusal && !this.#isTold) {
          this.#isTold = true;
          this.#editor.shell.note(this.#editor.text("workflows.not-kept", { reason: error.message }), { kind: "error" });
        }
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
    if (this.#onServer.delete(id)) await this.#drop(id);
  }

  /** @param {string} id */
  async #drop(id) {
    await this.#editor.server.ask("DELETE", `/heddle/drafts/${id}`).catch((error) => console.warn("a draft stays on the server", error));
  }

  /** @param {Document} document  that is not open any more */
  async #forget(document) {
    const { id } = this.#files.stateOf(document);
    this.#stale.delete(document);
    this.#unsent.delete(document);
    this.#failed.delete(document);
    if (this.#database) await this.#erase(id);
    await this.#sending; // it may be on its way just now
    await this.#unsend(document);
  }

  /** @param {string} id */
  async #erase(id) {
    this.#erasing++;
    try {
      await this.#eraseNow(id);
    } finally {
      this.#erasing--;
    }
  }

  /** @param {string} id */
  async #eraseNow(id) {
    const transaction = /** @type {IDBDatabase} */ (this.#database).transaction(["heads", "nodes"], "readwrite");
    transaction.objectStore("heads").delete(id);
    transaction.objectStore("nodes").delete(rangeOf(id));
    this.#kept.delete(id);
    await done(transaction);
  }

  /**
   * Which window's tabs are ours. A page that is loaded again knows its own; a new one takes over those of windows that
   * are gone, as after the browser was closed.
   * @param {IDBDatabase} database
   */
  async #claimWindow(database) {
    const mine = sessionStorage.getItem(WINDOW);
    const isNew = mine !== null && performance.getEntriesByType("navigation").every((each) => /** @type {any} */ (each).type === "navigate");
    const isCopy = isNew && (await this.#windows.open([mine])).size > 0; // a duplicated browser tab brings its session along
    this.#windows.id = mine !== null && !isCopy ? mine : newId();
    sessionStorage.setItem(WINDOW, this.#windows.id);
    if (mine !== null) return;
    const heads = await headsIn(database);
    const open = await this.#windows.open(new Set(heads.map((head) => head.window)));
    const orphans = heads.filter((head) => !open.has(head.window));
    if (!orphans.length) return;
    const store = database.transaction("heads", "readwrite").objectStore("heads");
    for (const head of orphans) store.put({ ...head, window: this.#windows.id });
    await done(store.transaction);
    this.#windows.take(orphans.map((head) => head.id)); // one of them may only have been asleep
  }
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

/** @param {IDBDatabase} database @returns {Promise<Head[]>} */
function headsIn(database) {
  return request(database.transaction("heads").objectStore("heads").getAll());
}

/** @param {IDBDatabase} database @param {string} id  of a draft @returns {Promise<{key: [string, string], rank: number, record: any}[]>} */
function nodesIn(database, id) {
  return request(database.transaction("nodes").objectStore("nodes").getAll(rangeOf(id)));
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

/**
 * Keys that are gone, in runs that lie next to each other: a thousand deleted one by one would hold the page up.
 * @param {Set<string>} kept
 * @param {Set<string>} there  what stays
 * @returns {Iterable<{first: string, last: string, keys: string[]}>}
 */
function* runsOf(kept, there) {
  /** @type {string[]} */
  let keys = [];
  for (const key of [...kept].sort()) {
    if (!there.has(key)) {
      keys.push(key);
    } else if (keys.length) {
      yield { first: keys[0], last: keys[keys.length - 1], keys };
      keys = [];
    }
  }
  if (keys.length) yield { first: keys[0], last: keys[keys.length - 1], keys };
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
