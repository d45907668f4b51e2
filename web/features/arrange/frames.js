/** Places for nodes in frames: what lies in a frame stays together, and no frame lies over another or over a stranger. */

import { layOut } from "./layers.js";

/** @import { Pair, Piece } from "./layers.js" */

/**
 * @typedef {{id: string, pieces: string[]}} Frame  ids of all that lies in it, in frames within it, too
 * @typedef {{x: number, y: number, width: number, height: number}} Area
 */

/**
 * @param {Piece[]} pieces
 * @param {Pair[]} pairs  of ids of pieces
 * @param {Frame[]} frames  where two share a piece and none holds the other, the smaller one has it
 * @param {{margin?: number, top?: number}} [edges]  px between a frame and what lies in it; `top` is added above
 * @returns {{places: Map<string, {x: number, y: number}>, areas: Map<string, Area>}} the whole begins at 0, 0; a frame
 *   that is left with nothing has no area
 */
export function layOutFramed(pieces, pairs, frames, { margin = 20, top = 30 } = {}) {
  const known = new Set(pieces.map((piece) => piece.id));
  const bySize = frames.map(({ id, pieces: inside }) => ({ id, key: `\n${id}`, inside: new Set(inside.filter((each) => known.has(each))) })).filter(({ inside }) => inside.size).sort((a, b) => a.inside.size - b.inside.size);
  /** @type {Map<string, string>} of pieces and frames -> the frame right around it */
  const around = new Map();
  for (const piece of pieces) {
    const frame = bySize.find(({ inside }) => inside.has(piece.id));
    if (frame) around.set(piece.id, frame.key);
  }
  bySize.forEach((frame, i) => {
    const outer = bySize.slice(i + 1).find(({ inside }) => [...frame.inside].every((each) => inside.has(each)));
    if (outer) around.set(frame.key, outer.key);
  });
  /** @type {Map<string, string[]>} frame, "" for none -> what lies right in it */
  const within = new Map();
  for (const key of [...pieces.map((piece) => piece.id), ...bySize.map((frame) => frame.key)]) {
    const outer = around.get(key) ?? "";
    within.set(outer, [...(within.get(outer) ?? []), key]);
  }
  const byId = new Map(pieces.map((piece) => [piece.id, piece]));
  /** @type {Map<string, {piece: Piece, places: Map<string, {x: number, y: number}>}>} */
  const laid = new Map();
  /** What stands for a piece among those right in a frame. @param {string} id @param {string} outer */
  const standIn = (id, outer) => {
    /** @type {string | undefined} */
    let key = id;
    while (key !== undefined && (around.get(key) ?? "") !== outer) key = around.get(key);
    return key;
  };
  /** @param {string} outer */
  const layIn = (outer) => {
    const here = (within.get(outer) ?? []).flatMap((key) => byId.get(key) ?? laid.get(key)?.piece ?? []);
    const links = pairs.flatMap(({ from, to }) => {
      const [a, b] = [standIn(from, outer), standIn(to, outer)];
      return a !== undefined && b !== undefined && a !== b ? [{ from: a, to: b }] : [];
    });
    return { here, places: layOut(here, links) };
  };
  for (const { key } of bySize) {
    if (!within.has(key)) continue; // all that it had lies in smaller ones, which it does not hold
    const { here, places } = layIn(key);
    if (!here.length) continue;
    const width = Math.max(...here.map((each) => (places.get(each.id)?.x ?? 0) + each.width)) + 2 * margin;
    const height = Math.max(...here.map((each) => (places.get(each.id)?.y ?? 0) + each.height)) + 2 * margin + top;
    laid.set(key, { piece: { id: key, x: Math.min(...here.map((each) => each.x)), y: Math.min(...here.map((each) => each.y)), width, height }, places });
  }
  const { places: outermost } = layIn("");
  /** @type {Map<string, {x: number, y: number}>} */
  const found = new Map();
  /** @type {Map<string, Area>} */
  const areas = new Map();
  const waiting = [{ places: outermost, x: 0, y: 0 }];
  for (let level = waiting.pop(); level; level = waiting.pop()) {
    for (const [key, place] of level.places) {
      const [x, y] = [level.x + place.x, level.y + place.y];
      const frame = byId.has(key) ? undefined : laid.get(key);
      if (!frame) {
        found.set(key, { x, y });
        continue;
      }
      areas.set(key.slice(1), { x, y, width: frame.piece.width, height: frame.piece.height });
      waiting.push({ places: frame.places, x: x + margin, y: y + margin + top });
    }
  }
  return { places: found, areas };
}
