/** One workflow that is open: its graphs, its journal, and what its types mean. */

import { Graph } from "./graph.js";
import { Journal } from "./journal.js";

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
    /** @type {any} */
    this.raw = undefined;
  }
}

export class Document {
  /** @param {Catalogue} catalogue */
  constructor(catalogue) {
    this.catalogue = catalogue;
    this.journal = new Journal();
    /** @type {Map<string, Definition>} by id */
    this.definitions = new Map();
    this.root = new Graph(this);
    /** What the file has besides nodes and links. @type {any} */
    this.raw = undefined;
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
    return definition ? this.catalogue.specOfDefinition(definition) : this.catalogue.spec(type);
  }

  /** Every graph: the root, then the insides of subgraphs. @returns {Iterable<Graph>} */
  *graphs() {
    yield this.root;
    for (const definition of this.definitions.values()) yield definition.graph;
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

  /** @param {Definition} definition */
  removeDefinition(definition) {
    this.journal.put(this, this.definitions, definition.id, undefined);
  }

  /** @param {Definition} definition @param {string} name */
  renameDefinition(definition, name) {
    this.journal.set(this, definition, "name", name);
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
}
