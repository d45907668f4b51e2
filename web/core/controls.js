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
 * To be called after a run was put into the queue, if the person wants values to change "after" (the default).
 * @param {Document} document
 * @param {() => number} [random]  0 to below 1
 */
export function afterQueue(document, random = Math.random) {
  change(document, () => true, random);
}

/**
 * To be called before a run is put into the queue, if the person wants values to change "before": they see the seed that
 * is being run. A node's first run takes what the person sees already.
 * @param {Document} document
 * @param {() => number} [random]
 */
export function beforeQueue(document, random = Math.random) {
  change(document, (node) => {
    const isFirst = !queued.has(node);
    queued.add(node);
    return !isFirst;
  }, random);
}

/**
 * @param {Document} document
 * @param {(node: Node) => boolean} isDue
 * @param {() => number} random
 */
function change(document, isDue, random) {
  /** @type {{owner: object, target: any, key: string, value: any}[]} */
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
        if (value !== now) changes.push({ owner: node, target: node.values, key: input.name, value });
      }
    }
  };
  for (const graph of document.graphs()) visit(graph);
  document.journal.setAside(changes);
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
