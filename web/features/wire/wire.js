/**
 * Links by pointer: from either end, several at once, along a link. While one is drawn, what does not fit is dimmed;
 * it snaps to the socket that it would end in, and says why where it may not. One gesture is one step of undo.
 *
 * From an output: a new link; with Shift its links are all taken to another output; with Ctrl and Alt they are all cut.
 * From an input: its link is taken elsewhere, on empty canvas cut; with Shift a second link from the same source is
 * drawn; an input without a link looks for an output. With Shift from a link or a reroute, or from the dot beside a
 * reroute: another link from there.
 */

import { h } from "../../core/dom.js";
import { asLink, behind, fittingSockets, mayLink, refusal, typeOfInput, typeOfOutput, typesFit } from "../../core/flow.js";
import { INPUT_BOUNDARY, OUTPUT_BOUNDARY } from "../../core/graph.js";
import { connectAll } from "../../core/linking.js";
import { cursorOfEdge } from "../../core/view/hits.js";
import { SLOT_HEIGHT } from "../../core/view/layout.js";
import { traceLink } from "../../core/view/links.js";
import { RerouteHandle } from "./handle.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Socket } from "../../core/flow.js" */
/** @import { Link, Node } from "../../core/graph.js" */
/** @import { Drag, Press } from "../../core/view/pointer.js" */
/** @import { Point } from "../../core/view/links.js" */
/** @import { End } from "../../core/linking.js" */

const SNAP_PX = 26; // how near to a socket the pointer is taken to it, CSS px
const HINT_MS = 2500;

