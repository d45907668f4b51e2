/** Draws what nodes show. */

import { PADDING, SLOT_HEIGHT, TITLE_HEIGHT } from "../../core/view/layout.js";
import { overlap } from "../../core/view/spatial.js";
import { aspectOf, CAPTION_HEIGHT, fitInto, LINE_HEIGHT, linesIn, place, SMALL_PX } from "./shape.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Layout } from "../../core/view/layout.js" */
/** @import { Pen } from "../../core/view/pen.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { ContentView } from "./content.js" */
/** @import { Content, ContentStore, Picture } from "./store.js" */

const BAR_HEIGHT = 4;

/**
 * @param {Pen} pen
 * @param {Editor} editor
 * @param {ContentView} shown
 * @param {Node} node
 * @param {Layout} layout
 */
export function paintContent(pen, editor, shown, node, layout) {
  const content = shown.store.get(node);
  if (content) {
    if (pen.isNear && (content.ms !== undefined || content.state === "cached" || content.state === "queued")) paintState(pen, editor, node, layout, content);
    if (content.errors.length) paintErrorEdges(pen, node, layout, content);
  }
  if (layout.extraHeight <= 0) return;
  const found = shown.of(node, layout.width);
  if (!found) return;
  const boxes = place(node, layout, found.parts, found.shown);
  if (boxes.errors && pen.isNear) paintErrors(pen, boxes.errors, found.parts.errors);
  if (boxes.text && pen.isNear) paintText(pen, boxes.text, found.parts.lines, content?.scroll ?? 0);
  if (!boxes.pictures) return;
  if (content?.preview) {
    paintBitmap(pen, content.preview, boxes.pictures, content.preview.width / content.preview.height);
    return;
  }
  paintPictures(pen, editor, shown, node, layout);
}

/** @param {Pen} pen @param {Editor} editor @param {ContentView} shown @param {Node} node @param {Layout} layout */
function paintPictures(pen, editor, shown, node, layout) {
  const { window } = editor.view;
  const ratio = pen.scale * (devicePixelRatio || 1);
  const cells = shown.cellsOf(node, layout);
  const isLarge = cells.length === 1;
  for (const { picture, index, box } of cells) {
    if (!overlap(box, window)) continue;
    const hasCaption = isLarge && pen.isNear && box.bottom - box.top > 3 * CAPTION_HEIGHT;
    const inner = hasCaption ? { ...box, bottom: box.bottom - CAPTION_HEIGHT } : { left: box.left + 1, right: box.right - 1, top: box.top + 1, bottom: box.bottom - 1 };
    const aspect = aspectOf(picture, (src) => shown.pictures.sizeOf(src));
    const fitted = fitInto(inner, aspect);
    const bitmap = shown.pictures.get(picture.src, Math.max(fitted.right - fitted.left, fitted.bottom - fitted.top) * ratio);
    if (bitmap) paintBitmap(pen, bitmap, inner, aspect);
    else if (pen.isNear) paintWaiting(pen, inner, shown.pictures.isBroken(picture.src) ? editor.text("content.no-picture") : "");
    if (hasCaption) paintCaption(pen, editor, shown, node, box, picture, index);
  }
}

/** @param {Pen} pen @param {Editor} editor @param {ContentView} shown @param {Node} node @param {Box} box @param {Picture} picture @param {number} index */
function paintCaption(pen, editor, shown, node, box, picture, index) {
  const size = picture.width ? /** @type {any} */ (picture) : shown.pictures.sizeOf(picture.src);
  const count = shown.store.get(node)?.pictures.length ?? 0;
  const y = box.bottom - CAPTION_HEIGHT / 2;
  if (size) pen.text(`${size.width} × ${size.height}`, (box.left + box.right) / 2, y, { px: SMALL_PX, align: "center", colour: pen.onBodyFaint });
  if (count > 1) pen.text(editor.text("content.of", { at: index + 1, count }), box.right - 4, y, { px: SMALL_PX, align: "right", colour: pen.onBodyFaint });
}

/** @param {Pen} pen @param {ImageBitmap} bitmap @param {Box} box @param {number} aspect */
function paintBitmap(pen, bitmap, box, aspect) {
  if (!bitmap.width) return; // closed meanwhile
  const { left, top, right, bottom } = fitInto(box, aspect);
  if (right - left < 1 || bottom - top < 1) return;
  pen.context.imageSmoothingQuality = "medium";
  pen.context.drawImage(bitmap, left, top, right - left, bottom - top);
}

/** @param {Pen} pen @param {Box} box @param {string} text */
function paintWaiting(pen, box, text) {
  pen.box(box, pen.theme.field, { radius: 4 });
  if (text) pen.text(text, (box.left + box.right) / 2, (box.top + box.bottom) / 2, { align: "center", colour: pen.theme.faint, width: box.right - box.left - 8 });
}

