/** Sounds and videos: elements that lie over the canvas, on their nodes, as long as the nodes are near. */

import { h } from "../../core/dom.js";
import { place } from "./shape.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Layout } from "../../core/view/layout.js" */
/** @import { ContentView } from "./content.js" */

const LEAST_SCALE = 0.3;
const MOST_PLAYERS = 24;

export class MediaLayer {
  #editor;
  #shown;
  /** @type {Map<string, {element: HTMLMediaElement, isSeen: boolean}>} node and place in it -> its player */
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
    if (this.#shown.of(node, layout.width)?.shown.media.length) this.#seen.set(node, layout);
  }

  /** The scene is drawn: brings the players to their nodes. */
  settle() {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    if (!this.#seen.size && !this.#players.size) return;
    const { view, shell } = this.#editor;
    for (const each of this.#players.values()) each.isSeen = false;
    for (const [node, layout] of this.#seen) {
      const found = this.#shown.of(node, layout.width);
      if (!found) continue;
      const boxes = place(node, layout, found.parts, found.shown).media;
      found.shown.media.forEach(({ src, kind }, i) => {
        const key = `${node.key} ${i} ${src}`;
        let player = this.#players.get(key);
        if (!player) {
          const element = h(kind, { class: "content-media", src, controls: true, preload: "metadata", loop: kind === "video", "aria-label": node.name });
          element.addEventListener("wheel", (event) => {
            event.preventDefault(); // the wheel moves the canvas, as beside it
            view.element.dispatchEvent(new WheelEvent("wheel", event));
          }, { passive: false });
          shell.over.append(element);
          this.#players.set(key, (player = { element, isSeen: true }));
        }
        player.isSeen = true;
        const box = boxes[i];
        const { x, y } = view.toScreen(box.left, box.top);
        const { style } = player.element;
        style.transform = `translate(${x}px, ${y}px)`;
        style.width = `${(box.right - box.left) * view.scale}px`;
        style.height = `${(box.bottom - box.top) * view.scale}px`;
        style.visibility = "";
      });
    }
    for (const [key, { element, isSeen }] of this.#players) {
      if (isSeen) continue;
      if (!element.paused) {
        element.style.visibility = "hidden"; // one hears on while one looks elsewhere
        continue;
      }
      element.remove();
      this.#players.delete(key);
    }
  }

  /** Another graph is shown. */
  clear() {
    for (const { element } of this.#players.values()) {
      element.pause();
      element.remove();
    }
    this.#players.clear();
  }
}
