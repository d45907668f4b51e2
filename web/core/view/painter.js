/** Draws a graph: what is in view, in as much detail as can be seen at this zoom. */

import { BYPASSED, MUTED } from "../graph.js";
import { nameOfSlot } from "../words.js";
import { GROUP_TITLE_HEIGHT } from "./hits.js";
import { MISSING, OPTIONAL, TITLE_HEIGHT, TITLE_PX, titleHeight, WIDGET } from "./layout.js";
import { traceLink } from "./links.js";
import { lightened } from "./theme.js";

/** @import { Node } from "../graph.js" */
/** @import { Layout } from "./layout.js" */
/** @import { Pen } from "./pen.js" */
/** @import { CanvasView } from "./view.js" */

const FAR = 0.25; // below this zoom a node is a plain box
const CROWD = 400; // more nodes than these are plain boxes as soon as their texts cannot be read
const DOT = 5; // radius of a socket
const RADIUS = 8;
/** Corners by the `shape` that a file says: 1 a box, 2 round, 4 a card. @type {Record<string, number | number[]>} */
const RADII = { 1: 0, 2: 12, 4: [12, 0, 12, 0] };

export class Painter {
  #view;
  /** Of the grid's dots. @type {HTMLCanvasElement | null} */
  #row = null;
  #rowDrawn = "";

  /** @param {CanvasView} view */
  constructor(view) {
    this.#view = view;
  }

  /** @param {Pen} pen */
  paintScene(pen) {
    const view = this.#view;
    const { window } = view;
    this.#paintGrid(pen);
    for (const each of view.layerPainters) if (each.layer === "back") each.paint(pen, view);
    this.#paintGroups(pen);
    this.#paintLinks(pen);
    const nodes = view.inOrder(window);
    if (view.scale < FAR || (nodes.length > CROWD && !pen.isNear)) this.#paintFar(pen, nodes);
    else for (const node of nodes) this.#paintNode(pen, node);
  }

  /**
   * Dots. One row of them is drawn and then copied: a large screen has twenty thousand, which cost more than all nodes.
   * @param {Pen} pen
   */
  #paintGrid(pen) {
    const view = this.#view;
    let step = 20;
    while (step * view.scale < 16) step *= 4;
    const { context, theme } = pen;
    const ratio = devicePixelRatio || 1;
    const { width, height } = context.canvas;
    const [apart, dot] = [step * view.scale * ratio, 1.4 * ratio]; // px of the canvas, as all that follows
    const [left, top] = [mod(view.offset.x * ratio, apart), mod(view.offset.y * ratio, apart)];
    const row = (this.#row ??= document.createElement("canvas"));
    const drawn = `${width} ${apart} ${left} ${theme.grid}`;
    if (drawn !== this.#rowDrawn) {
      this.#rowDrawn = drawn;
      row.width = width; // and so it is empty
      row.height = Math.ceil(dot) + 1;
      const own = /** @type {CanvasRenderingContext2D} */ (row.getContext("2d"));
      own.fillStyle = theme.grid;
      for (let x = left - apart; x < width + dot; x += apart) own.fillRect(x - dot / 2, 0.5, dot, dot);
    }
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    for (let y = top - apart; y < height + dot; y += apart) context.drawImage(row, 0, Math.round(y - dot / 2 - 0.5));
    context.restore();
  }

