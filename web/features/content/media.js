/** Sounds, videos and moving pictures: elements that lie over the canvas, on their nodes, as long as the nodes are near. */

import { h } from "../../core/dom.js";
import { aspectOf, CAPTION_HEIGHT, fitInto, place } from "./shape.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Layout } from "../../core/view/layout.js" */
/** @import { ContentView } from "./content.js" */

const LEAST_SCALE = 0.3;
const MOST_PLAYERS = 24;

export class MediaLayer {
  #editor;
  #shown;
  /** @type {Map<string, {element: HTMLElement, isSeen: boolean}>} node and place in it -> its player */
  #players = new Map();
  /** @type {Map<Node, Layout>} drawn in this frame */
  #seen = new Map();
  #isDrawn = false;

  /** @param {Editor} editor @param {ContentView} shown */
  constructor(editor, shown) {
    this.#editor = editor;
    this.#shown = shown;
  }

  /** The scene is drawn anew. */
  begin() {
    this.#seen.clear();
    this.#isDrawn = true;
  }

  /** @param {Node} node @param {Layout} layout */
  see(node, layout) {
    if (this.#editor.view.scale < LEAST_SCALE || this.#seen.size >= MOST_PLAYERS) return;
    const shown = this.#shown.of(node, layout.width)?.shown;
    if (shown?.media.length || shown?.pictures.some((each) => each.isMoving)) this.#seen.set(node, layout);
  }

  /** The scene is drawn: brings the players to their nodes. */
  settle() {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    if (!this.#seen.size && !this.#players.size) return;
    for (const each of this.#players.values()) each.isSeen = false;
    for (const [node, layout] of this.#seen) {
      const found = this.#shown.of(node, layout.width);
      if (!found) continue;
      const boxes = place(node, layout, found.parts, found.shown).media;
      found.shown.media.forEach(({ src, kind, file }, i) => this.#lay(node, kind, src, boxes[i], i, file?.filename));
      const cells = this.#shown.cellsOf(node, layout);
      for (const { picture, index, box } of cells) {
        if (!picture.isMoving) continue;
        const bottom = box.bottom - (cells.length === 1 ? CAPTION_HEIGHT : 0);
        this.#lay(node, "image", picture.src, fitInto({ ...box, bottom }, aspectOf(picture, (src) => this.#shown.pictures.sizeOf(src))), index);
      }
    }
    for (const [key, { element, isSeen }] of this.#players) {
      if (isSeen) continue;
      if (element instanceof HTMLMediaElement && !element.paused) {
        element.style.visibility = "hidden"; // one hears on while one looks elsewhere
        continue;
      }
      element.remove();
      this.#players.delete(key);
    }
  }

  /**
   * Brings an element to its place.
   * @param {Node} node
   * @param {"audio" | "video" | "image" | "file"} kind
   * @param {string} src
   * @param {Box} box
   * @param {number} i
   * @param {string} [name]  of the file
   */
  #lay(node, kind, src, box, i, name = "") {
    const { view, shell } = this.#editor;
    const key = `${node.key} ${kind} ${i} ${src}`;
    let player = this.#players.get(key);
    if (!player) {
      const element = kind === "file"
        ? h("a", { class: "content-media content-file", href: src, download: name }, h("span", {}, this.#editor.text("content.download", { name })))
        : kind === "image"
        ? h("img", { class: "content-media content-moving", src, alt: node.name })
        : h(kind, { class: "content-media", src, controls: true, preload: "metadata", loop: kind === "video", "aria-label": node.name });
      element.addEventListener("wheel", (event) => {
        event.preventDefault(); // the wheel moves the canvas, as beside it
        view.element.dispatchEvent(new WheelEvent("wheel", /** @type {WheelEvent} */ (event)));
      }, { passive: false });
      shell.over.append(element);
      this.#players.set(key, (player = { element, isSeen: true }));
    }
    player.isSeen = true;
    const { x, y } = view.toScreen(box.left, box.top);
    const { style } = player.element;
    style.transform = `translate(${x}px, ${y}px)`;
    style.width = `${(box.right - box.left) * view.scale}px`;
    style.height = `${(box.bottom - box.top) * view.scale}px`;
    if (kind === "file") style.setProperty("--scale", String(view.scale));
    style.visibility = "";
  }

  /** Another graph is shown. */
  clear() {
    for (const { element } of this.#players.values()) {
      if (element instanceof HTMLMediaElement) element.pause();
      element.remove();
    }
    this.#players.clear();
  }
}
