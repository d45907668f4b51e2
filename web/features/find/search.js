/** What is found in a workflow for a text. */

import { Group, Node } from "../../core/graph.js";
import { nameOfInput } from "../../core/words.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Graph } from "../../core/graph.js" */

/**
 * @typedef {object} Find
 * @property {Node | Group} thing
 * @property {Node[]} path  instances of subgraphs that it is inside of
 * @property {string} where  "title", "type", "id" or the name of a widget
 * @property {string} text  what the typed text is in; of a widget that was found by its name, what it holds
 */

const DEEPEST = 20; // a damaged file may hold a subgraph inside itself
const MOST = 1000;

/**
 * @param {Document} document
 * @param {string} query
 * @param {(node: Node, name: string, value: any) => string} [textOf]  of a widget's value
 * @returns {Find[]} from the left top to the right bottom of each graph, the root first; the best kind of match of each.
 *   Those whose widgets are only called so come last: of some names there are many
 */
export function search(document, query, textOf = (_, __, value) => plainText(value)) {
  const text = query.trim().toLowerCase();
  /** @type {Find[]} */
  const found = [];
  /** @type {Find[]} */
  const named = [];
  if (!text) return found;
  /** @param {Graph} graph @param {Node[]} path */
  const visit = (graph, path) => {
    const things = [...graph.nodes.values(), ...graph.groups].sort((a, b) => a.x - b.x || a.y - b.y);
    for (const thing of things) {
      if (found.length >= MOST) return;
      const match = thing instanceof Group ? inText("title", thing.title, text) : matchOf(thing, text, textOf);
      if (match) found.push({ thing, path, ...match });
      const widget = match || thing instanceof Group ? null : widgetCalled(thing, text, textOf);
      if (widget && named.length < MOST) named.push({ thing, path, ...widget });
    }
    for (const node of graph.nodes.values()) {
      const inner = document.definitions.get(node.type);
      if (inner && path.length < DEEPEST && !path.some((each) => each.type === node.type)) visit(inner.graph, [...path, node]);
    }
  };
  visit(document.root, []);
  return [...found, ...named].slice(0, MOST);
}

/** @param {Node} node @param {string} text @param {(node: Node, name: string, value: any) => string} textOf */
function matchOf(node, text, textOf) {
  const number = text.startsWith("#") ? text.slice(1) : text;
  if (node.key === number) return { where: "id", text: `#${node.key}` };
  const plain = inText("title", node.name, text) ?? inText("type", node.type, text);
  if (plain) return plain;
  for (const [name, value] of Object.entries(node.values)) {
    const match = inText(name, textOf(node, name, value), text);
    if (match) return match;
  }
  return null;
}

/**
 * By the name that files know, or what is written beside it.
 * @param {Node} node
 * @param {string} text
 * @param {(node: Node, name: string, value: any) => string} textOf
 */
function widgetCalled(node, text, textOf) {
  const found = node.widgets.find(({ name, options }) => !options.hidden && [name, nameOfInput(node, name)].some((each) => each.toLowerCase().includes(text)));
  return found ? { where: found.name, text: textOf(node, found.name, node.values[found.name]).slice(0, 60).replaceAll("\n", " ") } : null;
}

/** @param {string} where @param {string} whole @param {string} text */
function inText(where, whole, text) {
  const at = whole.toLowerCase().indexOf(text);
  if (at < 0) return null;
  const from = Math.max(0, at - 20);
  return { where, text: (from ? "…" : "") + whole.slice(from, at + 60).replaceAll("\n", " ") };
}

/** @param {any} value */
function plainText(value) {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}
