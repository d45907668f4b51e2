/** How high what a node shows wants to be, and where each part of it lies. All in graph px. */

import { groupNameOf } from "../../core/instances.js";
import { PADDING } from "../../core/view/layout.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Letters } from "../../core/view/letters.js" */
/** @import { Layout } from "../../core/view/layout.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Content, Medium, Picture } from "./store.js" */

export const CAPTION_HEIGHT = 18;
export const LINE_HEIGHT = 16;
export const SMALL_PX = 11;
const LEAST_PICTURE = 64;
const LARGEST_PICTURE = 420;
const AUDIO_HEIGHT = 44;
const FILE_HEIGHT = 26;
const MOST_LINES = 12; // of a text, while the node was not made higher
const MOST_ERROR_LINES = 5;
const BUILT_IN = "comfy-core"; // what files name as the pack of nodes that no pack brings

/**
 * What a node shows now.
 * @typedef {object} Shown
 * @property {Content | undefined} content
 * @property {Picture[]} pictures
 * @property {Medium[]} media
 * @property {string} notice  what is wrong with the node itself; "": nothing
 *
 * @typedef {object} Parts
 * @property {string[]} errors  lines
 * @property {number} errorHeight
 * @property {string[]} lines  of the text
 * @property {number} videoAspect  width by height of one
 * @property {number} least  height without which nothing can be seen
 * @property {number} ideal  height that it takes while the node may grow
 */

/**
 * @param {Shown} shown
 * @param {number} width  of the node
 * @param {Letters} letters
 * @param {(src: string) => {width: number, height: number} | null} sizeOf
 * @returns {Parts}
 */
export function measure({ content, pictures, media, notice }, width, letters, sizeOf) {
  const inner = width - 2 * PADDING;
  const told = (content?.errors ?? []).map((each) => (each.input ? `${each.label ?? each.input}: ${each.message}` : each.message));
  const errors = [...(notice ? [notice] : []), ...told].flatMap((each) => letters.wrap(each, inner - 16, SMALL_PX, MOST_ERROR_LINES)).slice(0, MOST_ERROR_LINES);
  const errorHeight = errors.length ? errors.length * 14 + 10 : 0;
  const lines = content?.text ? letters.wrap(content.text, inner - 16, 12, 2000) : [];
  let least = errorHeight;
  let ideal = errorHeight;
  if (lines.length) {
    least += LINE_HEIGHT * Math.min(2, lines.length) + 10;
    ideal += LINE_HEIGHT * Math.min(MOST_LINES, lines.length) + 10;
  }
  const picture = pictureHeight(content, pictures, inner, sizeOf);
  if (picture) {
    least += LEAST_PICTURE;
    ideal += picture;
  }
  const videos = media.filter((each) => each.kind === "video");
  const videoAspect = videos.length ? aspectOf(videos[0], sizeOf, 16 / 9) : 1;
  if (videos.length) {
    const columns = Math.ceil(Math.sqrt(videos.length));
    least += LEAST_PICTURE;
    ideal += Math.min(LARGEST_PICTURE, Math.max(LEAST_PICTURE, ((inner / columns) * Math.ceil(videos.length / columns)) / videoAspect));
  }
  const low = media.reduce((sum, each) => sum + lowHeight(each), 0);
  return { errors, errorHeight, lines, videoAspect, least: least + low, ideal: ideal + low };
}

/** Height of a medium that wants no more. @param {Medium} medium @returns {number} 0: it takes what there is */
function lowHeight({ kind }) {
  return kind === "audio" ? AUDIO_HEIGHT : kind === "file" ? FILE_HEIGHT : 0;
}

/**
 * @param {Content | undefined} content
 * @param {Picture[]} pictures
 * @param {number} inner
 * @param {(src: string) => {width: number, height: number} | null} sizeOf
 */
function pictureHeight(content, pictures, inner, sizeOf) {
  if (content?.preview) return Math.min(LARGEST_PICTURE, (inner * content.preview.height) / content.preview.width);
  if (!pictures.length) return 0;
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const rows = Math.ceil(pictures.length / columns);
  return Math.min(LARGEST_PICTURE, Math.max(LEAST_PICTURE, ((inner / columns) * rows) / aspectOf(pictures[0], sizeOf))) + CAPTION_HEIGHT;
}

