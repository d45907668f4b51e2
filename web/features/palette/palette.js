/**
 * The palette of nodes: by double-click, by key, or where a link is dropped on empty space. What it finds is put where
 * it was asked for; opened by a key, the new node follows the pointer until it is put down.
 */

import { addStyle } from "../../core/dom.js";
import { fittingSockets } from "../../core/flow.js";
import { hold } from "../../core/holders.js";
import { unfold } from "../../core/spec.js";
import { mayHold } from "../../core/subgraphs.js";
import { wordFor } from "../../core/words.js";
import { openPanel } from "./panel.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Graph, Link, Node } from "../../core/graph.js" */
/** @import { Point } from "../../core/view/links.js" */

/**
 * What can be put into a graph.
 * @typedef {object} PaletteEntry
 * @property {string} id  what favourites and recent ones are kept by
 * @property {string} title
 * @property {string} name  of its type
 * @property {string} category  with "/"
 * @property {string} [menu]  the same in the page's language
 * @property {string} doc
 * @property {string[]} aliases
 * @property {{name: string, label?: string, type: string, isWidget?: boolean}[]} inputs  `label`: in the page's language
 * @property {{name: string, label?: string, type: string}[]} outputs
 * @property {boolean} [isDeprecated]
 * @property {boolean} [isExperimental]
 * @property {(graph: Graph, place: Point) => Node | undefined} insert  inside an edit; undefined: it may not be here
 *
 * @typedef {object} PaletteRequest
 * @property {Point} [at]  where the node goes, graph px; without it the node follows the pointer
 * @property {{x: number, y: number}} [page]  where the palette opens, CSS px of the page; without it near the top
 * @property {Socket} [fits]  only what fits to this socket is listed, and the new node is linked to it
 * @property {(node: Node) => void} [then]  what else is done in the same step of undo
 * @property {boolean} [isApart]  the node goes to the first place from there that no other node covers, and into view
 * @property {Link} [between]  only what can be put into this link is listed
 *
 * @typedef {object} PaletteService
 * @property {(request?: PaletteRequest) => Promise<Node | null>} open  null: nothing was chosen, or it still follows the pointer
 * @property {() => PaletteEntry[]} entries  all that can be put into the graph that is shown
 * @property {(entry: PaletteEntry) => void} remember  among those that were used last
 * @property {(entry: PaletteEntry, at: Point) => Node | null} insert  `at`: graph px
 */

const APART = 60; // graph px between a node and the one beside it

/** @type {Feature} */
export const palette = {
  name: "palette",
  async install(editor) {
    const { view, commands, settings } = editor;
    const entries = () => [...entriesOf(editor), ...(editor.services.blueprints?.entries ?? [])];
    /** @type {{entry: PaletteEntry, request: PaletteRequest} | null} */
    let ghost = null;
    /** @type {(() => void) | null} */
    let closeOpen = null;

    /** @type {PaletteService["open"]} */
    async function open(request = {}) {
      closeOpen?.();
      dropGhost();
      // At once: what a person types right after the double-click belongs into it.
      void loadKept();
      const panel = openPanel(editor, entries(), request);
      closeOpen = panel.close;
      const entry = await panel.chosen;
      if (closeOpen === panel.close) closeOpen = null;
      if (!entry) return null;
      remember(entry);
      if (request.at) return insert(editor, entry, request.at, request);
      const { last } = view.pointer;
      if (last && last.kind !== "touch") {
        ghost = { entry, request };
        view.element.focus({ preventScroll: true });
        view.redrawOverlay();
        return null;
      }
      return insert(editor, entry, view.toGraph(view.width / 2 - 100, view.height / 2 - 80), { ...request, isApart: true });
    }

    /** Kept subgraphs are on the server: what is late is there the next time. */
    async function loadKept() {
      await editor.services.blueprints?.load().catch((error) => console.warn("kept subgraphs are not known", error));
    }
    setTimeout(loadKept, 0); // when the feature that has them is there, too

    /** @param {PaletteEntry} entry */
    function remember(entry) {
      const before = /** @type {string[]} */ (settings.read("palette.recent", []));
      settings.write("palette.recent", [entry.id, ...before.filter((each) => each !== entry.id)].slice(0, 20));
    }

    function dropGhost() {
      if (!ghost) return;
      ghost = null;
      view.redrawOverlay();
    }

    function putGhost() {
      const { last } = view.pointer;
      if (!ghost || !last) return;
      const { entry, request } = ghost;
      dropGhost();
      insert(editor, entry, { x: last.x - 20, y: last.y + 15 }, request);
    }

    /** @param {KeyboardEvent} event */
    function hearGhostKey(event) {
      if (!ghost || editor.shell.isCovered || (event.key !== "Enter" && event.key !== "Escape")) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Enter") putGhost();
      else dropGhost();
    }
    addEventListener("keydown", hearGhostKey, true); // before Escape means anything else

    const stops = [
      editor.offer("palette", { open, entries, remember, insert: (entry, at) => insert(editor, entry, at, {}) }),
      view.pointer.onPress(-10, (press) => {
        if (!ghost) return undefined;
        if (press.button === 0) putGhost();
        else dropGhost();
        return press.button === 0;
      }),
      view.events.on("hover", () => {
        if (ghost) view.redrawOverlay();
      }),
      view.addLayer("overlay", 60, (pen) => {
        const { last } = view.pointer;
        if (!ghost || !last) return;
        const rows = Math.max(ghost.entry.inputs.filter((each) => !each.isWidget).length, ghost.entry.outputs.length) + ghost.entry.inputs.filter((each) => each.isWidget).length;
        const box = { left: last.x - 20, top: last.y - 15, right: last.x + 190, bottom: last.y + 27 + rows * 22 };
        pen.context.globalAlpha = 0.75;
        pen.box(box, pen.theme.node, { radius: 8, edge: pen.theme.selected, edgeWidth: 2 / view.scale });
        pen.box({ ...box, bottom: box.top + 30 }, pen.theme.title, { radius: [8, 8, 0, 0] });
        pen.text(ghost.entry.title, box.left + 12, box.top + 15, { width: 186, px: 13, weight: "600" });
        pen.context.globalAlpha = 1;
      }),
      view.events.on("double", (press) => {
        if (press.hit.kind !== "empty" && press.hit.kind !== "group") return;
        void open({ at: { x: press.x, y: press.y }, page: pageOf(editor, press) });
      }),
      commands.addAll([
        { id: "palette.open", title: "command.add-node", keys: ["shift+a"], run: () => open() },
        // The key that goes from field to field everywhere else: only the canvas itself takes it.
        { id: "palette.open-here", title: "command.add-node", keys: ["tab"], isHidden: true, when: () => document.activeElement === view.element, run: () => open() },
      ]),
      () => removeEventListener("keydown", hearGhostKey, true),
      editor.addMenu(0, (press) => (press.hit.kind === "empty" || press.hit.kind === "group"
        ? [{ ...editor.menuItem("palette.open"), run: () => open({ at: { x: press.x, y: press.y }, page: pageOf(editor, press) }) }]
        : [])),
      editor.events.on("graph", dropGhost),
      await addStyle("./palette.css", import.meta.url),
    ];
    return () => {
      closeOpen?.();
      stops.forEach((stop) => stop());
    };
  },
};

