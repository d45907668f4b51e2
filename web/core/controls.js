/**
 * What becomes of seeds and choices when a workflow is run: each widget that has a control companion stays, counts up
 * or down, or is drawn anew. Source: workflow_format, sections 3.2, 4 and 7.4.
 *
 * The new values are no step of undo: see `Journal.setAside`.
 */

import { BYPASSED, MUTED } from "./graph.js";
import { addWhole, clampWhole } from "./numbers.js";

/** @import { Document } from "./document.js" */
/** @import { Graph, Node } from "./graph.js" */
/** @import { InputSpec } from "./spec.js" */

/** Drawn seeds stay below 2^50: every JavaScript editor reads them back exactly. */
const HIGHEST_DRAWN = 2 ** 50;

/** @type {WeakSet<Node>} those that were queued once with their values as they were */
const queued = new WeakSet();

/**
 * A value that a run draws. `shown`: what the node holds until the server has taken the run; if it holds another one
 * then, the person has set it.
 * @typedef {{owner: Node, target: Record<string, any>, key: string, shown: any, value: any}} Drawn
 */

/**
 * @template T
 * @typedef {object} Run
 * @property {T} written
 * @property {(node: Node) => Record<string, any>} valuesOf  what a node is run with
 * @property {() => void} taken  the server has it: the values show
 * @property {() => void} refused  or it was never sent: all stays as it was
 */

/**
 * The values of one workflow from run to run. Each run that is written is counted on from the one before it, answered or
 * not, so runs in quick succession differ; but what people see, and what is kept, changes only with what the server took.
 */
export class Draws {
  /** Runs without an answer, in order. @type {Drawn[][]} */
  #open = [];
  #document;
  #random;

  /** @param {Document} document @param {() => number} [random]  0 to below 1 */
  constructor(document, random = Math.random) {
    this.#document = document;
    this.#random = random;
  }

