/** A node that is dragged onto a link is put into it. */

import { splice as putInto, spliceOf, takeOut } from "../../core/linking.js";
import { Node } from "../../core/graph.js";
import { traceLink } from "../../core/view/links.js";
import { TITLE_HEIGHT } from "../../core/view/layout.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Link } from "../../core/graph.js" */
/** @import { MoveEvent } from "../move/move.js" */

const REACH = 30; // how near to the link the node's title, its middle or the pointer is, graph px

/** @type {Feature} */
export const splice = {
  name: "splice",
  needs: ["move"],
  install(editor) {
    const { view } = editor;
    /** @type {Link | null} */
    let shown = null;
    /** @param {Link | null} link */
    const show = (link) => {
      if (link === shown) return;
      shown = link;
      view.redrawOverlay();
    };
    const stops = [
      editor.events.on("move:drag", (event) => show(linkUnder(editor, event))),
      editor.events.on("move:drop", (event) => {
        const link = linkUnder(editor, event);
        show(null);
        if (link) putInto(editor.graph, /** @type {Node} */ (event.things[0]), link);
      }),
      editor.events.on("move:cancel", () => show(null)),
      view.addLayer("overlay", 40, (pen) => {
        const points = shown && editor.graph.link(shown.id) === shown ? view.pointsOf(shown) : null;
        if (!points) return;
        pen.context.beginPath();
        traceLink(pen.context, points, view.linkStyle === "hidden" ? "spline" : view.linkStyle);
        pen.context.strokeStyle = pen.theme.selected;
        pen.context.lineWidth = 5 / Math.min(1, view.scale);
        pen.context.stroke();
      }),
      editor.commands.add({
        id: "node.take-out", title: "command.take-out", when: () => editor.selection.nodes.some((node) => editor.graph.linksOf(node).length > 0),
        run: () => editor.edit("undo.take-out", () => editor.selection.nodes.forEach((node) => takeOut(editor.graph, node))),
      }),
    ];
    return () => stops.forEach((stop) => stop());
  },
};

/**
 * The link that a single dragged node would go into: one that it fits, and that lies under its middle, its title or the
 * pointer, or has its own middle under the node.
 * @param {Editor} editor
 * @param {MoveEvent} event
 * @returns {Link | null}
 */
function linkUnder({ graph, view }, { things, press }) {
  const [node] = things;
  if (things.length !== 1 || !(node instanceof Node) || !graph.nodes.has(node.key)) return null;
  view.settle();
  const box = view.layouts.boxOf(node);
  const middle = (box.left + box.right) / 2;
  const places = [press, { x: middle, y: box.top + TITLE_HEIGHT / 2 }, { x: middle, y: (box.top + box.bottom) / 2 }];
  const under = [...view.links.within(box)];
  /** @param {Link} link  whether its middle is covered */
  const isCovered = (link) => {
    const points = view.pointsOf(link);
    if (!points || view.linkStyle === "hidden") return false;
    const [one, other] = [points[(points.length - 1) >> 1], points[points.length >> 1]];
    const [x, y] = [(one.x + other.x) / 2, (one.y + other.y) / 2];
    return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
  };
  return under.find((link) => places.some(({ x, y }) => view.isNearLink(link, x, y, REACH)) && spliceOf(graph, node, link))
    ?? under.find((link) => isCovered(link) && spliceOf(graph, node, link)) ?? null;
}
