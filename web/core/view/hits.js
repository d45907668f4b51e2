/** What lies under the pointer. */

import { SLOT_HEIGHT, titleHeight } from "./layout.js";

/** @import { Group, Link, Node, Reroute } from "../graph.js" */
/** @import { CanvasView } from "./view.js" */
/** @import { Layout, WidgetPlace } from "./layout.js" */
/** @import { Box } from "./spatial.js" */

/**
 * @typedef {"nw" | "ne" | "sw" | "se"} Corner
 * @typedef {Corner | "n" | "e" | "s" | "w"} Edge
 *
 * @typedef {{kind: "empty"}
 *   | {kind: "title" | "body", node: Node}
 *   | {kind: "resize", node: Node, corner: Corner}
 *   | {kind: "input" | "output", node: Node, slot: number}
 *   | {kind: "widget", node: Node, place: WidgetPlace, box: Box}
 *   | {kind: "link", link: Link}
 *   | {kind: "reroute", reroute: Reroute}
 *   | {kind: "group" | "group-title", group: Group}
 *   | {kind: "group-resize", group: Group, edge: Edge}} Hit
 */

export const GROUP_TITLE_HEIGHT = 30;
const REACH = 12; // how near to a socket's centre is on it, graph px
export const FINGER_REACH = 22; // of a finger
const CORNER = 14; // at the lower right, where people look for it
const OTHER_CORNER = 8; // the others are less in the way of titles and widgets
const EDGE = 6; // of a group, screen px to either side

/**
 * @param {CanvasView} view
 * @param {number} x  graph px
 * @param {number} y
 * @param {number} [near]  how near to a socket's centre is on it
 * @returns {Hit}
 */
export function findHit(view, x, y, near = REACH) {
  const reach = near / Math.min(1, Math.max(view.scale, 0.5));
  const around = { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach };
  for (const node of view.inOrder(around).reverse()) {
    const hit = hitOfNode(view, node, x, y, reach, near > REACH);
    if (hit) return hit;
  }
  for (const reroute of view.graph.reroutes.values()) {
    if (Math.hypot(reroute.x - x, reroute.y - y) <= reach) return { kind: "reroute", reroute };
  }
  const links = view.links.within(around);
  for (const link of links) if (view.isNearLink(link, x, y, (near > REACH ? 14 : 6) / view.scale)) return { kind: "link", link };
  for (let i = view.graph.groups.length - 1; i >= 0; i--) {
    const group = view.graph.groups[i];
    const edge = group.flags.pinned ? null : edgeAt(group, x, y, view.scale, near > REACH);
    if (edge) return { kind: "group-resize", group, edge };
    if (x < group.x || x > group.x + group.width || y < group.y || y > group.y + group.height) continue;
    return { kind: y <= group.y + GROUP_TITLE_HEIGHT ? "group-title" : "group", group };
  }
  return { kind: "empty" };
}

/**
 * @param {CanvasView} view
 * @param {Node} node
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {boolean} isFinger
 * @returns {Hit | null}
 */
function hitOfNode(view, node, x, y, reach, isFinger) {
  const layout = view.layouts.of(node);
  const [left, top] = [x - node.x, y - node.y];
  for (const side of /** @type {const} */ (["input", "output"])) {
    const heights = side === "input" ? layout.inputs : layout.outputs;
    const edge = side === "input" ? 0 : layout.width;
    for (let slot = 0; slot < heights.length; slot++) {
      if (Number.isNaN(heights[slot])) continue;
      const isOnDot = Math.abs(left - edge) <= reach && Math.abs(top - heights[slot]) <= SLOT_HEIGHT / 2;
      const isWidget = side === "input" && layout.widgets.some((each) => each.slot === slot);
      const isOnName = !isWidget && !layout.isCollapsed && Math.abs(top - heights[slot]) <= SLOT_HEIGHT / 2 &&
        (side === "input" ? left >= -reach && left < Math.min(70, layout.width / 3) : left <= layout.width + reach && left > layout.width - Math.min(70, layout.width / 3));
      if (isOnDot || isOnName) return { kind: side, node, slot };
    }
  }
  const near = isFinger ? nearestDot(layout, left, top, reach) : null;
  if (near) return { ...near, node };
  if (left < 0 || left > layout.width || top < -titleHeight(node) || top > layout.height) return null;
  const corner = node.isPinned ? null : cornerAt(layout, titleHeight(node), left, top, isFinger);
  if (corner) return { kind: "resize", node, corner };
  if (top < 0) return { kind: "title", node };
  for (const place of layout.widgets) {
    if (top >= place.top && top <= place.top + place.height) return { kind: "widget", node, place, box: view.widgetBox(node, place) };
  }
  return { kind: "body", node };
}

