/**
 * Subgraphs for people: made from what is chosen, opened in place with the way back above the canvas, given other sockets
 * and widgets, laid open again, and kept for reuse.
 */

import { addStyle } from "../../core/dom.js";
import { Node } from "../../core/graph.js";
import { definitionOf, groupNameOf } from "../../core/instances.js";
import { addSlot, demote, demoteAt, moveSlot, promote, promotedBy, removeSlot, renameSlot, slotsOf } from "../../core/subgraph-ends.js";
import { isInstance, makeIndependent, makeSubgraph, unpack } from "../../core/subgraphs.js";
import { Blueprints } from "./blueprints.js";
import { showPath } from "./path.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { MenuItem } from "../../core/shell.js" */
/** @import { Press } from "../../core/view/pointer.js" */
/** @import { Side } from "../../core/subgraph-ends.js" */

const LOAD_AFTER_MS = 3000;
const BUTTON = 24; // px, of the sign that opens an instance, at the right of its title

/**
 * What other features may ask.
 * @typedef {object} SubgraphService
 * @property {(end: Node, socket: Socket) => Socket | null} addEnd  a new slot of the subgraph that is shown, for a socket
 *   that is going to be linked to it; part of the caller's edit
 */

/** @type {Feature} */
export const subgraphs = {
  name: "subgraphs",
  async install(editor) {
    const removeStyle = await addStyle("./subgraphs.css", import.meta.url);
    const chosen = () => {
      const [node] = editor.selection.nodes;
      return editor.selection.nodes.length === 1 && isInstance(node) ? node : null;
    };
    const isInside = () => editor.path.length > 0;
    const blueprints = new Blueprints(editor);
    /** @type {SubgraphService} */
    const service = {
      addEnd(end, socket) {
        const { boundary, definition } = editor.graph;
        const side = end === boundary?.input ? "input" : end === boundary?.output ? "output" : null;
        const other = socket.side === "input" ? socket.node.inputs[socket.slot] : socket.node.outputs[socket.slot];
        if (!side || !other || !definition) return null;
        const slot = addSlot(definition, side, other.type, other.label ?? (other.name || other.type.toLowerCase()));
        return { node: end, side: side === "input" ? "output" : "input", slot };
      },
    };
    const takeServices = [editor.offer("subgraphs", service), editor.offer("blueprints", blueprints)];
    const stopCommands = editor.commands.addAll([
      { id: "subgraph.make", title: "command.subgraph-make", keys: ["ctrl+shift+e"], when: () => editor.selection.nodes.some((node) => editor.graph.nodes.has(node.key)), run: () => make(editor) },
      { id: "subgraph.open", title: "command.subgraph-open", keys: ["alt+arrowdown"], when: () => chosen() !== null, run: () => open(editor, /** @type {Node} */ (chosen())) },
      { id: "subgraph.leave", title: "command.subgraph-leave", keys: ["escape", "alt+arrowup"], when: isInside, run: () => leave(editor) },
      { id: "subgraph.unpack", title: "command.subgraph-unpack", when: () => editor.selection.nodes.some(isInstance), run: () => layOpen(editor) },
      { id: "subgraph.independent", title: "command.subgraph-independent", when: () => { const node = chosen(); return node !== null && countOf(node) > 1; }, run: () => own(editor, /** @type {Node} */ (chosen())) },
      { id: "subgraph.edit", title: "command.subgraph-edit", when: () => isInside() || chosen() !== null, run: () => edit(editor, chosen()) },
      { id: "subgraph.turn-groups", title: "command.subgraph-turn-groups", when: () => hasGroupNodes(editor), run: () => turnGroups(editor) },
      { id: "subgraph.publish", title: "command.subgraph-publish", isOnce: true, when: () => chosen() !== null, run: () => blueprints.publish(/** @type {Node} */ (chosen())) },
      { id: "subgraph.insert", title: "command.subgraph-insert", isOnce: true, run: () => insert(editor, blueprints) },
    ]);
    const stopMenus = [
      editor.addMenu(2, (press) => ("node" in press.hit ? [...slotItems(editor, press), ...widgetItems(editor, press)] : [])),
      editor.addMenu(7, ({ hit }) => {
        if (!("node" in hit)) return [];
        if (groupNameOf(hit.node) !== null) return [editor.menuItem("subgraph.turn-groups")];
        return isInstance(hit.node) ? ["subgraph.open", "subgraph.edit", "subgraph.unpack", "subgraph.independent", "subgraph.publish"].map((id) => editor.menuItem(id)) : [];
      }),
      editor.addMenu(40, (press) => menuFor(editor, press)),
    ];
    const stopPath = showPath(editor);
    const stopDouble = editor.view.events.on("double", (press) => {
      const { hit } = press;
      if (hit.kind === "body" && isInstance(hit.node)) open(editor, hit.node);
      else if ("node" in hit && hit.node instanceof Node && groupNameOf(hit.node) !== null) void turnAndOpen(editor, hit.node);
    });
    const stopPress = editor.view.pointer.onPress(4, (press) => {
      const { hit } = press;
      if (press.button !== 0 || hit.kind !== "title" || !hasInside(hit.node) || !isOnButton(editor, hit.node, press)) return undefined;
      const { node } = hit;
      return { cursor: "pointer", end: (_, moved) => void (moved || (isInstance(node) ? open(editor, node) : turnAndOpen(editor, node))) };
    });
    const stopPaint = editor.view.addNodePainter((pen, node, layout) => {
      if (editor.view.scale < 0.35) return;
      const { boundary } = node.graph;
      if (hasInside(node)) paintSign(pen.context, pen.theme.text, node.x + layout.width - BUTTON / 2 - 3, node.y - 15);
      else if (node === boundary?.input || node === boundary?.output) {
        pen.text("+", node.x + layout.width - 12, node.y - 15, { align: "right", colour: pen.theme.faint, px: 16 }); // a link may be dropped here
      }
    });
    const nameEnds = () => {
      const { boundary } = editor.graph;
      if (!boundary) return;
      boundary.input.title = editor.text("subgraph.inputs");
      boundary.output.title = editor.text("subgraph.outputs");
      for (const end of [boundary.input, boundary.output]) editor.view.touchNode(end);
    };
    const stopGraph = editor.events.on("graph", nameEnds);
    nameEnds();
    // The search for nodes shows them, too: read when the page has nothing else to do.
    const later = setTimeout(() => void blueprints.load().catch((error) => console.info("saved subgraphs", error)), LOAD_AFTER_MS);
    return () => {
      clearTimeout(later);
      for (const stop of [...takeServices, stopCommands, ...stopMenus, stopPath, stopDouble, stopPress, stopPaint, stopGraph, removeStyle]) stop();
      editor.view.redraw();
    };
  },
};

