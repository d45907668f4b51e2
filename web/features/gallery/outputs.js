/**
 * Results as the gallery shows them: a list of any length of which only what is looked at is here. What is newer than
 * the list counts as `fresh` until it is let in, so that nothing moves under the eyes of who looks further down.
 */

import { Emitter } from "../../core/emitter.js";

/**
 * An entry as the server names it.
 * @typedef {object} Output
 * @property {string} filename
 * @property {string} subfolder
 * @property {string} type  "output", "input", "temp"
 * @property {string} kind  "image", "video", "audio", "text", "3d", "other"
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} duration_s
 * @property {number} bytes
 * @property {number} modified_ms
 * @property {string | null} job_id
 * @property {boolean | null} has_workflow
 * @property {string} url
 * @property {string | null} thumbnail
 *
 * @typedef {(query: URLSearchParams) => Promise<{entries: Output[], total: number, next_cursor: string | null, prev_cursor: string | null, scanning: boolean}>} Ask
 */

export const CHUNK = 100; // entries asked for at once
const MOST_CHUNKS = 80; // kept
const MOST_AT_ONCE = 1000; // that the server gives

/** @typedef {{entries: Output[], next: string | null}} Chunk */

/** The server has not looked into it yet. @param {Output} entry */
function isUnknown({ kind, duration_s: duration, has_workflow: carries }) {
  return (kind === "video" || kind === "audio") && duration === null && carries === null;
}

/** @param {{filename: string, subfolder?: string, type?: string}} file */
export function keyOf({ filename, subfolder = "", type = "output" }) {
  return `${type}/${subfolder}/${filename}`;
}

export class OutputList {
  /** @type {Emitter<{change: null, trouble: unknown}>} */
  events = new Emitter();
  /** How many the list has. */
  total = 0;
  /** How many came since, in front of it. */
  fresh = 0;
  isScanning = false;
  /** Whether the first answer is here. */
  isKnown = false;
  /** @type {Map<number, Chunk>} number of the chunk -> what it has; the last used last */
  #chunks = new Map();
  /** @type {Map<number, Promise<void>>} under way */
  #asked = new Map();
  #ask;
  #query = new URLSearchParams();
  #generation = 0;

  /** @param {Ask} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  get isNewestFirst() {
    return this.#query.get("order") !== "oldest";
  }

  /** Another choice of results: the list begins anew. @param {URLSearchParams} query @returns {Promise<void>} */
  choose(query) {
    this.#query = query;
    this.isKnown = false;
    return this.renew();
  }

  /** Forgets all and asks again. */
  async renew() {
    this.#generation++;
    this.#chunks.clear();
    this.#asked.clear();
    this.fresh = 0;
    await this.#load(0);
  }

  /** @param {number} index @returns {Output | undefined} undefined: not here (yet) */
  get(index) {
    return this.#chunks.get(Math.floor(index / CHUNK))?.entries[index % CHUNK];
  }