/** @type {Feature} */
export const wire = {
  name: "wire",
  needs: ["palette", "widgets"],
  install(editor) {
    const { view } = editor;
    const handle = new RerouteHandle(editor);
    /** @type {{ends: End[], point: Point, target: Socket | null} | null} what is being drawn */
    let drawn = null;
    const hint = h("div", { class: "wire-hint", role: "status", hidden: true, style: {
      position: "absolute", "pointer-events": "none", padding: "3px 10px", "border-radius": "6px", border: "1px solid var(--error)",
      background: "var(--raised)", color: "var(--text)", "max-width": "320px", "z-index": 5,
    } });
    editor.shell.over.append(hint);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let hintTimer;

    /** @param {string} text  empty: nothing to say @param {Press} [press] */
    function say(text, press) {
      clearTimeout(hintTimer);
      hint.hidden = !text;
      if (!press || !text) return;
      hint.textContent = text;
      hint.style.left = `${Math.min(press.screenX + 14, view.width - 200)}px`;
      hint.style.top = `${press.screenY + 18}px`;
    }

    function clear() {
      drawn = null;
      view.isSlotDimmed = null;
      view.isDimmed = () => false;
      view.isLinkHidden = null;
      view.redraw();
    }

    /**
     * Dims what none of the ends fits to, from now until `clear`.
     * @param {End[]} ends
     */
    function dimOthers(ends) {
      const { graph } = editor;
      const wanted = ends[0].socket.side === "output" ? "input" : "output";
      /** @type {Map<Node, boolean[]>} */
      const known = new Map();
      // What would make a circle is looked for once, not for each socket in view.
      const closed = ends.map((end) => behind(graph, end.socket.node, end.socket.side === "output" ? "input" : "output"));
      /** @param {Node} node @returns {boolean[]} which of its sockets of the wanted side fit */
      const fitting = (node) => {
        let found = known.get(node);
        if (!found) {
          const slots = wanted === "input" ? node.inputs : node.outputs;
          found = slots.map((_, slot) => ends.some((end, i) => !closed[i].has(node) && typesFit(graph, end.socket, { node, side: wanted, slot })));
          known.set(node, found);
        }
        return found;
      };
      const own = new Set(ends.map((end) => end.socket.node));
      view.isSlotDimmed = (node, side, slot) => {
        if (own.has(node) && side !== wanted) return !ends.some((end) => end.socket.node === node && end.socket.slot === slot);
        return side !== wanted || !fitting(node)[slot];
      };
      view.isDimmed = (node) => !own.has(node) && !fitting(node).some(Boolean) && !canGrow(editor, node, wanted);
      const moved = new Set(ends.map((end) => end.moved).filter((each) => each !== undefined));
      view.isLinkHidden = moved.size ? (link) => moved.has(link) : null;
      view.redraw();
    }

    /**
     * @param {End[]} ends  all of one side
     * @returns {Drag}
     */
    function draw(ends) {
      let hasBegun = false;
      /** @param {Press} now */
      const follow = (now) => {
        const { target, reason } = findTarget(editor, ends, now);
        drawn = { ends, point: { x: now.x, y: now.y }, target };
        say(reason, now);
        view.redrawOverlay();
      };
      return {
        cursor: "crosshair",
        pans: true,
        move(now) {
          if (!hasBegun) {
            hasBegun = true;
            dimOthers(ends);
          }
          follow(now);
        },
        end(now, moved) {
          if (!moved) {
            clear();
            say("");
            return;
          }
          const { target, reason, growing } = findTarget(editor, ends, now);
          if (target) {
            connect(ends, target);
          } else if (growing) {
            editor.edit("undo.connect", () => {
              const grown = editor.services.subgraphs?.addEnd(growing, ends[0].socket);
              if (grown) connectAll(editor.graph, ends, grown);
            });
          } else if (reason) {
            hintTimer = setTimeout(() => (hint.hidden = true), HINT_MS);
            clear();
            return;
          } else if (isOver(editor, now)) {
            // dropped on a node that it does not lead to: nothing
          } else if (ends.every((end) => end.moved)) {
            editor.edit("undo.disconnect", () => {
              for (const end of ends) if (end.moved) editor.graph.disconnect(end.moved);
            });
          } else {
            void ask(ends[0], now);
            return;
          }
          clear();
          say("");
        },
        cancel() {
          clear();
          say("");
        },
      };
    }

    /** @param {End[]} ends @param {Socket} target */
    function connect(ends, target) {
      editor.edit("undo.connect", () => connectAll(editor.graph, ends, target));
    }

    /** Lists the nodes that fit; the link stays on the screen meanwhile. @param {End} end @param {Press} press */
    async function ask(end, press) {
      view.isSlotDimmed = null;
      view.isDimmed = () => false;
      view.redraw();
      const area = view.element.getBoundingClientRect();
      const at = { x: press.x, y: press.y };
      try {
        await editor.services.palette?.open({ at, fits: end.socket, page: { x: area.left + press.screenX + 8, y: area.top + press.screenY + 8 }, then: (node) => {
          if (end.parentId === undefined) return;
          const { graph } = editor;
          const link = graph.linksOf(node).find((each) => String(each.from) === end.socket.node.key);
          if (link) graph.routeThrough(link, end.parentId);
        } });
      } finally {
        clear();
      }
    }

    /** @param {Press} press @returns {Drag | boolean | undefined} */
    function begin(press) {
      const { hit } = press;
      const { graph } = editor;
      if (press.button !== 0) return undefined;
      const point = hit.kind === "reroute" && press.shift ? hit.reroute : handle.at(press);
      if (point) {
        const link = [...graph.links.values()].find((each) => graph.routeOf(each).includes(point));
        return link && draw([{ ...endOf(link), parentId: point.id }]);
      }
      if (hit.kind === "link" && press.shift) return draw([endOf(hit.link)]);
      if (hit.kind !== "input" && hit.kind !== "output") return undefined;
      const { node, slot } = hit;
      if (press.ctrl && press.alt) {
        const links = graph.linksOf(node).filter((link) => (hit.kind === "input" ? node.inputs[slot].link === link.id : node.outputs[slot].links.includes(link.id)));
        if (links.length) editor.edit("undo.disconnect", () => links.forEach((link) => graph.disconnect(link)));
        return true;
      }
      if (hit.kind === "output") {
        if (press.shift && node.outputs[slot].links.length) return draw(endsOfOutput(node, slot));
        return draw([{ socket: { node, side: "output", slot } }]);
      }
      const link = graph.linkInto(node, slot);
      if (!link) return draw([{ socket: { node, side: "input", slot } }]);
      return draw([press.shift ? endOf(link) : { ...endOf(link), moved: link }]);
    }

    /** The end of a link at its source. @param {Link} link @returns {End} */
    function endOf(link) {
      const node = /** @type {Node} */ (editor.graph.node(link.from));
      return { socket: { node, side: "output", slot: link.fromSlot }, parentId: link.parentId };
    }

    /** Where the links of an output end. @param {Node} node @param {number} slot @returns {End[]} */
    function endsOfOutput(node, slot) {
      return node.outputs[slot].links.flatMap((id) => {
        const link = editor.graph.link(id);
        const target = link && editor.graph.node(link.to);
        return link && target ? [{ socket: { node: target, side: /** @type {const} */ ("input"), slot: link.toSlot }, parentId: link.parentId, moved: link }] : [];
      });
    }

    const stops = [
      view.pointer.onPress(5, begin),
      ...handle.cleanups,
      view.addLayer("overlay", 50, (pen) => {
        if (!drawn) return;
        const { context, theme } = pen;
        context.lineWidth = Math.max(2.6, 1.2 / view.scale);
        for (const end of drawn.ends) {
          const fixed = view.pointOf(end.socket);
          const far = drawn.target ? view.pointOf(drawn.target) : drawn.point;
          const way = end.socket.side === "output" ? [fixed, ...routeTo(editor, end), far] : [far, fixed];
          const type = end.socket.side === "output" ? typeOfOutput(editor.graph, end.socket.node, end.socket.slot) : typeOfInput(editor.graph, end.socket.node, end.socket.slot);
          context.beginPath();
          traceLink(context, way, view.linkStyle === "hidden" ? "spline" : view.linkStyle);
          context.strokeStyle = pen.ofType(type);
          context.stroke();
        }
        if (drawn.target) {
          const { x, y } = view.pointOf(drawn.target);
          const box = view.layouts.boxOf(drawn.target.node);
          pen.box(box, "", { radius: 8, edge: theme.accent, edgeWidth: 2 / Math.min(1, view.scale) });
          context.beginPath();
          context.arc(x, y, 9, 0, 2 * Math.PI);
          context.strokeStyle = theme.selected;
          context.lineWidth = 2.5 / Math.min(1, view.scale);
          context.stroke();
        }
      }),
      view.events.on("hover", ({ hit }) => {
        // What lies under the pointer otherwise is the widgets' to say.
        if (hit.kind === "input" || hit.kind === "output") view.element.style.cursor = "crosshair";
        else if (hit.kind === "group-resize") view.element.style.cursor = cursorOfEdge(hit.edge);
      }),
      view.events.on("move", () => {
        if (!view.pointer.isDragging) say("");
      }),
    ];
    return () => {
      stops.forEach((stop) => stop());
      hint.remove();
      clear();
    };
  },
};