/** @param {Node} node */
function hasInside(node) {
  return isInstance(node) || groupNameOf(node) !== null;
}

/** @param {Editor} editor */
function hasGroupNodes(editor) {
  return Boolean(editor.document.extra.groupNodes) && [...editor.document.graphs()].some((graph) => [...graph.nodes.values()].some((node) => groupNameOf(node) !== null));
}

/** Older group nodes, all at once: one description may serve several. @param {Editor} editor */
async function turnGroups(editor) {
  const { document } = editor;
  const { turnGroupNodes } = await import("../../core/group-nodes.js");
  try {
    const nodes = document.edit("undo.subgraph-turn-groups", () => turnGroupNodes(document));
    editor.shell.note(editor.text("subgraph.groups-turned", { count: nodes.length }), { kind: "good" });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    editor.shell.note(editor.text("subgraph.groups-in-themselves"), { kind: "error" });
  }
}

/** @param {Editor} editor @param {Node} node */
async function turnAndOpen(editor, node) {
  await turnGroups(editor);
  if (isInstance(node) && editor.graph === node.graph) open(editor, node);
}

/** @param {Node} node */
function countOf(node) {
  const definition = definitionOf(node);
  return definition ? node.graph.document.liveInstancesOf(definition).length : 0;
}

/** @param {Editor} editor @param {Node} node @param {Press} press */
function isOnButton(editor, node, press) {
  return press.x >= node.x + editor.view.layouts.of(node).width - BUTTON - 4;
}

/** A square in a square. @param {CanvasRenderingContext2D} context @param {string} colour @param {number} x @param {number} y */
function paintSign(context, colour, x, y) {
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.strokeRect(x - 6, y - 6, 12, 12);
  context.fillStyle = colour;
  context.fillRect(x - 1, y - 1, 5, 5);
}

/** @param {Editor} editor */
function make(editor) {
  const { nodes, groups } = editor.selection;
  const made = editor.edit("undo.subgraph-make", () => makeSubgraph(editor.graph, nodes, { name: editor.text("subgraph.new"), groups }));
  if (made) editor.selection.set([made.instance]);
}

/** @param {Editor} editor @param {Node} node */
function open(editor, node) {
  if (editor.path.some((each) => each.type === node.type)) return; // a damaged file may hold it in itself
  editor.enter([...editor.path, node]);
  editor.view.element.focus({ preventScroll: true });
}

/** @param {Editor} editor */
function leave(editor) {
  const node = editor.path.at(-1);
  editor.enter(editor.path.slice(0, -1));
  if (node && editor.graph.node(node.id) === node) editor.selection.set([node]);
}

