/**
 * Places for nodes so that links lead from left to right and nothing overlaps: each node in a layer right of all that
 * feed it, layers ordered so that few links cross. Knows boxes and pairs only.
 */

/**
 * @typedef {{id: string, x: number, y: number, width: number, height: number}} Piece  px; where it is now breaks ties
 * @typedef {{from: string, to: string}} Pair
 */

const SWEEPS = 8;

/**
 * @param {Piece[]} pieces
 * @param {Pair[]} pairs  of ids; those that name no piece are left out
 * @param {{across?: number, down?: number}} [gaps]  px between layers, and between pieces of one
 * @returns {Map<string, {x: number, y: number}>} the top left corner of each; the whole begins at 0, 0
 */
export function layOut(pieces, pairs, { across = 80, down = 40 } = {}) {
  /** @type {Map<string, {x: number, y: number}>} */
  const places = new Map();
  const byId = new Map(pieces.map((piece) => [piece.id, piece]));
  const links = withoutCircles(pieces, pairs.filter(({ from, to }) => from !== to && byId.has(from) && byId.has(to)));
  /** @type {{part: Piece[], width: number, height: number}[]} */
  const blocks = [];
  for (const part of partsOf(pieces, links)) {
    const ids = new Set(part.map((piece) => piece.id));
    const layers = orderLayers(layersOf(part, links.filter(({ from }) => ids.has(from))), links);
    const heights = placeRows(layers, links, down);
    let x = 0;
    let low = Infinity;
    let high = -Infinity;
    for (const layer of layers) {
      for (const piece of layer) {
        const y = heights.get(piece.id) ?? 0;
        low = Math.min(low, y);
        high = Math.max(high, y + piece.height);
        places.set(piece.id, { x, y });
      }
      x += Math.max(...layer.map((piece) => piece.width)) + across;
    }
    for (const piece of part) /** @type {{x: number, y: number}} */ (places.get(piece.id)).y -= low;
    blocks.push({ part, width: x - across, height: high - low });
  }
  placeBlocks(blocks, places, across, down);
  return places;
}

/**
 * Parts that do not hang together, in rows: the whole is about twice as wide as high.
 * @param {{part: Piece[], width: number, height: number}[]} blocks
 * @param {Map<string, {x: number, y: number}>} places  within its part, of each piece: moved to where the part goes
 * @param {number} across
 * @param {number} down
 */
function placeBlocks(blocks, places, across, down) {
  const area = blocks.reduce((sum, { width, height }) => sum + (width + 2 * across) * (height + 2 * down), 0);
  const wide = Math.max(Math.sqrt(2 * area), ...blocks.map(({ width }) => width));
  let [x, y, high] = [0, 0, 0];
  for (const { part, width, height } of blocks) {
    if (x > 0 && x + width > wide) [x, y, high] = [0, y + high + 2 * down, 0];
    for (const { id } of part) {
      const place = /** @type {{x: number, y: number}} */ (places.get(id));
      place.x += x;
      place.y += y;
    }
    x += width + 2 * across;
    high = Math.max(high, height);
  }
}

/** Pieces that hang together, the topmost part first; those without links come last, as columns of one part each. @param {Piece[]} pieces @param {Pair[]} pairs */
function partsOf(pieces, pairs) {
  const beside = neighbours(pairs);
  /** @type {Set<string>} */
  const seen = new Set();
  const byId = new Map(pieces.map((piece) => [piece.id, piece]));
  /** @type {Piece[][]} */
  const parts = [];
  /** @type {Piece[]} */
  const alone = [];
  for (const piece of [...pieces].sort((a, b) => a.y - b.y || a.x - b.x)) {
    if (seen.has(piece.id)) continue;
    seen.add(piece.id);
    const part = [piece];
    for (let i = 0; i < part.length; i++) {
      for (const id of beside.get(part[i].id) ?? []) {
        const other = byId.get(id);
        if (!other || seen.has(id)) continue;
        seen.add(id);
        part.push(other);
      }
    }
    if (part.length === 1) alone.push(piece);
    else parts.push(part);
  }
  if (alone.length) parts.push(alone);
  return parts;
}