  /**
   * @template T
   * @param {"after" | "before"} when  values change, as the person wants it: before, they will see the seed that is run, but
   *   the first run of a node takes what they see already
   * @param {() => T} write  the workflow, as it stands while this is called
   * @returns {Run<T>}
   */
  run(when, write) {
    /** @type {Map<Record<string, any>, Record<string, any>>} what nodes hold really, where they are run with something else */
    const kept = new Map();
    /** @param {Drawn} drawn */
    const lay = ({ target, key, value }) => {
      const before = kept.get(target) ?? {};
      if (!(key in before)) before[key] = target[key];
      kept.set(target, before);
      target[key] = value;
    };
    /** @param {Drawn} drawn */
    const heldOf = ({ target, key }) => (kept.get(target) && key in /** @type {any} */ (kept.get(target)) ? kept.get(target)?.[key] : target[key]);
    /** @type {Node[]} */
    const first = [];
    const isDue = when === "after" ? () => true : (/** @type {Node} */ node) => {
      if (queued.has(node)) return true;
      queued.add(node);
      first.push(node);
      return false;
    };
    for (const drawn of this.#open.flat()) if (Object.is(heldOf(drawn), drawn.shown)) lay(drawn);
    /** @type {Drawn[]} */
    let all = [];
    if (when === "before") (all = draw(this.#document, isDue, this.#random)).forEach(lay);
    /** @type {Map<Record<string, any>, Record<string, any>>} */
    const sent = new Map([...kept].map(([target, before]) => [target, Object.fromEntries(Object.keys(before).map((key) => [key, target[key]]))]));
    let written;
    try {
      written = write();
      if (when === "after") all = draw(this.#document, isDue, this.#random);
    } finally {
      for (const [target, before] of kept) Object.assign(target, before);
    }
    for (const drawn of all) drawn.shown = drawn.target[drawn.key];
    this.#open.push(all);
    return {
      written,
      valuesOf: (node) => ({ ...node.values, ...sent.get(node.values) }),
      taken: () => this.#show(all),
      refused: () => {
        this.#open = this.#open.filter((each) => each !== all);
        for (const node of first) queued.delete(node);
      },
    };
  }

  /** @param {Drawn[]} all */
  #show(all) {
    const at = this.#open.indexOf(all);
    if (at < 0) return;
    const later = this.#open.slice(at + 1);
    const changes = all.filter(({ target, key, shown }) => Object.is(target[key], shown));
    for (const { target, key, shown, value } of changes) {
      for (const other of later.flat()) if (other.target === target && other.key === key && Object.is(other.shown, shown)) other.shown = value;
    }
    // A run that overtook others has counted on from them.
    this.#open = [...this.#open.slice(0, at).map((run) => run.filter((each) => !all.some(({ target, key }) => each.target === target && each.key === key))), ...later];
    this.#document.journal.setAside(changes);
  }
}

/**
 * @param {Document} document
 * @param {(node: Node) => boolean} isDue
 * @param {() => number} random
 * @returns {Drawn[]} what the next run has
 */
function draw(document, isDue, random) {
  /** @type {Drawn[]} */
  const changes = [];
  /** @param {Graph} graph */
  const visit = (graph) => {
    for (const node of graph.nodes.values()) {
      if (node.mode === MUTED || node.mode === BYPASSED) continue; // it was not run: its seed is still the last one's
      const inputs = node.inputSpecs;
      const controls = inputs.filter((each) => each.widget === "CONTROL" && each.companionOf);
      if (!controls.length || !isDue(node)) continue;
      for (const control of controls) {
        const input = inputs.find((each) => each.name === control.companionOf);
        if (!input || node.isDriven(input.name)) continue;
        const mode = String(node.values[control.name] ?? control.options.default);
        const now = node.values[input.name];
        const filter = inputs.find((each) => each.name === "control_filter_list" && each.companionOf === input.name);
        const value = nextValue(input, now, mode, random, filter && String(node.values[filter.name] ?? ""));
        if (value !== now) changes.push({ owner: node, target: node.values, key: input.name, shown: now, value });
      }
    }
  };
  for (const graph of document.graphs()) visit(graph);
  return changes;
}

/**
 * What a value is after a run.
 * @param {InputSpec} input
 * @param {any} value
 * @param {string} mode  "fixed", "increment", "decrement", "randomize"; of a choice also "increment-wrap"
 * @param {() => number} [random]
 * @param {string} [filter]  only choices that have this text, or match this /expression/
 * @returns {any}
 */
export function nextValue(input, value, mode, random = Math.random, filter = "") {
  if (mode === "fixed") return value;
  if (input.widget === "COMBO") return nextChoice(input, value, mode, random, filter);
  const { options } = input;
  const isFloat = input.widget === "FLOAT";
  const low = options.min ?? (isFloat ? -HIGHEST_DRAWN : 0);
  const high = options.max ?? (isFloat ? HIGHEST_DRAWN : 2 ** 64);
  const step = options.step > 0 ? options.step : 1;
  if (mode === "randomize") {
    const [from, to] = [Math.max(Number(low), -HIGHEST_DRAWN), Math.min(Number(high), HIGHEST_DRAWN)];
    const steps = Math.floor((to - from) / step);
    const drawn = from + Math.floor(random() * (steps + (steps * step + from < HIGHEST_DRAWN ? 1 : 0))) * step;
    return isFloat ? tidy(drawn) : drawn;
  }
  if (mode !== "increment" && mode !== "decrement") return value;
  if (isFloat) {
    const next = tidy(Number(value) + (mode === "increment" ? step : -step));
    return Number.isFinite(next) ? Math.min(high, Math.max(low, next)) : value;
  }
  if (typeof value !== "bigint" && !Number.isInteger(value)) return value; // nothing to count from
  return clampWhole(addWhole(value, mode === "increment" ? step : -step), low, high);
}

/** A sum of decimal fractions without the dust of binary ones. @param {number} value */
function tidy(value) {
  return Number(value.toPrecision(12));
}

/**
 * @param {InputSpec} input
 * @param {any} value
 * @param {string} mode
 * @param {() => number} random
 * @param {string} filter
 */
function nextChoice(input, value, mode, random, filter) {
  const all = input.options.options;
  if (!Array.isArray(all)) return value;
  const choices = filter ? all.filter(matcher(filter)) : all;
  if (!choices.length) return value;
  const at = choices.indexOf(value);
  switch (mode) {
    case "increment":
      return choices[Math.min(choices.length - 1, at + 1)];
    case "increment-wrap":
      return choices[(at + 1) % choices.length];
    case "decrement":
      return choices[Math.max(0, at - 1)];
    case "randomize":
      return choices[Math.floor(random() * choices.length)];
    default:
      return value;
  }
}

/** @param {string} filter @returns {(choice: unknown) => boolean} */
function matcher(filter) {
  const expression = /^\/(.+)\/([a-z]*)$/.exec(filter);
  if (expression) {
    try {
      const found = new RegExp(expression[1], expression[2].replace(/[gy]/g, ""));
      return (choice) => found.test(String(choice));
    } catch {
      return () => true; // not an expression yet: as if there were none
    }
  }
  const text = filter.toLowerCase();
  return (choice) => String(choice).toLowerCase().includes(text);
}