/** @param {Pen} pen @param {Box} box @param {string[]} lines @param {number} from  the first that is seen */
function paintText(pen, box, lines, from) {
  const inner = { ...box, top: box.top + 2, bottom: box.bottom - 2 };
  pen.box(inner, pen.theme.field, { radius: 4 });
  const fits = linesIn(box);
  const first = Math.max(0, Math.min(from, lines.length - fits));
  for (let i = 0; i < fits && first + i < lines.length; i++) {
    pen.text(lines[first + i], box.left + 8, inner.top + 4 + LINE_HEIGHT * (i + 0.5), { colour: pen.theme.fieldText });
  }
  if (lines.length <= fits) return;
  const height = inner.bottom - inner.top;
  const bar = Math.max(12, (height * fits) / lines.length);
  const top = inner.top + ((height - bar) * first) / (lines.length - fits);
  pen.box({ left: box.right - 4, right: box.right - 1.5, top: top + 1, bottom: top + bar - 1 }, pen.theme.title, { radius: 1.5 });
}

/** @param {Pen} pen @param {Box} box @param {string[]} lines */
function paintErrors(pen, box, lines) {
  pen.box({ ...box, bottom: box.bottom - 2 }, pen.theme.errorGround, { radius: 4 });
  pen.box({ left: box.left, right: box.left + 3, top: box.top, bottom: box.bottom - 2 }, pen.theme.error, { radius: 1.5 });
  lines.forEach((line, i) => pen.text(line, box.left + 10, box.top + 4 + 14 * (i + 0.5), { px: SMALL_PX, colour: pen.theme.text }));
}

/** The widget or socket that is wrong, and around the node. @param {Pen} pen @param {Node} node @param {Layout} layout @param {Content} content */
function paintErrorEdges(pen, node, layout, content) {
  const { theme } = pen;
  const edgeWidth = 2 / Math.min(1, pen.scale);
  pen.box({ left: node.x - 1, right: node.x + layout.width + 1, top: node.y - TITLE_HEIGHT - 1, bottom: node.y + layout.height + 1 }, "", { radius: 9, edge: theme.error, edgeWidth });
  if (!pen.isNear || layout.isCollapsed) return;
  for (const { input } of content.errors) {
    if (!input) continue;
    const widget = layout.widgets.find((each) => each.input.name === input);
    if (widget) {
      const box = { left: node.x + 15, right: node.x + layout.width - 15, top: node.y + widget.top, bottom: node.y + widget.top + widget.height };
      pen.box(box, "", { radius: 6, edge: theme.error, edgeWidth });
      continue;
    }
    const slot = node.inputs.findIndex((each) => each.name === input);
    if (slot < 0 || Number.isNaN(layout.inputs[slot])) continue;
    pen.context.beginPath();
    pen.context.arc(node.x, node.y + layout.inputs[slot], SLOT_HEIGHT / 2 - 1, 0, 2 * Math.PI);
    pen.context.strokeStyle = theme.error;
    pen.context.lineWidth = edgeWidth;
    pen.context.stroke();
  }
}

/** Above the title bar, at the right. @param {Pen} pen @param {Editor} editor @param {Node} node @param {Layout} layout @param {Content} content */
function paintState(pen, editor, node, layout, content) {
  const text = content.state === "cached" ? editor.text("content.cached") : content.state === "queued" ? editor.text("content.queued") : !content.ms || content.ms < 1 ? "" : duration(editor, content.ms);
  if (text) pen.text(text, node.x + layout.width - 4, node.y - TITLE_HEIGHT - 9, { px: SMALL_PX, align: "right", colour: pen.theme.faint });
}

/** @param {Editor} editor @param {number} ms */
export function duration(editor, ms) {
  if (ms < 1000) return editor.text("content.ms", { ms: Math.round(ms) });
  const s = ms / 1000;
  if (s < 60) return editor.text("content.s", { s: s.toFixed(s < 10 ? 2 : 1) });
  return editor.text("content.min", { min: Math.floor(s / 60), s: Math.round(s % 60) });
}

/** Bars at the lower edge of the title, and a bright edge while it runs. @param {Pen} pen @param {Node} node @param {ContentStore} store @param {Layout} layout */
export function paintProgress(pen, node, store, layout) {
  const content = store.get(node);
  if (!content) return;
  const { theme } = pen;
  const far = 1 / Math.min(1, pen.scale);
  if (content.state === "running") {
    const gap = 2 * far;
    pen.box({ left: node.x - gap, right: node.x + layout.width + gap, top: node.y - TITLE_HEIGHT - gap, bottom: node.y + layout.height + gap }, "", { radius: 9 + gap, edge: theme.good, edgeWidth: 2.5 * far });
  }
  const height = Math.min(BAR_HEIGHT * far, TITLE_HEIGHT / 2);
  const [left, right] = [node.x + PADDING, node.x + layout.width - PADDING];
  content.progress.forEach((each, i) => {
    if (!each) return;
    const top = (layout.isCollapsed ? node.y - height - 2 : node.y - height) - (layout.isCollapsed ? i : -i) * (height + 1);
    const box = { left, right, top, bottom: top + height };
    pen.box(box, theme.field, { radius: height / 2 });
    const share = Math.min(1, Math.max(0, each.value / each.max));
    if (share > 0) pen.box({ ...box, right: left + Math.max(height, (right - left) * share) }, i ? theme.accent : theme.good, { radius: height / 2 });
  });
}