  /** @param {Pen} pen */
  #paintGroups(pen) {
    const view = this.#view;
    const { left, top, right, bottom } = view.window;
    for (const group of view.graph.groups) {
      if (group.x > right || group.x + group.width < left || group.y > bottom || group.y + group.height < top) continue;
      const colour = group.color || pen.theme.groupText;
      const box = { left: group.x, top: group.y, right: group.x + group.width, bottom: group.y + group.height };
      pen.context.globalAlpha = 0.16;
      pen.box(box, colour, { radius: 8 });
      pen.context.globalAlpha = 0.3;
      pen.box({ ...box, bottom: Math.min(box.bottom, box.top + GROUP_TITLE_HEIGHT) }, colour, { radius: [8, 8, 0, 0] });
      pen.context.globalAlpha = 1;
      if (view.isSelected(group)) pen.box(box, "", { radius: 8, edge: pen.theme.selected, edgeWidth: 2 / Math.min(1, view.scale) });
      if (view.scale > 0.15) pen.text(group.title, group.x + 12, group.y + GROUP_TITLE_HEIGHT / 2, { px: 18, width: group.width - 24, colour: pen.theme.text, weight: "600" });
    }
  }

  /** One stroke a colour: thousands of links cost little more than a few. @param {Pen} pen */
  #paintLinks(pen) {
    const view = this.#view;
    if (view.linkStyle === "hidden") return;
    const { context } = pen;
    /** @type {Map<string, import("./links.js").Point[][]>} */
    const byColour = new Map();
    /** @type {Map<import("../graph.js").Reroute, string>} */
    const ofPoints = new Map();
    for (const link of view.links.within(view.window)) {
      const points = view.isLinkHidden?.(link) ? null : view.pointsOf(link);
      if (!points) continue;
      const colour = view.isSelected(link) ? pen.theme.selected : pen.ofType(typeof link.type === "string" ? link.type : "*");
      const ways = byColour.get(colour);
      if (ways) ways.push(points);
      else byColour.set(colour, [points]);
      if (link.parentId !== undefined) for (const point of view.graph.routeOf(link)) ofPoints.set(point, colour);
    }
    const style = view.scale < FAR && view.linkStyle === "spline" ? "straight" : view.linkStyle;
    context.lineWidth = Math.max(2.2, 1 / view.scale);
    context.lineJoin = "round";
    context.globalAlpha = 0.85;
    for (const [colour, ways] of byColour) {
      context.beginPath();
      for (const points of ways) traceLink(context, points, style);
      context.strokeStyle = colour;
      context.stroke();
    }
    context.globalAlpha = 1;
    const { left, top, right, bottom } = view.window;
    for (const reroute of view.graph.reroutes.values()) {
      if (reroute.x < left - 10 || reroute.x > right + 10 || reroute.y < top - 10 || reroute.y > bottom + 10) continue;
      context.beginPath();
      context.arc(reroute.x, reroute.y, 7, 0, 2 * Math.PI);
      context.fillStyle = view.isSelected(reroute) ? pen.theme.selected : (ofPoints.get(reroute) ?? pen.theme.link);
      context.fill();
    }
  }

  /** Plain boxes, one fill a colour. @param {Pen} pen @param {Node[]} nodes */
  #paintFar(pen, nodes) {
    const view = this.#view;
    const { context } = pen;
    /** @type {Map<string, Node[]>} */
    const byColour = new Map();
    for (const node of nodes) {
      const colour = this.#bodyColour(pen, node);
      const those = byColour.get(colour);
      if (those) those.push(node);
      else byColour.set(colour, [node]);
    }
    for (const [colour, those] of byColour) {
      context.beginPath();
      for (const node of those) {
        const { width, height } = view.layouts.of(node);
        const title = titleHeight(node);
        context.rect(node.x, node.y - title, width, height + title);
      }
      context.fillStyle = colour;
      context.fill();
    }
    context.beginPath();
    for (const node of nodes) {
      const { width } = view.layouts.of(node);
      const title = titleHeight(node);
      context.rect(node.x, node.y - title, width, title);
    }
    context.fillStyle = pen.theme.title;
    context.fill();
    for (const paint of view.farPainters) for (const node of nodes) paint(pen, node, view.layouts.of(node));
    for (const node of nodes) if (view.isSelected(node)) this.#paintEdge(pen, node);
  }

  /** @param {Pen} pen @param {Node} node */
  #bodyColour(pen, node) {
    if (node.mode === BYPASSED) return pen.theme.bypassed;
    if (isUnknown(node)) return pen.theme.unknown;
    return own(pen, node.bgcolor) || pen.theme.node;
  }

  /** @param {Pen} pen @param {Node} node */
  #paintEdge(pen, node) {
    const view = this.#view;
    const { left, top, right, bottom } = view.layouts.boxOf(node);
    const gap = 3 / Math.min(1, view.scale);
    pen.box({ left: left - gap, top: top - gap, right: right + gap, bottom: bottom + gap }, "", { radius: 10, edge: pen.theme.selected, edgeWidth: 2 / Math.min(1, view.scale) });
  }

  /** @param {Pen} pen @param {Node} node */
  #paintNode(pen, node) {
    const view = this.#view;
    const { context, theme } = pen;
    const layout = view.layouts.of(node);
    context.globalAlpha = node.mode === MUTED ? 0.4 : view.isDimmed(node) ? 0.35 : 1;
    const box = view.layouts.boxOf(node);
    const body = this.#bodyColour(pen, node);
    const title = own(pen, node.color) || (isUnknown(node) ? theme.unknown : theme.title);
    pen.onBody = pen.on(body);
    pen.onBodyFaint = body === theme.node ? theme.faint : pen.onBody;
    const radius = RADII[node.shape ?? 0] ?? RADIUS;
    if (layout.isCollapsed) {
      pen.box(box, title, { radius: TITLE_HEIGHT / 2, edge: theme.nodeEdge });
    } else {
      pen.box(box, body, { radius, edge: theme.nodeEdge });
      if (titleHeight(node)) pen.box({ ...box, bottom: node.y }, title, { radius: Array.isArray(radius) ? [radius[0], radius[1], 0, 0] : [radius, radius, 0, 0] });
    }
    if (view.scale >= 0.35 && titleHeight(node)) this.#paintTitle(pen, node, layout, pen.on(title));
    if (!layout.isCollapsed) {
      this.#paintWidgets(pen, node, layout);
      if (pen.isNear) this.#paintNames(pen, node, layout);
    }
    this.#paintDots(pen, node, layout);
    if (view.isSelected(node)) this.#paintEdge(pen, node);
    for (const paint of view.nodePainters) paint(pen, node, layout);
    context.globalAlpha = 1;
  }

  /** @param {Pen} pen @param {Node} node @param {Layout} layout @param {string} colour */
  #paintTitle(pen, node, layout, colour) {
    const y = node.y - TITLE_HEIGHT / 2;
    let right = node.x + layout.width - 10;
    if (node.isPinned) {
      paintPin(pen, right - 5, y, colour);
      right -= 16;
    }
    const left = node.x + (layout.isCollapsed ? 16 : 12);
    pen.text(node.name, left, y, { width: right - left, px: TITLE_PX, weight: "600", colour });
  }

  /** @param {Pen} pen @param {Node} node @param {Layout} layout */
  #paintWidgets(pen, node, layout) {
    const view = this.#view;
    const { context } = pen;
    const alpha = context.globalAlpha;
    for (const place of layout.widgets) {
      const isDriven = place.slot >= 0 && node.inputs[place.slot].link !== null;
      if (isDriven) context.globalAlpha = alpha * 0.5;
      view.kinds.of(place.input.widget).draw(pen, node, place.input, view.widgetBox(node, place));
      if (isDriven) context.globalAlpha = alpha;
    }
  }

  /** @param {Pen} pen @param {Node} node @param {Layout} layout */
  #paintNames(pen, node, layout) {
    const colour = pen.onBody;
    // What has no neighbour across may be as long as the node is wide.
    const most = layout.width - 28;
    for (let i = 0; i < node.inputs.length; i++) {
      const y = layout.inputs[i];
      if (!Number.isNaN(y) && !(layout.marks[i] & WIDGET)) pen.text(nameOfSlot(node, node.inputs[i]), node.x + 14, node.y + y, { width: most, colour });
    }
    for (let i = 0; i < node.outputs.length; i++) {
      const y = layout.outputs[i];
      if (!Number.isNaN(y)) pen.text(nameOfSlot(node, node.outputs[i]), node.x + layout.width - 14, node.y + y, { width: most, align: "right", colour });
    }
  }

  /**
   * Sockets: a disc; a ring where a link is not needed; a disc in a ring where one is missing; a square for a list.
   * @param {Pen} pen
   * @param {Node} node
   * @param {Layout} layout
   */
  #paintDots(pen, node, layout) {
    const view = this.#view;
    const { context } = pen;
    const alpha = context.globalAlpha;
    const isNear = view.scale >= 0.35;
    for (let i = 0; i < node.inputs.length; i++) {
      if (Number.isNaN(layout.inputs[i])) continue;
      const slot = node.inputs[i];
      const isLinked = slot.link !== null;
      const mark = layout.marks[i];
      const isQuiet = (mark & WIDGET) !== 0 && !isLinked;
      if (isQuiet && !isNear) continue;
      const [x, y] = [node.x, node.y + layout.inputs[i]];
      if (view.isSlotDimmed?.(node, "input", i)) context.globalAlpha = alpha * 0.15;
      else if (isQuiet) context.globalAlpha = alpha * 0.7;
      const colour = pen.ofType(slot.type);
      context.beginPath();
      context.arc(x, y, isQuiet ? 3 : DOT, 0, 2 * Math.PI);
      if (isNear && mark & OPTIONAL && !isLinked) {
        context.fillStyle = pen.theme.node;
        context.fill();
        context.strokeStyle = colour;
        context.lineWidth = 2;
        context.stroke();
      } else {
        context.fillStyle = colour;
        context.fill();
        if (isNear && mark & MISSING && node.mode !== BYPASSED && node.mode !== MUTED) {
          context.beginPath();
          context.arc(x, y, DOT + 2.5, 0, 2 * Math.PI);
          context.strokeStyle = colour;
          context.lineWidth = 1;
          context.stroke();
        }
      }
      context.globalAlpha = alpha;
    }
    for (let i = 0; i < node.outputs.length; i++) {
      if (Number.isNaN(layout.outputs[i])) continue;
      const slot = node.outputs[i];
      const [x, y] = [node.x + layout.width, node.y + layout.outputs[i]];
      if (view.isSlotDimmed?.(node, "output", i)) context.globalAlpha = alpha * 0.15;
      context.fillStyle = pen.ofType(slot.type);
      if (node.spec?.outputs[i]?.isList) {
        context.fillRect(x - DOT, y - DOT, 2 * DOT, 2 * DOT);
      } else {
        context.beginPath();
        context.arc(x, y, DOT, 0, 2 * Math.PI);
        context.fill();
      }
      context.globalAlpha = alpha;
    }
  }
}

