/** Entries of the menus of sockets, widgets, links and of all that can be deleted. */

import { putHolder, takeBack, widgetAt } from "../../core/holders.js";
import { splice } from "../../core/linking.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Link, Node } from "../../core/graph.js" */
/** @import { MenuItem } from "../../core/shell.js" */
/** @import { Press } from "../../core/view/pointer.js" */

/** @type {Feature} */
export const menus = {
  name: "menus",
  needs: ["palette", "rename"],
  install(editor) {
    const stops = [
      editor.view.events.on("double", (press) => {
        const { hit } = press;
        if (hit.kind === "link") insertInto(editor, hit.link, press);
        else if (hit.kind === "input" && widgetAt(hit.node, hit.slot) && !editor.graph.linkInto(hit.node, hit.slot)) feedWidget(editor, hit.node, hit.slot);
        else if (hit.kind === "input" || hit.kind === "output") addFitting(editor, { node: hit.node, side: hit.kind, slot: hit.slot }, press);
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
function socketMenu(editor, press) {
  const { hit } = press;
  if (hit.kind !== "input" && hit.kind !== "output") return [];
  const { graph } = editor;
  const { node, slot, kind: side } = hit;
  const socket = /** @type {Socket} */ ({ node, side, slot });
  const each = side === "input" ? node.inputs[slot] : node.outputs[slot];
  const links = linksOf(editor, socket);
  return [
    { title: "menu.add-fitting", run: () => addFitting(editor, socket, press) },
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
  if (!widgetAt(node, slot)) return [];
  const name = input.label ?? input.name;
  return graph.linkInto(node, slot)
    ? [{ text: editor.text("menu.to-widget", { name }), run: () => editor.edit("undo.to-widget", () => takeBack(graph, node, slot)) }]
    : [{ text: editor.text("menu.to-input", { name }), run: () => feedWidget(editor, node, slot) }];
}

/** @param {Editor} editor @param {Node} node @param {number} slot */
function feedWidget(editor, node, slot) {
  const { graph, view } = editor;
  const { x, y } = view.pointOf({ node, side: "input", slot });
  const made = editor.edit("undo.to-input", () => {
    const holder = putHolder(graph, editor.catalogue, { node, side: "input", slot }, { x: x - 290, y: y - 16 });
    if (!holder) return null;
    const { width, height } = view.layouts.of(holder);
    graph.setNode(holder, "width", width);
    graph.setNode(holder, "height", height);
    return holder;
  });
  if (made) editor.selection.set([made]);
}

/** Offers the nodes that fit to a socket, to be put beside it. @param {Editor} editor @param {Socket} socket @param {Press} press */
function addFitting(editor, socket, { screenX, screenY }) {
  const { x, y } = editor.view.pointOf(socket);
  const area = editor.view.element.getBoundingClientRect();
  void editor.services.palette?.open({ at: { x: x + (socket.side === "input" ? -100 : 100), y }, fits: socket, page: { x: area.left + screenX, y: area.top + screenY } });
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
    between: link, then: (node) => splice(editor.graph, node, link),
  });
}
