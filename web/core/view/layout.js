/**
 * Where everything of a node lies: its sockets, its widgets, its previews. Numbers in graph px, relative to the
 * node's `x` and `y`, which are the top left corner of the body; the title bar lies above it.
 */

import { PRIMITIVE } from "../spec.js";
import { nameOfSlot, wordFor } from "../words.js";
import { TEXT_PX } from "./pen.js";

/** @import { Node } from "../graph.js" */
/** @import { InputSpec } from "../spec.js" */
/** @import { Letters } from "./letters.js" */
/** @import { Box } from "./spatial.js" */
/** @import { WidgetKinds } from "../widgets.js" */

// Sizes in files come from editors that lay nodes out in these steps.
export const TITLE_HEIGHT = 30;
export const SLOT_HEIGHT = 20;
export const WIDGET_HEIGHT = 20;
export const WIDGET_GAP = 4;
export const PADDING = 6;
export const MARGIN = 15; // beside widgets
export const TITLE_PX = 13;
const MIN_WIDTH = 140;

/** The line that unfolds what few people need. @type {InputSpec} */
const ADVANCED = { name: "", type: "ADVANCED", widget: "ADVANCED", options: {}, section: "optional", companionOf: "" };

/**
 * @typedef {{input: InputSpec, slot: number, top: number, height: number}} WidgetPlace  `slot`: index of its socket or -1
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {Float32Array} inputs  y of each input's centre; NaN: not shown
 * @property {Float32Array} outputs
 * @property {WidgetPlace[]} widgets
 * @property {number} extraTop  where previews begin
 * @property {number} extraHeight
 * @property {boolean} isCollapsed
 * @property {Uint8Array} marks  of each input: `OPTIONAL`, `MISSING`, `WIDGET`
 */

export const OPTIONAL = 1; // it may stay without a link
export const MISSING = 2; // it needs a link and has none
export const WIDGET = 4; // a widget lies beside it

/** Old reroutes have no title bar. @param {Node} node */
export function titleHeight(node) {
  return node.type === "Reroute" ? 0 : TITLE_HEIGHT;
}

export class Layouts {
  /** @type {WeakMap<Node, Layout>} */
  #known = new WeakMap();
  #kinds;
  /**
   * Height that previews and texts want below the widgets, graph px. `spare`: what the node has left there.
   * @type {(node: Node, width: number, spare: number) => number}
   */
  extraHeight = () => 0;

  /** @param {WidgetKinds} kinds @param {Letters} letters */
  constructor(kinds, letters) {
    this.#kinds = kinds;
    this.letters = letters;
  }

  /** @param {Node} node @returns {Layout} */
  of(node) {
    let layout = this.#known.get(node);
    if (!layout) this.#known.set(node, (layout = this.#make(node)));
    return layout;
  }

  /** @param {Node} node */
  forget(node) {
    this.#known.delete(node);
  }

  /** All are made anew when asked for, as after another text size. */
  forgetAll() {
    this.#known = new WeakMap();
  }

  /** The box with the title bar. @param {Node} node @returns {Box} */
  boxOf(node) {
    const { width, height } = this.of(node);
    return { left: node.x, top: node.y - titleHeight(node), right: node.x + width, bottom: node.y + height };
  }

  /**
   * Where a link meets the node.
   * @param {Node} node
   * @param {number} slot
   * @returns {{x: number, y: number}}
   */
  inputPoint(node, slot) {
    const y = this.of(node).inputs[slot];
    return { x: node.x, y: node.y + (Number.isNaN(y) || y === undefined ? -TITLE_HEIGHT / 2 : y) };
  }

  /** @param {Node} node @param {number} slot */
  outputPoint(node, slot) {
    const layout = this.of(node);
    const y = layout.outputs[slot];
    return { x: node.x + layout.width, y: node.y + (Number.isNaN(y) || y === undefined ? -TITLE_HEIGHT / 2 : y) };
  }

