/** Choosing nodes, dragging them, resizing them. */

import { Group, Link, Node, Reroute } from "../../core/graph.js";
import { cursorOfEdge } from "../../core/view/hits.js";
import { Guides } from "./guides.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Corner, Edge } from "../../core/view/hits.js" */
/** @import { Drag, Press } from "../../core/view/pointer.js" */
/** @import { Selectable } from "../../core/selection.js" */

/** @typedef {{things: (Node | Group | Reroute)[], press: Press}} MoveEvent  of "move:drag" and "move:drop" */

const LEAST_GROUP = { width: 140, height: 80 }; // graph px

/** @type {Feature} */
export const move = {
  name: "move",
  install(editor) {
    const { view } = editor;
    /** @type {{x: number, y: number, toX: number, toY: number} | null} */
    let frame = null;
    const guides = new Guides(editor);
    const stopPress = view.pointer.onPress(10, (press) => {
      if (press.button !== 0) return undefined;
      const { hit } = press;
      if (hit.kind === "resize") return resizeNode(editor, hit.node, hit.corner, press);
      if (hit.kind === "group-resize") return resizeGroup(editor, hit.group, hit.edge, press);
      if (hit.kind === "link" && !press.alt) {
        if (press.ctrl) editor.selection.toggle(hit.link);
        else editor.selection.set([hit.link]);
        return true;
      }
      const thing = "node" in hit && hit.kind !== "input" && hit.kind !== "output" ? hit.node
        : hit.kind === "reroute" ? hit.reroute : hit.kind === "group-title" ? hit.group : null;
      if (thing) return drag(editor, thing, press, guides);
      if ((hit.kind === "empty" || hit.kind === "group") && (press.ctrl || press.shift)) {
        return {
          pans: true,
          move(now) {
            frame = { x: press.x, y: press.y, toX: now.x, toY: now.y };
            view.redrawOverlay();
          },
          end() {
            if (frame) chooseWithin(editor, frame, press);
            frame = null;
            view.redrawOverlay();
          },
          cancel() {
            frame = null;
            view.redrawOverlay();
          },
        };
      }
      return undefined;
    });
    const stopLayer = view.addLayer("overlay", 100, (pen) => {
      for (const { from, to } of guides.lines) {
        pen.context.beginPath();
        pen.context.moveTo(from.x, from.y);
        pen.context.lineTo(to.x, to.y);
        pen.context.strokeStyle = pen.theme.accent;
        pen.context.lineWidth = 1 / view.scale;
        pen.context.stroke();
      }
      if (!frame) return;
      pen.context.globalAlpha = 0.15;
      const box = boxOf(frame);
      pen.box(box, pen.theme.selected);
      pen.context.globalAlpha = 1;
      pen.box(box, "", { edge: pen.theme.selected, edgeWidth: 1 / view.scale });
    });
    const stopCommands = editor.commands.addAll([
      { id: "select.all", title: "command.select-all", keys: ["ctrl+a"], run: () => editor.selection.set([...editor.graph.nodes.values(), ...editor.graph.groups]) },
      { id: "select.none", title: "command.select-none", keys: ["escape"], when: () => editor.selection.size > 0, run: () => editor.selection.clear() },
      { id: "edit.delete", title: "command.delete", keys: ["delete", "backspace"], when: () => editor.selection.size > 0, run: () => removeChosen(editor, false) },
      { id: "edit.delete-reconnect", title: "command.delete-reconnect", keys: ["ctrl+delete", "ctrl+backspace"], when: () => editor.selection.size > 0, run: () => removeChosen(editor, true) },
    ]);
    const stopSettings = editor.settings.declare([
      { id: "grid.snap", title: "setting.grid-snap", section: "setting.canvas", kind: "boolean", fallback: false },
      { id: "grid.step", title: "setting.grid-step", section: "setting.canvas", kind: "number", fallback: 10, low: 1, high: 200, step: 1 },
      { id: "grid.guides", title: "setting.grid-guides", section: "setting.canvas", kind: "boolean", fallback: true },
    ]);
    return () => {
      stopSettings();
      stopPress();
      stopLayer();
      stopCommands();
    };
  },
};

/** @param {{x: number, y: number, toX: number, toY: number}} frame */
function boxOf({ x, y, toX, toY }) {
  return { left: Math.min(x, toX), right: Math.max(x, toX), top: Math.min(y, toY), bottom: Math.max(y, toY) };
}