/** @param {Pair[]} pairs @returns {Map<string, string[]>} */
function neighbours(pairs) {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const { from, to } of pairs) {
    found.set(from, [...(found.get(from) ?? []), to]);
    found.set(to, [...(found.get(to) ?? []), from]);
  }
  return found;
}

/** Leaves out the links that lead back to where they came from. @param {Piece[]} pieces @param {Pair[]} pairs @returns {Pair[]} */
function withoutCircles(pieces, pairs) {
  /** @type {Map<string, Pair[]>} */
  const out = new Map();
  for (const pair of pairs) {
    const those = out.get(pair.from);
    if (those) those.push(pair);
    else out.set(pair.from, [pair]);
  }
  /** @type {Map<string, "open" | "done">} */
  const state = new Map();
  /** @type {Set<Pair>} */
  const back = new Set();
  for (const { id } of pieces) {
    if (state.has(id)) continue;
    /** @type {{id: string, next: number}[]} */
    const path = [{ id, next: 0 }]; // a list and no recursion: chains may be thousands of nodes long
    state.set(id, "open");
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const pair = out.get(step.id)?.[step.next++];
      if (!pair) {
        state.set(step.id, "done");
        path.pop();
      } else if (state.get(pair.to) === "open") {
        back.add(pair);
      } else if (!state.has(pair.to)) {
        state.set(pair.to, "open");
        path.push({ id: pair.to, next: 0 });
      }
    }
  }
  return pairs.filter((pair) => !back.has(pair));
}

/**
 * Each piece right of all that feed it; one that nothing feeds stands just before the first that it feeds.
 * @param {Piece[]} part
 * @param {Pair[]} pairs
 * @returns {Piece[][]}
 */
function layersOf(part, pairs) {
  if (!pairs.length) return part.length > 1 ? inColumns(part) : [part];
  /** @type {Map<string, string[]>} */
  const before = new Map(part.map(({ id }) => [id, []]));
  /** @type {Map<string, string[]>} */
  const after = new Map(part.map(({ id }) => [id, []]));
  for (const { from, to } of pairs) {
    before.get(to)?.push(from);
    after.get(from)?.push(to);
  }
  /** @type {Map<string, number>} */
  const layer = new Map();
  const left = new Map([...before].map(([id, those]) => [id, those.length]));
  const ready = part.filter(({ id }) => !left.get(id)).map(({ id }) => id);
  /** @type {string[]} */
  const order = [];
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    order.push(id);
    layer.set(id, Math.max(-1, ...(before.get(id) ?? []).map((each) => layer.get(each) ?? 0)) + 1);
    for (const next of after.get(id) ?? []) {
      left.set(next, (left.get(next) ?? 0) - 1);
      if (left.get(next) === 0) ready.push(next);
    }
  }
  for (const id of order.reverse()) {
    const fed = after.get(id) ?? [];
    if (fed.length && !before.get(id)?.length) layer.set(id, Math.min(...fed.map((each) => layer.get(each) ?? 0)) - 1);
  }
  const byLayer = new Map();
  for (const piece of part) {
    const at = layer.get(piece.id) ?? 0;
    byLayer.set(at, [...(byLayer.get(at) ?? []), piece]);
  }
  return [...byLayer.keys()].sort((a, b) => a - b).map((at) => byLayer.get(at));
}

/** Pieces without links: as many columns as make the whole about as wide as high. @param {Piece[]} pieces */
function inColumns(pieces) {
  const area = pieces.reduce((sum, piece) => sum + piece.width * piece.height, 0);
  const high = Math.max(Math.sqrt(area), ...pieces.map((piece) => piece.height));
  /** @type {Piece[][]} */
  const columns = [[]];
  let filled = 0;
  for (const piece of pieces) {
    if (filled && filled + piece.height > high) {
      columns.push([]);
      filled = 0;
    }
    /** @type {Piece[]} */ (columns.at(-1)).push(piece);
    filled += piece.height;
  }
  return columns;
}

