/** A small picture of a workflow: boxes and links, to know it again by. */

import { colourOfType } from "../../core/view/theme.js";

/**
 * @param {any} saved  the JSON of a workflow
 * @param {{width: number, height: number, colourOf?: (node: any) => string | null}} how  CSS px
 * @returns {HTMLCanvasElement}
 */
export function sketch(saved, { width, height, colourOf = () => null }) {
  const canvas = document.createElement("canvas");
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  const records = (Array.isArray(saved?.nodes) ? saved.nodes : []).filter((/** @type {any} */ each) => each && typeof each === "object");
  /** @type {ReturnType<typeof placeOf>[]} */
  const nodes = records.map(placeOf);
  if (!context || !nodes.length) return canvas;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, width, height } of nodes) { // as arguments of one call they could be too many
    left = Math.min(left, x);
    top = Math.min(top, y - 30);
    right = Math.max(right, x + width);
    bottom = Math.max(bottom, y + height);
  }
  const [wide, high] = [Math.max(1, right - left), Math.max(1, bottom - top)];
  const scale = Math.min((width - 12) / wide, (height - 12) / high) * ratio;
  context.setTransform(scale, 0, 0, scale, (canvas.width - wide * scale) / 2 - left * scale, (canvas.height - high * scale) / 2 - top * scale);
  const style = getComputedStyle(document.documentElement);
  const byId = new Map(nodes.map((/** @type {any} */ each) => [String(each.id), each]));
  context.lineWidth = Math.max(2, (1.2 * ratio) / scale);
  for (const link of Array.isArray(saved.links) ? saved.links : []) {
    const [, from, , to, , type] = Array.isArray(link) ? link : [0, link?.origin_id, 0, link?.target_id, 0, link?.type];
    const [a, b] = [byId.get(String(from)), byId.get(String(to))];
    if (!a || !b) continue;
    context.strokeStyle = colourOfType(typeof type === "string" ? type : "*");
    context.beginPath();
    context.moveTo(a.x + a.width, a.y + 16);
    context.lineTo(b.x, b.y + 16);
    context.stroke();
  }
  for (const each of nodes) {
    context.fillStyle = colourOf(each.record) ?? (each.record.bgcolor || style.getPropertyValue("--node-title"));
    context.beginPath();
    context.roundRect(each.x, each.y - 30, each.width, each.height + 30, 10);
    context.fill();
  }
  return canvas;
}

/** @param {any} record */
function placeOf(record) {
  /** @param {any} value @param {number} i @param {number} fallback */
  const number = (value, i, fallback) => (Number.isFinite(Number(value?.[i])) ? Number(value[i]) : fallback);
  return {
    record, id: record?.id, x: number(record?.pos, 0, 0), y: number(record?.pos, 1, 0),
    width: Math.max(20, number(record?.size, 0, 200)), height: record?.flags?.collapsed ? 0 : Math.max(20, number(record?.size, 1, 100)),
  };
}
