/**
 * Whole numbers beyond 2^53, which a JavaScript number does not hold: seeds go up to 2^64. Such a value is a BigInt in
 * the model, any other a number, so that arithmetic stays plain where it can.
 */

/** @typedef {number | bigint} Whole */

/** @param {Whole} value @returns {Whole} a number if that holds it exactly */
export function plainWhole(value) {
  if (typeof value === "bigint") return isSafe(value) ? Number(value) : value;
  return value;
}

/**
 * A whole number that a person typed.
 * @param {string} text  of digits, perhaps with a sign
 * @returns {Whole | null} null: it is none
 */
export function readWhole(text) {
  const trimmed = text.trim();
  return /^[+-]?\d+$/.test(trimmed) ? plainWhole(BigInt(trimmed.replace(/^\+/, ""))) : null;
}

/**
 * The sum of two whole numbers, without losing digits.
 * @param {Whole} one
 * @param {Whole} other
 * @returns {Whole}
 */
export function addWhole(one, other) {
  if (typeof one === "number" && typeof other === "number") {
    const sum = one + other;
    if (Number.isSafeInteger(sum) || !Number.isInteger(one) || !Number.isInteger(other)) return sum;
  }
  return plainWhole(BigInt(one) + BigInt(other));
}

/**
 * Between two bounds. A bound that the server's JSON rounded (2^64 - 1 reads as 2^64) is as good as it is.
 * @param {Whole} value
 * @param {Whole} low
 * @param {Whole} high
 * @returns {Whole}
 */
export function clampWhole(value, low, high) {
  if (value < low) return low;
  return value > high ? high : value;
}

/** @param {bigint} value */
function isSafe(value) {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}
