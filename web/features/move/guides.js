/** Lines that show, and draw to, where what is dragged lies level with other nodes. */

import { Node } from "../../core/graph.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Group, Reroute } from "../../core/graph.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Point } from "../../core/view/links.js" */

const REACH_PX = 5; // CSS px
const MOST_NODES = 400; // in view; with more a guide is at every place and helps nobody

export class Guides {
  /** @type {{from: Point, to: Point}[]} to be drawn */
  lines = [];
  /** @type {Box | null} of what is dragged, where it was */
  #box = null;
  /** @type {Box[]} */
  #others = [];
  #editor;

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  /** @param {(Node | Group | Reroute)[]} things  that will be dragged */
  begin(things) {
    this.end();
    const { view, settings } = this.#editor;
    const nodes = things.filter((each) => each instanceof Node);
    if (!settings.read("grid.guides", true) || !nodes.length) return;
    this.#box = view.boxAround(nodes);
    const moved = new Set(nodes);
    const near = view.nodes.within(view.window).filter((node) => !moved.has(node));
    this.#others = near.length > MOST_NODES ? [] : near.map((node) => view.layouts.boxOf(node));
  }

  /**
   * @param {number} dx  how far it was dragged, graph px
   * @param {number} dy
   * @param {boolean} isWanted
   * @returns {[number, number]} drawn to what is near
   */
  snap(dx, dy, isWanted) {
    this.lines = [];
    if (!this.#box || !isWanted) return [dx, dy];
    const reach = REACH_PX / this.#editor.view.scale;
    const { left, right, top, bottom } = this.#box;
    const across = nearest([left + dx, right + dx], this.#others.flatMap((each) => [each.left, each.right]), reach);
    const down = nearest([top + dy, bottom + dy], this.#others.flatMap((each) => [each.top, each.bottom]), reach);
    const [x, y] = [dx + (across?.by ?? 0), dy + (down?.by ?? 0)];
    const now = { left: left + x, right: right + x, top: top + y, bottom: bottom + y };
    if (across) {
      const level = this.#others.filter((each) => each.left === across.at || each.right === across.at);
      this.lines.push({ from: { x: across.at, y: Math.min(now.top, ...level.map((each) => each.top)) }, to: { x: across.at, y: Math.max(now.bottom, ...level.map((each) => each.bottom)) } });
    }
    if (down) {
      const level = this.#others.filter((each) => each.top === down.at || each.bottom === down.at);
      this.lines.push({ from: { x: Math.min(now.left, ...level.map((each) => each.left)), y: down.at }, to: { x: Math.max(now.right, ...level.map((each) => each.right)), y: down.at } });
    }
    this.#editor.view.redrawOverlay();
    return [x, y];
  }

  end() {
    this.lines = [];
    this.#box = null;
    this.#others = [];
    this.#editor.view.redrawOverlay();
  }
}

/**
 * @param {number[]} own
 * @param {number[]} others
 * @param {number} reach
 * @returns {{at: number, by: number} | null}
 */
function nearest(own, others, reach) {
  /** @type {{at: number, by: number} | null} */
  let best = null;
  for (const at of others) {
    for (const from of own) {
      const by = at - from;
      if (Math.abs(by) <= reach && (!best || Math.abs(by) < Math.abs(best.by))) best = { at, by };
    }
  }
  return best;
}