/**
 * The edge or corner of a group by which it is resized. A finger has the lower right corner alone, as of a node.
 * @param {Group} group
 * @param {number} x  graph px
 * @param {number} y
 * @param {number} scale
 * @param {boolean} isFinger
 * @returns {Edge | null}
 */
function edgeAt(group, x, y, scale, isFinger) {
  const least = Math.min(group.width, group.height);
  const out = Math.min(EDGE / scale, least / 8); // of one that looks small most is still its inside
  const [left, top, right, bottom] = [x - group.x, y - group.y, group.x + group.width - x, group.y + group.height - y];
  if (Math.min(left, top, right, bottom) < -out) return null;
  const corner = Math.min((isFinger ? FINGER_REACH : CORNER) / Math.min(1, scale), least / 4);
  if (right < corner && bottom < corner) return "se";
  if (isFinger) return null;
  // Near a corner both edges are meant, from as far as the corner at the lower right.
  const across = left < out ? "w" : right < out ? "e" : "";
  const down = top < out ? "n" : bottom < out ? "s" : "";
  if (!across && !down) return null;
  const nearAcross = across || (left < corner ? "w" : right < corner ? "e" : "");
  const nearDown = down || (top < corner ? "n" : bottom < corner ? "s" : "");
  return /** @type {Edge} */ (nearDown + nearAcross);
}

/** How the pointer looks that pulls there. @param {Edge} edge */
export function cursorOfEdge(edge) {
  if (edge === "n" || edge === "s") return "ns-resize";
  if (edge === "e" || edge === "w") return "ew-resize";
  return edge === "se" || edge === "nw" ? "nwse-resize" : "nesw-resize";
}

/**
 * The corner of a node by which it is resized. A finger has the lower right one alone: it is too broad for the others.
 * @param {Layout} layout
 * @param {number} title  height of the title
 * @param {number} left  from the node's place, graph px
 * @param {number} top
 * @param {boolean} isFinger
 * @returns {Corner | null}
 */
function cornerAt(layout, title, left, top, isFinger) {
  if (layout.isCollapsed) return null;
  const [right, bottom] = [layout.width - left, layout.height - top];
  const reach = isFinger ? CORNER + 8 : CORNER;
  if (right < reach && bottom < reach) return "se";
  if (isFinger) return null;
  const across = left < OTHER_CORNER ? "w" : right < OTHER_CORNER ? "e" : "";
  const down = top + title < OTHER_CORNER ? "n" : bottom < OTHER_CORNER ? "s" : "";
  return across && down ? /** @type {Corner} */ (down + across) : null;
}

/**
 * The socket that a finger means, whose tip is larger than a row: the nearest one within reach.
 * @param {Layout} layout
 * @param {number} left  from the node's place, graph px
 * @param {number} top
 * @param {number} reach
 * @returns {{kind: "input" | "output", slot: number} | null}
 */
function nearestDot(layout, left, top, reach) {
  /** @type {{kind: "input" | "output", slot: number} | null} */
  let found = null;
  let least = reach;
  for (const kind of /** @type {const} */ (["input", "output"])) {
    const heights = kind === "input" ? layout.inputs : layout.outputs;
    const inward = kind === "input" ? left : layout.width - left;
    if (inward > SLOT_HEIGHT / 2) continue; // further in lie names and widgets
    heights.forEach((height, slot) => {
      const away = Math.hypot(inward, top - height);
      if (!(away <= least)) return; // NaN: not shown
      least = away;
      found = { kind, slot };
    });
  }
  return found;
}
