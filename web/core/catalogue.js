/** The node types that there are: what `/object_info` says, read when a type is first asked for. */

import { readSpec } from "./spec.js";
import { addWords } from "./words.js";

/** @import { Definition } from "./document.js" */
/** @import { Graph, OutputSlot } from "./graph.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */
/** @import { Words } from "./words.js" */

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
  /** @type {Record<string, Words>} by type */
  #words = {};
  /** @type {Record<string, string>} by the name of one menu, such as "sampling" */
  #menus = {};

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
    if (Object.hasOwn(this.#words, type)) addWords(spec, this.#words[type]);
    this.#specs.set(type, spec);
    return spec;
  }

  /**
   * Types are called by these words from now on, those of open nodes, too.
   * @param {Record<string, Words>} words  by type
   * @param {Record<string, string>} [menus]  by the name of one menu, such as "sampling"
   */
  translate(words, menus = {}) {
    this.#words = words;
    this.#menus = menus;
    for (const [type, spec] of this.#specs) if (Object.hasOwn(words, type)) addWords(spec, words[type]);
  }

  /** A menu's path as people read it. @param {string} category  such as "model/sampling" @returns {string} */
  menuOf(category) {
    return category.split("/").map((each) => (Object.hasOwn(this.#menus, each) ? this.#menus[each] : each)).join("/");
  }

  /**
   * @param {string} type
   * @returns {any} the server's own record, as packs expect it
   */
  record(type) {
    return Object.hasOwn(this.#records, type) ? this.#records[type] : undefined;
  }

  /**
   * Takes in a newer answer of the server. Nodes that are open keep the spec that they have until `renewNodes`.
   * @param {Record<string, any>} records
   * @returns {Set<string>} types that are another one now, came, or went
   */
  replace(records) {
    /** @type {Set<string>} */
    const changed = new Set(Object.keys(this.#records).filter((type) => !Object.hasOwn(records, type)));
    for (const [type, record] of Object.entries(records)) {
      if (JSON.stringify(record) !== JSON.stringify(this.record(type))) changed.add(type);
    }
    this.#records = records;
    for (const type of changed) if (!isVirtual(type)) this.#specs.delete(type);
    return changed;
  }

  /**
   * What an instance of a subgraph offers: an input that feeds a widget inside is a widget outside, too. Asked through
   * `Document.specOf`, which keeps it.
   * @param {Definition} definition
   * @returns {NodeSpec}
   */
  specOfDefinition(definition) {
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
    for (const slot of ends?.input.outputs ?? []) spec.inputs.push(...insideOf(graph, slot));
    for (const slot of ends?.output.inputs ?? []) {
      spec.outputs.push({ name: slot.name, type: slot.type, isList: false, tip: slot.label ?? "" });
    }
    return spec;
  }
}

/**
 * An input of a subgraph, with the control of the widget behind it: each instance has its own.
 * @param {Graph} graph
 * @param {OutputSlot} slot
 * @returns {InputSpec[]}
 */
function insideOf(graph, { name, type, label, links }) {
  for (const id of links) {
    const link = graph.link(id);
    const node = link && graph.node(link.to);
    const slot = node?.inputs[link?.toSlot ?? -1];
    const inputs = node && slot ? node.inputSpecs : [];
    const inner = inputs.find((each) => each.name === (slot?.widget ?? slot?.name));
    if (!node || !inner?.widget) continue;
    /** @type {InputSpec} */
    const input = { name, type: inner.type, widget: inner.widget, options: { ...inner.options, label, default: node.values[inner.name] ?? inner.options.default }, section: "optional" };
    const control = inputs.find((each) => each.widget === "CONTROL" && each.companionOf === inner.name);
    if (!control) return [input];
    const options = { ...control.options, default: node.values[control.name] ?? control.options.default };
    return [input, { ...control, name: `${name}.control_after_generate`, companionOf: name, isUnlisted: true, options }];
  }
  return [{ name, type, widget: null, options: { label }, section: "optional" }];
}
