/** Draws a graph: what is in view, in as much detail as can be seen at this zoom. */

import { lightened } from "../colours.js";
import { BYPASSED, MUTED } from "../graph.js";
import { GROUP_TITLE_HEIGHT } from "./hits.js";
import { SLOT_HEIGHT, TITLE_HEIGHT } from "./layout.js";
import { traceLink } from "./links.js";
import { colourOfType } from "./theme.js";

/** @import { Node } from "../graph.js" */
/** @import { Layout } from "./layout.js" */
/** @import { Pen } from "./pen.js" */
/** @import { CanvasView } from "./view.js" */

const FAR = 0.25; // below this zoom a node is a plain box
const DOT = 5; // radius of a socket

export class Painter {
  #view;

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
    const nodes = view.nodes.within(window).sort((a, b) => a.rank - b.rank);
    if (view.scale < FAR) this.#paintFar(pen, nodes);
    else for (const node of nodes) this.#paintNode(pen, node);
  }

  /** @param {Pen} pen */
  #paintGrid(pen) {
    const view = this.#view;
    let step = 20;
    while (step * view.scale < 16) step *= 4;
    const { left, top, right, bottom } = view.window;
    const { context, theme } = pen;
    context.fillStyle = theme.grid;
    const dot = 1.4 / view.scale;
    for (let x = Math.floor(left / step) * step; x <= right; x += step) {
      for (let y = Math.floor(top / step) * step; y <= bottom; y += step) context.fillRect(x - dot / 2, y - dot / 2, dot, dot);
    }
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
    for (const link of view.links.within(view.window)) {
      const points = view.isLinkHidden?.(link) ? null : view.pointsOf(link);
      if (!points) continue;
      const colour = view.isSelected(link) ? pen.theme.selected : colourOfType(typeof link.type === "string" ? link.type : "*");
      const ways = byColour.get(colour);
      if (ways) ways.push(points);
      else byColour.set(colour, [points]);
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
    for (const reroute of view.graph.reroutes.values()) {
      context.beginPath();
      context.arc(reroute.x, reroute.y, 7, 0, 2 * Math.PI);
      context.fillStyle = view.isSelected(reroute) ? pen.theme.selected : pen.theme.link;
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
        context.rect(node.x, node.y - TITLE_HEIGHT, width, height + TITLE_HEIGHT);
      }
      context.fillStyle = colour;
      context.fill();
    }
    context.beginPath();
    for (const node of nodes) {
      const { width } = view.layouts.of(node);
      context.rect(node.x, node.y - TITLE_HEIGHT, width, TITLE_HEIGHT);
    }
    context.fillStyle = pen.theme.title;
    context.fill();
    for (const paint of view.farPainters) for (const node of nodes) paint(pen, node, view.layouts.of(node));
    for (const node of nodes) if (view.isSelected(node)) this.#paintEdge(pen, node);
  }

  /** @param {Pen} pen @param {Node} node */
  #bodyColour(pen, node) {
    if (node.mode === BYPASSED) return "#7a3f8f";
    if (!node.spec && node.graph.node(node.id) === node && Number(node.id) >= 0) return "#6b2f35"; // a type that is not known here
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
    const { left, top, right, bottom } = view.layouts.boxOf(node);
    const body = this.#bodyColour(pen, node);
    const title = own(pen, node.color) || theme.title;
    const corners = node.shape === 1 ? [0, 0, 0, 0] : node.shape === 4 ? [8, 0, 8, 0] : [8, 8, 8, 8];
    if (layout.isCollapsed) {
      pen.box({ left, top, right, bottom }, title, { radius: corners, edge: theme.nodeEdge });
    } else {
      pen.box({ left, top, right, bottom }, body, { radius: corners, edge: theme.nodeEdge });
      if (node.type !== "Reroute") pen.box({ left, top, right, bottom: node.y }, title, { radius: [corners[0], corners[1], 0, 0] });
    }
    if (view.scale >= 0.35 && node.type !== "Reroute") {
      pen.text(node.name, left + 12, top + TITLE_HEIGHT / 2, { width: layout.width - 24, px: 13, weight: "600" });
    }
    if (layout.isCollapsed) {
      this.#paintDots(pen, node, layout);
    } else {
      this.#paintWidgets(pen, node, layout);
      this.#paintSlots(pen, node, layout);
    }
    if (view.isSelected(node)) this.#paintEdge(pen, node);
    for (const paint of view.nodePainters) paint(pen, node, layout);
    context.globalAlpha = 1;
  }

  /** @param {Pen} pen @param {Node} node @param {Layout} layout */
  #paintWidgets(pen, node, layout) {
    const view = this.#view;
    const { context } = pen;
    const alpha = context.globalAlpha;
    for (const place of layout.widgets) {
      const isDriven = place.slot >= 0 && node.inputs[place.slot].link !== null;
      context.globalAlpha = isDriven ? alpha * 0.5 : alpha;
      view.kinds.of(place.input.widget).draw(pen, node, place.input, view.widgetBox(node, place));
    }
    context.globalAlpha = alpha;
  }

  /** @param {Pen} pen @param {Node} node @param {Layout} layout */
  #paintSlots(pen, node, layout) {
    this.#paintDots(pen, node, layout);
    if (!pen.isNear) return;
    const widgets = new Set(layout.widgets.map((each) => each.slot));
    node.inputs.forEach((slot, i) => {
      if (Number.isNaN(layout.inputs[i]) || widgets.has(i)) return;
      pen.text(slot.label ?? slot.raw?.localized_name ?? slot.name, node.x + 14, node.y + layout.inputs[i], { width: layout.width * 0.6, colour: pen.theme.text });
    });
    node.outputs.forEach((slot, i) => {
      const text = slot.label ?? slot.raw?.localized_name ?? slot.name;
      pen.text(text, node.x + layout.width - 14, node.y + layout.outputs[i], { width: layout.width * 0.6, align: "right", colour: pen.theme.text });
    });
  }

  /** @param {Pen} pen @param {Node} node @param {Layout} layout */
  #paintDots(pen, node, layout) {
    const view = this.#view;
    const { context } = pen;
    const alpha = context.globalAlpha;
    const widgets = new Set(layout.widgets.map((each) => each.slot));
    /** @type {["input" | "output", Float32Array, number][]} */
    const sides = [["input", layout.inputs, 0], ["output", layout.outputs, layout.width]];
    for (const [side, heights, edge] of sides) {
      for (let slot = 0; slot < heights.length; slot++) {
        if (Number.isNaN(heights[slot])) continue;
        const { type } = side === "input" ? node.inputs[slot] : node.outputs[slot];
        const isLinked = side === "input" ? node.inputs[slot].link !== null : node.outputs[slot].links.length > 0;
        const isQuiet = side === "input" && widgets.has(slot) && !isLinked;
        if (view.isSlotDimmed?.(node, side, slot)) context.globalAlpha = alpha * 0.15;
        context.beginPath();
        context.arc(node.x + edge, node.y + heights[slot], isQuiet ? 3 : DOT, 0, 2 * Math.PI);
        context.fillStyle = colourOfType(type);
        if (isQuiet) context.globalAlpha *= 0.6;
        context.fill();
        context.globalAlpha = alpha;
      }
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

export { SLOT_HEIGHT };
