/** The kinds of widgets: how each is drawn on a node and how a person changes it. Features add the kinds. */

import { textOfValue } from "./json.js";

/** @import { Editor } from "./editor.js" */
/** @import { Node } from "./graph.js" */
/** @import { InputSpec } from "./spec.js" */
/** @import { Box } from "./view/spatial.js" */
/** @import { Pen } from "./view/pen.js" */
/** @import { Drag, Press } from "./view/pointer.js" */

/**
 * One kind. All places are in graph px.
 * @typedef {object} WidgetKind
 * @property {(node: Node, input: InputSpec, width: number) => number} height
 * @property {(node: Node, input: InputSpec) => boolean} [grows]  takes what height the node has to spare
 * @property {(pen: Pen, node: Node, input: InputSpec, box: Box) => void} draw
 * @property {(editor: Editor, node: Node, input: InputSpec, box: Box, press: Press) => Drag | boolean | void} [press]
 * @property {(node: Node, input: InputSpec, box: Box) => boolean} [edit]  opens what one types or chooses in, by keyboard; false: there is nothing
 * @property {(editor: Editor, node: Node, input: InputSpec) => HTMLElement} [control]  the same as an element, for the form view, the outline and people who use no pointer
 * @property {(value: any) => string} [text]  what is found by a search
 */

export class WidgetKinds {
  /** @type {Map<string, WidgetKind>} */
  #kinds = new Map();

  /**
   * @param {string} name  as in `InputSpec.widget`
   * @param {WidgetKind} kind
   * @returns {() => void} takes it away
   */
  add(name, kind) {
    const before = this.#kinds.get(name);
    this.#kinds.set(name, kind);
    return () => void (before ? this.#kinds.set(name, before) : this.#kinds.delete(name));
  }

  /**
   * @param {string | null} name
   * @returns {WidgetKind} of an unknown name: one that shows the value and changes nothing
   */
  of(name) {
    return this.#kinds.get(name ?? "") ?? UNKNOWN;
  }

  /** @param {string} name */
  has(name) {
    return this.#kinds.has(name);
  }
}

/** @type {WidgetKind} */
const UNKNOWN = {
  height: () => 20,
  draw: (pen, node, input, box) => {
    const value = node.values[input.name];
    pen.field(box, input.options.label ?? input.name, textOfValue(value).slice(0, 100));
  },
};
