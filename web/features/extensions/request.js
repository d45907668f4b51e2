/** A workflow on its way into the queue, as an extension may read and change it. */

import { writeValues } from "../../core/values.js";

/** @import { Node } from "../../core/graph.js" */
/** @import { Wish } from "../run/run.js" */

export class QueueRequest {
  #wish;
  /** @type {Map<Node, Record<string, any>>} */
  #values = new Map();

  /** @param {Wish} wish */
  constructor(wish) {
    this.#wish = wish;
    // It shares parts with what is open until somebody may change it.
    wish.workflow = structuredClone(wish.workflow);
  }

  /** The document that it was made from: not to be changed here. */
  get document() {
    return this.#wish.document;
  }

  /** The saved form, which is what is sent: changes of it do not show on the canvas. @returns {any} */
  get workflow() {
    return this.#wish.workflow;
  }

  /** What the server hands on with the job, and writes into pictures. @returns {Record<string, any>} */
  get extraData() {
    return this.#wish.extraData;
  }

  /** Ids of the outputs that are to be made; null: all. @returns {string[] | null} */
  get targets() {
    return this.#wish.targets;
  }

  /** Whether it goes before all that wait. */
  get front() {
    return this.#wish.front;
  }

  set front(value) {
    this.#wish.front = value;
  }

  /** @param {Node} node @param {string} name  of the widget @returns {any} */
  value(node, name) {
    return (this.#values.get(node) ?? this.#wish.valuesOf(node))[name];
  }

  /**
   * Sends another value than the one that the person sees.
   * @param {Node} node  of the document, also inside a subgraph: then for all its instances
   * @param {string} name  of the widget
   * @param {any} value
   * @throws {RangeError} if the node has no such widget, or is not part of what is sent
   */
  setValue(node, name, value) {
    if (!node.widgets.some((each) => each.name === name)) throw new RangeError(`node ${node.id} (${node.type}) has no widget ${name}`);
    const record = this.#recordOf(node);
    if (!record) throw new RangeError(`node ${node.id} (${node.type}) is not part of what is sent`);
    const values = { ...(this.#values.get(node) ?? this.#wish.valuesOf(node)), [name]: value };
    this.#values.set(node, values);
    const changed = Object.create(node, { values: { value: values }, unfolded: { value: null, writable: true } });
    delete record.widgets_values;
    delete record.widgets_values_named;
    Object.assign(record, structuredClone(writeValues(changed)));
  }

  /** @param {Node} node @returns {any} */
  #recordOf(node) {
    const id = node.graph.definition?.id;
    const graph = id === undefined ? this.#wish.workflow : findDefinition(this.#wish.workflow, id);
    return graph?.nodes?.find((/** @type {any} */ each) => String(each?.id) === node.key);
  }
}

/** @param {any} holder  a workflow or a subgraph's record @param {string} id @returns {any} */
function findDefinition(holder, id) {
  for (const each of holder?.definitions?.subgraphs ?? []) {
    const found = each?.id === id ? each : findDefinition(each, id);
    if (found) return found;
  }
  return undefined;
}
