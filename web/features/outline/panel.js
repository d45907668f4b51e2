/** The panel of the outline: the tree, and below it what can be done with its current row. Loaded when it is opened. */

import { addStyle, h, icon } from "../../core/dom.js";
import { Group, Node } from "../../core/graph.js";
import { isInstance } from "../../core/subgraphs.js";
import { Tree } from "../../core/tree.js";
import { typeOfInput, typeOfOutput } from "../../core/flow.js";
import { colourOfType } from "../../core/view/theme.js";
import { feedOf, fedBy, idOf, rowsOf } from "./rows.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Folds, OutlineRow, Part } from "./rows.js" */

const PAUSE_MS = 60; // several changes come at once

/** @type {Folds} */
const folds = { openNodes: new WeakSet(), closedGroups: new WeakSet() };

/**
 * @param {Editor} editor
 * @param {HTMLElement} body
 * @returns {{tree: HTMLElement, close: () => void}}
 */
export function fillPanel(editor, body) {
  const { selection, services, commands } = editor;
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  /** The row's choice is on its way to the canvas: it does not come back. */
  let isMarking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let described = "";

  const none = h("p", { class: "none", role: "status", hidden: true }, t("outline.none"));
  const card = h("div", { class: "outline-card panel-card", role: "region", "aria-label": t("outline.card"), tabindex: "0", hidden: true });
  const tree = new Tree({
    label: t("outline.title"),
    content: (row) => contentOf(/** @type {OutlineRow} */ (row)),
    mark(row) {
      const part = /** @type {Part} */ (row.data);
      const thing = part.kind === "group" ? part.group : part.node;
      if (!(selection.size === 1 && selection.has(thing))) {
        isMarking = true;
        selection.set([thing]);
        isMarking = false;
      }
      bringIntoView(thing);
      describe();
    },
    take: (row) => take(row.data),
    fold(row, open) {
      const part = /** @type {Part} */ (row.data);
      if (part.kind === "group") open ? folds.closedGroups.delete(part.group) : folds.closedGroups.add(part.group);
      else if (part.kind === "node") open ? folds.openNodes.add(part.node) : folds.openNodes.delete(part.node);
      render();
    },
    key: (event, row) => key(event, row.data),
  });
  tree.element.setAttribute("aria-description", t("outline.keys"));

  const add = h("button", { type: "button", class: "main", on: { click: () => addNode() } }, t("command.add-node"));

  /** @param {OutlineRow} row @returns {(globalThis.Node | string | null)[]} */
  function contentOf(row) {
    const { data } = row;
    const { graph } = editor;
    const type = data.kind === "input" ? typeOfInput(graph, data.node, data.slot) : data.kind === "output" ? typeOfOutput(graph, data.node, data.slot) : null;
    return [
      type !== null ? h("i", { class: "dot", style: { background: colourOfType(type) } }) : null,
      h("span", { class: data.kind === "node" || data.kind === "group" ? "tree-text outline-name" : "tree-text" }, row.text),
      row.mark ? h("span", { class: "outline-mark" }, row.mark) : null,
    ];
  }

  function render() {
    clearTimeout(timer);
    timer = undefined;
    const before = /** @type {OutlineRow | undefined} */ (tree.current)?.data;
    const rows = rowsOf(editor, folds);
    // What became of the current row, if it is gone: the node that it was part of.
    const wanted = before && rows.some((row) => row.id === idOf(before, editor.graph)) ? idOf(before, editor.graph)
      : before && before.kind !== "group" ? `node ${before.node.key}` : undefined;
    tree.show(rows, wanted);
    none.hidden = rows.length > 0;
    describe();
  }

  function later() {
    timer ??= setTimeout(render, PAUSE_MS);
  }

  /** The row of what is chosen on the canvas becomes the current one. */
  function follow() {
    if (isMarking) return;
    const [thing] = [...selection.nodes, ...selection.groups];
    const { data } = /** @type {OutlineRow} */ (tree.current ?? {});
    if (!thing || (data && (data.kind === "group" ? data.group : data.node) === thing)) return describe();
    if (timer) render();
    const index = tree.rows.findIndex((row) => row.data.kind === "group" ? row.data.group === thing : row.data.kind === "node" && row.data.node === thing);
    if (index < 0) return describe();
    isMarking = true; // what else is chosen stays so
    tree.show(tree.rows, tree.rows[index].id);
    tree.reveal(index);
    isMarking = false;
    describe();
    return undefined;
  }

  /** @param {Node | Group} thing */
  function bringIntoView(thing) {
    const { view } = editor;
    const box = thing instanceof Node ? view.boxAround([thing]) : { left: thing.x, top: thing.y, right: thing.x + thing.width, bottom: thing.y + thing.height };
    const seen = view.window;
    if (!box || (box.left < seen.right && box.right > seen.left && box.top < seen.bottom && box.bottom > seen.top)) return;
    view.moveTo(view.scale, { x: view.width / 2 - ((box.left + box.right) / 2) * view.scale, y: view.height / 2 - ((box.top + box.bottom) / 2) * view.scale });
  }

  /** @param {Part} part @returns {Socket | null} */
  function socketOf(part) {
    if (part.kind === "input" || part.kind === "output") return { node: part.node, side: part.kind, slot: part.slot };
    if (part.kind !== "widget") return null;
    const slot = part.node.inputs.findIndex((each) => (each.widget ?? each.name) === part.input.name);
    return slot < 0 ? null : { node: part.node, side: "input", slot };
  }

  /** @param {Part} part  of a leaf */
  function take(part) {
    if (part.kind === "widget") {
      const field = /** @type {HTMLElement | null} */ (card.querySelector(".control :is(input, textarea, select, button)"));
      field?.focus();
      if (field instanceof HTMLInputElement && field.type === "text") field.select();
      return;
    }
    const socket = socketOf(part);
    if (socket) void link(socket);
  }

  /** @param {Socket} socket */
  async function link(socket) {
    await services.walk?.link(socket);
    render();
  }

  /** @param {Part} part */
  function disconnect(part) {
    const { graph } = editor;
    if (part.kind !== "input" && part.kind !== "output") return;
    const ids = part.kind === "input" ? [part.node.inputs[part.slot]?.link] : (part.node.outputs[part.slot]?.links ?? []);
    const links = ids.flatMap((id) => (id == null ? [] : graph.link(id) ?? []));
    if (links.length) editor.edit("undo.disconnect", () => links.forEach((each) => graph.disconnect(each)));
  }

  async function rename() {
    const part = /** @type {OutlineRow | undefined} */ (tree.current)?.data;
    const thing = part?.kind === "group" ? part.group : part?.node;
    if (!thing) return;
    const before = thing instanceof Node ? thing.name : thing.title;
    const given = (await editor.shell.askText(t("menu.rename"), before))?.trim();
    tree.element.focus();
    if (given === undefined || given === before) return;
    editor.edit("undo.rename", () => {
      if (thing instanceof Group) editor.graph.setGroup(thing, "title", given);
      else editor.graph.setNode(thing, "title", given && given !== (thing.spec?.title ?? thing.type) ? given : undefined);
    });
  }

  /** A new node to the right of the current one. */
  async function addNode() {
    const part = /** @type {OutlineRow | undefined} */ (tree.current)?.data;
    const { view } = editor;
    const box = part && part.kind !== "group" ? view.layouts.boxOf(part.node) : null;
    const at = box ? { x: box.right + 60, y: box.top + 30 } : view.toGraph(view.width / 2 - 100, view.height / 2 - 80);
    await services.palette?.open({ at, isApart: true });
    render();
    tree.element.focus();
  }

  /** @param {KeyboardEvent} event @param {Part} part @returns {boolean} */
  function key(event, part) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key === "F2") void rename();
    else if (event.key === "Insert") void addNode();
    else if ((event.key === "Delete" || event.key === "Backspace") && isPlain && (part.kind === "input" || part.kind === "output")) disconnect(part);
    else if ((event.key === "Delete" || event.key === "Backspace") && isPlain && part.kind === "widget") return true; // a value is not deleted by chance
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) services.walk?.openMenu(socketOf(part));
    else if (event.key === "Escape" && isPlain) editor.view.element.focus({ preventScroll: true });
    else return false;
    return true;
  }

  function describe() {
    const part = /** @type {OutlineRow | undefined} */ (tree.current)?.data;
    card.hidden = !part;
    if (!part) {
      described = "";
      return;
    }
    const state = `${idOf(part, editor.graph)} ${editor.document.journal.revision}`;
    const isSame = described.split(" ").slice(0, -1).join(" ") === idOf(part, editor.graph);
    if (state === described || (isSame && part.kind === "widget" && card.contains(document.activeElement))) return; // one is typing in it
    described = state;
    const hadFocus = card.contains(document.activeElement);
    card.replaceChildren(...cardOf(part));
    if (hadFocus) (card.querySelector("button") ?? card).focus({ preventScroll: true });
  }

  /** @param {string} text @param {() => unknown} run @param {boolean} [isDisabled] */
  const button = (text, run, isDisabled = false) => h("button", { type: "button", disabled: isDisabled, on: { click: () => run() } }, text);
  /** @param {string} id */
  const commandButton = (id) => button(t(commands.get(id)?.title ?? id), () => commands.run(id), !commands.isPossible(id));

  /** @param {Part} part @returns {HTMLElement[]} */
  function cardOf(part) {
    if (part.kind === "group") {
      return [h("h3", {}, part.group.title), h("div", { class: "outline-buttons" }, button(t("menu.rename"), rename), commandButton("edit.delete"))];
    }
    const { node } = part;
    if (part.kind === "node") {
      const errors = services.content?.get(node)?.errors ?? [];
      const isEnd = !editor.graph.nodes.has(node.key);
      return [
        h("h3", {}, node.name),
        ...errors.map((/** @type {any} */ each) => h("p", { class: "outline-error" }, [each.label ?? each.input, each.message, each.details].filter(Boolean).join(": "))),
        ...(node.spec?.doc ? [h("p", { class: "outline-doc" }, node.spec.doc)] : []),
        h("div", { class: "outline-buttons" },
          isInstance(node) && commandButton("subgraph.open"),
          !isEnd && [button(t("menu.rename"), rename), commandButton("node.bypass"), commandButton("node.mute"), commandButton("edit.delete")],
          button(t("outline.menu"), () => services.walk?.openMenu())),
      ];
    }
    if (part.kind === "widget") {
      const socket = socketOf(part);
      const control = services.widgets.control(node, part.input);
      control.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        event.stopPropagation();
        tree.element.focus();
      });
      return [h("h3", {}, `${node.name}: ${/** @type {OutlineRow} */ (tree.current).text}`), control,
        ...(part.input.options.tooltip ? [h("p", { class: "outline-doc" }, part.input.options.tooltip)] : []),
        ...(socket ? [h("div", { class: "outline-buttons" }, button(t("outline.connect"), () => link(socket)))] : [])];
    }
    const socket = /** @type {Socket} */ (socketOf(part));
    const slot = part.kind === "input" ? node.inputs[part.slot] : node.outputs[part.slot];
    const near = part.kind === "output" ? fedBy(editor, node, part.slot) : [];
    const link0 = part.kind === "input" ? editor.graph.linkInto(node, part.slot) : undefined;
    const source = link0 && editor.graph.node(link0.from);
    if (source) near.push({ node: source, text: feedOf(editor, node, part.slot) });
    return [
      h("h3", {}, `${node.name}: ${slot?.label ?? (slot?.name || slot?.type || "")}`),
      h("p", { class: "outline-doc" }, services.walk?.describe(socket)),
      h("div", { class: "outline-buttons" }, button(t("outline.connect"), () => link(socket)), button(t("menu.disconnect"), () => disconnect(part), !near.length),
        near.map((each) => button(t("menu.go-to", { name: each.text }), () => {
          selection.set([each.node]);
          bringIntoView(each.node);
          tree.element.focus();
        }))),
    ];
  }

  const removeStyle = addStyle("./outline.css", import.meta.url);
  body.classList.add("outline", "is-list");
  body.append(h("div", { class: "outline-tools panel-tools" }, add, h("button", { type: "button", class: "quiet", title: t("outline.fold-all"), "aria-label": t("outline.fold-all"), on: { click: () => {
    folds.openNodes = new WeakSet();
    render();
  } } }, icon("M7 9l5-5 5 5M7 15l5 5 5-5"))), none, tree.element, card);
  const stops = [
    editor.events.on("selection", follow),
    editor.events.on("graph", render),
    editor.events.on("change", later),
    editor.events.on("aside", later),
    editor.events.on("catalogue", later),
    editor.events.on("run:job", later),
    services.content?.events.on("change", (/** @type {any} */ { what }) => void (what !== "progress" && later())) ?? (() => {}),
  ];
  const [chosen] = [...selection.nodes, ...selection.groups];
  tree.show(rowsOf(editor, folds));
  if (chosen) follow();
  else describe();
  none.hidden = tree.rows.length > 0;
  return {
    tree: tree.element,
    close() {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
      tree.dispose();
      body.classList.remove("outline", "is-list");
      void removeStyle.then((remove) => remove());
    },
  };
}