/** @param {Editor} editor @param {{screenX: number, screenY: number}} press */
function pageOf(editor, press) {
  const area = editor.view.element.getBoundingClientRect();
  return { x: area.left + press.screenX, y: area.top + press.screenY };
}

/**
 * Every node type of the catalogue and every subgraph of the workflow.
 * @param {Editor} editor
 * @returns {PaletteEntry[]}
 */
function entriesOf(editor) {
  const { catalogue, document } = editor;
  const kept = [...document.definitions.values()].filter((each) => mayHold(editor.graph, each)).map((each) => each.id);
  const types = [...catalogue.types, ...kept];
  return types.flatMap((type) => {
    const spec = document.specOf(type);
    if (!spec) return [];
    const inputs = unfold(spec, {}, () => false);
    return [{
      id: type,
      title: spec.title,
      name: spec.definition ? "" : type,
      category: spec.category || (spec.definition ? editor.text("palette.subgraphs") : ""),
      menu: catalogue.menuOf(spec.category),
      doc: spec.doc,
      aliases: spec.aliases,
      inputs: inputs.filter((each) => !each.companionOf).map((each) => ({ name: each.name, label: wordFor(spec, "inputs", each.name), type: each.type, isWidget: Boolean(each.widget) })),
      outputs: spec.outputs.map((each) => ({ name: each.name, label: wordFor(spec, "outputs", each.name), type: each.type })),
      isDeprecated: spec.isDeprecated,
      isExperimental: spec.isExperimental,
      insert: (graph, place) => graph.addNode(type, place),
    }];
  });
}

/**
 * @param {Editor} editor
 * @param {PaletteEntry} entry
 * @param {Point} at
 * @param {PaletteRequest} request
 * @returns {Node | null}
 */
function insert(editor, entry, at, { fits, then, isApart }) {
  const { graph, view } = editor;
  const node = editor.edit("undo.add-node", () => {
    const added = entry.insert(graph, { x: Math.round(at.x), y: Math.round(at.y) });
    if (!added) return null;
    const { width, height } = view.layouts.of(added);
    graph.setNode(added, "width", Math.ceil(width));
    graph.setNode(added, "height", Math.ceil(height));
    if (fits) linkTo(editor, added, fits, at);
    if (isApart) setApart(editor, added, fits?.side === "input" ? -1 : 1);
    then?.(added);
    return added;
  });
  if (!node) return null;
  if (isApart) view.bringIntoView(node);
  editor.selection.set([node]);
  return node;
}

/**
 * Moves a node beside all that would lie under it: nobody pointed at a place for it.
 * @param {Editor} editor
 * @param {Node} node
 * @param {-1 | 1} side  to the left, or to the right
 */
function setApart({ graph, view }, node, side) {
  view.settle();
  for (;;) {
    const box = view.layouts.boxOf(node);
    const others = view.nodes.within(box).filter((each) => each !== node).map((each) => view.layouts.boxOf(each));
    if (!others.length) return;
    const x = side > 0 ? Math.max(...others.map(({ right }) => right)) + APART : Math.min(...others.map(({ left }) => left)) - APART - (box.right - box.left);
    graph.moveNode(node, Math.round(x), node.y);
  }
}

/**
 * Links a new node to a socket and puts it so that its own socket lies where it was asked for.
 * @param {Editor} editor
 * @param {Node} node
 * @param {Socket} socket
 * @param {Point} at
 */
function linkTo(editor, node, socket, at) {
  const { graph, view } = editor;
  const [own] = fittingSockets(graph, node, socket);
  if (!own) return;
  if (own.side === "input") graph.connect(socket.node, socket.slot, node, own.slot);
  else graph.connect(node, own.slot, socket.node, socket.slot);
  if (own.side === "output") hold(graph, node, socket.node, socket.slot);
  const point = own.side === "input" ? view.layouts.inputPoint(node, own.slot) : view.layouts.outputPoint(node, own.slot);
  graph.moveNode(node, Math.round(node.x + at.x - point.x), Math.round(node.y + at.y - point.y));
}
