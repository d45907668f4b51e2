/** A part of a graph as the system clipboard carries it: a text, and hidden in HTML as other editors write it. */

import { parseExactly, writeExactly } from "../../core/json.js";

/** @import { Part } from "./records.js" */

const SIGN = "heddle/graph-part";

/** @param {Part} part @returns {string} */
export function textOf(part) {
  return writeExactly({ type: SIGN, ...part });
}

/** The form in which other editors of such graphs keep theirs. @param {Part} part @returns {string} */
export function htmlOf(part) {
  const bytes = new TextEncoder().encode(writeExactly(part));
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return `<meta charset="utf-8"><div><span data-metadata="${btoa(letters)}"></span></div>`;
}

/**
 * @param {string} text
 * @param {string} [html]
 * @returns {Part | null} null: it holds no part of a graph; a whole workflow is none either
 */
export function partIn(text, html = "") {
  return readPart(text, true) ?? readPart(hiddenIn(html), false);
}

/** @param {string} html */
function hiddenIn(html) {
  const found = /data-metadata="([A-Za-z0-9+/=]+)"/.exec(html);
  if (!found) return "";
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(found[1]), (letter) => letter.charCodeAt(0)));
  } catch {
    return "";
  }
}

/** @param {string} text @param {boolean} isSigned @returns {Part | null} */
function readPart(text, isSigned) {
  if (!text.trimStart().startsWith("{")) return null;
  /** @type {any} */
  let found;
  try {
    found = parseExactly(text).value;
  } catch {
    return null;
  }
  if (!Array.isArray(found?.nodes) || (isSigned && found.type !== SIGN)) return null;
  /** @param {any} value @returns {any[]} */
  const list = (value) => (Array.isArray(value) ? value.filter((each) => each && typeof each === "object") : []);
  return {
    nodes: list(found.nodes).filter((each) => typeof each.type === "string" && each.id !== undefined),
    links: list(found.links), groups: list(found.groups), reroutes: list(found.reroutes),
    subgraphs: list(found.subgraphs).filter((each) => typeof each.id === "string" && Array.isArray(each.nodes)),
  };
}
