/** What jobs brought to nodes: pictures, texts, progress, errors. Not part of the document, so undo never loses it. */

import { Emitter } from "../../core/emitter.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Press } from "../../core/view/pointer.js" */

/**
 * @typedef {{src: string, width?: number, height?: number, file?: any, isMoving?: boolean}} Picture  `file`: as the server names it
 * @typedef {{src: string, kind: "audio" | "video" | "file", file?: any}} Medium  "file": one that is no more than linked to
 * @typedef {{input?: string, label?: string, message: string, details?: string}} NodeError
 *   `input`: the widget or socket that caused it; `label`: what that is called
 * @typedef {"queued" | "running" | "done" | "cached" | "error"} RunState
 * @typedef {{value: number, max: number}} Progress
 */

/** What one node has. */
export class Content {
  /** @type {Picture[]} */
  pictures = [];
  /** Which one is shown large; -1: all of them as a grid. */
  enlarged = -1;
  /** @type {ImageBitmap | null} */
  preview = null;
  text = "";
  /** First line of the text that is seen. */
  scroll = 0;
  /** @type {Medium[]} */
  media = [];
  /** Two batches to be held against each other. @type {{a: Picture[], b: Picture[]} | null} */
  comparison = null;
  /** How often each brightness is there, from dark to bright. @type {number[] | null} */
  histogram = null;
  /** @type {(Progress | null)[]} one below the other */
  progress = [];
  /** @type {RunState | null} */
  state = null;
  /** @type {number | undefined} how long it ran */
  ms = undefined;
  /** @type {NodeError[]} */
  errors = [];
  /** Height of the node when it got something to show: as long as it is the same, the node grows by itself. */
  bornHeight = NaN;
  /** Counts up, so that what is made from it knows whether it is old. */
  version = 0;
}

/**
 * What another one is drawn for: `shape`, its size may change, too.
 * @typedef {{node: Node, what: "shape" | "look" | "progress"}} ContentChange
 */

/** `editor.services.content`. A node is what the document has; ids of the server are read with `editor.nodeOf`. */
export class ContentStore {
  /** What a node shows of the files that its widgets name. @type {(node: Node) => {pictures: Picture[], media: Medium[]} | null} */
  filesOf = () => null;
  /** @type {WeakMap<Document, Map<Node, Content>>} */
  #documents = new WeakMap();
  /** @type {Emitter<{change: ContentChange}>} */
  events = new Emitter();
  /** Nodes that move on just now: their bars are drawn above all. @type {Set<Node>} */
  busy = new Set();

  /** The picture under the pointer. @type {(press: Press) => {node: Node, picture: Picture, index: number} | null} */
  pictureAt = () => null;

  /** @param {Node} node @returns {Content | undefined} */
  get(node) {
    return this.#documents.get(node.graph.document)?.get(node);
  }

  /** Pictures that can be seen on a node. @param {Node} node @returns {Picture[]} */
  picturesOf(node) {
    const made = this.get(node)?.pictures ?? [];
    return made.length ? made : (this.filesOf(node)?.pictures ?? []);
  }

  /** Sounds and videos of a node. @param {Node} node @returns {Medium[]} */
  mediaOf(node) {
    const made = this.get(node)?.media ?? [];
    return made.length ? made : (this.filesOf(node)?.media ?? []);
  }

  /** @param {Node} node */
  #of(node) {
    const { document } = node.graph;
    let contents = this.#documents.get(document);
    if (!contents) this.#documents.set(document, (contents = new Map()));
    let content = contents.get(node);
    if (!content) contents.set(node, (content = new Content()));
    return content;
  }

  /** @param {Node} node @param {Content} content @param {ContentChange["what"]} what */
  #changed(node, content, what) {
    content.version++;
    if (what === "shape" && Number.isNaN(content.bornHeight)) content.bornHeight = node.height;
    this.events.emit("change", { node, what });
  }

  /** @param {Node} node @param {Picture[]} pictures  one, or a batch; none takes them away */
  setImages(node, pictures) {
    const content = this.#of(node);
    content.pictures = pictures;
    content.enlarged = pictures.length === 1 ? 0 : -1;
    this.#changed(node, content, "shape");
  }

  /** Shows one of a batch large, or with -1 all of them. @param {Node} node @param {number} index */
  enlarge(node, index) {
    const content = this.#of(node);
    content.enlarged = content.pictures.length > 1 ? Math.max(-1, Math.min(index, content.pictures.length - 1)) : 0;
    this.#changed(node, content, "look");
  }

  /**
   * What is being sampled. The bitmap is the store's from then on: it closes it when the next one comes.
   * @param {Node} node
   * @param {ImageBitmap | null} preview
   */
  setPreview(node, preview) {
    const content = this.#of(node);
    const before = content.preview;
    if (before === preview) return;
    content.preview = preview;
    const isSameShape = before && preview && before.width === preview.width && before.height === preview.height;
    before?.close();
    this.#changed(node, content, isSameShape ? "look" : "shape");
  }

  /** @param {Node} node @param {string} text */
  setText(node, text) {
    const content = this.#of(node);
    content.text = text;
    content.scroll = 0;
    this.#changed(node, content, "shape");
  }

  /** @param {Node} node @param {Medium[]} media */
  setMedia(node, media) {
    const content = this.#of(node);
    content.media = media;
    this.#changed(node, content, "shape");
  }

  /** Shown by the widget that compares. @param {Node} node @param {Content["comparison"]} comparison */
  setComparison(node, comparison) {
    const content = this.#of(node);
    content.comparison = comparison;
    this.#changed(node, content, "look");
  }

  /** Shown behind a curve. @param {Node} node @param {Content["histogram"]} histogram */
  setHistogram(node, histogram) {
    const content = this.#of(node);
    content.histogram = histogram;
    this.#changed(node, content, "look");
  }

  /**
   * @param {Node} node
   * @param {number | null} value  null takes the bar away
   * @param {number} [max]
   * @param {number} [bar]  a second one lies below the first
   */
  setProgress(node, value, max = 1, bar = 0) {
    const content = this.#of(node);
    content.progress[bar] = value === null ? null : { value, max: max > 0 ? max : 1 };
    if (content.progress.every((each) => !each)) content.progress = [];
    this.#busyOrNot(node, content);
    this.#changed(node, content, "progress");
  }

  /** @param {Node} node @param {{state: RunState | null, ms?: number}} state */
  setState(node, { state, ms }) {
    const content = this.#of(node);
    content.state = state;
    content.ms = ms;
    if (state !== "running" && state !== "queued") content.progress = [];
    this.#busyOrNot(node, content);
    this.#changed(node, content, "look");
  }

  /** @param {Node} node @param {NodeError[]} errors  none: all is well again */
  setErrors(node, errors) {
    const content = this.#of(node);
    if (!content.errors.length && !errors.length) return;
    content.errors = errors;
    this.#changed(node, content, "shape");
  }

  /** @param {Node} node @param {Content} content */
  #busyOrNot(node, content) {
    if (content.state === "running" || content.progress.length) this.busy.add(node);
    else this.busy.delete(node);
  }

  /** Everything goes: of a whole document, or of one node. @param {Document | Node} whose */
  clear(whose) {
    const nodes = "graph" in whose ? [whose] : [...(this.#documents.get(whose)?.keys() ?? [])];
    for (const node of nodes) {
      const contents = this.#documents.get(node.graph.document);
      contents?.get(node)?.preview?.close();
      contents?.delete(node);
      this.busy.delete(node);
      this.events.emit("change", { node, what: "shape" });
    }
  }
}
