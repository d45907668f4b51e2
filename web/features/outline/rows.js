/**
 * The graph that is shown as rows of a tree: groups, nodes in the order in which they would compute, and of a node that
 * is unfolded its inputs, widgets and outputs.
 */

import { alongLinks, typeOfInput, typeOfOutput } from "../../core/flow.js";
import { BYPASSED, MUTED } from "../../core/graph.js";
import { textOfValue } from "../../core/json.js";
import { isInstance } from "../../core/subgraphs.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Graph, Group, Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { TreeRow } from "../../core/tree.js" */

/**
 * What a row stands for.
 * @typedef {{kind: "group", group: Group}
 *   | {kind: "node", node: Node}
 *   | {kind: "input" | "output", node: Node, slot: number}
 *   | {kind: "widget", node: Node, input: InputSpec}} Part
 *
 * @typedef {TreeRow & {data: Part, mark: string}} OutlineRow  `mark`: what is shown at its right
 *
 * What is folded, also after the panel was closed and opened.
 * @typedef {{openNodes: WeakSet<Node>, closedGroups: WeakSet<Group>}} Folds
 */

/** @param {Part} part @param {Graph} graph @returns {string} its own in the tree */
export function idOf(part, graph) {
  switch (part.kind) {
    case "group":
      return `group ${graph.groups.indexOf(part.group)}`;
    case "node":
      return `node ${part.node.key}`;
    case "widget":
      return `node ${part.node.key} widget ${part.input.name}`;
    default:
      return `node ${part.node.key} ${part.kind} ${part.slot}`;
  }
}

/** @param {Editor} editor @param {Folds} folds @returns {OutlineRow[]} */
export function rowsOf(editor, folds) {
  const { graph, view } = editor;
  const order = alongLinks(graph);
  const ends = graph.boundary;
  const nodes = ends ? [ends.input, ...order, ends.output] : order;

  /** The innermost group of each thing: smaller ones are asked later. @type {Map<object, Group>} */
  const holders = new Map();
  for (const group of [...graph.groups].sort((a, b) => b.width * b.height - a.width * a.height)) {
    for (const inner of view.insideOf(group)) holders.set(inner, group);
  }
  /** @type {Map<Group | null, (Node | Group)[]>} */
  const within = new Map([[null, []]]);
  /** @type {Set<Group>} */
  const placed = new Set();
  /** Where its first node stands, there stands the group. @param {Group} group */
  const place = (group) => {
    if (placed.has(group)) return;
    placed.add(group);
    const holder = holders.get(group) ?? null;
    if (holder) place(holder);
    within.set(group, within.get(group) ?? []);
    within.get(holder)?.push(group);
  };
  for (const node of nodes) {
    const holder = holders.get(node) ?? null;
    if (holder) place(holder);
    within.get(holder)?.push(node);
  }
  graph.groups.forEach(place);

  /** @type {OutlineRow[]} */
  const rows = [];
  /** @param {Group | null} holder @param {number} level */
  const list = (holder, level) => {
    for (const thing of within.get(holder) ?? []) {
      if (!("type" in thing)) {
        const isOpen = !folds.closedGroups.has(thing);
        rows.push(groupRow(editor, thing, level, isOpen));
        if (isOpen) list(thing, level + 1);
        continue;
      }
      const isOpen = folds.openNodes.has(thing);
      rows.push(nodeRow(editor, thing, level, isOpen));
      if (isOpen) rows.push(...partRows(editor, thing, level + 1));
    }
  };
  list(null, 1);
  return rows;
}

/** @param {Editor} editor @param {Group} group @param {number} level @param {boolean} isOpen @returns {OutlineRow} */
function groupRow(editor, group, level, isOpen) {
  const data = /** @type {const} */ ({ kind: "group", group });
  return { id: idOf(data, editor.graph), text: group.title, label: editor.text("outline.group", { name: group.title }), level, isOpen, data, mark: "" };
}

/** What people should know of a node at once. @param {Editor} editor @param {Node} node @returns {string[]} */
export function statesOf(editor, node) {
  const content = editor.services.content?.get(node);
  const states = [];
  if (content?.errors.length || content?.state === "error") states.push("error");
  if (content?.state === "running" || content?.state === "queued") states.push(content.state);
  if (node.mode === MUTED) states.push("muted");
  if (node.mode === BYPASSED) states.push("bypassed");
  if (!node.spec && node.graph.nodes.has(node.key)) states.push("unknown");
  if (node.isPinned) states.push("pinned");
  if (isInstance(node)) states.push("subgraph");
  return states.map((each) => editor.text(`outline.${each}`));
}