/** @param {Editor} editor @param {{x: number, y: number, toX: number, toY: number}} frame @param {Press} press */
function chooseWithin(editor, frame, press) {
  const box = boxOf(frame);
  /** @type {Selectable[]} */
  const found = editor.view.nodes.within(box).filter((node) => editor.graph.nodes.has(node.key));
  for (const group of editor.graph.groups) {
    if (group.x >= box.left && group.y >= box.top && group.x + group.width <= box.right && group.y + group.height <= box.bottom) found.push(group);
  }
  for (const each of editor.graph.reroutes.values()) if (each.x >= box.left && each.x <= box.right && each.y >= box.top && each.y <= box.bottom) found.push(each);
  if (press.shift && press.ctrl) editor.selection.remove(found);
  else if (press.shift) editor.selection.add(found);
  else editor.selection.set(found);
}

/** @param {Editor} editor @param {boolean} reconnect */
function removeChosen(editor, reconnect) {
  const { nodes, groups, links, reroutes } = editor.selection;
  const { graph } = editor;
  editor.edit("undo.delete", () => {
    for (const link of links) if (graph.links.get(link.id) === link) graph.disconnect(link);
    graph.removeNodes(nodes.filter((node) => !node.isPinned), { reconnect });
    for (const each of reroutes) graph.removeReroute(each);
    for (const group of groups) graph.removeGroup(group);
  });
  editor.selection.clear();
}

/**
 * @param {Editor} editor
 * @param {Node | Group | Reroute} thing
 * @param {Press} press
 * @param {Guides} guides
 * @returns {Drag}
 */
function drag(editor, thing, press, guides) {
  const { view, selection } = editor;
  const wasChosen = selection.has(thing);
  if (press.ctrl || press.shift) {
    if (!wasChosen) selection.add([thing]);
  } else if (!wasChosen) {
    selection.set([thing]);
  }
  /** @type {{commit: () => void, cancel: () => void} | null} */
  let gesture = null;
  /** @type {{thing: Node | Group | Reroute, x: number, y: number}[]} */
  let starts = [];
  function begin() {
    gesture = editor.document.journal.begin(press.alt ? "undo.duplicate" : "undo.move");
    // With Alt the copies are what is dragged; with Shift, too, they keep the links that came in.
    if (press.alt && editor.services.clipboard) selection.set(editor.services.clipboard.clone(press.shift));
    // A group that is dragged with Ctrl leaves what it holds: it is the frame that is put elsewhere.
    starts = movedWith(editor, selection.all, !(press.ctrl && thing instanceof Group)).map((each) => ({ thing: each, x: each.x, y: each.y }));
    editor.graph.raise(starts.flatMap((each) => (each.thing instanceof Node && editor.graph.nodes.has(each.thing.key) ? [each.thing] : [])));
    guides.begin(starts.map((each) => each.thing));
  }
  /** @param {Press} now @returns {MoveEvent} */
  const moving = (now) => ({ things: starts.map((each) => each.thing), press: now });
  /** @param {Press} now */
  function follow(now) {
    let [dx, dy] = [now.x - press.x, now.y - press.y];
    const grid = gridOf(editor, press, now);
    if (grid && starts.length) {
      dx = Math.round((starts[0].x + dx) / grid) * grid - starts[0].x;
      dy = Math.round((starts[0].y + dy) / grid) * grid - starts[0].y;
    } else {
      [dx, dy] = guides.snap(dx, dy, !now.ctrl);
    }
    for (const { thing: each, x, y } of starts) place(editor, each, x + dx, y + dy);
    editor.events.emit("move:drag", moving(now));
  }
  return {
    pans: true,
    move(now) {
      if (!gesture) begin();
      follow(now);
    },
    end(now, moved) {
      guides.end();
      if (gesture) editor.events.emit("move:drop", moving(now)); // what others do with it is part of the same step
      gesture?.commit();
      if (moved) return;
      if (press.ctrl || press.shift) {
        if (wasChosen) selection.remove([thing]);
      } else {
        selection.set([thing]);
      }
    },
    cancel() {
      guides.end();
      editor.events.emit("move:cancel", null);
      gesture?.cancel();
      selection.set(selection.all.filter((each) => !(each instanceof Node) || editor.graph.node(each.id) === each));
    },
  };
}

/** @param {Editor} editor @param {Node | Group | Reroute} thing @param {number} x @param {number} y */
function place(editor, thing, x, y) {
  const { graph } = editor;
  if (thing instanceof Node) {
    graph.moveNode(thing, x, y);
  } else if (thing instanceof Group) {
    graph.setGroup(thing, "x", x);
    graph.setGroup(thing, "y", y);
  } else {
    graph.setReroute(thing, "x", x);
    graph.setReroute(thing, "y", y);
  }
}

