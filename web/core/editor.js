/** The editor: what is open, what is shown, what is chosen. Features hang on it and on nothing else. */

import { Commands } from "./commands.js";
import { Document } from "./document.js";
import { Emitter } from "./emitter.js";
import { Graph, Node } from "./graph.js";
import { Selection } from "./selection.js";
import { isUnreached } from "./server.js";
import { CanvasView } from "./view/view.js";
import { WidgetKinds } from "./widgets.js";

/** @import { FeatureEvents, Services } from "../agreements.d.ts" */
/** @import { Catalogue } from "./catalogue.js" */
/** @import { Entry } from "./journal.js" */
/** @import { Messages } from "./messages.js" */
/** @import { Server } from "./server.js" */
/** @import { Settings } from "./settings.js" */
/** @import { MenuEntry, MenuItem, Shell } from "./shell.js" */
/** @import { Press } from "./view/pointer.js" */
/** @import { Point } from "./view/links.js" */

/**
 * A part of the editor that can be taken out.
 * @typedef {object} Feature
 * @property {string} name
 * @property {string[]} [needs]  names of features that are installed before it
 * @property {(editor: Editor) => (() => void) | void | Promise<(() => void) | void>} install
 *
 * @typedef {object} EditorEvents
 * @property {Document} document  another one is shown
 * @property {null} documents  one was opened or closed
 * @property {Graph} graph  another graph of the document is shown
 * @property {null} selection
 * @property {Node} seek  a node of the shown document is about to be brought into view
 * @property {Document} change  a step was done, undone or redone
 * @property {Document} aside  something is another one now that is no step, as seeds after a run
 * @property {null} catalogue  node types or lists of files are other ones now
 *
 * @typedef {{scale: number, offset: Point}} Look
 * @typedef {{path: (number | string)[], looks: (Look | null)[]}} Place  `path`: ids of instances, the outermost first;
 *   `looks`: into the root and into each of them
 *
 * What a menu shows depends on where it was opened.
 * @typedef {(press: Press) => MenuItem[]} MenuPart
 */

export class Editor {
  /** @type {Emitter<EditorEvents & FeatureEvents>} */
  events = new Emitter();
  /** @type {Document[]} */
  documents = [];
  selection = new Selection();
  kinds = new WidgetKinds();
  /** @type {Node[]} instances of subgraphs that were opened, the outermost first */
  path = [];
  /** What features offer to each other. @type {Services} */
  services = /** @type {any} */ ({});
  /** @type {Document} */
  #document;
  /** @type {WeakMap<Graph, {scale: number, offset: Point}>} where the person was looking */
  #places = new WeakMap();
  /** @type {WeakMap<Document, Node[]>} */
  #paths = new WeakMap();
  /** @type {{order: number, part: MenuPart}[]} */
  #menuParts = [];
  /** The error that was told last. */
  #reported = { text: "", dismiss: () => {} };
  /** Asked for with `?safe`: without the person's style sheets and packs' scripts, one of which may have broken the page. */
  isSafe = new URLSearchParams(globalThis.location?.search).has("safe");
  /** @type {Map<string, () => void>} name of a feature -> what undoes it */
  #installed = new Map();
  /** @type {WeakMap<Document, (() => void)[]>} */
  #listening = new WeakMap();
  /** @type {Promise<boolean> | null} */
  #refreshing = null;

