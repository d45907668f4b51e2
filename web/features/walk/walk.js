/**
 * The graph without a pointer: from node to node along the links, from socket to socket, and linked by choosing from
 * a list. What is reached is said to screen readers.
 */

import { openPicker } from "../../core/picker.js";
import { alongLinks, asLink, fittingSockets, mayLink, typeOfInput, typeOfOutput } from "../../core/flow.js";
import { connectAll } from "../../core/linking.js";
import { colourOfType } from "../../core/view/theme.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Pick } from "../../core/picker.js" */

/**
 * @typedef {object} WalkService
 * @property {(socket?: Socket | null) => Promise<void>} link  asks what to link a socket to, by default the marked one
 * @property {(socket: Socket) => string} describe  what a socket is linked to
 * @property {(socket?: Socket | null) => void} openMenu  the menu of what is chosen, or of a socket
 */

/** @type {Feature} */
export const walk = {
  name: "walk",
  install(editor) {
    const { view, selection } = editor;
    /** @type {Socket | null} */
    let socket = null;

    /** @param {Socket | null} next */
    function setSocket(next) {
      if (socket === next) return;
      socket = next;
      view.redrawOverlay();
    }

    /** The node that is walked from. */
    const current = () => (selection.size === 1 ? selection.nodes[0] : undefined);

    /** @param {1 | -1} by */
    function stepNode(by) {
      const order = alongLinks(editor.graph);
      if (!order.length) return;
      const node = current();
      const at = node ? order.indexOf(node) : -1;
      const next = at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length;
      setSocket(null);
      selection.set([order[next]]);
      view.bringIntoView(order[next]);
      editor.shell.say(editor.text("walk.node", { name: order[next].name, place: next + 1, count: order.length, id: String(order[next].id) }), "selection");
    }

    /** @param {1 | -1} by */
    function stepSocket(by) {
      const node = current();
      if (!node) return;
      const { inputs, outputs } = view.layouts.of(node);
      /** @type {Socket[]} */
      const all = [];
      inputs.forEach((y, slot) => Number.isNaN(y) || all.push({ node, side: "input", slot }));
      outputs.forEach((y, slot) => Number.isNaN(y) || all.push({ node, side: "output", slot }));
      if (!all.length) return;
      const at = socket?.node === node ? all.findIndex((each) => each.side === socket?.side && each.slot === socket.slot) : -1;
      const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length];
      setSocket(next);
      editor.shell.say(describe(editor, next), "selection");
    }

    /** Asks what a socket is to be linked to. @param {Socket | null} [start] */
    async function link(start = socket) {
      if (!start) return;
      await openPicker(editor, editor.text(start.side === "output" ? "walk.to" : "walk.from"), picksFor(editor, start));
      editor.shell.say(describe(editor, start), "selection");
    }

    function goRegion() {
      const { bar, rails, sides, canvas } = editor.shell;
      const regions = [bar, rails.left, sides.left, canvas, sides.right, rails.right, sides.bottom].filter((each) => !each.hidden && each.getClientRects().length);
      const at = regions.findIndex((each) => each.contains(document.activeElement));
      for (let i = 1; i <= regions.length; i++) {
        const region = regions[(at + i) % regions.length];
        const first = region === canvas ? canvas : /** @type {HTMLElement | null} */ (region.querySelector("button:not(:disabled), input, select, textarea, a[href], [tabindex='0']"));
        if (!first) continue;
        first.focus();
        return;
      }
    }

    const stops = [
      editor.offer("walk", { link, describe: (each) => describe(editor, each), openMenu: (each = null) => openMenu(editor, each) }),
      editor.events.on("selection", () => {
        if (socket && current() !== socket.node) setSocket(null);
      }),
      editor.events.on("change", () => {
        if (socket && (editor.graph.node(socket.node.id) !== socket.node || !(socket.side === "input" ? socket.node.inputs : socket.node.outputs)[socket.slot])) setSocket(null);
      }),
      view.addLayer("overlay", 70, (pen) => {
        if (!socket || editor.graph.node(socket.node.id) !== socket.node) return;
        const { x, y } = view.pointOf(socket);
        pen.context.beginPath();
        pen.context.arc(x, y, 10, 0, 2 * Math.PI);
        pen.context.strokeStyle = pen.theme.accent;
        pen.context.lineWidth = 3 / Math.min(1, view.scale);
        pen.context.stroke();
      }),
      editor.commands.addAll([
        { id: "walk.next", title: "command.next-node", keys: ["ctrl+arrowright"], run: () => stepNode(1) },
        { id: "walk.previous", title: "command.previous-node", keys: ["ctrl+arrowleft"], run: () => stepNode(-1) },
        { id: "walk.next-socket", title: "command.next-socket", keys: ["ctrl+arrowdown"], when: () => current() !== undefined, run: () => stepSocket(1) },
        { id: "walk.previous-socket", title: "command.previous-socket", keys: ["ctrl+arrowup"], when: () => current() !== undefined, run: () => stepSocket(-1) },
        { id: "walk.link", title: "command.link-socket", keys: ["enter"], order: -1, when: () => socket !== null && document.activeElement === view.element, run: () => link() },
        { id: "walk.region", title: "command.next-region", keys: ["f6"], inText: true, run: goRegion },
        { id: "menu.open", title: "command.open-menu", keys: ["shift+f10", "contextmenu"], when: () => document.activeElement === view.element, run: () => openMenu(editor, socket) },
      ]),
    ];
    return () => {
      stops.forEach((stop) => stop());
    };
  },
};

