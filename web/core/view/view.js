/**
 * The canvas: which part of the graph is seen, and when it is drawn. Two canvases lie above each other: the scene,
 * drawn again when something in it changed or the view moved, and the overlay, for what changes while people drag or
 * a job runs. Nothing is drawn while nothing changes.
 */

import { Emitter } from "../emitter.js";
import { Graph, Group, Link, Node, Reroute } from "../graph.js";
import { findHit } from "./hits.js";
import { Layouts, MARGIN } from "./layout.js";
import { Letters } from "./letters.js";
import { pointOn } from "./links.js";
import { Painter } from "./painter.js";
import { Pen } from "./pen.js";
import { Pointer } from "./pointer.js";
import { SpatialIndex } from "./spatial.js";
import { readTheme } from "./theme.js";

/** @import { Socket } from "../flow.js" */
/** @import { Hit } from "./hits.js" */
/** @import { Layout, WidgetPlace } from "./layout.js" */
/** @import { LinkStyle, Point } from "./links.js" */
/** @import { Press } from "./pointer.js" */
/** @import { Box } from "./spatial.js" */
/** @import { WidgetKinds } from "../widgets.js" */

/**
 * @typedef {{move: null, hover: Press, click: Press, middle: Press, double: Press, menu: Press, graph: Graph, drawn: null}} ViewEvents
 *   `move`: the view was panned or zoomed; `click`: the main button went down and up at one place; `graph`: another graph is shown
 * @typedef {(pen: Pen, view: CanvasView) => void} LayerPainter
 * @typedef {(pen: Pen, node: Node, layout: Layout) => void} NodePainter
 */

export const LEAST_SCALE = 0.02;
export const LARGEST_SCALE = 4;

export class CanvasView {
  /** @type {Emitter<ViewEvents>} */
  events = new Emitter();
  scale = 1;
  /** Where the graph's origin is, CSS px from the canvas' corner. */
  offset = { x: 0, y: 0 };
  width = 0;
  height = 0;
  /** @type {SpatialIndex<Node>} */
  nodes = new SpatialIndex();
  /** @type {SpatialIndex<Link>} */
  links = new SpatialIndex();
  /** @type {LinkStyle} */
  linkStyle = "spline";
  /** Of texts on nodes: 1 is the usual size. Read with the theme. */
  textScale = 1;
  /** Draws a node dimmed. @type {(node: Node) => boolean} */
  isDimmed = () => false;
  /** @type {(thing: Node | Group | Reroute | Link) => boolean} */
  isSelected = () => false;
  /** Sockets that a link being drawn may not end in. @type {((node: Node, side: "input" | "output", slot: number) => boolean) | null} */
  isSlotDimmed = null;
  /** Links that are being taken elsewhere. @type {((link: Link) => boolean) | null} */
  isLinkHidden = null;
  /** @type {{layer: "back" | "overlay", order: number, paint: LayerPainter}[]} */
  layerPainters = [];
  /** @type {NodePainter[]} */
  nodePainters = [];
  /** @type {NodePainter[]} */
  farPainters = [];

  /** @type {Set<Node>} */
  #stale = new Set();
  #isStructureStale = false;
  #isSceneStale = true;
  #isOverlayStale = true;
  #frame = 0;
  /** @type {() => void} */
  #leaveGraph = () => {};
  /** @type {(() => void)[]} */
  #cleanups = [];

  /**
   * @param {HTMLElement} element  holds the canvases and takes the presses
   * @param {WidgetKinds} kinds
   * @param {Graph} graph
   */
  constructor(element, kinds, graph) {
    this.element = element;
    this.kinds = kinds;
    this.graph = graph;
    this.scene = canvasIn(element);
    this.overlay = canvasIn(element);
    this.theme = readTheme(element);
    this.letters = new Letters(contextOf(this.scene), this.theme.font);
    this.layouts = new Layouts(kinds, this.letters);
    this.pen = new Pen(contextOf(this.scene), this.theme, this.letters);
    this.overlayPen = new Pen(contextOf(this.overlay), this.theme, this.letters);
    this.painter = new Painter(this);
    this.pointer = new Pointer(this);
    this.#cleanups.push(this.pointer.listen(element));
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(element);
    this.#cleanups.push(() => observer.disconnect());
    this.#resize();
    this.show(graph);
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.#leaveGraph();
    for (const each of this.#cleanups) each();
    this.scene.remove();
    this.overlay.remove();
  }

  /** The style sheet changed. */
  readTheme() {
    const { font } = this.theme;
    this.theme = readTheme(this.element);
    if (this.theme.font !== font || this.letters.scale !== this.textScale) {
      this.letters = this.layouts.letters = new Letters(contextOf(this.scene), this.theme.font);
      this.letters.scale = this.textScale;
      this.touchAll();
    }
    this.pen = new Pen(contextOf(this.scene), this.theme, this.letters);
    this.overlayPen = new Pen(contextOf(this.overlay), this.theme, this.letters);
    this.redraw();
  }

  #resize() {
    const ratio = devicePixelRatio || 1;
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    for (const canvas of [this.scene, this.overlay]) {
      canvas.width = Math.max(1, Math.round(this.width * ratio));
      canvas.height = Math.max(1, Math.round(this.height * ratio));
    }
    this.redraw();
    this.events.emit("move", null);
  }

