/** Arithmetic that people type into number fields: `512*2`, `(1024 + 64) / 8`, `2^10`. */

/**
 * @param {string} text
 * @returns {number | null} null: it is no arithmetic, or its result is no number
 */
export function evaluate(text) {
  const tokens = text.replace(/,(?=\d{3}\b)/g, "").match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|[-+*/^%()]|\S/gi) ?? [];
  let at = 0;
  /** @param {string} token */
  const take = (token) => (tokens[at] === token ? Boolean(++at) : false);

  /** @returns {number} */
  const sum = () => {
    let value = product();
    for (;;) {
      if (take("+")) value += product();
      else if (take("-")) value -= product();
      else return value;
    }
  };
  /** @returns {number} */
  const product = () => {
    let value = power();
    for (;;) {
      if (take("*")) value *= power();
      else if (take("/")) value /= power();
      else if (take("%")) value %= power();
      else return value;
    }
  };
  /** @returns {number} binds tighter than a sign: -2^2 is -4 */
  const power = () => {
    if (take("-")) return -power();
    if (take("+")) return power();
    const base = operand();
    return take("^") ? base ** power() : base;
  };
  /** @returns {number} */
  const operand = () => {
    if (take("(")) {
      const value = sum();
      return take(")") ? value : NaN;
    }
    const token = tokens[at++];
    return token !== undefined && /^[\d.]/.test(token) ? Number(token) : NaN;
  };
  const value = tokens.length ? sum() : NaN;
  return at >= tokens.length && Number.isFinite(value) ? value : null;
}
