/** A curve through points, 0..1 in both directions. No DOM. */

/** @typedef {[number, number]} CurvePoint */

/** @param {any} value @returns {CurvePoint[]} its points, from left to right */
export function pointsOf(value) {
  const list = Array.isArray(value) ? value : value?.points;
  if (!Array.isArray(list)) return [[0, 0], [1, 1]];
  const points = list.map((each) => /** @type {CurvePoint} */ (Array.isArray(each) ? [Number(each[0]), Number(each[1])] : [Number(each?.x), Number(each?.y)]));
  const good = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)).sort((a, b) => a[0] - b[0]);
  return good.length ? good : [[0, 0], [1, 1]];
}

/** The same value with other points. @param {any} value @param {CurvePoint[]} points */
export function withPoints(value, points) {
  return value && typeof value === "object" && !Array.isArray(value) ? { ...value, points } : Array.isArray(value) ? points : { points, interpolation: "monotone_cubic" };
}

/**
 * Its height at a place. Cubic pieces between the points that never overshoot them (Fritsch and Carlson, 1980),
 * or straight ones.
 * @param {CurvePoint[]} points
 * @param {number} x
 * @param {boolean} isLinear
 */
export function heightAt(points, x, isLinear) {
  if (x <= points[0][0]) return points[0][1];
  const last = points[points.length - 1];
  if (x >= last[0]) return last[1];
  const i = points.findIndex((each) => each[0] > x) - 1;
  const [[x0, y0], [x1, y1]] = [points[i], points[i + 1]];
  const width = x1 - x0;
  const t = (x - x0) / width;
  if (isLinear) return y0 + (y1 - y0) * t;
  const [m0, m1] = slopesOf(points).slice(i, i + 2);
  const [t2, t3] = [t * t, t * t * t];
  return (2 * t3 - 3 * t2 + 1) * y0 + (t3 - 2 * t2 + t) * width * m0 + (3 * t2 - 2 * t3) * y1 + (t3 - t2) * width * m1;
}

/**
 * As the engine has them: the mean of both sides, 0 at a turn, and no more than three times as steep as either side.
 * @param {CurvePoint[]} points
 * @returns {number[]}
 */
function slopesOf(points) {
  const secants = points.slice(1).map(([x, y], i) => (y - points[i][1]) / Math.max(1e-9, x - points[i][0]));
  const slopes = points.map((_, i) => {
    const [before, after] = [secants[i - 1] ?? secants[i], secants[i] ?? secants[i - 1]];
    return before * after <= 0 ? 0 : (before + after) / 2;
  });
  secants.forEach((secant, i) => {
    const length = secant && Math.hypot(slopes[i], slopes[i + 1]) / Math.abs(secant);
    const share = length > 3 ? 3 / length : secant ? 1 : 0;
    slopes[i] *= share;
    slopes[i + 1] *= share;
  });
  return slopes;
}
