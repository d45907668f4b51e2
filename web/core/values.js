/**
 * Values of widgets as files keep them: a list in the order of the widgets, an object, or both.
 * Source: workflow_format, section 3.2.
 */

import { defaultOf } from "./spec.js";

/** @import { Node } from "./graph.js" */

/**
 * Reads what a record has into `node.values`; a widget that it does not mention keeps its default.
 * By name where the file has names, so that a type that gained a widget shifts nothing.
 * @param {Node} node  with its `spec`
 * @param {any} record
 */
export function readValues(node, record) {
  const { widgets_values: listed, widgets_values_named: named } = record;
  for (const [name, value] of Object.entries(decode(node, listed, named))) node.values[name] = value;
}

/**
 * @param {Node} node
 * @param {any} listed
 * @param {any} named
 * @returns {Record<string, any>}
 */
function decode(node, listed, named) {
  const byName = named && typeof named === "object" && !Array.isArray(named) ? named : null;
  if (!node.spec) return byName ? { ...byName } : isRecord(listed) ? { ...listed } : {};
  /** @type {Record<string, any>} */
  const values = {};
  // An option of a dynamic combo decides which widgets follow it, so the list is walked while it is being read.
  /** @type {Set<string>} */
  const seen = new Set();
  const list = Array.isArray(listed) ? withoutDummies(node, listed) : null;
  const object = isRecord(listed) ? listed : null;
  for (let at = 0; ; at++) {
    node.unfolded = null;
    const before = node.values;
    node.values = values;
    const next = node.widgets.find((each) => !seen.has(each.name));
    node.values = before;
    if (!next) break;
    seen.add(next.name);
    let value = list?.[at];
    if (object) value = object[next.name];
    if (byName && Object.hasOwn(byName, next.name)) value = byName[next.name];
    if (next.widget === "CONTROL" && typeof value === "boolean") value = value ? "randomize" : "fixed";
    if (value === undefined || (value === null && next.widget !== "COMBO")) value = defaultOf(next);
    if (value !== undefined) values[next.name] = value;
  }
  node.unfolded = null;
  return values;
}

/** @param {any} value */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * Editors before inputs with `forceInput` lost their widgets wrote a value for each of them.
 * @param {Node} node
 * @param {any[]} list
 */
function withoutDummies(node, list) {
  const { spec } = node;
  if (!spec || spec.isDynamic || list.length <= node.widgets.length) return list;
  const all = spec.inputs.filter((each) => each.widget || each.options.forceInput);
  const forced = all.filter((each) => !each.widget).length;
  if (!forced || list.length !== all.length) return list;
  return list.filter((_, i) => all[i].widget);
}

/**
 * The two entries of a record. What the file had is written again unless a value is another one now.
 * @param {Node} node
 * @returns {{widgets_values?: any, widgets_values_named?: Record<string, any>}}
 */
export function writeValues(node) {
  const { raw } = node;
  if (!node.spec) return kept(raw);
  const widgets = node.widgets;
  const now = Object.fromEntries(widgets.map((each) => [each.name, node.values[each.name] ?? null]));
  if (raw) {
    const before = decode(node, raw.widgets_values, raw.widgets_values_named);
    node.unfolded = null;
    if (widgets.every((each) => same(before[each.name] ?? null, now[each.name]))) {
      return { ...kept(raw), ...(widgets.length ? { widgets_values_named: { ...raw.widgets_values_named, ...now } } : {}) };
    }
    if (isRecord(raw.widgets_values)) {
      return { widgets_values: { ...raw.widgets_values, ...now }, widgets_values_named: { ...raw.widgets_values_named, ...now } };
    }
  }
  if (!widgets.length) return kept(raw);
  const list = widgets.map((each) => now[each.name]);
  const had = raw?.widgets_values;
  if (Array.isArray(had) && had.length > list.length && !node.spec.isDynamic) list.push(...had.slice(list.length));
  return { widgets_values: list, widgets_values_named: { ...raw?.widgets_values_named, ...now } };
}

/** @param {any} raw */
function kept(raw) {
  /** @type {any} */
  const found = {};
  if (raw && "widgets_values" in raw) found.widgets_values = raw.widgets_values;
  if (raw && "widgets_values_named" in raw) found.widgets_values_named = raw.widgets_values_named;
  return found;
}

/**
 * Whether two values are the same JSON.
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function same(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]));
}