/**
 * Orders each layer by where its neighbours are, forth and back.
 * @param {Piece[][]} layers
 * @param {Pair[]} pairs
 */
function orderLayers(layers, pairs) {
  const beside = neighbours(pairs);
  for (const layer of layers) layer.sort((a, b) => a.y - b.y || a.x - b.x);
  /** @type {Map<string, {layer: number, at: number}>} */
  const where = new Map();
  /** @param {number} i */
  const note = (i) => layers[i].forEach((piece, at) => where.set(piece.id, { layer: i, at: (at + 0.5) / layers[i].length }));
  layers.forEach((_, i) => note(i));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForth = sweep % 2 === 0;
    for (let k = 0; k < layers.length; k++) {
      const i = isForth ? k : layers.length - 1 - k;
      /** @type {Map<string, number>} */
      const middle = new Map();
      layers[i].forEach((piece, at) => {
        const those = (beside.get(piece.id) ?? []).flatMap((id) => {
          const place = where.get(id);
          return place && (isForth ? place.layer < i : place.layer > i) ? [place.at] : [];
        });
        middle.set(piece.id, those.length ? those.reduce((sum, each) => sum + each, 0) / those.length : (at + 0.5) / layers[i].length);
      });
      layers[i].sort((a, b) => (middle.get(a.id) ?? 0) - (middle.get(b.id) ?? 0));
      note(i);
    }
  }
  return layers;
}

/**
 * Heights: as near to the middle of their neighbours as their order and the gaps allow.
 * @param {Piece[][]} layers
 * @param {Pair[]} pairs
 * @param {number} gap
 * @returns {Map<string, number>} id -> y
 */
function placeRows(layers, pairs, gap) {
  const beside = neighbours(pairs);
  /** @type {Map<string, number>} */
  const tops = new Map();
  const sizes = new Map(layers.flat().map((piece) => [piece.id, piece.height]));
  for (const layer of layers) {
    let y = 0;
    for (const piece of layer) {
      tops.set(piece.id, y);
      y += piece.height + gap;
    }
  }
  /** @param {string} id */
  const middleOf = (id) => (tops.get(id) ?? 0) + (sizes.get(id) ?? 0) / 2;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let k = 0; k < layers.length; k++) {
      const layer = layers[sweep % 2 ? layers.length - 1 - k : k];
      const wanted = layer.map((piece) => {
        const those = beside.get(piece.id) ?? [];
        if (!those.length) return tops.get(piece.id) ?? 0;
        return those.reduce((sum, id) => sum + middleOf(id), 0) / those.length - piece.height / 2;
      });
      spread(layer, wanted, gap).forEach((y, i) => tops.set(layer[i].id, y));
    }
  }
  return tops;
}

/**
 * The heights nearest to those wanted (least squares) that keep the order and the gaps: neighbours that would overlap
 * form a block, which stands where the mean of its wishes is.
 * @param {Piece[]} layer
 * @param {number[]} wanted
 * @param {number} gap
 * @returns {number[]}
 */
function spread(layer, wanted, gap) {
  /** @type {{from: number, sum: number, count: number}[]} */
  const blocks = [];
  let offset = 0;
  const offsets = layer.map((piece) => {
    const mine = offset;
    offset += piece.height + gap;
    return mine;
  });
  layer.forEach((_, i) => {
    blocks.push({ from: i, sum: wanted[i] - offsets[i], count: 1 });
    for (let last = blocks.at(-1), before = blocks.at(-2); last && before && before.sum / before.count > last.sum / last.count; last = blocks.at(-1), before = blocks.at(-2)) {
      before.sum += last.sum;
      before.count += last.count;
      blocks.pop();
    }
  });
  const heights = new Array(layer.length).fill(0);
  for (const { from, sum, count } of blocks) for (let i = from; i < from + count; i++) heights[i] = sum / count + offsets[i];
  return heights;
}
