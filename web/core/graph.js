/**
 * Nodes, links and groups of one graph: the root of a workflow or the inside of a subgraph. Knows no pixel beyond
 * the places that files have, and no server.
 *
 * Reading is free; everything that changes goes through a method of `Graph`, inside `document.edit`, and so into the
 * journal. Values that are objects (`flags`, `properties`, a value of a widget) are replaced, never changed in place.
 */

import { proxyInputs } from "./instances.js";
import { customComboFollows } from "./scripted.js";
import { defaultOf, isCustomCombo, PRIMITIVE, unfold } from "./spec.js";
import { fits } from "./types.js";
import { drivenBy, primitiveInputs, REROUTE, reroutesAround, suits, typeThrough } from "./virtual.js";

/** @import { Document } from "./document.js" */
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

/**
 * @typedef {{color?: string, bgcolor?: string, title?: string, mode?: number, flags?: object, width?: number,
 *   height?: number, properties?: object}} NodeLook
 */

export class Graph {
  /**
   * @param {Document} document
   * @param {any} [definition]  the subgraph that this is the inside of
   */
  constructor(document, definition = null) {
    this.document = document;
    this.definition = definition;
    /** @type {Map<string, Node>} by `key`; drawn and written in order of `rank` */
    this.nodes = new Map();
    /** @type {Map<number, Link>} */
    this.links = new Map();
    /** @type {Group[]} */
    this.groups = [];
    /** @type {Map<number, Reroute>} */
    this.reroutes = new Map();
    /** @type {{input: Node, output: Node} | null} the two ends of a subgraph: they cannot go and are never sent */
    this.boundary = null;
    this.lastNodeId = 0;
    this.lastLinkId = 0;
    this.lastRerouteId = 0;
    this.lastRank = 0;
    /** The file's record. @type {any} */
    this.raw = undefined;
    /** What the file has and nobody can use: it is written back. @type {{rank: number, raw: any}[]} */
    this.strayNodes = [];
    /** These only as long as the input that they name has the link that it had. @type {{rank: number, raw: any, slot?: InputSlot}[]} */
    this.strayLinks = [];
    /** The highest numbers after reading. @type {{node: number, link: number, reroute: number} | null} */
    this.readLast = null;
  }