/** @param {Editor} editor @param {Socket} socket */
function describe(editor, socket) {
  const { graph } = editor;
  const { node, side, slot } = socket;
  const each = side === "input" ? node.inputs[slot] : node.outputs[slot];
  if (!each) return "";
  const others = side === "input"
    ? [graph.linkInto(node, slot)].flatMap((link) => (link ? [graph.node(link.from)?.name ?? ""] : []))
    : node.outputs[slot].links.flatMap((id) => graph.node(graph.link(id)?.to ?? "")?.name ?? []);
  const values = { name: each.label ?? each.name, type: side === "input" ? typeOfInput(graph, node, slot) : typeOfOutput(graph, node, slot), others: others.join(", ") };
  return editor.text(`walk.${side}${others.length ? "-linked" : ""}`, values);
}

/**
 * What a socket may be linked to: sockets that are there, the nearest node first, then a new node; and its links cut.
 * @param {Editor} editor
 * @param {Socket} start
 * @returns {Pick[]}
 */
function picksFor(editor, start) {
  const { graph, view } = editor;
  const type = start.side === "output" ? typeOfOutput(graph, start.node, start.slot) : typeOfInput(graph, start.node, start.slot);
  const nodes = [...view.allNodes()].filter((node) => node !== start.node).sort((a, b) => away(a, start.node) - away(b, start.node));
  /** @type {Pick[]} */
  const picks = nodes.flatMap((node) => fittingSockets(graph, node, start).map((target) => {
    const slot = target.side === "input" ? node.inputs[target.slot] : node.outputs[target.slot];
    return {
      text: `${node.name} · ${slot.label ?? slot.name}`, detail: `#${node.id}`, colour: colourOfType(slot.type),
      run: () => {
        const pair = asLink(start, target);
        if (pair && mayLink(graph, start, target)) editor.edit("undo.connect", () => connectAll(graph, [{ socket: start }], target));
      },
    };
  }));
  const links = graph.linksOf(start.node).filter((link) => (start.side === "input" ? start.node.inputs[start.slot].link === link.id : start.node.outputs[start.slot].links.includes(link.id)));
  const point = view.pointOf(start);
  const at = { x: point.x + (start.side === "input" ? -120 : 120), y: point.y };
  return [
    { text: editor.text("walk.new-node"), detail: type, colour: colourOfType(type), run: () => editor.services.palette?.open({ at, fits: start, isApart: true }) },
    ...(links.length ? [{ text: editor.text("menu.disconnect"), run: () => editor.edit("undo.disconnect", () => links.forEach((link) => graph.disconnect(link))) }] : []),
    ...picks,
  ];
}

/** @param {Node} one @param {Node} other */
function away(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

/** The menu of what is chosen, as a right click would open it. @param {Editor} editor @param {Socket | null} socket */
function openMenu({ selection, view }, socket) {
  const [node] = selection.nodes;
  const [group] = selection.groups;
  const [link] = selection.links;
  /** @type {import("../../core/view/hits.js").Hit} */
  const hit = socket ? { kind: socket.side, node: socket.node, slot: socket.slot } : node ? { kind: "title", node } : group ? { kind: "group-title", group } : link ? { kind: "link", link } : { kind: "empty" };
  const points = link && !node && !group ? view.pointsOf(link) : null;
  const place = socket ? view.pointOf(socket)
    : node ?? group ?? points?.[0] ?? view.toGraph(view.width / 2, view.height / 2);
  const { x: screenX, y: screenY } = view.toScreen(place.x, place.y);
  view.events.emit("menu", { x: place.x, y: place.y, screenX, screenY, hit, button: 2, ctrl: false, shift: false, alt: false, kind: "mouse" });
}
