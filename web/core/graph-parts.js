/**
 * What a graph is made of: nodes with their slots and values, links, the points that these run through, groups. They hold
 * data and answer questions; what changes them goes through the methods of `Graph`.
 */

import { proxyInputs } from "./instances.js";
import { PRIMITIVE, unfold } from "./spec.js";
import { primitiveInputs, REROUTE } from "./virtual.js";

/** @import { Graph } from "./graph.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */

/** @typedef {string | number} NodeId  as the file has it; two are the same if their texts are */

export const NORMAL = 0;
export const MUTED = 2;
export const BYPASSED = 4;

export const INPUT_BOUNDARY = -10; // the node inside a subgraph whose outputs are the subgraph's inputs
export const OUTPUT_BOUNDARY = -20;

/**
 * Where a link ends. `raw` has what the file says of it; a slot that is `implicit` is known from the node's type alone
 * and is not written until it is linked, so that a file that never listed it stays as it was.
 */
export class InputSlot {
  /**
   * @param {string} name
   * @param {string} type
   * @param {{widget?: string, label?: string, raw?: any, implicit?: boolean}} [more]
   */
  constructor(name, type, more = {}) {
    this.name = name;
    this.type = type;
    /** @type {number | null} id of the link */
    this.link = null;
    /** The link that it had in the file: as long as it is this one, the file's word is written, whatever that is. @type {any} */
    this.readLink = undefined;
    /** @type {string | undefined} name of the widget that it stands for */
    this.widget = more.widget;
    /** @type {string | undefined} */
    this.label = more.label;
    /** @type {any} */
    this.raw = more.raw;
    this.implicit = more.implicit ?? false;
  }
}

export class OutputSlot {
  /**
   * @param {string} name
   * @param {string} type
   * @param {{label?: string, raw?: any, implicit?: boolean}} [more]
   */
  constructor(name, type, more = {}) {
    this.name = name;
    this.type = type;
    /** @type {number[]} ids of links */
    this.links = [];
    /** The same list as in the file: as long as it is this one, the file's is written. @type {number[] | undefined} */
    this.readLinks = undefined;
    /** @type {string | undefined} name of the widget that it drives */
    this.widget = undefined;
    /** @type {string | undefined} */
    this.label = more.label;
    /** @type {any} */
    this.raw = more.raw;
    this.implicit = more.implicit ?? false;
  }
}

export class Node {
  /**
   * @param {Graph} graph
   * @param {NodeId} id
   * @param {string} type
   */
  constructor(graph, id, type) {
    this.graph = graph;
    this.id = id;
    this.type = type;
    /** @type {string | undefined} what the person named it */
    this.title = undefined;
    this.x = 0;
    this.y = 0; // of the body: the title bar lies above it
    this.width = 0;
    this.height = 0;
    this.mode = NORMAL;
    /** @type {Record<string, any>} `collapsed`, `pinned` ... */
    this.flags = {};
    /** @type {string | undefined} */
    this.color = undefined;
    /** @type {string | undefined} */
    this.bgcolor = undefined;
    /** Of its corners, as files have it: 1 square, 2 round, 4 round at two corners. @type {number | undefined} */
    this.shape = undefined;
    /** @type {boolean | undefined} whether widgets that few people need are unfolded */
    this.showAdvanced = undefined;
    /** @type {InputSlot[]} */
    this.inputs = [];
    /** @type {OutputSlot[]} */
    this.outputs = [];
    /** @type {Record<string, any>} of widgets, by name, companions too */
    this.values = {};
    /** @type {Record<string, any>} */
    this.properties = {};
    /** The record of the file, for all in it that the editor does not know. @type {any} */
    this.raw = undefined;
    /** Later ones lie above. */
    this.rank = 0;
    /** @type {NodeSpec | null} null: a type that is not known here; the node is kept as it is */
    this.spec = null;
    /** @type {InputSpec[] | null} */
    this.unfolded = null;
    /** Its type offers something else than when it was read: what places values have in its record says nothing now. */
    this.isRefitted = false;
  }

  get key() {
    return String(this.id);
  }

  /** What is shown above it. */
  get name() {
    return this.title ?? this.spec?.title ?? this.type;
  }

  get isCollapsed() {
    return Boolean(this.flags.collapsed);
  }

  get isPinned() {
    return Boolean(this.flags.pinned);
  }

