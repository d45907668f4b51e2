/** Sounds, videos and moving pictures: elements that lie over the canvas, on their nodes, as long as the nodes are near. */

import { h } from "../../core/dom.js";
import { Player } from "../../core/player.js";
import { aspectOf, CAPTION_HEIGHT, fitInto, place } from "./shape.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Layout } from "../../core/view/layout.js" */
/** @import { ContentView } from "./content.js" */
/** @import { Medium } from "./store.js" */

const LEAST_SCALE = 0.3;
const MOST_PLAYERS = 24;

export class MediaLayer {
  #editor;
  #shown;
  /** @type {Map<string, {element: HTMLElement, player: Player | null, node: Node, isSeen: boolean}>} node and place in it -> what shows it */
  #all = new Map();
  /** @type {Map<Node, Layout>} drawn in this frame */
  #seen = new Map();
  #isDrawn = false;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

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
    if (this.#editor.view.scale >= LEAST_SCALE && this.#seen.size < MOST_PLAYERS) this.#seen.set(node, layout);
  }

  /** The scene is drawn: brings the players to their nodes. */
  settle() {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    if (!this.#seen.size && !this.#all.size) return;
    for (const each of this.#all.values()) each.isSeen = false;
    for (const [node, layout] of this.#seen) {
      const found = this.#shown.of(node, layout.width);
      if (!found) continue;
      const boxes = place(node, layout, found.parts, found.shown).media;
      found.shown.media.forEach((medium, i) => this.#lay(node, `${medium.kind} ${i} ${medium.src}`, boxes[i], () => this.#make(node, medium)));
      if (this.#calm.matches && !this.#editor.selection.has(node)) continue; // pictures move for who asks for it
      const cells = this.#shown.cellsOf(node, layout);
      for (const { picture, index, box } of cells) {
        if (!picture.isMoving) continue;
        const bottom = box.bottom - (cells.length === 1 ? CAPTION_HEIGHT : 0);
        const fitted = fitInto({ ...box, bottom }, aspectOf(picture, (src) => this.#shown.sizeOf(src)));
        this.#lay(node, `image ${index} ${picture.src}`, fitted, () => ({ element: h("img", { class: "content-media content-moving", src: picture.src, alt: node.name }), player: null }));
      }
    }
    for (const [key, { element, player, isSeen }] of this.#all) {
      if (isSeen) continue;
      if (player?.isPlaying) {
        element.style.visibility = "hidden"; // one hears on while one looks elsewhere
        continue;
      }
      element.remove();
      this.#all.delete(key);
    }
  }

  /** @param {Node} node @param {Medium} medium @returns {{element: HTMLElement, player: Player | null}} */
  #make(node, { kind, src, file }) {
    const name = file?.filename ?? "";
    if (kind === "file") {
      return { element: h("a", { class: "content-media content-file", href: src, download: name }, h("span", {}, this.#editor.text("content.download", { name }))), player: null };
    }
    const player = new Player(this.#editor, { kind, src, name: name ? `${node.name}: ${name}` : node.name, file, class: "content-media" });
    const { element, media } = player;
    media.addEventListener("loadedmetadata", () => {
      if (media instanceof HTMLVideoElement && media.videoWidth) this.#shown.learnSize(src, node, { width: media.videoWidth, height: media.videoHeight });
    });
    element.addEventListener("pointerdown", ({ button, shiftKey, ctrlKey, metaKey }) => {
      if (button === 0 && !shiftKey && !ctrlKey && !metaKey && !this.#editor.selection.has(node)) this.#editor.selection.set([node]);
    });
    element.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      this.#editor.view.element.dispatchEvent(new MouseEvent("contextmenu", event)); // the node's own menu
    });
    media.addEventListener("keydown", (/** @type {Event} */ event) => {
      if (/** @type {KeyboardEvent} */ (event).key === "Escape") this.#editor.view.element.focus();
    });
    return { element, player };
  }

  /**
   * Brings an element to its place.
   * @param {Node} node
   * @param {string} what
   * @param {Box} box
   * @param {() => {element: HTMLElement, player: Player | null}} make
   */
  #lay(node, what, box, make) {
    const { view, shell } = this.#editor;
    const key = `${node.key} ${what}`;
    let found = this.#all.get(key);
    if (!found) {
      found = { ...make(), node, isSeen: true };
      found.element.addEventListener("wheel", (event) => {
        event.preventDefault(); // the wheel moves the canvas, as beside it
        view.element.dispatchEvent(new WheelEvent("wheel", /** @type {WheelEvent} */ (event)));
      }, { passive: false });
      shell.over.append(found.element);
      this.#all.set(key, found);
    }
    found.isSeen = true;
    const { x, y } = view.toScreen(box.left, box.top);
    const { style } = found.element;
    style.transform = `translate(${x}px, ${y}px)`;
    style.width = `${(box.right - box.left) * view.scale}px`;
    style.height = `${(box.bottom - box.top) * view.scale}px`;
    style.setProperty("--scale", String(view.scale));
    style.visibility = "";
  }

  /** Those of a node, in its order. @param {Node} node @returns {Player[]} */
  playersOf(node) {
    return [...this.#all.values()].flatMap((each) => (each.node === node && each.player ? [each.player] : []));
  }

  /** Another graph is shown. */
  clear() {
    for (const { element, player } of this.#all.values()) {
      player?.media.pause();
      element.remove();
    }
    this.#all.clear();
  }
}