/**
 * A colour that a file gave a node. It was chosen for light texts.
 * @param {Pen} pen
 * @param {string | undefined} colour
 */
function own(pen, colour) {
  return colour && pen.theme.isLight ? lightened(colour) : colour;
}

/** What is left of a number, from 0 up also of one below 0. @param {number} value @param {number} by */
function mod(value, by) {
  return ((value % by) + by) % by;
}

/** Of a type that is not known here; the ends of a subgraph have none. @param {Node} node */
function isUnknown(node) {
  return !node.spec && node.graph.nodes.has(node.key);
}

/** @param {Pen} pen @param {number} x @param {number} y @param {string} colour */
function paintPin(pen, x, y, colour) {
  const { context } = pen;
  context.beginPath();
  context.moveTo(x - 4, y - 5);
  context.lineTo(x + 4, y - 5);
  context.moveTo(x - 2.5, y - 5);
  context.lineTo(x - 2.5, y - 0.5);
  context.lineTo(x - 4.5, y + 1.5);
  context.lineTo(x + 4.5, y + 1.5);
  context.lineTo(x + 2.5, y - 0.5);
  context.lineTo(x + 2.5, y - 5);
  context.moveTo(x, y + 1.5);
  context.lineTo(x, y + 6);
  context.strokeStyle = colour;
  context.lineWidth = 1.3;
  context.stroke();
}
