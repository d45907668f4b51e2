/**
 * How far a job is and how long it still takes, from how long its nodes took before. A node that nobody timed yet
 * counts as its type does on average; time is only told where enough of the rest is known.
 */

/** @import { Job } from "./jobs.js" */

/** What a node counts that was never timed, ms: sampling takes by far the longest, as a rule. */
const GUESSES = /** @type {const} */ ([[/sampl/i, 10_000], [/load|vae|upscal|encode|decode/i, 800], [/./, 100]]);
const KEPT_TYPES = 500;
const SURE = 0.7; // part of the rest that must be known before a time is told

export class Pace {
  /** @type {Map<string, number>} type -> ms, the latest counting half */
  #ofTypes = new Map();

  /** @param {string | null} [kept]  what `kept` gave */
  constructor(kept = null) {
    try {
      for (const [type, ms] of JSON.parse(kept ?? "[]")) if (Number.isFinite(ms)) this.#ofTypes.set(String(type), ms);
    } catch {
      // not ours, or of a later version: it is learned anew
    }
  }

  /** What was learned, as a text. */
  get kept() {
    return JSON.stringify([...this.#ofTypes].slice(-KEPT_TYPES).map(([type, ms]) => [type, Math.round(ms)]));
  }

  /** @param {string} type @param {number} ms */
  learn(type, ms) {
    const before = this.#ofTypes.get(type);
    this.#ofTypes.delete(type); // those that were heard of last stay
    this.#ofTypes.set(type, before === undefined ? ms : (before + ms) / 2);
  }

  /**
   * @param {Job} job
   * @param {number} now  ms, on the clock of its nodes
   * @returns {{percent: number, secondsLeft: number | null}} percent: 0..99 until the job has ended
   */
  estimate(job, now) {
    const { wanted } = job;
    if (job.hasEnded) return { percent: job.state === "done" ? 100 : 0, secondsLeft: null };
    if (!wanted?.size) return { percent: 0, secondsLeft: null };
    let done = 0;
    let left = 0;
    let leftKnown = 0;
    for (const [id, type] of wanted) {
      const node = job.nodes.get(id);
      if (node?.state === "cached") continue;
      const known = this.#ofTypes.get(type);
      const expected = known ?? guess(type);
      if (!node) {
        left += expected;
        if (known !== undefined) leftKnown += expected;
      } else if (node.state !== "running") {
        done += node.ms ?? expected;
      } else {
        const spent = now - node.since;
        const part = node.max ? Math.min(1, node.value / node.max) : 0;
        // Two steps tell the speed; the first one may have loaded a model.
        const rest = part > 0 && node.value >= 2 ? (spent * (1 - part)) / part : Math.max(0, expected - spent);
        done += spent;
        left += rest;
        if (known !== undefined || node.value >= 2) leftKnown += rest;
      }
    }
    const whole = done + left;
    const percent = whole > 0 ? Math.min(99, (100 * done) / whole) : 0;
    return { percent, secondsLeft: left > 0 && leftKnown / left >= SURE ? left / 1000 : null };
  }
}

/** @param {string} type */
function guess(type) {
  return GUESSES.find(([pattern]) => pattern.test(type))?.[1] ?? 100;
}
