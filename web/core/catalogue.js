/** The node types that there are: what `/object_info` says, read when a type is first asked for. */

import { readSpec } from "./spec.js";

/** @import { Definition } from "./document.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */

/**
 * Types that exist in the editor alone. Their nodes are never sent.
 * @type {Record<string, any>}
 */
const OWN_TYPES = {
  Reroute: { input: { optional: { "": ["*"] } }, output: ["*"], output_name: [""], category: "utils" },
  PrimitiveNode: { output: ["*"], output_name: ["connect to widget input"], category: "utils", display_name: "Primitive" },
  Note: { input: { required: { text: ["STRING", { multiline: true, socketless: true }] } }, output: [], category: "utils" },
  MarkdownNote: {
    input: { required: { text: ["STRING", { multiline: true, markdown: true, socketless: true }] } },
    output: [],
    category: "utils",
    display_name: "Markdown Note",
  },
};

/** @param {string} type */
export function isVirtual(type) {
  return Object.hasOwn(OWN_TYPES, type);
}

export class Catalogue {
  /** @type {Record<string, any>} */
  #records;
  /** @type {Map<string, NodeSpec>} */
  #specs = new Map();
  /** @type {WeakMap<Definition, NodeSpec>} */
  #ofDefinitions = new WeakMap();

  /** @param {Record<string, any>} records  what `/object_info` answered */
  constructor(records) {
    this.#records = records;
  }

  /** @returns {string[]} every type, the editor's own first */
  get types() {
    return [...Object.keys(OWN_TYPES), ...Object.keys(this.#records).filter((type) => !isVirtual(type))];
  }

  /**
   * @param {string} type
   * @returns {NodeSpec | null} null: it is not known here
   */
  spec(type) {
    const known = this.#specs.get(type);
    if (known) return known;
    const record = Object.hasOwn(OWN_TYPES, type) ? OWN_TYPES[type] : Object.hasOwn(this.#records, type) ? this.#records[type] : null;
    if (!record) return null;
    const spec = readSpec(type, record);
    this.#specs.set(type, spec);
    return spec;
  }

  /**
   * @param {string} type
   * @returns {any} the server's own record, as packs expect it
   */
  record(type) {
    return Object.hasOwn(this.#records, type) ? this.#records[type] : undefined;
  }

  /**
   * Takes in a newer answer of the server. Nodes that are open keep the spec that they have until `refreshSpecs`.
   * @param {Record<string, any>} records
   */
  replace(records) {
    this.#records = records;
    this.#specs.clear();
  }

  /**
   * What an instance of a subgraph offers: an input that feeds a widget inside is a widget outside, too.
   * @param {Definition} definition
   * @returns {NodeSpec}
   */
  specOfDefinition(definition) {
    const known = this.#ofDefinitions.get(definition);
    if (known) return known;
    const { graph } = definition;
    const ends = graph.boundary;
    /** @type {NodeSpec} */
    const spec = {
      type: definition.id,
      title: definition.name,
      category: definition.raw?.category ?? "",
      doc: definition.raw?.description ?? "",
      pack: "",
      inputs: [],
      outputs: [],
      isOutput: false,
      isDeprecated: false,
      isExperimental: false,
      aliases: [],
      isDynamic: false,
      definition,
    };
    this.#ofDefinitions.set(definition, spec); // before its inside is read: a damaged file may hold itself
    for (const slot of ends?.input.outputs ?? []) {
      spec.inputs.push(insideOf(graph, slot.name, slot.type, slot.links, slot.label));
    }
    for (const slot of ends?.output.inputs ?? []) {
      spec.outputs.push({ name: slot.name, type: slot.type, isList: false, tip: slot.label ?? "" });
    }
    return spec;
  }

  /** A definition changed: its instances have other sockets from now on. @param {Definition} definition */
  forgetDefinition(definition) {
    this.#ofDefinitions.delete(definition);
  }
}

/**
 * @param {import("./graph.js").Graph} graph
 * @param {string} name
 * @param {string} type
 * @param {number[]} links
 * @param {string | undefined} label
 * @returns {InputSpec}
 */
function insideOf(graph, name, type, links, label) {
  for (const id of links) {
    const link = graph.link(id);
    const node = link && graph.node(link.to);
    const slot = node?.inputs[link?.toSlot ?? -1];
    const inner = node && slot && node.inputSpecs.find((each) => each.name === (slot.widget ?? slot.name));
    if (inner?.widget) return { ...inner, name, type: inner.type, options: { ...inner.options, label }, section: "optional" };
  }
  return { name, type, widget: null, options: { label }, section: "optional" };
}