/** @param {Editor} editor */
function layOpen(editor) {
  const instances = editor.selection.nodes.filter(isInstance);
  const nodes = editor.edit("undo.subgraph-unpack", () => instances.flatMap(unpack));
  editor.selection.set(nodes);
}

/** @param {Editor} editor @param {Node} node */
function own(editor, node) {
  const name = editor.text("subgraph.copy", { name: definitionOf(node)?.name ?? "" });
  editor.edit("undo.subgraph-independent", () => makeIndependent(node, name));
}

/** @param {Editor} editor @param {Node | null} node */
async function edit(editor, node) {
  const definition = node ? definitionOf(node) : editor.graph.definition;
  const { showSubgraph } = await import("./edit.js");
  if (definition) await showSubgraph(editor, definition);
}

/** @param {Editor} editor @param {Blueprints} blueprints */
async function insert(editor, blueprints) {
  const { chooseBlueprint } = await import("./choose.js");
  await chooseBlueprint(editor, blueprints);
}

/** @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function menuFor(editor, { hit }) {
  /** @type {MenuItem[]} */
  const items = [];
  if ("node" in hit && editor.graph.nodes.has(hit.node.key)) items.push(editor.menuItem("subgraph.make"));
  if (hit.kind === "empty") {
    items.push(editor.menuItem("subgraph.insert"));
    if (editor.path.length) items.push(editor.menuItem("subgraph.edit"), editor.menuItem("subgraph.leave"));
  }
  return items;
}

/** What can be done with a slot of the ends. @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function slotItems(editor, { hit }) {
  const { graph } = editor;
  if (!("node" in hit) || !graph.boundary || (hit.node !== graph.boundary.input && hit.node !== graph.boundary.output)) return [];
  const { definition } = graph;
  /** @type {Side} */
  const side = hit.node === graph.boundary.input ? "input" : "output";
  const at = hit.kind === "input" || hit.kind === "output" ? hit.slot : -1;
  if (at < 0) return [editor.menuItem("subgraph.edit")];
  const count = slotsOf(definition, side).length;
  return [
    { text: editor.text("subgraph.rename-slot"), run: () => rename(editor, side, at) },
    { text: editor.text("subgraph.slot-up"), isDisabled: at === 0, run: () => editor.edit("undo.subgraph-slots", () => moveSlot(definition, side, at, at - 1)) },
    { text: editor.text("subgraph.slot-down"), isDisabled: at === count - 1, run: () => editor.edit("undo.subgraph-slots", () => moveSlot(definition, side, at, at + 1)) },
    { text: editor.text("subgraph.slot-remove"), run: () => editor.edit("undo.subgraph-slots", () => removeSlot(definition, side, at)) },
    editor.menuItem("subgraph.edit"),
  ];
}

/** @param {Editor} editor @param {Side} side @param {number} at */
async function rename(editor, side, at) {
  const { definition } = editor.graph;
  const slot = slotsOf(definition, side)[at];
  const name = await editor.shell.askText(editor.text("subgraph.rename-slot"), slot.label ?? slot.name);
  const now = slotsOf(definition, side).indexOf(slot);
  if (name && now >= 0) editor.edit("undo.subgraph-slots", () => renameSlot(definition, side, now, name));
}

/** Promoting and taking back. @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function widgetItems(editor, { hit }) {
  if (!("node" in hit) || !(hit.node instanceof Node)) return [];
  const { node } = hit;
  if (!editor.graph.nodes.has(node.key)) return [];
  const widget = hit.kind === "widget" ? hit.place.input.name : "";
  /** @type {MenuItem[]} */
  const items = [];
  /** @type {{side: Side, name: string} | null} */
  const thing = hit.kind === "widget" ? { side: "input", name: widget } : hit.kind === "input" ? { side: "input", name: node.inputs[hit.slot].name } : hit.kind === "output" ? { side: "output", name: node.outputs[hit.slot].name } : null;
  if (!thing) return [];
  const { side, name } = thing;
  if (editor.graph.definition) {
    const found = promotedBy(node, side, name);
    const slot = side === "input" ? node.inputs.find((each) => (each.widget ?? each.name) === name) : node.outputs.find((each) => each.name === name);
    if (found) items.push({ text: editor.text("subgraph.demote", { name }), run: () => editor.edit("undo.subgraph-demote", () => demote(node, side, name)) });
    else if (slot && (side === "output" || /** @type {import("../../core/graph.js").InputSlot} */ (slot).link === null)) items.push({ text: editor.text("subgraph.promote", { name }), run: () => editor.edit("undo.subgraph-promote", () => promote(node, side, name)) });
  }
  if (widget && isInstance(node)) items.push({ text: editor.text("subgraph.demote", { name: widget }), run: () => editor.edit("undo.subgraph-demote", () => demoteAt(node, widget)) });
  return items;
}