  /** Sees to it that what is between is here. @param {number} from @param {number} to  excluded @returns {Promise<void>} */
  async want(from, to) {
    const last = Math.floor(Math.max(from, Math.min(to, this.total) - 1) / CHUNK);
    /** @type {Promise<void>[]} */
    const waiting = [];
    for (let i = Math.floor(Math.max(0, from) / CHUNK); i <= last; i++) {
      const chunk = this.#chunks.get(i);
      if (chunk) {
        this.#chunks.delete(i);
        this.#chunks.set(i, chunk);
      } else {
        waiting.push(this.#load(i));
      }
    }
    await Promise.all(waiting);
  }

  /** @param {number} index @returns {Promise<Output | undefined>} */
  async fetch(index) {
    await this.want(index, index + 1);
    return this.get(index);
  }

  /** A stretch of the list, whether it is here or not. @param {number} from @param {number} to  excluded @returns {Promise<Output[]>} */
  async slice(from, to) {
    /** @type {Output[]} */
    const found = [];
    for (let at = from; at < to; at += MOST_AT_ONCE) {
      const count = Math.min(MOST_AT_ONCE, to - at);
      const here = Array.from({ length: count }, (_, i) => this.get(at + i));
      if (here.every(Boolean)) found.push(.../** @type {Output[]} */ (here));
      else found.push(...(await this.#ask(this.#with({ offset: at + this.fresh, limit: count }))).entries);
    }
    return found;
  }

  /** @param {Record<string, string | number>} more */
  #with(more) {
    const query = new URLSearchParams(this.#query);
    for (const [name, value] of Object.entries(more)) query.set(name, String(value));
    return query;
  }

  /** @param {number} number @returns {Promise<void>} */
  #load(number) {
    const known = this.#asked.get(number);
    if (known) return known;
    const generation = this.#generation;
    const asked = this.#read(number, generation).catch((/** @type {unknown} */ error) => {
      if (generation === this.#generation) this.events.emit("trouble", error);
    }).finally(() => {
      if (generation === this.#generation) this.#asked.delete(number);
    });
    this.#asked.set(number, asked);
    return asked;
  }

  /** @param {number} number @param {number} generation @returns {Promise<void>} */
  async #read(number, generation) {
    const cursor = this.#chunks.get(number - 1)?.next;
    const query = this.#with(cursor ? { after: cursor, limit: CHUNK } : { offset: number * CHUNK + this.fresh, limit: CHUNK });
    const answer = await this.#ask(query);
    if (generation !== this.#generation) return;
    const came = answer.total - this.total - this.fresh;
    if (!this.isKnown || (came > 0 && !this.isNewestFirst)) {
      this.total = answer.total - this.fresh;
      this.isKnown = true;
    } else if (came > 0) {
      this.fresh += came;
      if (!cursor) return this.#read(number, generation); // all places have moved
    } else if (came < 0) {
      this.total = Math.max(0, answer.total - this.fresh); // others deleted some
      this.#chunks.clear();
    }
    this.isScanning = answer.scanning;
    this.#chunks.set(number, { entries: answer.entries, next: answer.next_cursor });
    for (const each of this.#chunks.keys()) {
      if (this.#chunks.size <= MOST_CHUNKS) break;
      this.#chunks.delete(each);
    }
    this.events.emit("change", null);
  }

  /**
   * Asks for what has become known of files since they were listed. Places and totals stay.
   * @param {number} number
   * @param {Chunk} chunk
   */
  async #refresh(number, chunk) {
    const { entries } = await this.#ask(this.#with({ offset: number * CHUNK + this.fresh, limit: CHUNK }));
    const known = new Map(entries.map((each) => [keyOf(each), each]));
    chunk.entries = chunk.entries.map((each) => known.get(keyOf(each)) ?? each);
    this.events.emit("change", null);
  }

  /** The last question after what came or went. @type {Promise<void>} */
  #hearing = Promise.resolve();

  /**
   * Files came or went. One question waits for the answer to the one before, which could come later and tell less.
   * @param {boolean} letIn  what is new joins the list at once
   * @returns {Promise<void>}
   */
  hear(letIn) {
    return (this.#hearing = this.#hearing.then(() => this.#hear(letIn)));
  }

  /** @param {boolean} letIn @returns {Promise<void>} */
  async #hear(letIn) {
    const generation = this.#generation;
    try {
      const answer = await this.#ask(this.#with({ offset: 0, limit: CHUNK }));
      if (generation !== this.#generation) return;
      const first = this.get(0);
      const at = first ? answer.entries.findIndex((each) => keyOf(each) === keyOf(first)) : -1;
      const isOnlyMore = this.isNewestFirst && at >= 0 && answer.total - at === this.total;
      this.isScanning = answer.scanning;
      if (isOnlyMore) {
        const isOther = this.fresh !== at;
        this.fresh = at;
        for (const [i, chunk] of this.#chunks) {
          if (chunk.entries.some(isUnknown)) void this.#refresh(i, chunk).catch((error) => this.events.emit("trouble", error));
        }
        if (letIn && at) await this.letIn();
        else if (isOther) this.events.emit("change", null);
      } else {
        this.total = answer.total;
        this.fresh = 0;
        this.#generation++;
        this.#asked.clear();
        this.#chunks.clear();
        this.#chunks.set(0, { entries: answer.entries, next: answer.next_cursor });
        this.isKnown = true;
        this.events.emit("change", null);
      }
    } catch (error) {
      if (generation === this.#generation) this.events.emit("trouble", error);
    }
  }

  /** What came since joins the list. */
  letIn() {
    this.total += this.fresh;
    return this.renew();
  }

  /** How many are newer than a time, which is the place of the first that is not. @param {number} time_ms @returns {Promise<number>} */
  async placeOf(time_ms) {
    const isNewest = this.isNewestFirst;
    const bound = isNewest ? "since_ms" : "until_ms";
    const other = this.#query.get(bound);
    if (other && (isNewest ? Number(other) > time_ms : Number(other) < time_ms)) return isNewest ? this.total : 0;
    const answer = await this.#ask(this.#with({ [bound]: time_ms, offset: 0, limit: 1 }));
    return Math.max(0, Math.min(this.total - 1, answer.total - (isNewest ? this.fresh : 0)));
  }
}
