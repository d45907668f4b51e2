/** The frames of groups: as large as what they are put around. */

import { Group, Node, Reroute } from "./graph.js";
import { GROUP_TITLE_HEIGHT } from "./view/hits.js";

/** @import { Editor } from "./editor.js" */
/** @import { Selectable } from "./selection.js" */
/** @import { Box } from "./view/spatial.js" */
/** @import { CanvasView } from "./view/view.js" */

export const FRAME_MARGIN = 20; // between a group's frame and what it holds, graph px

/**
 * The frame around things.
 * @param {CanvasView} view
 * @param {Iterable<Selectable>} things
 * @returns {Box | null} null: there is none of them
 */
export function frameAround(view, things) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const each of things) {
    const one = each instanceof Node ? view.layouts.boxOf(each)
      : each instanceof Group ? { left: each.x, top: each.y, right: each.x + each.width, bottom: each.y + each.height }
      : each instanceof Reroute ? { left: each.x, top: each.y, right: each.x, bottom: each.y } : null;
    if (!one) continue;
    box.left = Math.min(box.left, one.left);
    box.top = Math.min(box.top, one.top);
    box.right = Math.max(box.right, one.right);
    box.bottom = Math.max(box.bottom, one.bottom);
  }
  if (box.left > box.right) return null;
  return { left: box.left - FRAME_MARGIN, top: box.top - FRAME_MARGIN - GROUP_TITLE_HEIGHT, right: box.right + FRAME_MARGIN, bottom: box.bottom + FRAME_MARGIN };
}

/**
 * Puts a group's frame around things; of none, it stays. Inside an edit.
 * @param {Editor} editor
 * @param {Group} group
 * @param {Iterable<Selectable>} things
 */
export function fitGroup(editor, group, things) {
  const box = frameAround(editor.view, things);
  if (!box) return;
  editor.graph.setGroup(group, "x", box.left);
  editor.graph.setGroup(group, "y", box.top);
  editor.graph.setGroup(group, "width", box.right - box.left);
  editor.graph.setGroup(group, "height", box.bottom - box.top);
}
