/** Weights of words in a prompt, "(red fox:1.1)", changed by key: of what is marked, of the brackets around the caret, or of its word. */

const PLAIN = 1;
const BETWEEN = /[\s.,\\/!?%^*;:{}=`~()[\]]/; // what a word ends at

/**
 * @typedef {{start: number, end: number}} Span
 *
 * @param {string} text
 * @param {Span} marked
 * @param {number} by  what is added to the weight
 * @returns {{span: Span, text: string, marked: Span} | null}  what `span` becomes, and what is marked then; null: no word is there
 */
export function reweigh(text, marked, by) {
  const span = spanAt(text, marked);
  if (span.start === span.end) return null;
  const part = text.slice(span.start, span.end);
  const weighed = isWhole(part) ? /^\((.*):\s*(-?\d*\.?\d+)\s*\)$/s.exec(part) : null;
  const inner = weighed ? weighed[1] : isWhole(part) ? part.slice(1, -1) : part;
  const before = weighed ? Number(weighed[2]) : isWhole(part) ? 1.1 : PLAIN; // brackets alone are this much
  const weight = Math.round((before + by) * 100) / 100;
  const changed = weight === PLAIN ? inner : `(${inner}:${weight})`;
  return { span, text: changed, marked: { start: span.start, end: span.start + changed.length } };
}

/** Whether a part is one pair of brackets and what lies in it. @param {string} part */
function isWhole(part) {
  return part.startsWith("(") && closing(part, 0) === part.length - 1;
}

/** Where a bracket is closed; -1: nowhere. One behind a backslash is a letter. @param {string} text @param {number} start */
function closing(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0) return at;
  }
  return -1;
}

/** @param {string} text @param {Span} marked @returns {Span} */
function spanAt(text, { start, end }) {
  if (start === end) {
    const brackets = bracketsAround(text, start);
    if (brackets) return brackets;
    while (start > 0 && !BETWEEN.test(text[start - 1])) start--;
    while (end < text.length && !BETWEEN.test(text[end])) end++;
    return { start, end };
  }
  while (end > start && /\s/.test(text[end - 1])) end--; // a double-click marks the space behind a word, too
  while (start < end && /\s/.test(text[start])) start++;
  const around = bracketsAround(text, start);
  // The words of brackets that have a weight: the weight is theirs.
  const isInner = around && around.start === start - 1 && /^\s*(:\s*-?\d*\.?\d+\s*)?\)$/.test(text.slice(end, around.end));
  return isInner ? around : { start, end };
}

/** The innermost brackets around a place. @param {string} text @param {number} at @returns {Span | null} */
function bracketsAround(text, at) {
  for (let start = at - 1; start >= 0; start--) {
    if (text[start] !== "(" || text[start - 1] === "\\") continue;
    const end = closing(text, start);
    if (end >= at) return { start, end: end + 1 };
  }
  return null;
}

/** Changes what is marked in a field; its own undo takes it back. @param {HTMLTextAreaElement} field @param {number} by */
export function reweighIn(field, by) {
  const changed = reweigh(field.value, { start: field.selectionStart, end: field.selectionEnd }, by);
  if (!changed) return;
  field.setSelectionRange(changed.span.start, changed.span.end);
  document.execCommand("insertText", false, changed.text); // the one way that the field's undo knows of
  field.setSelectionRange(changed.marked.start, changed.marked.end);
}