/** The reroutes that an end runs through already. @param {Editor} editor @param {End} end @returns {Point[]} */
function routeTo({ graph }, end) {
  /** @type {Point[]} */
  const points = [];
  let id = end.parentId;
  while (id !== undefined && points.length < 1000) {
    const point = graph.reroutes.get(id);
    if (!point) break;
    points.unshift(point);
    id = point.parentId;
  }
  return points;
}

/** Whether the pointer is over a node. @param {Editor} editor @param {Press} press */
function isOver(editor, press) {
  return nodeUnder(editor, press) !== null;
}

/** @param {Editor} editor @param {Press} press @returns {Node | null} the topmost one, its sockets' reach included */
function nodeUnder({ view }, { x, y }) {
  const reach = SNAP_PX / 2 / view.scale;
  view.settle();
  return view.inOrder({ left: x - reach, right: x + reach, top: y - 2, bottom: y + 2 }).at(-1) ?? null;
}

/** Whether a socket can be added to an end of a subgraph. @param {Editor} editor @param {Node} node @param {"input" | "output"} wanted */
function canGrow(editor, node, wanted) {
  if (!editor.services.subgraphs) return false;
  return Number(node.id) === (wanted === "output" ? INPUT_BOUNDARY : OUTPUT_BOUNDARY) && node.graph.boundary !== null;
}