  get #journal() {
    return this.document.journal;
  }

  /**
   * @param {NodeId} id
   * @returns {Node | undefined}
   */
  node(id) {
    const found = this.nodes.get(String(id));
    if (found || !this.boundary) return found;
    if (Number(id) === INPUT_BOUNDARY) return this.boundary.input;
    return Number(id) === OUTPUT_BOUNDARY ? this.boundary.output : undefined;
  }

  /** @returns {Node[]} lowest first */
  inOrder() {
    return [...this.nodes.values()].sort((a, b) => a.rank - b.rank);
  }

  /** @param {number} id */
  link(id) {
    return this.links.get(id);
  }

  /**
   * The link that ends in an input.
   * @param {Node} node
   * @param {number} slot
   */
  linkInto(node, slot) {
    const id = node.inputs[slot]?.link;
    return id == null ? undefined : this.links.get(id);
  }

  /** @param {Node} node @returns {Link[]} */
  linksOf(node) {
    /** @type {Link[]} */
    const found = [];
    for (const slot of node.inputs) {
      const link = slot.link === null ? undefined : this.links.get(slot.link);
      if (link) found.push(link);
    }
    for (const slot of node.outputs) {
      for (const id of slot.links) {
        const link = this.links.get(id);
        if (link) found.push(link);
      }
    }
    return found;
  }

  // Changes: each inside `document.edit`.

  /**
   * A new node with its type's default values. The size is the view's to find: 0 means "as it needs".
   * @param {string} type
   * @param {{x: number, y: number}} place
   * @param {Record<string, any>} [values]
   * @param {NodeLook} [look]
   * @returns {Node}
   */
  addNode(type, place, values = {}, look = {}) {
    const node = new Node(this, this.#nextNodeId(), type);
    node.x = place.x;
    node.y = place.y;
    node.spec = this.document.specOf(type);
    node.properties = { "Node name for S&R": type };
    Object.assign(node, look);
    for (let pass = 0; pass < 8; pass++) {  // an option of a dynamic combo may bring another one
      const missing = node.widgets.filter((each) => node.values[each.name] === undefined);
      if (!missing.length) break;
      for (const each of missing) {
        const value = values[each.name] ?? defaultOf(each);
        if (value !== undefined) node.values[each.name] = value;
      }
      node.unfolded = null;
    }
    Object.assign(node.values, values);
    addSlots(node, false);
    this.insertNode(node);
    return node;
  }

  /** Puts in a node that was made elsewhere, with an id that is free here. @param {Node} node */
  insertNode(node) {
    node.rank = this.#nextRank();
    this.#journal.put(this, this.nodes, node.key, node);
    this.#journal.set(node, node, "graph", this);
    const id = Number(node.id);
    if (Number.isSafeInteger(id) && id > this.lastNodeId) this.#journal.set(this, this, "lastNodeId", id);
  }

  #nextNodeId() {
    const id = this.document.nextNodeId(this);
    this.#journal.set(this, this, "lastNodeId", Math.max(id, this.lastNodeId));
    return id;
  }

  /** An id that no node of this graph has, taken. */
  takeNodeId() {
    return this.#nextNodeId();
  }

  #nextRank() {
    this.lastRank += 1;
    return this.lastRank;
  }

  /**
   * Takes nodes out with their links.
   * @param {Iterable<Node>} nodes
   * @param {{reconnect?: boolean}} [how]  `reconnect`: what fed it feeds what it fed, where the types fit
   */
  removeNodes(nodes, { reconnect = false } = {}) {
    for (const node of nodes) {
      if (!this.nodes.has(node.key)) continue; // an end of a subgraph stays
      if (reconnect) this.bridge(node);
      for (const link of this.linksOf(node)) this.disconnect(link);
      this.#journal.put(this, this.nodes, node.key, undefined);
    }
  }

  /** Feeds what a node feeds from what feeds it, where the types fit. @param {Node} node */
  bridge(node) {
    node.outputs.forEach((output, index) => {
      const same = node.inputs[index];
      const candidates = [...(same ? [same] : []), ...node.inputs].filter((slot) => slot.link !== null);
      for (const id of [...output.links]) {
        const out = this.links.get(id);
        const target = out && this.node(out.to);
        if (!out || !target) continue;
        const wanted = target.inputs[out.toSlot]?.type ?? "*";
        const source = candidates.find((slot) => fits(slot.type, output.type) && fits(slot.type, wanted));
        const into = source && this.links.get(/** @type {number} */ (source.link));
        const origin = into && this.node(into.from);
        if (into && origin) this.connect(origin, into.fromSlot, target, out.toSlot);
      }
    });
  }

  /**
   * Links an output to an input; the link that ended there goes. Types are the caller's to ask (`fits`).
   * @param {Node} from
   * @param {number} fromSlot
   * @param {Node} to
   * @param {number} toSlot
   * @param {number} [parentId]  the reroute that it runs through last
   * @returns {Link}
   */
  connect(from, fromSlot, to, toSlot, parentId) {
    const output = from.outputs[fromSlot];
    const input = to.inputs[toSlot];
    if (!output || !input) {
      throw new RangeError(`link from output ${fromSlot} of node ${from.id} to input ${toSlot} of node ${to.id}: there is no such slot`);
    }
    const earlier = input.link === null ? undefined : this.links.get(input.link);
    if (earlier && String(earlier.from) === from.key && earlier.fromSlot === fromSlot) return earlier;
    const route = earlier ? this.routeOf(earlier) : [];
    const before = earlier && this.node(earlier.from);
    if (earlier) this.detach(earlier); // nothing is reshaped in between: the slot stays
    const id = this.#nextLinkId();
    const type = output.type === "*" ? input.type : output.type;
    const link = new Link(id, from.id, fromSlot, to.id, toSlot, type);
    link.parentId = parentId;
    link.rank = this.#nextRank();
    this.#journal.put(this, this.links, id, link);
    this.#journal.set(to, input, "link", id);
    this.#journal.set(to, input, "implicit", false);
    this.#journal.set(from, output, "links", [...output.links, id]);
    this.#journal.set(from, output, "implicit", false);
    this.#reshape(to);
    this.#prune(route);
    if (before && before !== from) this.relink(before);
    this.#relinked(from, to);
    this.#followFeed(to);
    return link;
  }

  #nextLinkId() {
    const id = this.lastLinkId + 1;
    this.#journal.set(this, this, "lastLinkId", id);
    return id;
  }

  /** Takes a link out, and the points that only it ran through. @param {Link} link */
  disconnect(link) {
    const route = this.routeOf(link);
    const [from, to] = [this.node(link.from), this.node(link.to)];
    this.detach(link);
    this.#prune(route);
    if (to) this.#reshape(to);
    this.#relinked(from, to);
    if (to) this.#followFeed(to);
  }

  /** Takes a link out where another one comes at once: its ends are told of that one. @param {Link} link */
  detach(link) {
    const from = this.node(link.from);
    const to = this.node(link.to);
    const output = from?.outputs[link.fromSlot];
    if (from && output) this.#journal.set(from, output, "links", output.links.filter((id) => id !== link.id));
    const input = to?.inputs[link.toSlot];
    if (to && input?.link === link.id) this.#journal.set(to, input, "link", null);
    this.#journal.put(this, this.links, link.id, undefined);
  }

  /** Takes out those of the points that no link runs through any more. @param {Reroute[]} route */
  #prune(route) {
    const left = route.filter((each) => this.reroutes.has(each.id) && !each.raw?.floating);
    if (!left.length) return;
    /** @type {Set<Reroute>} */
    const used = new Set();
    for (const link of this.links.values()) if (link.parentId !== undefined) for (const each of this.routeOf(link)) used.add(each);
    for (const each of left) if (!used.has(each)) this.#journal.put(this, this.reroutes, each.id, undefined);
  }

  /**
   * Outputs whose type is that of what feeds the node get another one, and so on along the links.
   * @param {Node} node
   * @param {Set<Node>} [seen]
   */
  #followFeed(node, seen = new Set()) {
    if (seen.has(node)) return; // a circle in a damaged file
    seen.add(node);
    node.outputs.forEach((output, index) => {
      const followed = followedBy(node, index);
      if (!followed) return;
      let type = node.spec?.outputs[index]?.type ?? "*";
      for (const slot of followed) {
        const link = slot.link === null ? undefined : this.links.get(slot.link);
        const fed = link && this.node(link.from)?.outputs[link.fromSlot]?.type;
        if (!fed || fed === "*") continue;
        type = fed;
        break;
      }
      if (output.type === type) return;
      this.#journal.set(node, output, "type", type);
      for (const id of output.links) {
        const link = this.links.get(id);
        const target = link && this.node(link.to);
        if (!link || !target) continue;
        this.#journal.set(link, link, "type", type === "*" ? (target.inputs[link.toSlot]?.type ?? "*") : type);
        if (target.type === REROUTE) this.#relinked(node, target);
        else this.#followFeed(target, seen);
      }
    });
  }

  /** A dynamic node gets the slots that its values and links call for. @param {Node} node */
  reshape(node) {
    this.#reshape(node);
  }

  /** A node looks again at what it is linked to. @param {Node} node */
  relink(node) {
    this.#relinked(node, undefined);
  }

  /**
   * What a link tells its ends: a primitive what it drives, a reroute what flows through it, a subgraph what its inputs
   * stand for.
   * @param {Node | undefined} from
   * @param {Node | undefined} to
   */
  #relinked(from, to) {
    if (from && this.boundary?.input === from) this.document.changed.add(this.definition);
    let source = from;
    for (const reroute of [from, to]) {
      if (reroute?.type !== REROUTE || !reroute.outputs.length || !this.nodes.has(reroute.key)) continue;
      const chain = reroutesAround(reroute);
      this.#retype(chain, typeThrough(chain));
      const into = this.linkInto(chain[0], 0);
      source = into ? this.node(into.from) : source;
    }
    if (source?.type === PRIMITIVE && source.outputs[0]) this.#drive(source);
  }

  /** @param {Node[]} chain  of reroutes @param {string} type */
  #retype(chain, type) {
    for (const node of chain) {
      const [output] = node.outputs;
      this.#journal.set(node, output, "type", type);
      this.#journal.set(node, output, "name", node.properties.showOutputText ? type : "");
      for (const id of output.links) {
        const link = this.links.get(id);
        if (link && type !== "*") this.#journal.set(link, link, "type", type);
        const target = link && this.node(link.to);
        if (target && target.type !== REROUTE) this.#followFeed(target);
      }
    }
  }

  /** A primitive takes on the widget that it drives; its value stays if that widget may have it. @param {Node} node */
  #drive(node) {
    const [output] = node.outputs;
    this.#journal.set(node, node, "unfolded", null);
    const target = drivenBy(node).find((each) => each.input.widget);
    this.#journal.set(node, output, "type", target?.input.type ?? "*");
    this.#journal.set(node, output, "name", target ? target.input.type : "connect to widget input");
    this.#journal.set(node, output, "widget", target?.input.name);
    if (!target) return;
    // Of a first link a person sees at once what it brings; nothing else changes a value that they chose.
    const isFirst = output.links.length === 1 && !this.document.held && output.links[0] === this.lastLinkId;
    if (node.values.value === undefined || (isFirst && !suits(target.input, node.values.value))) this.#journal.set(node, node.values, "value", target.node.values[target.input.name] ?? defaultOf(target.input));
    for (const each of node.inputSpecs) {
      if (each.companionOf && node.values[each.name] === undefined) this.#journal.set(node, node.values, each.name, each.options.default);
    }
  }

  /**
   * Gives an instance what its subgraph offers now. A socket that nobody offers any more goes with its links, since
   * somebody took it out; one that the file had on its own stays.
   * @param {Node} node
   * @param {NodeSpec} spec
   */
  refit(node, spec) {
    const journal = this.#journal;
    const before = node.spec;
    journal.set(node, node, "spec", spec);
    journal.set(node, node, "unfolded", null);
    journal.set(node, node, "isRefitted", true);
    for (const side of /** @type {const} */ (["inputs", "outputs"])) {
      const offered = side === "inputs" ? spec.inputs.filter((each) => !each.companionOf) : spec.outputs;
      const names = new Set(offered.map((each) => each.name));
      const gone = new Set((side === "inputs" ? (before?.inputs ?? []) : (before?.outputs ?? [])).map((each) => each.name).filter((name) => !names.has(name)));
      /** @type {any[]} */
      const slots = node[side];
      for (const slot of slots.filter((each) => gone.has(each.name))) {
        for (const id of slot instanceof InputSlot ? [slot.link] : [...slot.links]) {
          const link = id === null ? undefined : this.links.get(id);
          if (link) this.disconnect(link);
        }
      }
      const known = new Map(slots.map((each) => [each.name, each]));
      const now = offered.map((each) => {
        const widget = side === "inputs" && /** @type {InputSpec} */ (each).widget ? each.name : undefined;
        const slot = known.get(each.name) ?? (side === "inputs" ? new InputSlot(each.name, each.type, { widget }) : new OutputSlot(each.name, each.type));
        if (known.has(each.name)) {
          journal.set(node, slot, "type", each.type);
          if (side === "inputs") journal.set(node, slot, "widget", widget);
        }
        return slot;
      });
      now.push(...slots.filter((each) => !names.has(each.name) && !gone.has(each.name)));
      if (now.length === slots.length && now.every((each, i) => each === slots[i])) continue;
      journal.splice(node, slots, 0, slots.length, ...now);
      this.#renumber(node, side);
    }
    for (const each of node.widgets) {
      if (node.values[each.name] !== undefined) continue;
      const value = defaultOf(each);
      if (value !== undefined) journal.set(node, node.values, each.name, value);
    }
    // Its sockets stand for other things: so may those of the subgraph around it.
    if (this.boundary && node.inputs.some((slot) => slot.link !== null && this.links.get(slot.link)?.from === INPUT_BOUNDARY)) this.document.changed.add(this.definition);
  }

  /**
   * The value of a widget.
   * @param {Node} node
   * @param {string} name
   * @param {any} value
   */
  setValue(node, name, value) {
    const follows = node.spec && isCustomCombo(node.spec.type, node.spec.inputs) ? customComboFollows(node.values, name, value) : [];
    this.#journal.set(node, node.values, name, value);
    for (const [other, its] of follows) this.#journal.set(node, node.values, other, its);
    this.#reshape(node);
  }

  /** All widgets hold what a new node's would. @param {Node} node */
  resetValues(node) {
    for (const each of node.widgets) {
      const value = defaultOf(each);
      if (value !== undefined) this.setValue(node, each.name, value);
    }
  }

  /**
   * Any plain property of a node: `x`, `title`, `mode`, `flags`, `color` ...
   * @template {"x" | "y" | "width" | "height" | "title" | "mode" | "flags" | "color" | "bgcolor" | "shape" | "properties" | "showAdvanced"} K
   * @param {Node} node
   * @param {K} key
   * @param {Node[K]} value
   */
  setNode(node, key, value) {
    this.#journal.set(node, node, key, value);
    if (key === "properties") this.#journal.set(node, node, "unfolded", null);
  }

  /**
   * @param {Node} node
   * @param {number} x
   * @param {number} y
   */
  moveNode(node, x, y) {
    this.#journal.set(node, node, "x", x);
    this.#journal.set(node, node, "y", y);
  }

  /** Puts nodes above all others, in the order that they have. @param {Iterable<Node>} nodes */
  raise(nodes) {
    for (const node of [...nodes].sort((a, b) => a.rank - b.rank)) {
      this.#journal.set(node, node, "rank", this.#nextRank());
    }
  }

  /** @param {InputSlot | OutputSlot} slot @param {Node} node @param {string | undefined} label */
  labelSlot(node, slot, label) {
    this.#journal.set(node, slot, "label", label);
    this.#changedEnd(node);
  }

  /** @param {Group} group */
  addGroup(group) {
    this.#journal.splice(this, this.groups, this.groups.length, 0, group);
    return group;
  }

  /** @param {Group} group */
  removeGroup(group) {
    const at = this.groups.indexOf(group);
    if (at >= 0) this.#journal.splice(this, this.groups, at, 1);
  }

  /**
   * @template {"x" | "y" | "width" | "height" | "title" | "color" | "flags"} K
   * @param {Group} group
   * @param {K} key
   * @param {Group[K]} value
   */
  setGroup(group, key, value) {
    this.#journal.set(group, group, key, value);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number | undefined} parentId
   */
  addReroute(x, y, parentId) {
    const id = Math.max(0, this.lastRerouteId, ...this.reroutes.keys()) + 1;
    this.#journal.set(this, this, "lastRerouteId", id);
    const reroute = new Reroute(id, x, y);
    reroute.parentId = parentId;
    reroute.rank = this.#nextRank();
    this.#journal.put(this, this.reroutes, id, reroute);
    return reroute;
  }

  /** Takes a point out: what ran through it runs on from the one before. @param {Reroute} reroute */
  removeReroute(reroute) {
    for (const link of this.links.values()) {
      if (link.parentId === reroute.id) this.#journal.set(link, link, "parentId", reroute.parentId);
    }
    for (const other of this.reroutes.values()) {
      if (other.parentId === reroute.id) this.#journal.set(other, other, "parentId", reroute.parentId);
    }
    this.#journal.put(this, this.reroutes, reroute.id, undefined);
  }

  /**
   * @template {"x" | "y" | "parentId"} K
   * @param {Reroute} reroute
   * @param {K} key
   * @param {Reroute[K]} value
   */
  setReroute(reroute, key, value) {
    this.#journal.set(reroute, reroute, key, value);
  }

  /** @param {Link} link @param {number | undefined} rerouteId */
  routeThrough(link, rerouteId) {
    this.#journal.set(link, link, "parentId", rerouteId);
  }

  /** The links through each point, in the order of their ranks. @returns {Map<Reroute, number[]>} */
  linksThrough() {
    /** @type {Map<Reroute, number[]>} */
    const found = new Map();
    if (!this.reroutes.size) return found;
    for (const link of [...this.links.values()].sort((a, b) => a.rank - b.rank)) {
      if (link.parentId === undefined) continue;
      for (const point of this.routeOf(link)) {
        const ids = found.get(point);
        if (ids) ids.push(link.id);
        else found.set(point, [link.id]);
      }
    }
    return found;
  }

  /** Points of a link, from its start to its end. @param {Link} link @returns {Reroute[]} */
  routeOf(link) {
    /** @type {Reroute[]} */
    const points = [];
    for (let id = link.parentId; id !== undefined && points.length < 1000; ) {
      const point = this.reroutes.get(id);
      if (!point || points.includes(point)) break; // a circle in a damaged file
      points.push(point);
      id = point.parentId;
    }
    return points.reverse();
  }

  /**
   * Slots and values follow the inputs that a dynamic node has now. What a person typed stays while it is hidden.
   * @param {Node} node
   */
  #reshape(node) {
    if (!node.spec?.isDynamic) return;
    const { held } = this.document;
    if (held) {
      held.add(node);
      return;
    }
    this.#journal.set(node, node, "unfolded", null);
    const wanted = new Set(node.inputSpecs.map((each) => each.name));
    for (let i = node.inputs.length - 1; i >= 0; i--) {
      const slot = node.inputs[i];
      if (wanted.has(slot.name)) continue;
      const link = slot.link === null ? undefined : this.links.get(slot.link);
      const from = link && this.node(link.from);
      if (link) this.detach(link); // not `disconnect`: that would shape the node anew while it is being shaped
      this.removeInput(node, i);
      if (from) this.relink(from);
    }
    for (const each of node.inputSpecs) {
      if (!hasSocket(each) || each.proxy || node.input(each.name)) continue;
      this.addInput(node, new InputSlot(each.name, each.type, { widget: each.widget ? each.name : undefined }));
    }
    for (const each of node.widgets) {
      if (node.values[each.name] !== undefined) continue;
      const value = defaultOf(each);
      if (value !== undefined) this.#journal.set(node, node.values, each.name, value);
    }
  }

  /** @param {Node} node @param {InputSlot} slot @param {number} [at] */
  addInput(node, slot, at = node.inputs.length) {
    this.#journal.splice(node, node.inputs, at, 0, slot);
    this.#renumber(node, "inputs");
    this.#changedEnd(node);
  }

  /** Takes out a slot without a link. @param {Node} node @param {number} at */
  removeInput(node, at) {
    this.#journal.splice(node, node.inputs, at, 1);
    this.#renumber(node, "inputs");
    this.#changedEnd(node);
  }

  /** @param {Node} node @param {OutputSlot} slot @param {number} [at] */
  addOutput(node, slot, at = node.outputs.length) {
    this.#journal.splice(node, node.outputs, at, 0, slot);
    this.#renumber(node, "outputs");
    this.#changedEnd(node);
  }

  /** Takes out a slot without links. @param {Node} node @param {number} at */
  removeOutput(node, at) {
    this.#journal.splice(node, node.outputs, at, 1);
    this.#renumber(node, "outputs");
    this.#changedEnd(node);
  }

  /** Puts a slot to another place; links stay with it. @param {Node} node @param {"inputs" | "outputs"} side @param {number} at @param {number} to */
  moveSlot(node, side, at, to) {
    const slot = node[side][at];
    if (!slot || at === to) return;
    this.#journal.splice(node, node[side], at, 1);
    this.#journal.splice(node, node[side], to, 0, slot);
    this.#renumber(node, side);
    this.#changedEnd(node);
  }

  /** What the ends of a subgraph have is what its instances offer. @param {Node} node */
  #changedEnd(node) {
    if (this.boundary && (node === this.boundary.input || node === this.boundary.output)) this.document.changed.add(this.definition);
  }

  /**
   * @template {"name" | "type" | "label" | "widget"} K
   * @param {Node} node
   * @param {InputSlot | OutputSlot} slot
   * @param {K} key
   * @param {InputSlot[K]} value
   */
  setSlot(node, slot, key, value) {
    this.#journal.set(node, slot, key, value);
    this.#changedEnd(node);
  }

  /** @param {Node} node @param {"inputs" | "outputs"} side */
  #renumber(node, side) {
    node[side].forEach((slot, index) => {
      for (const id of slot instanceof InputSlot ? (slot.link === null ? [] : [slot.link]) : slot.links) {
        const link = this.links.get(id);
        if (link) this.#journal.set(link, link, side === "inputs" ? "toSlot" : "fromSlot", index);
      }
    });
  }
}

/** Whether a link may feed it. @param {InputSpec} input */
function hasSocket(input) {
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
