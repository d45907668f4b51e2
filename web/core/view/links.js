/** The way of a link between two points, or through several. */

/** @typedef {{x: number, y: number}} Point  graph px */
/** @typedef {"spline" | "straight" | "steps" | "hidden"} LinkStyle */

/**
 * Adds the way to the path that is open.
 * @param {CanvasRenderingContext2D | Path2D} path
 * @param {Point[]} points  at least two
 * @param {LinkStyle} style
 */
export function traceLink(path, points, style) {
  path.moveTo(points[0].x, points[0].y);
  for (let i = 1; i < points.length; i++) {
    const [from, to] = [points[i - 1], points[i]];
    if (style === "straight") {
      path.lineTo(to.x, to.y);
    } else if (style === "steps") {
      const middle = (from.x + to.x) / 2;
      path.lineTo(middle, from.y);
      path.lineTo(middle, to.y);
      path.lineTo(to.x, to.y);
    } else {
      const bend = bendOf(from, to);
      path.bezierCurveTo(from.x + bend, from.y, to.x - bend, to.y, to.x, to.y);
    }
  }
}

/** How far a curve swings out. @param {Point} from @param {Point} to */
export function bendOf(from, to) {
  return Math.max(20, Math.hypot(to.x - from.x, to.y - from.y) * 0.25);
}

/**
 * A point of one piece of the way.
 * @param {Point} from
 * @param {Point} to
 * @param {LinkStyle} style
 * @param {number} t  0 at its start, 1 at its end
 * @returns {Point}
 */
export function pointOn(from, to, style, t) {
  if (style === "straight") return { x: from.x + (to.x - from.x) * t, y: from.y + (to.y - from.y) * t };
  if (style === "steps") {
    const middle = (from.x + to.x) / 2;
    const [across, down] = [Math.abs(middle - from.x), Math.abs(to.y - from.y)];
    let way = t * (2 * across + down);
    if (way <= across) return { x: from.x + Math.sign(middle - from.x) * way, y: from.y };
    way -= across;
    if (way <= down) return { x: middle, y: from.y + Math.sign(to.y - from.y) * way };
    return { x: middle + Math.sign(to.x - middle) * (way - down), y: to.y };
  }
  const bend = bendOf(from, to);
  const s = 1 - t;
  const [a, b, c, d] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  return {
    x: a * from.x + b * (from.x + bend) + c * (to.x - bend) + d * to.x,
    y: a * from.y + b * from.y + c * to.y + d * to.y,
  };
}