  /** @param {Node} node @returns {Layout} */
  #make(node) {
    const inputs = new Float32Array(node.inputs.length).fill(NaN);
    const outputs = new Float32Array(node.outputs.length).fill(NaN);
    if (node.isCollapsed) {
      const width = Math.max(80, Math.min(300, this.letters.width(node.name, TITLE_PX, "600") + (node.isPinned ? 52 : 36)));
      inputs.fill(-TITLE_HEIGHT / 2);
      outputs.fill(-TITLE_HEIGHT / 2);
      return { width, height: 0, inputs, outputs, widgets: [], extraTop: 0, extraHeight: 0, isCollapsed: true, marks: new Uint8Array(inputs.length) };
    }
    if (node.type === "Reroute") return this.#makeReroute(node, inputs, outputs);
    const widgets = this.#widgetsOf(node);
    const shown = new Set(widgets.map((each) => each.name));
    /** @type {Map<string, number>} */
    const socketOf = new Map();
    let left = 0;
    node.inputs.forEach((slot, i) => {
      const widget = slot.widget ?? slot.name;
      if (shown.has(widget)) socketOf.set(widget, i);
      else if (!(slot.widget && node.spec && slot.link === null)) inputs[i] = PADDING + SLOT_HEIGHT * left++ + SLOT_HEIGHT / 2;
    });
    let right = 0;
    node.outputs.forEach((_, i) => (outputs[i] = PADDING + SLOT_HEIGHT * right++ + SLOT_HEIGHT / 2));
    const width = Math.max(node.width, this.#minWidth(node));
    let y = PADDING + SLOT_HEIGHT * Math.max(left, right);
    const heights = widgets.map((each) => this.#kinds.of(each.widget).height(node, each, width));
    const growing = widgets.filter((each) => this.#kinds.of(each.widget).grows?.(node, each)).length;
    const needed = y + heights.reduce((sum, each) => sum + each + WIDGET_GAP, 0) + PADDING;
    const extra = this.extraHeight(node, width, node.height - needed);
    const spare = Math.max(0, node.height - needed - extra);
    const marks = marksOf(node);
    /** @type {WidgetPlace[]} */
    const places = widgets.map((input, i) => {
      const grows = growing > 0 && this.#kinds.of(input.widget).grows?.(node, input);
      const height = heights[i] + (grows ? spare / growing : 0);
      const slot = socketOf.get(input.name) ?? -1;
      if (slot >= 0) {
        inputs[slot] = y + Math.min(height, WIDGET_HEIGHT) / 2;
        marks[slot] |= WIDGET;
      }
      const place = { input, slot, top: y, height };
      y += height + WIDGET_GAP;
      return place;
    });
    const extraTop = y;
    const height = Math.max(node.height, y + extra + PADDING);
    return { width, height, inputs, outputs, widgets: places, extraTop, extraHeight: extra ? height - extraTop - PADDING : 0, isCollapsed: false, marks };
  }

  /** @param {Node} node @param {Float32Array} inputs @param {Float32Array} outputs @returns {Layout} */
  #makeReroute(node, inputs, outputs) {
    inputs.fill(SLOT_HEIGHT / 2 + 3);
    outputs.fill(SLOT_HEIGHT / 2 + 3);
    return {
      width: Math.max(node.width, 60), height: Math.max(node.height, 26), inputs, outputs, widgets: [], extraTop: 26, extraHeight: 0, isCollapsed: false, marks: new Uint8Array(inputs.length),
    };
  }

  /** @param {Node} node @returns {InputSpec[]} those that are shown now */
  #widgetsOf(node) {
    const all = node.widgets;
    const visible = all.filter((each) => !each.options.hidden);
    if (!foldsAdvanced(node)) return visible;
    return [...visible.filter((each) => node.showAdvanced || !each.options.advanced || node.isDriven(each.name)), ADVANCED];
  }

  /**
   * So wide that names of sockets do not meet; of a node that has no width yet, that its title and values can be read.
   * @param {Node} node
   */
  #minWidth(node) {
    const { letters } = this;
    let width = node.width ? 80 : Math.max(MIN_WIDTH, Math.min(400, letters.width(node.name, TITLE_PX, "600") + 60));
    const shown = node.spec ? new Set(node.widgets.map((each) => each.name)) : null;
    const inputs = node.inputs.filter((slot) => !shown?.has(slot.widget ?? slot.name));
    for (let i = 0; i < Math.max(inputs.length, node.outputs.length); i++) {
      const input = inputs[i];
      const output = node.outputs[i];
      const left = input ? letters.width(nameOfSlot(node, input), TEXT_PX) : 0;
      const right = output ? letters.width(nameOfSlot(node, output), TEXT_PX) : 0;
      width = Math.max(width, Math.min(500, left + right + (left && right ? 50 : 30)));
    }
    if (node.width) return width;
    for (const each of node.widgets) {
      const value = node.values[each.name];
      const taken = each.widget === "COMBO" && typeof value === "string" ? letters.width(value, TEXT_PX) + 80 : 130;
      const room = each.options.multiline ? 300 : letters.width(wordFor(node.spec, "inputs", each.name) ?? each.options.display_name ?? each.name, TEXT_PX) + taken;
      width = Math.max(width, Math.min(360, Math.max(220, room)));
    }
    return width;
  }
}

/** @param {Node} node */
function marksOf(node) {
  const marks = new Uint8Array(node.inputs.length);
  if (!node.spec || node.spec.definition) return marks;
  for (const each of node.inputSpecs) {
    if (each.widget) continue;
    const at = node.inputs.findIndex((slot) => slot.name === each.name);
    if (at < 0) continue;
    if (each.section === "optional" || each.options.hidden) marks[at] = OPTIONAL;
    else if (node.inputs[at].link === null) marks[at] = MISSING;
  }
  return marks;
}

/**
 * Whether it has widgets that few people need. What was brought outside by hand, on a subgraph or a primitive, is meant
 * to be seen.
 * @param {Node} node
 */
export function foldsAdvanced(node) {
  if (!node.spec || node.spec.definition || node.type === PRIMITIVE) return false;
  return node.widgets.some((each) => each.options.advanced && !each.options.hidden);
}