  /** @returns {InputSpec[]} its inputs now, of which those with a `widget` hold values */
  get inputSpecs() {
    const { spec } = this;
    if (!spec) return [];
    if (spec.isDynamic) return (this.unfolded ??= unfold(spec, this.values, (name) => this.input(name)?.link != null));
    if (spec.type === PRIMITIVE) return (this.unfolded ??= primitiveInputs(this));
    if (spec.definition && this.properties.proxyWidgets) return (this.unfolded ??= [...spec.inputs, ...proxyInputs(this)]);
    return spec.inputs;
  }

  /** @returns {InputSpec[]} */
  get widgets() {
    return this.inputSpecs.filter((each) => each.widget);
  }

  /** @param {string} name */
  input(name) {
    return this.inputs.find((slot) => slot.name === name);
  }

  /** @param {string} name */
  output(name) {
    return this.outputs.find((slot) => slot.name === name);
  }

  /** Whether the widget takes its value from a link. @param {string} name */
  isDriven(name) {
    return this.inputs.some((slot) => slot.link !== null && (slot.widget ?? slot.name) === name);
  }
}

export class Link {
  /**
   * @param {number} id
   * @param {NodeId} from
   * @param {number} fromSlot  index into the outputs of `from`
   * @param {NodeId} to
   * @param {number} toSlot  index into the inputs of `to`
   * @param {string} type
   */
  constructor(id, from, fromSlot, to, toSlot, type) {
    this.id = id;
    this.from = from;
    this.fromSlot = fromSlot;
    this.to = to;
    this.toSlot = toSlot;
    this.type = type;
    /** @type {number | undefined} the reroute nearest to its end */
    this.parentId = undefined;
    /** @type {any} */
    this.raw = undefined;
    /** The slots that the file gave it: while it has them, the file's numbers are written, which may be others. */
    this.readFrom = -1;
    this.readTo = -1;
    this.rank = 0; // place in the file
  }
}

/** A point that links run through. It chains back towards the source by `parentId`. */
export class Reroute {
  /**
   * @param {number} id
   * @param {number} x
   * @param {number} y
   */
  constructor(id, x, y) {
    this.id = id;
    this.x = x;
    this.y = y;
    /** @type {number | undefined} */
    this.parentId = undefined;
    /** @type {any} */
    this.raw = undefined;
    this.rank = 0; // place in the file
    /** The links that ran through it in the file. @type {number[] | undefined} */
    this.readIds = undefined;
  }
}

export class Group {
  /**
   * @param {number | undefined} id
   * @param {string} title
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  constructor(id, title, x, y, width, height) {
    this.id = id;
    this.title = title;
    this.x = x;
    this.y = y;
    this.width = width;
    this.height = height;
    /** @type {string | undefined} */
    this.color = undefined;
    /** @type {Record<string, any>} */
    this.flags = {};
    /** @type {any} */
    this.raw = undefined;
  }
}

/** Whether a link may feed it. @param {InputSpec} input */
export function hasSocket(input) {
  return !input.companionOf && !(input.options.socketless && input.widget);
}

/**
 * The inputs whose feed says what type an output has, where a type has such templates.
 * @param {Node} node
 * @param {number} index  of the output
 * @returns {InputSlot[] | null} null: its type is its own
 */
export function followedBy(node, index) {
  if (node.type === REROUTE) return node.inputs.slice(0, 1);
  const template = node.spec?.outputs[index]?.template;
  if (!template) return null;
  const names = new Set(node.inputSpecs.filter((each) => each.options.template?.template_id === template).map((each) => each.name));
  return node.inputs.filter((slot) => names.has(slot.name));
}

/**
 * Gives a node the slots that its type has and it lacks.
 * @param {Node} node
 * @param {boolean} implicit  whether they are left out of the file until they are linked
 */
export function addSlots(node, implicit) {
  if (!node.spec) return;
  const inputs = new Set(node.inputs.map((slot) => slot.name));
  for (const each of node.inputSpecs) {
    if (!hasSocket(each) || each.proxy || inputs.has(each.name)) continue;
    node.inputs.push(new InputSlot(each.name, each.type, { widget: each.widget ? each.name : undefined, implicit }));
  }
  for (let i = node.outputs.length; i < node.spec.outputs.length; i++) {
    const each = node.spec.outputs[i];
    node.outputs.push(new OutputSlot(each.name, each.type, { implicit }));
  }
}
