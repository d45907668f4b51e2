/**
 * Open nodes take on what their types offer since the catalogue was read anew. This is no step of undo: nobody did it,
 * and taking it back would bring back files that are gone. So it only adds, at the end, what a type gained: every place
 * that a step of undo knows stays as it was. What a type lost stays on the node with its links and values.
 */

import { addSlots } from "./graph.js";
import { defaultOf } from "./spec.js";
import { readValues } from "./values.js";

/** @import { Definition, Document } from "./document.js" */
/** @import { Node } from "./graph.js" */
/** @import { NodeSpec } from "./spec.js" */

/**
 * @param {Document} document
 * @param {Set<string>} changed  types that are another one now
 * @returns {Node[]} those that may look different
 */
export function renewNodes(document, changed) {
  /** @type {Set<Node>} */
  const touched = new Set();
  for (const graph of document.graphs()) {
    for (const node of graph.nodes.values()) {
      if (document.definitions.has(node.type) || !changed.has(node.type)) continue;
      const spec = document.catalogue.spec(node.type);
      if (!spec) continue; // its type is gone: what it holds can still be read and saved by what the type was
      renew(node, spec);
      touched.add(node);
    }
  }
  if (!touched.size) return [];
  /** @type {Set<Definition>} */
  const known = new Set();
  for (const definition of document.definitions.values()) renewDefinition(document, definition, known);
  for (const graph of document.graphs()) {
    for (const node of graph.nodes.values()) {
      const definition = document.definitions.get(node.type);
      if (definition?.spec && node.spec !== definition.spec) {
        renew(node, definition.spec);
        touched.add(node);
      } else {
        node.unfolded = null; // a primitive is what it drives, an instance shows what lies inside
      }
    }
  }
  return [...touched];
}

/**
 * What a subgraph offers is read from its inside, where others may be: those first.
 * @param {Document} document
 * @param {Definition} definition
 * @param {Set<Definition>} known  read already, or being read
 */
function renewDefinition(document, definition, known) {
  if (known.has(definition)) return;
  known.add(definition);
  for (const node of definition.graph.nodes.values()) {
    const inner = document.definitions.get(node.type);
    if (!inner) continue;
    renewDefinition(document, inner, known);
    const spec = document.specOf(node.type);
    if (spec && node.spec !== spec) renew(node, spec);
  }
  definition.spec = null;
  document.specOf(definition.id);
}

/** @param {Node} node @param {NodeSpec} spec */
function renew(node, spec) {
  const before = new Map(node.inputSpecs.map((each) => [each.name, each]));
  const wasUnknown = !node.spec;
  node.spec = spec;
  node.unfolded = null;
  if (wasUnknown && node.raw) readValues(node, node.raw);
  for (const each of node.inputSpecs) {
    const slot = node.input(each.name);
    const earlier = before.get(each.name);
    if (!slot || !earlier) continue; // otherwise the slot is as the file has it
    if (earlier.type !== each.type) slot.type = each.type;
    if (Boolean(earlier.widget) !== Boolean(each.widget)) slot.widget = each.widget ? each.name : undefined;
  }
  addSlots(node, true);
  const names = node.widgets.map((each) => each.name).join("\n");
  if (!wasUnknown && names !== [...before.values()].filter((each) => each.widget).map((each) => each.name).join("\n")) node.isRefitted = true;
  for (const each of node.widgets) {
    if (node.values[each.name] !== undefined) continue;
    const value = defaultOf(each);
    if (value !== undefined) node.values[each.name] = value;
  }
}