/**
 * The socket that the link would end in.
 * @param {Editor} editor
 * @param {End[]} ends
 * @param {Press} press
 * @returns {{target: Socket | null, reason: string, growing: Node | null}}  `reason`: why not, for the person;
 *   `growing`: the end of a subgraph that would get another socket
 */
function findTarget(editor, ends, press) {
  const { graph, view } = editor;
  const node = nodeUnder(editor, press);
  if (!node) return { target: null, reason: "", growing: null };
  const wanted = ends[0].socket.side === "output" ? "input" : "output";
  const slots = wanted === "input" ? node.inputs : node.outputs;
  const { hit } = press;
  const direct = hit.kind === wanted && hit.node === node ? hit.slot : hit.kind === "widget" && wanted === "input" && hit.node === node ? hit.place.slot : -1;
  if (direct >= 0) {
    const socket = /** @type {Socket} */ ({ node, side: wanted, slot: direct });
    if (ends.some((end) => mayLink(graph, end.socket, socket))) return { target: socket, reason: "", growing: null };
  }
  // Near a socket that fits, that one; elsewhere on the node the first that fits.
  const fitting = ends.map((end) => fittingSockets(graph, node, end.socket)).reduce((best, each) => (each.length > best.length ? each : best), []);
  const reach = Math.max(SLOT_HEIGHT / 2, SNAP_PX / view.scale);
  let nearest = null;
  let least = reach;
  for (const socket of fitting) {
    const point = view.pointOf(socket);
    const away = Math.hypot(Math.max(0, Math.abs(point.x - press.x) - SLOT_HEIGHT), point.y - press.y);
    if (away >= least) continue;
    least = away;
    nearest = socket;
  }
  if (nearest) return { target: nearest, reason: "", growing: null };
  if (canGrow(editor, node, wanted)) return { target: null, reason: "", growing: node };
  if (fitting.length) return { target: fitting[0], reason: "", growing: null };
  if (ends.some((end) => end.socket.node === node)) return { target: null, reason: direct >= 0 ? editor.text("wire.circle") : "", growing: null };
  return { target: null, reason: reasonFor(editor, ends[0], /** @type {Socket} */ ({ node, side: wanted, slot: direct }), slots.length), growing: null };
}

/** @param {Editor} editor @param {End} end @param {Socket} socket  its slot is -1: any of the node @param {number} count */
function reasonFor(editor, end, socket, count) {
  const { graph } = editor;
  if (socket.slot >= 0) {
    const link = asLink(end.socket, socket);
    const why = link && refusal(graph, link.output, link.input);
    return why ? editor.text(why.key, why.values) : "";
  }
  for (let slot = 0; slot < count; slot++) {
    const link = asLink(end.socket, { ...socket, slot });
    const why = link && refusal(graph, link.output, link.input);
    if (why?.key === "wire.circle") return editor.text(why.key);
  }
  const given = end.socket.side === "output" ? typeOfOutput(graph, end.socket.node, end.socket.slot) : typeOfInput(graph, end.socket.node, end.socket.slot);
  return editor.text(end.socket.side === "output" ? "wire.none-takes" : "wire.none-gives", { name: socket.node.name, type: given });
}
