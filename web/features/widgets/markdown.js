/**
 * Markdown as elements: headings, lists, quotes, code, tables' text, bold, italic, links, pictures of our own address.
 * Whatever looks like HTML is shown as the text that it is.
 */

import { h } from "../../core/dom.js";

/** @typedef {HTMLElement | string} Piece */

/**
 * @param {string} text
 * @param {string} pictureName  what a picture without a name is called
 * @returns {HTMLElement[]}
 */
export function renderMarkdown(text, pictureName) {
  /** @type {HTMLElement[]} */
  const blocks = [];
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  /** @type {string[]} */
  let paragraph = [];
  const close = () => {
    if (paragraph.length) blocks.push(h("p", {}, ...broken(paragraph, pictureName)));
    paragraph = [];
  };
  /** @type {number | undefined} how many # the first heading has */
  let top;
  let level = 1;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const fence = /^\s*(```|~~~)/.exec(line);
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (fence) {
      close();
      const end = lines.findIndex((each, i) => i > at && each.trimStart().startsWith(fence[1]));
      const stop = end < 0 ? lines.length : end;
      blocks.push(h("pre", {}, h("code", {}, lines.slice(at + 1, stop).join("\n"))));
      at = stop;
    } else if (heading) {
      close();
      // Whatever a note begins with is second to the page, and nothing skips a level: what readers of headings go by.
      const depth = heading[1].length;
      top ??= depth;
      level = Math.max(2, Math.min(level + 1, depth - top + 2));
      const tag = /** @type {"h2" | "h3" | "h4" | "h5" | "h6"} */ (`h${Math.min(6, level)}`);
      blocks.push(h(tag, { class: `note-h${depth}` }, ...inline(heading[2], pictureName)));
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      close();
      blocks.push(h("hr"));
    } else if (/^\s*>/.test(line)) {
      close();
      let stop = at;
      while (stop < lines.length && /^\s*>/.test(lines[stop])) stop++;
      blocks.push(h("blockquote", {}, ...renderMarkdown(lines.slice(at, stop).map((each) => each.replace(/^\s*> ?/, "")).join("\n"), pictureName)));
      at = stop - 1;
    } else if (ITEM.test(line)) {
      close();
      let stop = at;
      while (stop < lines.length && (ITEM.test(lines[stop]) || (lines[stop].trim() && /^\s{2,}/.test(lines[stop])))) stop++;
      blocks.push(list(lines.slice(at, stop), pictureName));
      at = stop - 1;
    } else if (!line.trim()) {
      close();
    } else {
      paragraph.push(line);
    }
  }
  close();
  return blocks;
}

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

/** @param {string[]} lines @param {string} pictureName @returns {HTMLElement} */
function list(lines, pictureName) {
  /** @type {{indent: number, element: HTMLElement, last: HTMLElement | null}[]} */
  const open = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    const deepest = open.at(-1);
    if (!item) {
      deepest?.last?.append(" ", ...inline(line.trim(), pictureName));
      continue;
    }
    const indent = item[1].replaceAll("\t", "    ").length;
    while (open.length > 1 && indent < open[open.length - 1].indent) open.pop();
    let level = open.at(-1);
    if (!level || indent > level.indent + 1) {
      const element = /\d/.test(item[2]) ? h("ol", { start: Number.parseInt(item[2], 10) }) : h("ul");
      level?.last?.append(element);
      open.push((level = { indent, element, last: null }));
    }
    const task = /^\[([ xX])\]\s+(.*)$/.exec(item[3]);
    level.last = h("li", {}, ...(task ? [`${task[1] === " " ? "☐" : "☑"} `, ...inline(task[2], pictureName)] : inline(item[3], pictureName)));
    level.element.append(level.last);
  }
  return open[0].element;
}

/** Lines of a paragraph; two spaces at an end break it. @param {string[]} lines @param {string} pictureName @returns {Piece[]} */
function broken(lines, pictureName) {
  return lines.flatMap((line, i) => {
    const pieces = inline(line.trim(), pictureName);
    if (i === lines.length - 1) return pieces;
    return /( {2}|\\)$/.test(line) ? [...pieces, h("br")] : [...pieces, "\n"];
  });
}

const INLINE = /(\\[\\`*_{}[\]()#+\-.!>~|])|(`+)([\s\S]*?[^`])\2(?!`)|!\[([^\]]*)\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)|\[([^\]]+)\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)|<(https?:\/\/[^\s>]+)>|(https?:\/\/[^\s<>()]*[^\s<>().,;:!?'"])|(\*\*|__)(?=\S)([\s\S]*?\S)\10|(\*|_)(?=\S)([\s\S]*?\S)\12|~~(?=\S)([\s\S]*?\S)~~/;

/** @param {string} text @param {string} pictureName @returns {Piece[]} */
function inline(text, pictureName) {
  /** @type {Piece[]} */
  const pieces = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    if (found.index) pieces.push(rest.slice(0, found.index));
    const [whole, escaped, , code, pictureText, picture, linkText, link, bracketed, bare, , bold, , italic, struck] = found;
    if (escaped) pieces.push(escaped[1]);
    else if (code !== undefined) pieces.push(h("code", {}, code));
    else if (picture !== undefined) pieces.push(pictureOf(picture, pictureText || pictureName));
    else if (link !== undefined) pieces.push(linkOf(link, inline(linkText, pictureName), whole));
    else if (bracketed || bare) pieces.push(linkOf(bracketed ?? bare, [bracketed ?? bare], whole));
    else if (bold) pieces.push(h("strong", {}, ...inline(bold, pictureName)));
    else if (italic) pieces.push(h("em", {}, ...inline(italic, pictureName)));
    else if (struck) pieces.push(h("s", {}, ...inline(struck, pictureName)));
    else pieces.push(whole);
    rest = rest.slice(found.index + whole.length);
  }
  if (rest) pieces.push(rest);
  return pieces;
}

/** @param {string} address @param {Piece[]} children @param {string} source @returns {Piece} */
function linkOf(address, children, source) {
  const url = addressOf(address);
  if (!url || !["http:", "https:", "mailto:"].includes(url.protocol)) return source;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** A picture from elsewhere would tell somebody that this note was read: it is a link. @param {string} address @param {string} name @returns {Piece} */
function pictureOf(address, name) {
  const url = addressOf(address);
  if (url && url.origin === location.origin) return h("img", { src: url.href, alt: name, loading: "lazy" });
  return linkOf(address, [name], name);
}

/** @param {string} address */
function addressOf(address) {
  try {
    return new URL(address, location.href);
  } catch {
    return null;
  }
}
