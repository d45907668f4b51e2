/**
 * Nodes, links and groups of one graph: the root of a workflow or the inside of a subgraph. Knows no pixel beyond
 * the places that files have, and no server.
 *
 * Reading is free; everything that changes goes through a method of `Graph`, inside `document.edit`, and so into the
 * journal. Values that are objects (`flags`, `properties`, a value of a widget) are replaced, never changed in place.
 */

import { addSlots, INPUT_BOUNDARY, InputSlot, Link, Node, OUTPUT_BOUNDARY, Reroute } from "./graph-parts.js";
import { customComboFollows } from "./scripted.js";
import { followFeed, reshape, tellEnds } from "./shaping.js";
import { defaultOf, isCustomCombo } from "./spec.js";
import { fits } from "./types.js";

export * from "./graph-parts.js";

/** @import { Document } from "./document.js" */
/** @import { Group, NodeId, OutputSlot } from "./graph-parts.js" */

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
    reshape(this, to);
    this.#prune(route);
    if (before && before !== from) tellEnds(this, before);
    tellEnds(this, from, to);
    followFeed(this, to);
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
    if (to) reshape(this, to);
    tellEnds(this, from, to);
    if (to) followFeed(this, to);
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
   * The value of a widget.
   * @param {Node} node
   * @param {string} name
   * @param {any} value
   */
  setValue(node, name, value) {
    const follows = node.spec && isCustomCombo(node.spec.type, node.spec.inputs) ? customComboFollows(node.values, name, value) : [];
    this.#journal.set(node, node.values, name, value);
    for (const [other, its] of follows) this.#journal.set(node, node.values, other, its);
    reshape(this, node);
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

  /** @param {Node} node @param {InputSlot} slot @param {number} [at] */
  addInput(node, slot, at = node.inputs.length) {
    this.#journal.splice(node, node.inputs, at, 0, slot);
    this.renumber(node, "inputs");
    this.#changedEnd(node);
  }

  /** Takes out a slot without a link. @param {Node} node @param {number} at */
  removeInput(node, at) {
    this.#journal.splice(node, node.inputs, at, 1);
    this.renumber(node, "inputs");
    this.#changedEnd(node);
  }

  /** @param {Node} node @param {OutputSlot} slot @param {number} [at] */
  addOutput(node, slot, at = node.outputs.length) {
    this.#journal.splice(node, node.outputs, at, 0, slot);
    this.renumber(node, "outputs");
    this.#changedEnd(node);
  }

  /** Takes out a slot without links. @param {Node} node @param {number} at */
  removeOutput(node, at) {
    this.#journal.splice(node, node.outputs, at, 1);
    this.renumber(node, "outputs");
    this.#changedEnd(node);
  }

  /** Puts a slot to another place; links stay with it. @param {Node} node @param {"inputs" | "outputs"} side @param {number} at @param {number} to */
  moveSlot(node, side, at, to) {
    const slot = node[side][at];
    if (!slot || at === to) return;
    this.#journal.splice(node, node[side], at, 1);
    this.#journal.splice(node, node[side], to, 0, slot);
    this.renumber(node, side);
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

  /** The links of a node's slots get the places that these have now. @param {Node} node @param {"inputs" | "outputs"} side */
  renumber(node, side) {
    node[side].forEach((slot, index) => {
      for (const id of slot instanceof InputSlot ? (slot.link === null ? [] : [slot.link]) : slot.links) {
        const link = this.links.get(id);
        if (link) this.#journal.set(link, link, side === "inputs" ? "toSlot" : "fromSlot", index);
      }
    });
  }
}
