/** Entries of the menus of sockets, widgets, links and of all that can be deleted. */

import { splice } from "../../core/linking.js";
import { PRIMITIVE } from "../../core/spec.js";
import { fits } from "../../core/types.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Link, Node } from "../../core/graph.js" */
/** @import { MenuItem } from "../../core/shell.js" */
/** @import { Press } from "../../core/view/pointer.js" */
/** @import { PaletteEntry } from "../palette/palette.js" */

/** Nodes that hold one value, by the type of the widget that they can drive. @type {Record<string, {type: string, input: string}>} */
const HOLDERS = {
  INT: { type: "PrimitiveInt", input: "value" },
  FLOAT: { type: "PrimitiveFloat", input: "value" },
  STRING: { type: "PrimitiveString", input: "value" },
  BOOLEAN: { type: "PrimitiveBoolean", input: "value" },
};

/** What is the widget that it drives, whichever that is: where the server has no node of its own for it. */
const PRIMITIVE_NODE = { type: PRIMITIVE, input: "value" };

/** @type {Feature} */
export const menus = {
  name: "menus",
  needs: ["palette", "rename"],
  install(editor) {
    const stops = [
      editor.view.events.on("double", (press) => {
        if (press.hit.kind === "link") insertInto(editor, press.hit.link, press);
      }),
      editor.addMenu(1, (press) => socketMenu(editor, press)),
      editor.addMenu(2, (press) => widgetMenu(editor, press)),
      editor.addMenu(3, (press) => linkMenu(editor, press)),
      editor.addMenu(90, ({ hit }) => {
        if (!("node" in hit) || hit.kind === "input" || hit.kind === "output") return [];
        return [editor.menuItem("edit.delete"), editor.menuItem("edit.delete-reconnect")];
      }),
      editor.addMenu(80, ({ hit }) => (hit.kind === "empty" ? ["edit.undo", "edit.redo", "view.fit-all", "palette.commands"].flatMap((id) => (editor.commands.get(id) ? [editor.menuItem(id)] : [])) : [])),
    ];
    return () => stops.forEach((stop) => stop());
  },
};

/** @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function socketMenu(editor, { hit, screenX, screenY }) {
  if (hit.kind !== "input" && hit.kind !== "output") return [];
  const { graph, view } = editor;
  const { node, slot, kind: side } = hit;
  const socket = /** @type {Socket} */ ({ node, side, slot });
  const each = side === "input" ? node.inputs[slot] : node.outputs[slot];
  const links = linksOf(editor, socket);
  const point = editor.view.pointOf(socket);
  const area = view.element.getBoundingClientRect();
  return [
    { title: "menu.add-fitting", run: () => editor.services.palette?.open({ at: { x: point.x + (side === "input" ? -100 : 100), y: point.y }, fits: socket, page: { x: area.left + screenX, y: area.top + screenY } }) },
    { title: "menu.disconnect", isDisabled: !links.length, run: () => editor.edit("undo.disconnect", () => links.forEach((link) => graph.disconnect(link))) },
    { title: "menu.go-to-other-end", isDisabled: !links.length, run: () => goToOther(editor, socket, links[0]) },
    { title: "menu.rename-socket", run: async () => {
      const name = await editor.shell.askText(editor.text("menu.rename-socket"), each.label ?? each.name);
      if (name !== null) editor.edit("undo.rename", () => graph.labelSlot(node, each, name.trim() && name.trim() !== each.name ? name.trim() : undefined));
    } },
    ...(side === "input" ? fromWidget(editor, node, slot) : []),
  ];
}

/** @param {Editor} editor @param {Socket} socket @returns {Link[]} */
function linksOf({ graph }, { node, side, slot }) {
  const ids = side === "input" ? [node.inputs[slot].link] : node.outputs[slot].links;
  return ids.flatMap((id) => (id === null ? [] : (graph.link(id) ?? [])));
}

/** @param {Editor} editor @param {Socket} socket @param {Link} link */
function goToOther(editor, socket, link) {
  const other = editor.graph.node(socket.side === "input" ? link.from : link.to);
  if (other) editor.goTo(other);
}

