/** Orders what is found for a few typed letters: whole names, their beginnings, beginnings of words, letters in order. */

const GOOD = 600; // points from which on a name answers well: see scoreOfName

/**
 * What a search goes over, in lower case, made once.
 * @typedef {{names: string[], words: string[], share: number[], rest: string[], category: string}} Searchable
 *   `names`: what it is called, each one a field of its own; `words`: the first letters of their words; `share`: what
 *   each counts, the one that is seen most; `rest`: aliases
 */

/**
 * @param {string[]} names  the name that is shown first
 * @param {string[]} aliases
 * @param {string} category
 * @returns {Searchable}
 */
export function searchable(names, aliases, category) {
  const apart = names.map((each) => wordsOf(each).join(" ")); // so that words inside of names have beginnings, too
  const all = [...new Set([...names, ...apart].map((each) => each.toLowerCase()))];
  const shown = new Set([names[0], apart[0]].map((each) => each?.toLowerCase()));
  const initials = new Map(names.map((each) => [each.toLowerCase(), wordsOf(each).map((word) => word[0]).join("").toLowerCase()]));
  return {
    names: all,
    words: all.map((each) => initials.get(each) ?? ""),
    share: all.map((each) => (shown.has(each) ? 1 : 0.9)),
    rest: aliases.map((each) => each.toLowerCase()),
    category: category.toLowerCase(),
  };
}

/** "KSamplerAdvanced (v2)" -> K Sampler Advanced v2. @param {string} text @returns {string[]} */
export function wordsOf(text) {
  return text.match(/\p{Lu}+(?=\p{Lu}\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lu}+|\p{N}+|\p{Lo}+/gu) ?? [];
}

/**
 * How well something answers. Every word that was typed must be found somewhere.
 * @param {Searchable} thing
 * @param {string} query  in lower case
 * @returns {number} 0: not at all; more is better
 */
export function score(thing, query) {
  const text = query.trim();
  if (!text) return 1;
  const whole = scoreOfWord(thing, text);
  const parts = text.split(/\s+/);
  if (parts.length === 1) return whole;
  let sum = 0;
  for (const part of parts) {
    const each = scoreOfWord(thing, part);
    if (!each) return whole;
    sum += each;
  }
  return Math.max(whole, (sum / parts.length) * 0.95);
}

/** @param {Searchable} thing @param {string} text */
function scoreOfWord(thing, text) {
  let best = 0;
  for (let i = 0; i < thing.names.length; i++) best = Math.max(best, scoreOfName(thing.names[i], thing.words[i], text) * thing.share[i]);
  for (const alias of thing.rest) best = Math.max(best, scoreOfName(alias, "", text) * 0.6);
  if (best < 300 && text.length > 1) {
    const at = thing.category.indexOf(text);
    if (at >= 0) best = Math.max(best, at === 0 || thing.category[at - 1] === "/" ? 300 : 200);
  }
  return best;
}

/**
 * 1000 the whole name; 800 its beginning; 600 the beginning of a word; 500 the first letters of its words; 400 inside
 * a word; below 200 letters in order. Within each, short names come first.
 * @param {string} name
 * @param {string} initials
 * @param {string} text
 */
function scoreOfName(name, initials, text) {
  const brevity = Math.max(0, 50 - (name.length - text.length));
  if (name === text) return 1000;
  if (name.startsWith(text)) return 800 + brevity;
  const at = name.indexOf(text);
  if (at > 0 && !/[\p{L}\p{N}]/u.test(name[at - 1])) return 600 + brevity;
  if (text.length > 1 && initials.startsWith(text)) return 500 + brevity;
  if (at > 0) {
    // A later place may begin a word.
    for (let next = name.indexOf(text, at + 1); next > 0; next = name.indexOf(text, next + 1)) {
      if (!/[\p{L}\p{N}]/u.test(name[next - 1])) return 600 + brevity;
    }
    return 400 + brevity;
  }
  return text.length > 1 ? inOrder(name, text) : 0;
}

/**
 * Letters in order, with gaps: more for letters side by side and at beginnings of words.
 * @param {string} name
 * @param {string} text
 * @returns {number} 0..199
 */
function inOrder(name, text) {
  let points = 0;
  let from = 0;
  let last = -2;
  for (const letter of text) {
    const at = name.indexOf(letter, from);
    if (at < 0) return 0;
    if (at === last + 1) points += 3;
    else if (at === 0 || !/[\p{L}\p{N}]/u.test(name[at - 1])) points += 2;
    else points += 0.5;
    last = at;
    from = at + 1;
  }
  return points < text.length ? 0 : Math.min(199, (points / text.length) * 50 + Math.max(0, 30 - name.length));
}

/**
 * @template T
 * @param {Iterable<T>} things
 * @param {string} query
 * @param {(thing: T) => Searchable} searchableOf
 * @param {(thing: T) => number} [bonus]  added to what is found, less to what hardly answers: -200 to 480
 * @returns {T[]} the best first; those that are equally good in the order that they came
 */
export function rank(things, query, searchableOf, bonus = () => 0) {
  const text = query.toLowerCase();
  /** @type {{thing: T, points: number, at: number}[]} */
  const found = [];
  for (const thing of things) {
    const points = score(searchableOf(thing), text);
    if (points > 0) found.push({ thing, points: points + bonus(thing) * (text ? Math.min(1, points / GOOD) : 1), at: found.length });
  }
  return found.sort((a, b) => b.points - a.points || a.at - b.at).map((each) => each.thing);
}
