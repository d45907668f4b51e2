/**
 * What an instance of a subgraph shows beside its sockets: in files of older editors, widgets of single nodes inside,
 * listed in `properties.proxyWidgets`. Source: workflow_format, sections 6.2 and 6.3.
 */

/** @import { Definition } from "./document.js" */
/** @import { Node } from "./graph.js" */
/** @import { InputSpec } from "./spec.js" */

/** @param {Node} node @returns {Definition | undefined} the subgraph that it is an instance of */
export function definitionOf(node) {
  return node.spec?.definition;
}

/** How the type of an older group node begins; the slash is the older way to write it. */
const GROUP_PREFIX = /^workflow[>/]/;

/**
 * @param {Node} node
 * @returns {string | null} the name of its description in the workflow; null: it is no older group node, or has no description
 */
export function groupNameOf(node) {
  if (node.spec || !GROUP_PREFIX.test(node.type)) return null;
  const name = node.type.replace(GROUP_PREFIX, "");
  const { groupNodes } = node.graph.document.extra;
  return typeof groupNodes?.[name]?.nodes === "object" ? name : null;
}

const DEEPER = /^([^:\s]+): (.+)$/s;

/** @type {[string, string][]} */
const NONE = [];

/**
 * The widgets inside that an instance of an older file shows, as (node, widget); "-1" is the instance itself.
 * @param {any} properties  the node's
 * @returns {[string, string][]}
 */
export function proxiesOf(properties) {
  let listed = properties?.proxyWidgets;
  if (listed === undefined) return NONE;
  if (typeof listed === "string") {
    try {
      listed = JSON.parse(listed); // some files have the list as a text
    } catch {
      return NONE;
    }
  }
  if (!Array.isArray(listed)) return NONE;
  /** @type {[string, string][]} */
  const found = [];
  for (const each of listed) {
    if (!Array.isArray(each) || typeof each[1] !== "string" || !["string", "number"].includes(typeof each[0])) continue;
    const [id, name] = [String(each[0]), each[1]];
    const deeper = DEEPER.exec(name);
    found.push([id, deeper && deeper[1] === id ? deeper[2] : name]); // some name the node once more
  }
  return found;
}

/**
 * The widgets that an instance shows because its properties list them.
 * @param {Node} node
 * @returns {InputSpec[]}
 */
export function proxyInputs(node) {
  const definition = definitionOf(node);
  const taken = new Set(node.spec?.inputs.map((each) => each.name));
  /** @type {InputSpec[]} */
  const found = [];
  for (const [id, name] of proxiesOf(node.properties)) {
    if (id === "-1" || found.some((each) => each.proxy?.[0] === id && each.proxy[1] === name)) continue;
    const inner = definition && widgetInside(definition, id, name);
    if (!inner) continue;
    const plain = DEEPER.exec(name)?.[2] ?? name;
    const key = taken.has(name) ? `${id}: ${name}` : name;
    taken.add(key);
    found.push({
      name: key,
      type: inner.spec.type,
      widget: inner.spec.widget,
      options: { ...inner.spec.options, label: inner.spec.options.label ?? plain, default: inner.node.values[inner.spec.name] },
      section: "optional",
      proxy: [id, name],
    });
  }
  return found;
}

/**
 * @param {Definition} definition
 * @param {string} id
 * @param {string} name  of the widget, with "15: " in front if it lies in the subgraph of node 15
 * @returns {{node: Node, spec: InputSpec} | null}
 */
export function widgetInside(definition, id, name) {
  for (let depth = 0; depth < 100; depth++) {
    const node = definition.graph.nodes.get(id);
    if (!node) return null;
    const spec = node.inputSpecs.find((each) => each.widget && !each.companionOf && each.name === name);
    if (spec) return { node, spec };
    const deeper = DEEPER.exec(name);
    const within = definitionOf(node);
    if (!deeper || !within) return null;
    [definition, id, name] = [within, deeper[1], deeper[2]];
  }
  return null;
}