/** @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function widgetMenu(editor, { hit }) {
  return hit.kind === "widget" && hit.place.slot >= 0 ? fromWidget(editor, hit.node, hit.place.slot) : [];
}

/**
 * A widget's value out into a node of its own, linked to its socket, and back.
 * @param {Editor} editor
 * @param {Node} node
 * @param {number} slot
 * @returns {MenuItem[]}
 */
function fromWidget(editor, node, slot) {
  const { graph } = editor;
  const input = node.inputs[slot];
  const spec = node.inputSpecs.find((each) => each.name === (input.widget ?? input.name));
  if (!spec?.widget) return [];
  const name = input.label ?? input.name;
  const link = graph.linkInto(node, slot);
  if (link) {
    return [{ text: editor.text("menu.to-widget", { name }), run: () => editor.edit("undo.to-widget", () => {
      const source = graph.node(link.from);
      const holder = source && [PRIMITIVE_NODE, ...Object.values(HOLDERS)].find((each) => each.type === source.type);
      const value = source && holder ? source.values[holder.input] : undefined;
      graph.disconnect(link);
      if (value !== undefined) graph.setValue(node, spec.name, value);
      if (source && holder && !graph.linksOf(source).length) graph.removeNodes([source]);
    }) }];
  }
  const socket = /** @type {Socket} */ ({ node, side: "input", slot });
  const point = editor.view.pointOf(socket);
  const typed = HOLDERS[spec.type.split(",")[0]];
  const holder = typed && editor.catalogue.spec(typed.type) ? typed : PRIMITIVE_NODE;
  return [{ text: editor.text("menu.to-input", { name }), run: () => {
    const made = editor.edit("undo.to-input", () => {
      const added = graph.addNode(holder.type, { x: point.x - 290, y: point.y - 16 }, holder === PRIMITIVE_NODE ? {} : { [holder.input]: node.values[spec.name] }, { title: name });
      graph.connect(added, 0, node, slot);
      const { width, height } = editor.view.layouts.of(added);
      graph.setNode(added, "width", width);
      graph.setNode(added, "height", height);
      return added;
    });
    editor.selection.set([made]);
  } }];
}

/** @param {Editor} editor @param {Press} press @returns {MenuItem[]} */
function linkMenu(editor, press) {
  const { hit } = press;
  if (hit.kind !== "link") return [];
  const { graph } = editor;
  const { link } = hit;
  const source = graph.node(link.from);
  const target = graph.node(link.to);
  if (!source || !target) return [];
  return [
    { title: "menu.insert-node", run: () => insertInto(editor, link, press) },
    { title: "menu.select-link", run: () => editor.selection.set([link]) },
    { text: editor.text("menu.go-to", { name: source.name }), run: () => editor.goTo(source) },
    { text: editor.text("menu.go-to", { name: target.name }), run: () => editor.goTo(target) },
    { title: "menu.delete-link", run: () => editor.edit("undo.disconnect", () => graph.disconnect(link)) },
  ];
}

/** Offers the nodes that could be put into a link. @param {Editor} editor @param {Link} link @param {Press} press */
function insertInto(editor, link, { x, y, screenX, screenY }) {
  const area = editor.view.element.getBoundingClientRect();
  void editor.services.palette?.open({
    at: { x: x - 60, y: y - 10 }, page: { x: area.left + screenX, y: area.top + screenY },
    only: (entry) => isBetween(editor, entry, link), then: (node) => splice(editor.graph, node, link),
  });
}

/** Whether nodes of an entry take what a link brings and give what its end wants. @param {Editor} editor @param {PaletteEntry} entry @param {Link} link */
function isBetween({ graph }, entry, link) {
  const given = graph.node(link.from)?.outputs[link.fromSlot]?.type ?? "*";
  const wanted = graph.node(link.to)?.inputs[link.toSlot]?.type ?? "*";
  return entry.inputs.some(({ type }) => fits(given, type)) && entry.outputs.some(({ type }) => fits(type, wanted));
}