/** @param {Editor} editor @param {Node} node @param {number} level @param {boolean} isOpen @returns {OutlineRow} */
function nodeRow(editor, node, level, isOpen) {
  const data = /** @type {const} */ ({ kind: "node", node });
  const states = statesOf(editor, node);
  const number = editor.graph.nodes.has(node.key) ? `#${node.id}` : "";
  return { id: idOf(data, editor.graph), text: node.name, label: [node.name, number, ...states].filter(Boolean).join(", "), level, isOpen, data, mark: [...states, number].join(" ").trim() };
}

/** @param {Editor} editor @param {Node} node @param {number} level @returns {OutlineRow[]} */
function partRows(editor, node, level) {
  const { graph } = editor;
  const t = (/** @type {string} */ key, /** @type {Record<string, string | number>} */ values) => editor.text(key, values);
  /** @type {OutlineRow[]} */
  const rows = [];
  /** @param {Part} data @param {string} text @param {string} label @param {string} mark */
  const add = (data, text, label, mark) => void rows.push({ id: idOf(data, graph), text, label, level, data, mark });
  const widgets = node.widgets.filter((each) => !each.options.hidden);
  const byWidget = new Map(widgets.map((each) => [each.name, each]));
  node.inputs.forEach((slot, index) => {
    const isOfWidget = byWidget.has(slot.widget ?? slot.name);
    if (isOfWidget && slot.link === null) return; // its widget stands for it
    const name = slot.label ?? (slot.name || typeOfInput(graph, node, index));
    const source = feedOf(editor, node, index);
    const type = typeOfInput(graph, node, index);
    add({ kind: "input", node, slot: index }, name, source ? t("walk.input-linked", { name, type, others: source }) : t("walk.input", { name, type }), source ? `← ${source}` : type);
  });
  for (const input of widgets) {
    if (node.isDriven(input.name)) continue;
    const name = input.widget === "CONTROL" ? editor.text("widgets.control") : (node.input(input.name)?.label ?? input.options.label ?? input.options.display_name ?? input.name);
    const value = valueOf(editor, node, input);
    add({ kind: "widget", node, input }, name, t("outline.widget", { name, value }), value);
  }
  node.outputs.forEach((slot, index) => {
    const type = typeOfOutput(graph, node, index);
    const name = slot.label ?? (slot.name || type);
    const fed = fedBy(editor, node, index);
    const others = fed.map((each) => each.text).join(", ");
    add({ kind: "output", node, slot: index }, name, fed.length ? t("walk.output-linked", { name, type, others }) : t("walk.output", { name, type }), fed.length ? `→ ${others}` : type);
  });
  return rows;
}

/** The value of a widget as a short text. @param {Editor} editor @param {Node} node @param {InputSpec} input */
function valueOf(editor, node, input) {
  const value = node.values[input.name];
  if (input.widget === "CONTROL") return editor.text(`widgets.control.${value}`);
  if (typeof value === "boolean") return editor.text(value ? "widgets.on" : "widgets.off");
  const text = editor.kinds.of(input.widget).text?.(value) ?? textOfValue(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

/** What feeds an input: the node and its output. @param {Editor} editor @param {Node} node @param {number} slot */
export function feedOf({ graph }, node, slot) {
  const link = graph.linkInto(node, slot);
  const source = link && graph.node(link.from);
  const output = source?.outputs[link?.fromSlot ?? -1];
  return source ? `${source.name} · ${output?.label ?? (output?.name || output?.type || "")}` : "";
}

/** @param {Editor} editor @param {Node} node @param {number} slot @returns {{node: Node, text: string}[]} */
export function fedBy({ graph }, node, slot) {
  return (node.outputs[slot]?.links ?? []).flatMap((id) => {
    const link = graph.link(id);
    const target = link && graph.node(link.to);
    const input = target?.inputs[link?.toSlot ?? -1];
    return target ? [{ node: target, text: `${target.name} · ${input?.label ?? input?.name ?? ""}` }] : [];
  });
}
