/** Choosing nodes, dragging them, resizing them. */

import { Group, Node, Reroute } from "../../core/graph.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Drag, Press } from "../../core/view/pointer.js" */
/** @import { Selectable } from "../../core/selection.js" */

/** @type {Feature} */
export const move = {
  name: "move",
  install(editor) {
    const { view } = editor;
    /** @type {{x: number, y: number, toX: number, toY: number} | null} */
    let frame = null;
    const stopPress = view.pointer.onPress(10, (press) => {
      if (press.button !== 0) return undefined;
      const { hit } = press;
      if (hit.kind === "resize") return resize(editor, hit.node, press);
      const thing = "node" in hit && hit.kind !== "input" && hit.kind !== "output" ? hit.node
        : hit.kind === "reroute" ? hit.reroute : hit.kind === "group-title" ? hit.group : null;
      if (thing) return drag(editor, thing, press);
      if ((hit.kind === "empty" || hit.kind === "group") && (press.ctrl || press.shift)) {
        return {
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
    return () => {
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
 * @returns {Drag}
 */
function drag(editor, thing, press) {
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
  return {
    move(now) {
      if (!gesture) {
        gesture = editor.document.journal.begin("undo.move");
        starts = movedWith(editor, selection.all).map((each) => ({ thing: each, x: each.x, y: each.y }));
        editor.graph.raise(starts.flatMap((each) => (each.thing instanceof Node && editor.graph.nodes.has(each.thing.key) ? [each.thing] : [])));
      }
      let [dx, dy] = [now.x - press.x, now.y - press.y];
      const grid = editor.settings.read("grid.snap", false) !== now.shift ? editor.settings.read("grid.step", 10) : 0;
      if (grid && starts.length) {
        dx = Math.round((starts[0].x + dx) / grid) * grid - starts[0].x;
        dy = Math.round((starts[0].y + dy) / grid) * grid - starts[0].y;
      }
      for (const { thing: each, x, y } of starts) place(editor, each, x + dx, y + dy);
    },
    end(_, moved) {
      gesture?.commit();
      if (moved) return;
      if (press.ctrl || press.shift) {
        if (wasChosen) selection.remove([thing]);
      } else {
        selection.set([thing]);
      }
    },
    cancel: () => gesture?.cancel(),
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

/**
 * What moves: a group takes along what lies inside it.
 * @param {Editor} editor
 * @param {Selectable[]} chosen
 * @returns {(Node | Group | Reroute)[]}
 */
function movedWith(editor, chosen) {
  /** @type {Set<Node | Group | Reroute>} */
  const moved = new Set();
  for (const each of chosen) {
    if (each instanceof Node ? !each.isPinned : each instanceof Reroute) moved.add(/** @type {Node | Reroute} */ (each));
    if (!(each instanceof Group) || each.flags.pinned) continue;
    moved.add(each);
    for (const inner of insideOf(editor, each)) moved.add(inner);
  }
  return [...moved];
}

/** What lies in a group, by its middle. @param {Editor} editor @param {Group} group @returns {(Node | Group | Reroute)[]} */
export function insideOf(editor, group) {
  const { graph, view } = editor;
  /** @param {number} x @param {number} y */
  const isInside = (x, y) => x >= group.x && x <= group.x + group.width && y >= group.y && y <= group.y + group.height;
  const box = { left: group.x, top: group.y, right: group.x + group.width, bottom: group.y + group.height };
  /** @type {(Node | Group | Reroute)[]} */
  const found = view.nodes.within(box).filter((node) => {
    const each = view.layouts.boxOf(node);
    return !node.isPinned && isInside((each.left + each.right) / 2, (each.top + each.bottom) / 2);
  });
  for (const other of graph.groups) {
    if (other !== group && isInside(other.x, other.y) && isInside(other.x + other.width, other.y + other.height)) found.push(other);
  }
  for (const each of graph.reroutes.values()) if (isInside(each.x, each.y)) found.push(each);
  return found;
}

/** @param {Editor} editor @param {Node} node @param {Press} press @returns {Drag} */
function resize(editor, node, press) {
  const gesture = editor.document.journal.begin("undo.resize");
  const { width, height } = editor.view.layouts.of(node);
  return {
    cursor: "nwse-resize",
    move(now) {
      editor.graph.setNode(node, "width", Math.max(60, width + now.x - press.x));
      editor.graph.setNode(node, "height", Math.max(20, height + now.y - press.y));
    },
    end: () => gesture.commit(),
    cancel: () => gesture.cancel(),
  };
}