/** @param {Node | Group | Reroute} thing */
function isPinned(thing) {
  return !(thing instanceof Reroute) && Boolean(thing.flags.pinned);
}

/**
 * What moves: a group takes along what lies inside it.
 * @param {Editor} editor
 * @param {Selectable[]} chosen
 * @param {boolean} withContents
 * @returns {(Node | Group | Reroute)[]}
 */
function movedWith(editor, chosen, withContents) {
  /** @type {Set<Node | Group | Reroute>} */
  const moved = new Set();
  for (const each of chosen) {
    if (each instanceof Link || isPinned(each)) continue;
    moved.add(each);
    if (!(each instanceof Group) || !withContents) continue;
    for (const inner of editor.view.insideOf(each)) if (!isPinned(inner)) moved.add(inner);
  }
  return [...moved];
}

/** The grid that things are put on now, 0: none. Shift means the other of what the setting says. @param {Editor} editor @param {Press} press @param {Press} now */
function gridOf({ settings }, press, now) {
  return settings.read("grid.snap", false) !== (now.shift && !press.shift) ? settings.read("grid.step", 10) : 0;
}

/**
 * @param {Editor} editor
 * @param {{width: number, height: number}} size  when it begins
 * @param {Corner} corner  that is dragged
 * @param {Press} press
 * @param {(width: number, height: number) => void} put
 * @returns {Drag}
 */
function resize(editor, { width, height }, corner, press, put) {
  const gesture = editor.document.journal.begin("undo.resize");
  const [right, down] = [corner.endsWith("e") ? 1 : -1, corner.startsWith("s") ? 1 : -1];
  return {
    cursor: cursorOfEdge(corner),
    pans: true,
    move(now) {
      const step = gridOf(editor, press, now) || 1;
      put(Math.round((width + right * (now.x - press.x)) / step) * step, Math.round((height + down * (now.y - press.y)) / step) * step);
    },
    end: () => gesture.commit(),
    cancel: () => gesture.cancel(),
  };
}

/** The corner across stays where it is. @param {Editor} editor @param {Node} node @param {Corner} corner @param {Press} press @returns {Drag} */
function resizeNode(editor, node, corner, press) {
  const { graph, view } = editor;
  const { width, height } = view.layouts.of(node);
  const [right, bottom] = [node.x + width, node.y + height];
  return resize(editor, { width, height }, corner, press, (wide, high) => {
    graph.setNode(node, "width", Math.max(60, wide));
    graph.setNode(node, "height", Math.max(20, high));
    if (corner === "se") return;
    const now = view.layouts.of(node); // it does not get smaller than what it holds
    graph.moveNode(node, corner.endsWith("w") ? right - now.width : node.x, corner.startsWith("n") ? bottom - now.height : node.y);
  });
}

/** The edges that are not dragged stay where they are. @param {Editor} editor @param {Group} group @param {Edge} edge @param {Press} press @returns {Drag} */
function resizeGroup(editor, group, edge, press) {
  const gesture = editor.document.journal.begin("undo.resize");
  const { x, y, width, height } = group;
  const [right, bottom] = [x + width, y + height];
  return {
    cursor: cursorOfEdge(edge),
    pans: true,
    move(now) {
      const step = gridOf(editor, press, now) || 1;
      const onGrid = (/** @type {number} */ place) => Math.round(place / step) * step;
      const [dx, dy] = [now.x - press.x, now.y - press.y];
      const to = { left: x, top: y, right, bottom };
      if (edge.includes("w")) to.left = Math.min(onGrid(x + dx), right - LEAST_GROUP.width);
      if (edge.includes("e")) to.right = Math.max(onGrid(right + dx), x + LEAST_GROUP.width);
      if (edge.includes("n")) to.top = Math.min(onGrid(y + dy), bottom - LEAST_GROUP.height);
      if (edge.includes("s")) to.bottom = Math.max(onGrid(bottom + dy), y + LEAST_GROUP.height);
      const { graph } = editor;
      graph.setGroup(group, "x", to.left);
      graph.setGroup(group, "y", to.top);
      graph.setGroup(group, "width", to.right - to.left);
      graph.setGroup(group, "height", to.bottom - to.top);
    },
    end: () => gesture.commit(),
    cancel: () => gesture.cancel(),
  };
}