/** How many lines of a text are seen. @param {Box} box */
export function linesIn(box) {
  return Math.max(1, Math.floor((box.bottom - box.top - 10) / LINE_HEIGHT));
}

/**
 * @param {{src: string, width?: number, height?: number}} picture
 * @param {(src: string) => {width: number, height: number} | null} sizeOf
 * @param {number} [usual]  as long as it is not known
 */
export function aspectOf(picture, sizeOf, usual = 1) {
  const size = picture.width && picture.height ? /** @type {{width: number, height: number}} */ (picture) : sizeOf(picture.src);
  return size ? size.width / size.height : usual;
}

/**
 * @param {Node} node
 * @param {Layout} layout
 * @param {Parts} parts
 * @param {Shown} shown
 * @returns {{errors: Box | null, text: Box | null, pictures: Box | null, media: Box[]}}
 */
export function place(node, layout, parts, { content, pictures, media }) {
  const [left, right] = [node.x + PADDING, node.x + layout.width - PADDING];
  let top = node.y + layout.extraTop;
  const bottom = top + layout.extraHeight;
  /** @param {number} height @returns {Box} */
  const take = (height) => {
    const box = { left, right, top, bottom: Math.min(bottom, top + height) };
    top = box.bottom;
    return box;
  };
  const hasPictures = pictures.length > 0 || Boolean(content?.preview);
  const errors = parts.errorHeight ? take(parts.errorHeight) : null;
  const low = media.reduce((sum, one) => sum + lowHeight(one), 0);
  const videos = media.filter((each) => each.kind === "video");
  const others = (hasPictures ? 1 : 0) + (videos.length ? 1 : 0);
  const textHeight = parts.lines.length * LINE_HEIGHT + 10;
  const room = bottom - top - low;
  const text = parts.lines.length ? take(others ? Math.min(textHeight, Math.max(LINE_HEIGHT * 2 + 10, room - LEAST_PICTURE * others), room / 2) : room) : null;
  const each = others ? Math.max(0, bottom - top - low) / others : 0;
  const box = hasPictures ? take(each) : null;
  const cells = videos.length ? gridOf(take(each), videos.length, parts.videoAspect) : [];
  const gap = videos.length > 1 ? 2 : 0;
  const placed = cells.map((cell) => ({ left: cell.left + gap, right: cell.right - gap, top: cell.top + gap, bottom: cell.bottom - gap }));
  return { errors, text, pictures: box, media: media.map((one) => (one.kind === "video" ? /** @type {Box} */ (placed.shift()) : take(lowHeight(one)))) };
}

/**
 * Cells of a batch, as large as they can be.
 * @param {Box} box
 * @param {number} count
 * @param {number} aspect  width by height of one
 * @returns {Box[]}
 */
export function gridOf(box, count, aspect) {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  let columns = 1;
  let best = 0;
  for (let each = 1; each <= count; each++) {
    const size = Math.min(width / each / aspect, height / Math.ceil(count / each));
    if (size > best) [best, columns] = [size, each];
  }
  const rows = Math.ceil(count / columns);
  const [cellWidth, cellHeight] = [width / columns, height / rows];
  return Array.from({ length: count }, (_, i) => {
    const [x, y] = [box.left + (i % columns) * cellWidth, box.top + Math.floor(i / columns) * cellHeight];
    return { left: x, top: y, right: x + cellWidth, bottom: y + cellHeight };
  });
}

/** The largest box of an aspect inside another. @param {Box} box @param {number} aspect @returns {Box} */
export function fitInto(box, aspect) {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const wide = Math.min(width, height * aspect);
  const high = wide / aspect;
  const [x, y] = [box.left + (width - wide) / 2, box.top + (height - high) / 2];
  return { left: x, top: y, right: x + wide, bottom: y + high };
}

/** A type that is not known here: what it is, and which pack brings it. @param {Editor} editor @param {Node} node */
export function noticeOf(editor, node) {
  if (node.spec || !node.graph.nodes.has(node.key)) return "";
  if (groupNameOf(node) !== null) return editor.text("content.group-node");
  const pack = node.properties.cnr_id ?? node.properties.aux_id;
  return editor.text(typeof pack === "string" && pack !== BUILT_IN ? "content.unknown-pack" : "content.unknown", { type: node.type, pack: String(pack) });
}
