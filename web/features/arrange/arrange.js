/** Puts chosen nodes in order: aligned, distributed, moved by arrow keys, or laid out along their links. */

import { Group, Node } from "../../core/graph.js";
import { FRAME_MARGIN, fitGroup } from "../../core/group-frames.js";
import { TITLE_HEIGHT } from "../../core/view/layout.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Box } from "../../core/view/spatial.js" */

/** @type {Record<string, (box: Box, all: Box) => {x?: number, y?: number}>} by how far a node moves */
const ALIGN = {
  left: (box, all) => ({ x: all.left - box.left }),
  right: (box, all) => ({ x: all.right - box.right }),
  center: (box, all) => ({ x: (all.left + all.right - box.left - box.right) / 2 }),
  top: (box, all) => ({ y: all.top - box.top }),
  bottom: (box, all) => ({ y: all.bottom - box.bottom }),
  middle: (box, all) => ({ y: (all.top + all.bottom - box.top - box.bottom) / 2 }),
};

/** @type {Feature} */
export const arrange = {
  name: "arrange",
  install(editor) {
    const { selection, view, settings } = editor;
    const movable = () => selection.nodes.filter((node) => !node.isPinned);
    const nudges = /** @type {[string, number, number][]} */ ([["left", -1, 0], ["right", 1, 0], ["up", 0, -1], ["down", 0, 1]]);

    const stop = new AbortController();
    /** An arrow key is down: all moves until it goes up are one step of undo. */
    let isHeld = false;
    /** @type {{commit: () => void} | null} */
    let gesture = null;
    function release() {
      isHeld = false;
      gesture?.commit();
      gesture = null;
    }
    addEventListener("keydown", ({ key }) => {
      const isArrow = key.startsWith("Arrow");
      if (!isArrow && key !== "Shift") release();
      else isHeld ||= isArrow;
    }, { capture: true, signal: stop.signal });
    for (const name of ["keyup", "blur", "pointerdown"]) addEventListener(name, release, { capture: true, signal: stop.signal });

    /** @param {number} dx @param {number} dy */
    function nudge(dx, dy) {
      if (isHeld) gesture ??= editor.document.journal.begin("undo.move");
      const isSnapping = settings.read("grid.snap", false);
      const step = settings.read("grid.step", 10);
      editor.edit("undo.move", () => {
        for (const node of movable()) {
          const [x, y] = [node.x + dx * step, node.y + dy * step];
          editor.graph.moveNode(node, isSnapping && dx ? Math.round(x / step) * step : x, isSnapping && dy ? Math.round(y / step) * step : y);
        }
        for (const each of [...selection.groups.filter((group) => !group.flags.pinned), ...selection.reroutes]) {
          if (each instanceof Group) {
            editor.graph.setGroup(each, "x", each.x + dx * step);
            editor.graph.setGroup(each, "y", each.y + dy * step);
          } else {
            editor.graph.setReroute(each, "x", each.x + dx * step);
            editor.graph.setReroute(each, "y", each.y + dy * step);
          }
        }
      });
    }

    /** @param {string} how */
    function align(how) {
      const all = view.boxAround(movable());
      if (!all) return;
      editor.edit("undo.align", () => {
        for (const node of movable()) {
          const { x = 0, y = 0 } = ALIGN[how](view.layouts.boxOf(node), all);
          editor.graph.moveNode(node, node.x + x, node.y + y);
        }
      });
    }

    /** The same gap between each and the next. @param {"x" | "y"} axis */
    function distribute(axis) {
      const [low, high] = axis === "x" ? /** @type {const} */ (["left", "right"]) : /** @type {const} */ (["top", "bottom"]);
      const boxes = movable().map((node) => ({ node, box: view.layouts.boxOf(node) })).sort((a, b) => a.box[low] - b.box[low]);
      if (boxes.length < 3) return;
      const whole = Math.max(...boxes.map(({ box }) => box[high])) - boxes[0].box[low];
      const filled = boxes.reduce((sum, { box }) => sum + box[high] - box[low], 0);
      const gap = (whole - filled) / (boxes.length - 1);
      editor.edit("undo.distribute", () => {
        let at = boxes[0].box[low];
        for (const { node, box } of boxes) {
          const by = at - box[low];
          editor.graph.moveNode(node, node.x + (axis === "x" ? by : 0), node.y + (axis === "y" ? by : 0));
          at += box[high] - box[low] + gap;
        }
      });
    }

    /** @param {Node[]} nodes  the whole graph, if they are all */
    async function layOutNodes(nodes) {
      const { layOutFramed } = await import("./frames.js");
      const { graph } = editor;
      const moved = nodes.filter((node) => !node.isPinned);
      const box = view.boxAround(moved);
      if (!box) return;
      const pieces = moved.map((node) => {
        const each = view.layouts.boxOf(node);
        return { id: node.key, x: each.left, y: each.top, width: each.right - each.left, height: each.bottom - each.top };
      });
      const pairs = [...graph.links.values()].map((link) => ({ from: String(link.from), to: String(link.to) }));
      const held = new Set(moved);
      const frames = graph.groups.map((group, i) => ({ id: String(i), group, inside: view.insideOf(group).filter((each) => each instanceof Node) })).filter(({ inside }) => inside.some((each) => held.has(each)));
      // A frame with something in it that stays where it is cannot be moved as a whole.
      const whole = frames.filter(({ group, inside }) => !group.flags.pinned && inside.every((each) => held.has(each)));
      const { places, areas } = layOutFramed(pieces, pairs, whole.map(({ id, inside }) => ({ id, pieces: inside.map((each) => each.key) })), { margin: FRAME_MARGIN, top: TITLE_HEIGHT });
      const through = new Set(moved.flatMap((node) => graph.linksOf(node)));
      editor.edit("undo.layout", () => {
        for (const node of moved) {
          const place = /** @type {{x: number, y: number}} */ (places.get(node.key));
          graph.moveNode(node, Math.round(box.left + place.x), Math.round(box.top + place.y + TITLE_HEIGHT));
        }
        for (const link of through) {
          // Points of the old way would lead the link astray.
          for (const point of graph.routeOf(link)) if (graph.reroutes.get(point.id) === point) graph.removeReroute(point);
        }
        view.settle();
        for (const { id, group, inside } of frames) {
          const area = areas.get(id);
          if (!area) fitGroup(editor, group, inside);
          else for (const key of /** @type {const} */ (["x", "y", "width", "height"])) graph.setGroup(group, key, Math.round(area[key] + (key === "x" ? box.left : key === "y" ? box.top : 0)));
        }
      });
    }

    const hasMany = () => movable().length > 1;
    const stops = [
      editor.commands.addAll([
        ...nudges.map(([name, dx, dy]) => ({ id: `arrange.nudge-${name}`, title: `command.nudge-${name}`, keys: [`arrow${name}`], when: () => selection.size > 0, run: () => nudge(dx, dy) })),
        ...nudges.map(([name, dx, dy]) => ({ id: `arrange.push-${name}`, title: `command.push-${name}`, keys: [`shift+arrow${name}`], when: () => selection.size > 0, run: () => nudge(dx * 5, dy * 5) })),
        ...Object.keys(ALIGN).map((how) => ({ id: `arrange.align-${how}`, title: `command.align-${how}`, when: hasMany, run: () => align(how) })),
        { id: "arrange.distribute-x", title: "command.distribute-x", when: () => movable().length > 2, run: () => distribute("x") },
        { id: "arrange.distribute-y", title: "command.distribute-y", when: () => movable().length > 2, run: () => distribute("y") },
        { id: "arrange.layout", title: "command.layout", when: hasMany, run: () => layOutNodes(selection.nodes) },
        { id: "arrange.layout-all", title: "command.layout-all", when: () => editor.graph.nodes.size > 0, run: () => layOutNodes([...view.allNodes()]) },
        { id: "grid.toggle", title: "command.toggle-grid", run: () => settings.write("grid.snap", !settings.read("grid.snap", false)) },
      ]),
      editor.addMenu(40, ({ hit }) => {
        if (hit.kind === "empty") return [editor.menuItem("arrange.layout-all"), { ...editor.menuItem("grid.toggle"), isChecked: settings.read("grid.snap", false) }];
        if (!("node" in hit) || hit.kind === "input" || hit.kind === "output" || !hasMany()) return [];
        return [{ title: "menu.arrange", children: [
          ...Object.keys(ALIGN).map((how) => editor.menuItem(`arrange.align-${how}`)), "line",
          editor.menuItem("arrange.distribute-x"), editor.menuItem("arrange.distribute-y"), "line", editor.menuItem("arrange.layout"),
        ] }];
      }),
    ];
    return () => {
      release();
      stop.abort();
      stops.forEach((each) => each());
    };
  },
};