  /**
   * @param {{shell: Shell, server: Server, catalogue: Catalogue, settings: Settings, messages: Messages}} rooms
   */
  constructor({ shell, server, catalogue, settings, messages }) {
    this.shell = shell;
    this.server = server;
    this.catalogue = catalogue;
    this.settings = settings;
    this.messages = messages;
    server.wordsFor = (error) => messages.refusal(error);
    this.commands = new Commands(() => settings.read("keys", {}));
    this.commands.onError = shell.onError = (error) => this.report(error);
    this.#document = new Document(catalogue);
    this.view = new CanvasView(shell.canvas, this.kinds, this.#document.root);
    this.view.isSelected = (thing) => this.selection.has(thing);
    this.selection.events.on("change", () => {
      this.view.redraw();
      this.events.emit("selection", null);
    });
    this.view.events.on("menu", (press) => this.#openMenu(press));
    server.events.on("state", (state) => {
      if (state !== "open") return;
      if (this.#reported.text === this.text("shell.no-answer")) this.#reported.dismiss();
      shell.fillPanels();
    });
    this.open(this.#document);
  }

  /** @param {string} name @param {Record<string, string | number>} [values] */
  text(name, values) {
    return this.messages.text(name, values);
  }

  /** Tells the person of an error. @param {unknown} error */
  report(error) {
    console.warn(error);
    const text = isUnreached(error) ? this.text("shell.no-answer") : error instanceof Error ? error.message : String(error);
    if (text === this.#reported.text) this.#reported.dismiss(); // once is enough, and as the latest
    this.#reported = { text, dismiss: this.shell.note(text, { kind: "error" }) };
  }

  /**
   * Asks the server again which node types there are and which files they can read, and gives every open node what its
   * type offers now. No step of undo.
   * @returns {Promise<boolean>} whether anything is another one
   * @throws {import("./server.js").Refusal | TypeError} if the server does not answer
   */
  refreshCatalogue() {
    this.#refreshing ??= this.#refreshCatalogue().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refreshCatalogue() {
    const changed = this.catalogue.replace(await this.server.get("/object_info"));
    if (changed.size) {
      const { renewNodes } = await import("./renew.js"); // seldom needed, and never first
      for (const document of this.documents) for (const node of renewNodes(document, changed)) this.view.touchNode(node);
    }
    this.events.emit("catalogue", null);
    return changed.size > 0;
  }

  /**
   * Offers something to other features.
   * @template {keyof Services} K
   * @param {K} name
   * @param {NonNullable<Services[K]>} service
   * @returns {() => void} takes it away
   */
  offer(name, service) {
    if (this.services[name]) throw new Error(`there is a service ${name} already`);
    this.services[name] = service;
    return () => void delete this.services[name];
  }

  // What is open.

  /** The workflow that is shown. */
  get document() {
    return this.#document;
  }

  /** The graph that is shown: the root, or the inside of a subgraph. @returns {Graph} */
  get graph() {
    return this.view.graph;
  }

  /**
   * Adds a document and shows it.
   * @param {Document} document
   */
  open(document) {
    if (!this.documents.includes(document)) {
      this.documents.push(document);
      this.#listen(document);
      this.events.emit("documents", null);
    }
    this.show(document);
  }

  /** @param {Document} document */
  #listen(document) {
    document.sizeSeen = (node) => {
      const { width, height } = this.view.layouts.of(node);
      return { width: Math.round(width), height: Math.round(height) };
    };
    document.journal.whereNow = () => ({ path: [...this.path] });
    this.#listening.set(document, [
      document.journal.events.on("commit", () => this.events.emit("change", document)),
      document.journal.events.on("aside", () => this.events.emit("aside", document)),
      document.journal.events.on("travel", ({ entry }) => this.#travelled(document, entry)),
    ]);
  }

  /**
   * Puts a document into the place of one that is open, as another state of the same work: the person stays where they are.
   * @param {Document} document
   * @param {Document} by
   */
  replace(document, by) {
    const at = this.documents.indexOf(document);
    if (at < 0) return;
    for (const stop of this.#listening.get(document) ?? []) stop();
    this.documents[at] = by;
    this.#listen(by);
    if (document === this.#document) {
      const { scale, offset } = this.view;
      const ids = this.path.map((each) => each.id);
      this.show(by);
      const path = pathTo(by, ids);
      if (path.length) this.enter(path);
      if (path.length === ids.length) this.view.moveTo(scale, { ...offset });
    }
    this.events.emit("documents", null);
  }

  /** Takes a document away; the one beside it is shown. @param {Document} document */
  close(document) {
    const at = this.documents.indexOf(document);
    if (at < 0) return;
    for (const stop of this.#listening.get(document) ?? []) stop();
    this.documents.splice(at, 1);
    if (!this.documents.length) this.open(new Document(this.catalogue));
    else if (document === this.#document) this.show(this.documents[Math.min(at, this.documents.length - 1)]);
    this.events.emit("documents", null);
  }

  /** @param {Document} document  one that is open */
  show(document) {
    this.#rememberPlace();
    this.#document = document;
    this.path = this.#paths.get(document) ?? [];
    this.#showGraph();
    this.events.emit("document", document);
  }

  /**
   * Opens the inside of a subgraph, or goes out again.
   * @param {Node[]} path  instances, the outermost first; empty: the root
   */
  enter(path) {
    this.#rememberPlace();
    this.path = path;
    this.#paths.set(this.#document, path);
    this.#showGraph();
  }

  /**
   * Where the person looks in an open document, as plain values.
   * @param {Document} document
   * @returns {Place}
   */
  placeOf(document) {
    this.#rememberPlace();
    const path = document === this.#document ? this.path : (this.#paths.get(document) ?? []);
    const looks = [null, ...path].map((node) => this.#places.get((node && document.definitions.get(node.type)?.graph) ?? document.root) ?? null);
    return { path: path.map(({ id }) => id), looks };
  }

  /**
   * The same again, after the page was loaded anew.
   * @param {Document} document
   * @param {Place} place
   */
  putPlace(document, { path, looks }) {
    const found = path.length ? document.nodeOf(path.join(":")) : null;
    const nodes = found ? [...found.path, found.node] : [];
    [null, ...nodes].forEach((node, i) => {
      const graph = node ? document.definitions.get(node.type)?.graph : document.root;
      const look = looks[i];
      if (graph && look) this.#places.set(graph, look);
    });
    this.#paths.set(document, nodes);
    if (document !== this.#document) return;
    this.path = nodes;
    this.#showGraph();
  }

  #rememberPlace() {
    this.#places.set(this.view.graph, { scale: this.view.scale, offset: { ...this.view.offset } });
  }

  #showGraph() {
    const inner = this.path.at(-1);
    const definition = inner && this.#document.definitions.get(inner.type);
    const graph = definition?.graph ?? this.#document.root;
    this.selection.clear();
    this.view.show(graph);
    const place = this.#places.get(graph) ?? placeIn(graph === this.#document.root ? this.#document.extra.ds : null);
    if (place) this.view.moveTo(place.scale, place.offset);
    else this.fitAll();
    this.events.emit("graph", graph);
  }

  /** Zooms so that everything is seen. */
  fitAll() {
    const box = this.view.boxAround();
    if (box) this.view.fit(box, { padding: 28 });
    else this.view.moveTo(1, { x: this.view.width / 2, y: this.view.height / 2 });
  }

  /** @param {Document} document @param {Entry} entry */
  #travelled(document, entry) {
    if (document === this.#document) {
      const path = /** @type {Node[]} */ (entry.place?.path ?? []);
      const isThere = path.every((node) => node.graph.node(node.id) === node);
      if (isThere && path.at(-1) !== this.path.at(-1)) this.enter(path);
      const gone = this.selection.all.filter((each) => each instanceof Node && this.graph.node(each.id) !== each);
      if (gone.length) this.selection.remove(gone);
    }
    this.events.emit("change", document);
  }

  /**
   * One step of undo in the document that is shown.
   * @template T
   * @param {string} label  key of the message that names it
   * @param {() => T} change
   * @returns {T}
   */
  edit(label, change) {
    return this.#document.edit(label, change);
  }

  /**
   * Path of a node's id as the server has it: "8:25:15".
   * @param {Node} node
   * @param {Node[]} [path]
   */
  serverId(node, path = this.path) {
    return [...path.map((each) => each.id), node.id].join(":");
  }

  /**
   * The node of a server's id, with the instances that it is inside of.
   * @param {string} id
   * @param {Document} [document]
   * @returns {{node: Node, path: Node[]} | null}
   */
  nodeOf(id, document = this.#document) {
    return document.nodeOf(id);
  }

  /** Shows a node: opens the subgraph that it is in, chooses it, brings it into view. @param {Node} node @param {Node[]} [path] */
  goTo(node, path = this.path) {
    this.events.emit("seek", node);
    if (node.graph !== this.graph) this.enter(path);
    this.selection.set([node]);
    const box = this.view.boxAround([node]);
    if (box) this.view.fit(box, { largest: Math.max(1, this.view.scale), padding: 120 });
    this.view.element.focus({ preventScroll: true });
  }

  // Menus.

  /**
   * @param {number} order  a line stands between the parts of one ten and those of the next
   * @param {MenuPart} part  adds to the menu of the canvas
   * @returns {() => void}
   */
  addMenu(order, part) {
    const entry = { order, part };
    this.#menuParts.push(entry);
    this.#menuParts.sort((a, b) => a.order - b.order);
    return () => void this.#menuParts.splice(this.#menuParts.indexOf(entry), 1);
  }

  /** @param {Press} press */
  #openMenu(press) {
    const { hit } = press;
    if ("node" in hit && !this.selection.has(hit.node)) this.selection.set([hit.node]);
    /** @type {MenuItem[]} */
    const items = [];
    let section = -1;
    for (const { order, part } of this.#menuParts) {
      const more = part(press);
      if (!more.length) continue;
      if (items.length && Math.floor(order / 10) !== section) items.push("line");
      section = Math.floor(order / 10);
      items.push(...more);
    }
    const area = this.view.element.getBoundingClientRect();
    if (items.length) this.shell.menu(items, { x: area.left + press.screenX, y: area.top + press.screenY });
  }

  /**
   * An entry of a menu that runs a command.
   * @param {string} id
   * @param {any} [argument]
   * @returns {MenuEntry}
   */
  menuItem(id, argument) {
    const command = this.commands.get(id);
    return {
      text: this.text(command?.title ?? id),
      keys: this.commands.keysOf(id)[0] ? keysText(this.commands.keysOf(id)[0]) : undefined,
      isDisabled: !this.commands.isPossible(id),
      run: () => this.commands.run(id, argument),
    };
  }

  /**
   * Installs features, each after those that it needs. One that fails is reported and the others go on.
   * @param {Feature[]} features
   */
  async install(features) {
    const names = new Set(features.map((each) => each.name));
    const installed = this.#installed;
    let waiting = [...features];
    while (waiting.length) {
      const ready = waiting.filter((each) => (each.needs ?? []).every((name) => installed.has(name) || !names.has(name)));
      if (!ready.length) throw new Error(`features need each other in a circle: ${waiting.map((each) => each.name).join(", ")}`);
      for (const feature of ready) {
        installed.set(feature.name, () => {}); // also of one that fails: it is not tried again for those that need it
        try {
          const undo = await feature.install(this);
          if (undo) installed.set(feature.name, undo);
        } catch (error) {
          console.error(`feature ${feature.name}`, error);
          this.report(error);
        }
      }
      waiting = waiting.filter((each) => !ready.includes(each));
    }
  }

  /** Takes a feature out again; those that need it go first, and that is the caller's to see to. @param {string} name */
  uninstall(name) {
    const undo = this.#installed.get(name);
    this.#installed.delete(name);
    undo?.();
  }
}

/** @param {any} ds  of `extra` @returns {{scale: number, offset: Point} | null} */
function placeIn(ds) {
  const [x, y] = Array.isArray(ds?.offset) ? ds.offset : [ds?.offset?.[0], ds?.offset?.[1]];
  if (![ds?.scale, x, y].every(Number.isFinite) || ds.scale <= 0) return null;
  return { scale: ds.scale, offset: { x: x * ds.scale, y: y * ds.scale } };
}

/** @type {Record<string, string>} */
const KEY_SIGNS = { arrowleft: "←", arrowright: "→", arrowup: "↑", arrowdown: "↓", escape: "Esc", delete: "Del", contextmenu: "☰", pagedown: "PgDn", pageup: "PgUp" };

/** How keys are written for people. @param {string} keys  "ctrl+shift+z" */
export function keysText(keys) {
  const isMac = /mac/i.test(navigator.platform);
  const parts = keys.endsWith("++") ? [...keys.slice(0, -2).split("+"), "+"] : keys.split("+");
  const names = parts.map((each) => KEY_SIGNS[each] ?? (each === "ctrl" && isMac ? "⌘" : each.length === 1 ? each.toUpperCase() : each[0].toUpperCase() + each.slice(1)));
  return names.join(isMac ? "" : "+");
}

/**
 * The instances of these ids, one inside the other, as far as there are any.
 * @param {Document} document
 * @param {import("./graph.js").NodeId[]} ids
 * @returns {Node[]}
 */
function pathTo(document, ids) {
  /** @type {Node[]} */
  const path = [];
  let graph = document.root;
  for (const id of ids) {
    const node = graph.node(id);
    const inner = node && document.definitions.get(node.type)?.graph;
    if (!inner) break;
    path.push(node);
    graph = inner;
  }
  return path;
}