  /** Shows another graph. @param {Graph} graph */
  show(graph) {
    this.#leaveGraph();
    this.graph = graph;
    this.nodes.clear();
    this.links.clear();
    this.#stale.clear();
    this.layouts.forgetAll(); // what changed while it was not shown was told to nobody
    for (const node of this.allNodes()) this.nodes.place(node, this.layouts.boxOf(node));
    for (const link of graph.links.values()) this.#placeLink(link);
    this.#leaveGraph = graph.document.journal.events.on("touch", (owner) => this.#touch(owner));
    this.redraw();
    this.events.emit("graph", graph);
  }

  /** The nodes of the graph and, inside a subgraph, its two ends. */
  *allNodes() {
    yield* this.graph.nodes.values();
    if (this.graph.boundary) yield* [this.graph.boundary.input, this.graph.boundary.output];
  }

  /** @param {object} owner  of what changed */
  #touch(owner) {
    if (owner instanceof Node) this.touchNode(owner);
    else if (owner === this.graph) this.#isStructureStale = true;
    else if (owner instanceof Reroute) this.#isStructureStale = true;
    this.redraw();
  }

  /** Something of a node looks different. @param {Node} node */
  touchNode(node) {
    this.layouts.forget(node); // at once: a size may be asked for before the next frame, as by who saves
    if (node.graph !== this.graph) return; // an instance outside, while its subgraph is open
    this.#stale.add(node);
    this.redraw();
  }

  /** Everything has another size, as after another text or widget kind. */
  touchAll() {
    this.layouts.forgetAll();
    for (const node of this.allNodes()) this.#stale.add(node);
    this.redraw();
  }

  redraw() {
    this.#isSceneStale = true;
    this.#schedule();
  }

  redrawOverlay() {
    this.#isOverlayStale = true;
    this.#schedule();
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Brings boxes up to date: before drawing, and before somebody asks where things are. */
  settle() {
    if (this.#isStructureStale) {
      this.#isStructureStale = false;
      const { graph } = this;
      for (const node of [...this.nodes.all]) if (graph.node(node.id) !== node) this.nodes.remove(node);
      for (const node of this.allNodes()) if (!this.nodes.has(node)) this.#stale.add(node);
      for (const link of [...this.links.all]) if (graph.links.get(link.id) !== link) this.links.remove(link);
      for (const link of graph.links.values()) if (!this.links.has(link) || link.parentId !== undefined) this.#placeLink(link);
    }
    if (!this.#stale.size) return;
    /** @type {Set<Link>} */
    const links = new Set();
    for (const node of this.#stale) {
      if (this.graph.node(node.id) !== node) continue;
      this.nodes.place(node, this.layouts.boxOf(node));
      for (const link of this.graph.linksOf(node)) links.add(link);
    }
    this.#stale.clear();
    for (const link of links) this.#placeLink(link);
  }

  /** @param {Link} link */
  #placeLink(link) {
    const points = this.pointsOf(link);
    if (!points) return;
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const { x, y } of points) {
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y);
    }
    const swing = Math.max(20, Math.hypot(box.right - box.left, box.bottom - box.top) * 0.25);
    this.links.place(link, { left: box.left - swing, right: box.right + swing, top: box.top - 5, bottom: box.bottom + 5 });
  }

  /**
   * The nodes that touch a box, from the back to the front. Chosen ones lie in front of all others, so that a click shows
   * all of a node without changing the file.
   * @param {Box} box
   */
  inOrder(box) {
    const nodes = this.nodes.within(box).sort((a, b) => a.rank - b.rank);
    const chosen = nodes.filter((node) => this.isSelected(node));
    return chosen.length && chosen.length < nodes.length ? [...nodes.filter((node) => !this.isSelected(node)), ...chosen] : nodes;
  }

  #draw() {
    this.#frame = 0;
    this.settle();
    if (this.#isSceneStale) {
      this.#isSceneStale = false;
      this.#isOverlayStale = true;
      this.painter.paintScene(this.#begin(this.scene, this.pen));
    }
    if (this.#isOverlayStale) {
      this.#isOverlayStale = false;
      const pen = this.#begin(this.overlay, this.overlayPen);
      for (const each of this.layerPainters) if (each.layer === "overlay") each.paint(pen, this);
    }
    this.events.emit("drawn", null);
  }

  /** @param {HTMLCanvasElement} canvas @param {Pen} pen */
  #begin(canvas, pen) {
    const ratio = devicePixelRatio || 1;
    const { context } = pen;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const scale = this.scale * ratio;
    context.setTransform(scale, 0, 0, scale, this.offset.x * ratio, this.offset.y * ratio);
    pen.scale = this.scale;
    return pen;
  }

  /**
   * The wheel over something that scrolls by itself; else it moves the view.
   * @param {(event: WheelEvent, place: Point, hit: Hit) => boolean} handler  `place`: graph px; true: it was scrolled
   * @returns {() => void}
   */
  onWheel(handler) {
    const stop = new AbortController();
    this.element.addEventListener("wheel", (event) => {
      if (event.ctrlKey || !event.deltaY) return;
      const area = this.element.getBoundingClientRect();
      const place = this.toGraph(event.clientX - area.left, event.clientY - area.top);
      if (!handler(event, place, this.hit(place.x, place.y))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.redraw();
    }, { capture: true, passive: false, signal: stop.signal });
    return () => stop.abort();
  }

  /**
   * @param {"back" | "overlay"} layer  `back`: behind links and nodes; `overlay`: above all, its own canvas
   * @param {number} order
   * @param {LayerPainter} paint
   */
  addLayer(layer, order, paint) {
    const entry = { layer, order, paint };
    this.layerPainters.push(entry);
    this.layerPainters.sort((a, b) => a.order - b.order);
    this.redraw();
    return () => {
      this.layerPainters.splice(this.layerPainters.indexOf(entry), 1);
      this.redraw();
    };
  }

  /**
   * Draws more onto nodes.
   * @param {NodePainter} paint
   * @param {{isFarToo?: boolean}} [how]  `isFarToo`: also onto those that are so far away that they are plain boxes
   */
  addNodePainter(paint, { isFarToo = false } = {}) {
    const lists = isFarToo ? [this.nodePainters, this.farPainters] : [this.nodePainters];
    for (const each of lists) each.push(paint);
    this.redraw();
    return () => {
      for (const each of lists) each.splice(each.indexOf(paint), 1);
      this.redraw();
    };
  }

  // Where things are.

  /** @param {number} x  CSS px from the canvas' corner @param {number} y @returns {Point} */
  toGraph(x, y) {
    return { x: (x - this.offset.x) / this.scale, y: (y - this.offset.y) / this.scale };
  }

  /** @param {number} x @param {number} y @returns {Point} CSS px from the canvas' corner */
  toScreen(x, y) {
    return { x: x * this.scale + this.offset.x, y: y * this.scale + this.offset.y };
  }

  /** What is seen. @returns {Box} */
  get window() {
    const { x: left, y: top } = this.toGraph(0, 0);
    const { x: right, y: bottom } = this.toGraph(this.width, this.height);
    return { left, top, right, bottom };
  }

  /** Puts a node into the middle, at the same zoom, unless all of it is seen. @param {Node} node */
  bringIntoView(node) {
    const box = this.boxAround([node]);
    if (!box) return;
    const { left, top, right, bottom } = this.window;
    if (box.left >= left && box.right <= right && box.top >= top && box.bottom <= bottom) return;
    this.moveTo(this.scale, { x: this.width / 2 - ((box.left + box.right) / 2) * this.scale, y: this.height / 2 - ((box.top + box.bottom) / 2) * this.scale });
  }

  /** @param {number} x @param {number} y @param {number} [near]  how near to a socket's centre is on it, graph px @returns {Hit} */
  hit(x, y, near) {
    this.settle();
    return findHit(this, x, y, near);
  }

  /** @param {Node} node @param {WidgetPlace} place @returns {Box} graph px */
  widgetBox(node, place) {
    const { width } = this.layouts.of(node);
    return { left: node.x + MARGIN, top: node.y + place.top, right: node.x + width - MARGIN, bottom: node.y + place.top + place.height };
  }

  /** Where a socket is, graph px. @param {Socket} socket @returns {Point} */
  pointOf({ node, side, slot }) {
    this.settle();
    return side === "input" ? this.layouts.inputPoint(node, slot) : this.layouts.outputPoint(node, slot);
  }

  /**
   * The points that a link runs through.
   * @param {Link} link
   * @returns {Point[] | null} null: one of its ends is not there
   */
  pointsOf(link) {
    const from = this.graph.node(link.from);
    const to = this.graph.node(link.to);
    if (!from || !to) return null;
    const start = this.layouts.outputPoint(from, link.fromSlot);
    const end = this.layouts.inputPoint(to, link.toSlot);
    return link.parentId === undefined ? [start, end] : [start, ...this.graph.routeOf(link), end];
  }

  /** @param {Link} link @param {number} x @param {number} y @param {number} reach  graph px */
  isNearLink(link, x, y, reach) {
    if (this.linkStyle === "hidden") return false;
    const points = this.pointsOf(link) ?? [];
    for (let i = 1; i < points.length; i++) {
      let before = points[i - 1];
      for (let step = 1; step <= 24; step++) {
        const next = pointOn(points[i - 1], points[i], this.linkStyle, step / 24);
        if (distance(before, next, x, y) <= reach) return true;
        before = next;
      }
    }
    return false;
  }

  /** Which piece of a link's way is nearest to a place: 0 is the first. @param {Link} link @param {number} x @param {number} y */
  pieceOf(link, x, y) {
    const points = this.pointsOf(link) ?? [];
    let piece = 0;
    let least = Infinity;
    for (let i = 1; i < points.length; i++) {
      let before = points[i - 1];
      for (let step = 1; step <= 24; step++) {
        const next = pointOn(points[i - 1], points[i], this.linkStyle, step / 24);
        const away = distance(before, next, x, y);
        if (away < least) [least, piece] = [away, i - 1];
        before = next;
      }
    }
    return piece;
  }

  /** What lies in a group: nodes by their middle, other groups as a whole. @param {Group} group @returns {(Node | Group | Reroute)[]} */
  insideOf(group) {
    this.settle();
    const { graph } = this;
    /** @param {number} x @param {number} y */
    const isInside = (x, y) => x >= group.x && x <= group.x + group.width && y >= group.y && y <= group.y + group.height;
    const box = { left: group.x, top: group.y, right: group.x + group.width, bottom: group.y + group.height };
    /** @type {(Node | Group | Reroute)[]} */
    const found = this.nodes.within(box).filter((node) => {
      const each = this.layouts.boxOf(node);
      return isInside((each.left + each.right) / 2, (each.top + each.bottom) / 2);
    });
    for (const other of graph.groups) {
      if (other !== group && isInside(other.x, other.y) && isInside(other.x + other.width, other.y + other.height)) found.push(other);
    }
    for (const each of graph.reroutes.values()) if (isInside(each.x, each.y)) found.push(each);
    return found;
  }

  // Moving the view.

  /** @param {number} dx  CSS px @param {number} dy */
  panBy(dx, dy) {
    this.offset = { x: this.offset.x + dx, y: this.offset.y + dy };
    this.#moved();
  }

  /**
   * @param {number} x  CSS px from the canvas' corner: what is there stays there
   * @param {number} y
   * @param {number} scale
   */
  zoomAt(x, y, scale) {
    const next = Math.min(LARGEST_SCALE, Math.max(LEAST_SCALE, scale));
    const { x: graphX, y: graphY } = this.toGraph(x, y);
    this.scale = next;
    this.offset = { x: x - graphX * next, y: y - graphY * next };
    this.#moved();
  }

  /** @param {number} scale @param {Point} offset */
  moveTo(scale, offset) {
    this.scale = Math.min(LARGEST_SCALE, Math.max(LEAST_SCALE, scale));
    this.offset = { ...offset };
    this.#moved();
  }

  /**
   * Brings a box into the middle.
   * @param {Box} box  graph px
   * @param {{largest?: number, padding?: number}} [how]  `largest`: scale at most
   */
  fit(box, { largest = 1, padding = 40 } = {}) {
    const [wide, high] = [Math.max(1, box.right - box.left), Math.max(1, box.bottom - box.top)];
    const scale = Math.min(largest, (this.width - 2 * padding) / wide, (this.height - 2 * padding) / high);
    this.scale = Math.min(LARGEST_SCALE, Math.max(LEAST_SCALE, scale));
    this.offset = {
      x: this.width / 2 - ((box.left + box.right) / 2) * this.scale,
      y: this.height / 2 - ((box.top + box.bottom) / 2) * this.scale,
    };
    this.#moved();
  }

  /** @param {Iterable<Node>} [nodes]  all, if none are named @returns {Box | null} null: there are none */
  boxAround(nodes = this.allNodes()) {
    this.settle();
    /** @type {Box | null} */
    let box = null;
    for (const node of nodes) {
      const each = this.layouts.boxOf(node);
      box = box
        ? { left: Math.min(box.left, each.left), top: Math.min(box.top, each.top), right: Math.max(box.right, each.right), bottom: Math.max(box.bottom, each.bottom) }
        : each;
    }
    return box;
  }

  #moved() {
    this.redraw();
    this.events.emit("move", null);
  }
}

/** @param {HTMLElement} element */
function canvasIn(element) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true"); // the outline beside it tells the same
  element.append(canvas);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser has no 2D canvas");
  return context;
}

/** From a point to a piece of a line. @param {Point} from @param {Point} to @param {number} x @param {number} y */
function distance(from, to, x, y) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const t = length ? Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / length)) : 0;
  return Math.hypot(x - from.x - dx * t, y - from.y - dy * t);
}
