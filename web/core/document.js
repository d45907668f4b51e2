/** One workflow that is open: its graphs, its journal, and what its types mean. */

import { Graph } from "./graph.js";
import { Journal } from "./journal.js";
import { refit, reshape } from "./shaping.js";
import { same } from "./values.js";

/** @import { Catalogue } from "./catalogue.js" */
/** @import { Node } from "./graph.js" */
/** @import { NodeSpec } from "./spec.js" */

/**
 * A subgraph: its inside and its ends. `inputs` and `outputs` are in `graph.boundary`, as slots.
 */
export class Definition {
  /**
   * @param {string} id  UUID, the `type` of its instances
   * @param {string} name
   */
  constructor(id, name) {
    this.id = id;
    this.name = name;
    /** @type {Graph} */
    this.graph = /** @type {any} */ (null); // set right after: a graph knows its definition
    /** The file's record. @type {any} */
    this.raw = undefined;
    /** What its instances offer; null: to be read from its inside. @type {NodeSpec | null} */
    this.spec = null;
    /** In the file without being used: it stays there. Others are not written once nobody uses them. */
    this.isSpare = false;
  }
}

export class Document {
  /** @param {Catalogue} catalogue */
  constructor(catalogue) {
    this.catalogue = catalogue;
    this.journal = new Journal();
    this.journal.complete = () => this.#refreshChanged();
    /** Definitions that offer something else since this gesture began. @type {Set<Definition>} */
    this.changed = new Set();
    /** Nodes that get their shape later, see `holdShapes`. @type {Set<Node> | null} */
    this.held = null;
    /** How large a node is on the screen, graph px. @type {(node: Node) => {width: number, height: number}} */
    this.sizeSeen = (node) => node;
    /** @type {Map<string, Definition>} by id */
    this.definitions = new Map();
    this.root = new Graph(this);
    /** The file's record. @type {any} */
    this.raw = undefined;
    /** Where the file has its definitions: at the root or in another one, with what could not be read. @type {Map<object, any[]>} */
    this.lists = new Map();
    /** @type {Record<string, any>} `extra` of the file */
    this.extra = {};
    /** @type {string | null} name of the saved file, without its ending */
    this.name = null;
    /** Jobs that were queued from it last, the newest at the end. Kept with its draft, not in its file. @type {string[]} */
    this.lastJobs = [];
  }

  /**
   * @template T
   * @param {string} label  key of the message that names the step
   * @param {() => T} change
   * @returns {T}
   */
  edit(label, change) {
    return this.journal.edit(label, change);
  }

  /**
   * @param {string} type
   * @returns {NodeSpec | null}
   */
  specOf(type) {
    const definition = this.definitions.get(type);
    return definition ? (definition.spec ??= this.catalogue.specOfDefinition(definition)) : this.catalogue.spec(type);
  }

  /** Every graph: the root, then the insides of subgraphs. @returns {Iterable<Graph>} */
  *graphs() {
    yield this.root;
    for (const definition of this.definitions.values()) yield definition.graph;
  }

  /**
   * The node of a server's id, as "8:25:15", with the instances that it is inside of.
   * @param {string | number} id
   * @returns {{node: Node, path: Node[]} | null}
   */
  nodeOf(id) {
    let graph = this.root;
    /** @type {Node[]} */
    const path = [];
    const parts = String(id).split(":");
    for (let i = 0; i < parts.length; i++) {
      const node = graph.node(parts[i]);
      if (!node) return null;
      if (i === parts.length - 1) return { node, path };
      const definition = this.definitions.get(node.type);
      if (!definition) return null;
      path.push(node);
      graph = definition.graph;
    }
    return null;
  }

  /**
   * Node ids are given once in a whole workflow, so that a node keeps its own when it moves into a subgraph.
   * @param {Graph} graph
   * @returns {number}
   */
  nextNodeId(graph) {
    let highest = graph.lastNodeId;
    for (const each of this.graphs()) highest = Math.max(highest, each.lastNodeId);
    return highest + 1;
  }

  /** @param {string} key  `extra`'s @param {any} value  undefined takes it out */
  setExtra(key, value) {
    this.journal.set(this, this.extra, key, value);
  }

  /** @param {Definition} definition */
  addDefinition(definition) {
    this.journal.put(this, this.definitions, definition.id, definition);
  }

  /** @param {Definition} definition @param {string} name */
  renameDefinition(definition, name) {
    this.journal.set(this, definition, "name", name);
    this.changed.add(definition);
  }

  /**
   * The instances of what was changed get the sockets and widgets that it offers now. Links are kept by the names of
   * sockets, values by those of widgets.
   */
  #refreshChanged() {
    for (let passes = 0; this.changed.size && passes < 10_000; passes++) {
      const [definition] = this.changed;
      this.changed.delete(definition);
      const before = definition.spec;
      const now = this.catalogue.specOfDefinition(definition);
      if (before && same(before, now)) continue;
      this.journal.set(definition.graph, definition, "spec", now);
      for (const node of this.instancesOf(definition)) refit(node.graph, node, now);
    }
    this.changed.clear();
  }

  /**
   * Definitions that somebody uses, in the root or in others that are used.
   * @param {Definition[] | null} [from]  only what these use, and they themselves; null: the root
   * @returns {Set<Definition>}
   */
  usedDefinitions(from = null) {
    /** @type {Set<Definition>} */
    const used = new Set(from ?? []);
    const waiting = from ? from.map((each) => each.graph) : [this.root];
    for (let graph = waiting.pop(); graph; graph = waiting.pop()) {
      if (!this.definitions.size) break;
      for (const node of graph.nodes.values()) {
        const definition = this.definitions.get(node.type);
        if (!definition || used.has(definition)) continue;
        used.add(definition);
        waiting.push(definition.graph);
      }
    }
    return used;
  }

  /**
   * Lets many links be made and taken away with the slots as they are: lists of sockets shrink and grow at the end only.
   * @template T
   * @param {() => T} change
   * @returns {T}
   */
  holdShapes(change) {
    if (this.held) return change();
    /** @type {Set<Node>} */
    const held = new Set();
    this.held = held;
    try {
      return change();
    } finally {
      this.held = null;
      for (const node of held) reshape(node.graph, node);
    }
  }

  /** @param {Definition} definition @returns {Node[]} wherever in the workflow */
  instancesOf(definition) {
    /** @type {Node[]} */
    const found = [];
    for (const graph of this.graphs()) {
      for (const node of graph.nodes.values()) if (node.type === definition.id) found.push(node);
    }
    return found;
  }

  /**
   * Instances that are part of the workflow: not those in subgraphs that nobody uses any more, which undo may bring back.
   * @param {Definition} definition
   * @returns {Node[]}
   */
  liveInstancesOf(definition) {
    const used = this.usedDefinitions();
    return this.instancesOf(definition).filter(({ graph }) => graph === this.root || used.has(graph.definition));
  }
}
