/**
 * Values of widgets as files keep them: a list in the order of the widgets, an object, or both.
 *
 * Values by name win over the list, for that one shifts when a type gains or loses a widget. The list is older than the
 * nodes: which habit it follows is told by its length. The server's converter reads files by the same rules, so what a
 * person sees is what is run. Source: workflow_format, sections 3.2 and 6.2.
 */

import { definitionOf, proxiesOf } from "./instances.js";
import { customComboAsSaved } from "./scripted.js";
import { CONTROL_MODES, defaultOf, DYNAMIC_COMBO, holdsValue, inputsBehind, isCustomCombo, PRIMITIVE } from "./spec.js";

/** @import { Node } from "./graph.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */

/**
 * What stands between the values of a list.
 * @typedef {object} Habit
 * @property {boolean} dummies  entries of inputs that were widgets once
 * @property {boolean} controls  after seeds
 * @property {boolean} uploads  entries of upload buttons
 * @property {boolean} filters  after the controls of choices
 */

/** How current editors write; the first that is tried. @type {Habit} */
const CURRENT = { dummies: false, controls: true, uploads: true, filters: false };

const CONTROL_NAME = "control_after_generate";

/** What the buttons of some nodes leave among the values of their widgets. */
const BUTTONS = new Set(["upload3dmodel", "uploadExtraResources", "clear", "refresh"]);

/**
 * What a list says.
 * @typedef {object} Listed
 * @property {Record<string, any>} values  by name
 * @property {Map<string, number>} places  of these in the list
 * @property {number} next  the place behind the last that was read
 * @property {boolean} fits  whether the list is exactly as long as the widgets make it
 */

/** @type {Listed} */
const NOTHING = { values: {}, places: new Map(), next: 0, fits: false };

/**
 * Reads what a record has into `node.values`; a widget that it does not mention keeps its default.
 * @param {Node} node  with its `spec`
 * @param {any} record
 */
export function readValues(node, record) {
  node.unfolded = null;
  node.values = readPlainly(node, record) ?? decode(node, record).values;
}

/** What has a place in the list of a type whose widgets are always the same. @type {WeakMap<NodeSpec, InputSpec[]>} */
const inLists = new WeakMap();

/**
 * The widgets of a node's list, if that is as current editors write it: the case of nearly all nodes, made short.
 * @param {Node} node
 * @param {any} record
 * @returns {InputSpec[] | null}
 */
function plainWidgets({ spec }, record) {
  const list = record.widgets_values;
  if (!spec || spec.isDynamic || spec.definition || spec.type === PRIMITIVE || !Array.isArray(list)) return null;
  let widgets = inLists.get(spec);
  if (!widgets) inLists.set(spec, (widgets = spec.inputs.filter((each) => each.widget)));
  if (list.length !== widgets.length) return null;
  for (let i = 0; i < list.length; i++) {
    if (list[i] === null || list[i] === undefined || (widgets[i].widget === "CONTROL" && (typeof list[i] !== "string" || !isControl(list[i])))) return null;
  }
  return widgets;
}

/**
 * @param {Node} node
 * @param {any} record
 * @returns {Record<string, any> | null} null: it needs a closer look
 */
function readPlainly(node, record) {
  const widgets = record.widgets_values_named === undefined ? plainWidgets(node, record) : null;
  if (!widgets) return null;
  /** @type {Record<string, any>} */
  const values = {};
  for (let i = 0; i < widgets.length; i++) values[widgets[i].name] = record.widgets_values[i];
  return values;
}

/**
 * The entries of a node whose values are those that its record lists.
 * @param {Node} node
 * @returns {any} null: it needs a closer look
 */
function writePlainly(node) {
  const { raw, values } = node;
  const widgets = raw && !node.isRefitted ? plainWidgets(node, raw) : null;
  if (!widgets?.length) return null;
  const { widgets_values: list, widgets_values_named: had } = raw;
  for (let i = 0; i < list.length; i++) {
    const value = values[widgets[i].name];
    if (!same(value, list[i]) || (had && !same(value, had[widgets[i].name]))) return null;
  }
  if (had !== undefined) return isRecord(had) ? kept(raw) : null;
  /** @type {Record<string, any>} */
  const named = {};
  for (let i = 0; i < widgets.length; i++) named[widgets[i].name] = list[i];
  return { widgets_values: list, widgets_values_named: named };
}

/**
 * @param {Node} node
 * @param {any} record
 * @returns {{values: Record<string, any>, given: Record<string, any>, listed: Listed}} `given`: without the defaults
 */
function decode(node, record) {
  const { spec } = node;
  const names = namedValues(record);
  if (!spec) return { values: { ...names }, given: { ...names }, listed: NOTHING };
  if (spec.type === PRIMITIVE) return decodePrimitive(record, names);
  if (spec.definition) return decodeInstance(node, record, names);
  return decodeListed(isCustomCombo(spec.type, spec.inputs) ? customComboAsSaved(spec, record) : spec, record, names);
}

/**
 * @param {NodeSpec} spec
 * @param {any} record
 * @param {Record<string, any> | null} names
 */
function decodeListed(spec, record, names) {
  const saved = record.widgets_values;
  let listed = Array.isArray(saved) && saved.length ? readList(spec, saved, Boolean(names && Object.hasOwn(names, CONTROL_NAME))) : NOTHING;
  if (names && !listed.fits) listed = { ...NOTHING, next: listed.next };
  /** @type {Record<string, any>} */
  const given = {};
  /** @type {Record<string, any>} */
  const values = {};
  const waiting = [...spec.inputs].reverse();
  while (waiting.length) {
    const input = /** @type {InputSpec} */ (waiting.pop());
    if (!input.widget) continue;
    let value = names && Object.hasOwn(names, input.name) ? names[input.name] : listed.values[input.name];
    if (input.widget === "CONTROL" && typeof value === "boolean") value = value ? "randomize" : "fixed";
    if (value !== undefined && value !== null) given[input.name] = value;
    else value = defaultOf(input) ?? value;
    if (value !== undefined) values[input.name] = value;
    if (input.widget === DYNAMIC_COMBO) waiting.push(...inputsBehind(input, value).reverse());
  }
  return { values, given, listed };
}

/**
 * Values by name; some packs write an object where others write a list.
 * @param {any} record
 * @returns {Record<string, any> | null}
 */
function namedValues(record) {
  const { widgets_values_named: named, widgets_values: saved } = record;
  if (isRecord(named) && Object.keys(named).length) return Array.isArray(saved) ? { ...named, ...handEdits(named, saved) } : named;
  return isRecord(saved) ? saved : null;
}

/**
 * What somebody has written into the list alone since list and names agreed: people and scripts change a workflow by
 * hand there. Nothing if the two cannot be laid side by side.
 * @param {Record<string, any>} named
 * @param {any[]} list
 */
function handEdits(named, list) {
  const entries = Object.entries(named);
  const behind = list.slice(entries.length);
  if (list.length < entries.length || !behind.every((each) => each === "" || isControl(each))) return {};
  const changed = entries.map(([name, old], i) => ({ name, old, now: list[i] })).filter(({ old, now }) => isPlain(old) && isPlain(now) && !Object.is(old, now));
  const gone = new Set(changed.map(({ old }) => old));
  if (changed.some(({ now }) => gone.has(now))) return {}; // moved, not changed: the names are in another order
  return Object.fromEntries(changed.map(({ name, now }) => [name, now]));
}

/** @param {any} value */
function isPlain(value) {
  return value === null || typeof value !== "object";
}

/** What may stand as a control; very old files have true and false. @param {any} value */
function isControl(value) {
  return value === null || typeof value === "boolean" || CONTROL_MODES.includes(value) || value === "increment-wrap";
}

/**
 * @param {NodeSpec} spec
 * @param {any[]} list
 * @param {boolean} isControlled  the file has names, with a control among them: so has the list
 * @returns {Listed}
 */
function readList(spec, list, isControlled) {
  /** @type {Listed | null} */
  let best = null;
  for (const habit of habits(spec)) {
    if (isControlled && !habit.controls) continue;
    const found = take(spec.inputs, list, habit);
    if (found.fits) return found;
    best ??= found;
  }
  const without = list.filter((each) => !BUTTONS.has(each));
  if (without.length < list.length) {
    const found = readList(spec, without, isControlled);
    if (found.fits) return { ...found, places: new Map(), next: list.length };
  }
  return best ?? NOTHING;
}

/** The habits that make a difference for a type, the current one first. @param {NodeSpec} spec */
function* habits(spec) {
  yield CURRENT;
  const { inputs } = spec;
  const forced = inputs.some((each) => each.options.forceInput && holdsValue(each.type, each.options));
  const controls = inputs.filter((each) => each.widget === "CONTROL");
  const combos = controls.some((control) => inputs.find((each) => each.name === control.companionOf)?.widget === "COMBO");
  const hasControls = controls.length > 0 || inputs.some((each) => each.widget === DYNAMIC_COMBO);
  const hasUploads = inputs.some((each) => each.widget === "UPLOAD");
  for (const dummies of forced ? [false, true] : [false]) {
    for (const control of hasControls ? [true, false] : [true]) {
      for (const uploads of hasUploads ? [true, false] : [true]) {
        for (const filters of combos ? [false, true] : [false]) {
          const isCurrent = !dummies && control && uploads && !filters;
          if (!isCurrent) yield { dummies, controls: control, uploads, filters };
        }
      }
    }
  }
}

/**
 * @param {InputSpec[]} inputs
 * @param {any[]} list
 * @param {Habit} habit
 * @returns {Listed}
 */
function take(inputs, list, habit) {
  /** @type {Record<string, any>} */
  const values = {};
  /** @type {Map<string, number>} */
  const places = new Map();
  let at = 0;
  let isWhole = true;
  /** @param {string} name */
  const read = (name) => {
    values[name] = list[at];
    places.set(name, at++);
  };
  const waiting = [...inputs].reverse();
  while (waiting.length) {
    const input = /** @type {InputSpec} */ (waiting.pop());
    if (input.widget === "UPLOAD") {
      if (habit.uploads && at < list.length) read(input.name);
      continue;
    }
    if (input.widget === "CONTROL") {
      if (!habit.controls || at >= list.length || !isControl(list[at])) continue;
      read(input.name);
      const owner = inputs.find((each) => each.name === input.companionOf);
      if (habit.filters && owner?.widget === "COMBO" && typeof list[at] === "string") at++;
      continue;
    }
    const isDummy = habit.dummies && !input.widget && holdsValue(input.type, input.options);
    if (!input.widget && !isDummy) continue;
    if (at >= list.length) {
      isWhole = false;
      break;
    }
    if (isDummy) at++;
    else read(input.name);
    if (input.widget === DYNAMIC_COMBO) waiting.push(...inputsBehind(input, values[input.name]).reverse());
  }
  return { values, places, next: at, fits: isWhole && at === list.length };
}

/**
 * The values of several nodes from one list, as older group nodes keep them.
 * @param {{part: string, inputs: InputSpec[], absent: Set<string>}[]} parts  `absent`: widgets that have no place in it
 * @param {any[]} list
 * @returns {{values: Map<string, any>, places: Map<string, number>, next: number}} by "part widget"
 */
export function takeJoined(parts, list) {
  /** @type {ReturnType<typeof takeJoined>} */
  const found = { values: new Map(), places: new Map(), next: 0 };
  for (const { part, inputs, absent } of parts) {
    const here = inputs.filter((each) => each.widget !== "UPLOAD" && !absent.has(each.companionOf ?? each.name));
    const taken = take(here, list.slice(found.next), CURRENT);
    for (const [name, place] of taken.places) {
      found.values.set(`${part} ${name}`, taken.values[name]);
      found.places.set(`${part} ${name}`, found.next + place);
    }
    found.next += taken.next;
  }
  return found;
}

/**
 * A primitive's: its value, then its control and its filter.
 * @param {any} record
 * @param {Record<string, any> | null} names
 */
function decodePrimitive(record, names) {
  const list = Array.isArray(record.widgets_values) ? record.widgets_values : [];
  /** @type {Listed} */
  const listed = { values: {}, places: new Map(), next: Math.min(3, list.length), fits: list.length < 4 };
  ["value", "control_after_generate", "control_filter_list"].forEach((name, i) => {
    if (i >= list.length) return;
    listed.values[name] = list[i];
    listed.places.set(name, i);
  });
  /** @type {Record<string, any>} */
  const given = { ...listed.values };
  if (names) {
    if (!Object.hasOwn(names, "value") && Object.keys(names).length) given.value = Object.values(names)[0];
    Object.assign(given, names);
  }
  if (typeof given.control_after_generate === "boolean") given.control_after_generate = given.control_after_generate ? "randomize" : "fixed";
  return { values: { ...given }, given, listed };
}

/**
 * An instance's: those of inputs that stand for widgets inside, and in older files those of single widgets inside.
 * @param {Node} node
 * @param {any} record
 * @param {Record<string, any> | null} names
 */
function decodeInstance(node, record, names) {
  const inputs = node.inputSpecs;
  const saved = record.widgets_values;
  /** @type {Record<string, any>} */
  const given = {};
  /** @type {Listed} */
  const listed = { values: {}, places: new Map(), next: 0, fits: false };
  if (Array.isArray(saved) && saved.length) {
    const targets = listedTargets(node, record, saved.length);
    targets.forEach(([id, name], i) => {
      const key = i < saved.length ? keyOf(node, inputs, id, name) : undefined;
      if (key === undefined) return;
      listed.places.set(key, i);
      if (saved[i] !== null) given[key] = saved[i];
    });
    listed.next = Math.min(targets.length, saved.length);
    listed.fits = targets.length === saved.length;
  }
  if (names) {
    const known = nameable(inputs);
    for (const each of inputs) {
      if (each.widget && known.has(each.name) && Object.hasOwn(names, each.name) && names[each.name] !== null) given[each.name] = names[each.name];
    }
  }
  const values = { ...given };
  for (const each of inputs) {
    if (!each.widget || values[each.name] !== undefined) continue;
    const value = defaultOf(each);
    if (value !== undefined) values[each.name] = value;
  }
  return { values, given, listed };
}

/**
 * Widgets that a name alone tells: of two widgets of one name inside, only their places in the list tell which is which.
 * @param {InputSpec[]} inputs
 * @returns {Set<string>}
 */
function nameable(inputs) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { name, proxy } of inputs) counts.set(proxy?.[1] ?? name, (counts.get(proxy?.[1] ?? name) ?? 0) + 1);
  return new Set(inputs.filter(({ name, proxy }) => counts.get(proxy?.[1] ?? name) === 1).map((each) => each.name));
}

/**
 * @param {Node} node
 * @param {InputSpec[]} inputs
 * @param {string} id
 * @param {string} name
 * @returns {string | undefined} the name that the widget has on the instance
 */
function keyOf(node, inputs, id, name) {
  if (id !== "-1") return inputs.find((each) => each.proxy?.[0] === id && each.proxy[1] === name)?.name;
  const own = inputs.find((each) => !each.proxy && each.widget && each.name === name);
  if (own) return own.name;
  const deeper = /^([^:\s]+): (.+)$/s.exec(name);
  if (deeper) return inputs.find((each) => each.proxy?.[0] === deeper[1] && each.proxy[1] === deeper[2])?.name;
  return inputs.find((each) => each.proxy?.[1] === name)?.name;
}

/**
 * The widgets that the values of an instance belong to, in their order; "-1" is the instance's own input.
 * @param {Node} node
 * @param {any} record
 * @param {number} length
 * @returns {[string, string][]}
 */
function listedTargets(node, record, length) {
  const own = node.inputSpecs.filter((each) => each.widget && !each.proxy && !each.companionOf).map((each) => each.name);
  const proxies = proxiesOf(record.properties);
  if (proxies.length) {
    const listed = new Set(proxies.map(([id, name]) => `${id} ${name}`));
    /** @type {[string, string][]} */
    const before = own.filter((name) => !listed.has(`-1 ${name}`)).map((name) => ["-1", name]);
    const valued = proxies.filter(([, name]) => !name.startsWith("$$"));
    const tries = [proxies, [...before, ...proxies], valued, [...before, ...valued]];
    return tries.find((each) => each.length === length) ?? proxies;
  }
  /** @type {string[]} */
  let names = own;
  if (own.length !== length) {
    // Nodes change, and then the file knows better which inputs were widgets when it was saved.
    const slots = Array.isArray(record.inputs) ? record.inputs : [];
    let marked = new Set(slots.filter((/** @type {any} */ slot) => slot?.widget).map((/** @type {any} */ slot) => String(slot.name ?? "")));
    if (!marked.size) marked = markedInside(node);
    const told = [...new Set(node.spec?.inputs.filter((each) => !each.companionOf && marked.has(each.name)).map((each) => each.name))];
    if (told.length === length) names = told;
  }
  return names.map((name) => ["-1", name]);
}

/** Inputs of the definition that lead to what the file calls a widget. @param {Node} node @returns {Set<string>} */
function markedInside(node) {
  const graph = definitionOf(node)?.graph;
  /** @type {Set<string>} */
  const found = new Set();
  for (const slot of graph?.boundary?.input.outputs ?? []) {
    for (const id of slot.links) {
      const link = graph?.link(id);
      const input = link && graph?.node(link.to)?.inputs[link.toSlot];
      if (input?.widget !== undefined && !input.implicit) found.add(slot.name);
    }
  }
  return found;
}

/**
 * The two entries of a record. What the file had is written again unless a value is another one now.
 * @param {Node} node
 * @returns {{widgets_values?: any, widgets_values_named?: Record<string, any>}}
 */
export function writeValues(node) {
  const { raw, spec } = node;
  if (!spec) return kept(raw);
  const plain = writePlainly(node);
  if (plain) return plain;
  const isPrimitive = spec.type === PRIMITIVE;
  const names = isPrimitive ? namesOfPrimitive(node) : namesNow(node);
  const { values } = node;
  if (!raw) {
    if (!names.length) return {};
    const named = pick(values, names);
    return { widgets_values: isPrimitive ? Object.values(named) : listNow(node), widgets_values_named: named };
  }
  const { values: before, given, listed } = decode(node, raw);
  const isSame = !node.isRefitted && names.every((name) => same(before[name], values[name]));
  const { widgets_values: had, widgets_values_named: hadNames } = raw;
  if (isSame) {
    const found = kept(raw);
    if (Array.isArray(had) && hadNames === undefined && listed.fits && isInOrder(listed.places)) {
      const told = [...listed.places.keys()].filter((name) => given[name] !== undefined);
      if (told.length && told.length === listed.places.size && isToldByNames(node)) found.widgets_values_named = pick(given, told);
    }
    return found;
  }
  if (isRecord(had)) {
    const changed = pick(values, names.filter((name) => !same(before[name], values[name])));
    return { ...kept(raw), widgets_values: { ...had, ...changed }, ...(isRecord(hadNames) ? { widgets_values_named: { ...hadNames, ...changed } } : {}) };
  }
  const inList = isPrimitive ? names : widgetsInList(node).map((each) => each.name);
  /** @type {any[]} */
  let list;
  const isPlaced = inList.every((name) => listed.places.has(name)) && (spec.definition || [...listed.places.keys()].every((name) => inList.includes(name)));
  if (Array.isArray(had) && !node.isRefitted && isPlaced) {
    list = [...had];
    for (const [name, place] of listed.places) list[place] = values[name] ?? null;
  } else {
    list = isPrimitive ? names.map((name) => values[name] ?? null) : listNow(node);
    if (Array.isArray(had) && !listed.fits && !spec.definition) list.push(...had.slice(Math.max(listed.next, 0), had.length));
  }
  // Values that a script keeps behind those of the widgets have no names that we know: they would be lost among names.
  if (Array.isArray(had) && had.length && !listed.fits && hadNames === undefined) return { widgets_values: list };
  const known = spec.definition ? nameable(node.inputSpecs) : null;
  const named = known ? names.filter((name) => known.has(name)) : names;
  return { widgets_values: list, widgets_values_named: { ...pick(values, named), ...without(hadNames, names) } };
}

/** @param {Node} node */
function isToldByNames(node) {
  return !node.spec?.definition || nameable(node.inputSpecs).size === node.inputSpecs.length;
}

/**
 * Widgets whose values are written by name. The control of a promoted seed only if it is not that of the widget inside:
 * names that the list has not keep people from changing the list by hand.
 * @param {Node} node
 */
function namesNow(node) {
  return node.widgets.filter((each) => !each.isUnlisted || (node.values[each.name] ?? each.options.default) !== each.options.default).map((each) => each.name);
}

/** @param {Node} node */
function widgetsInList(node) {
  return node.widgets.filter((each) => !each.isUnlisted);
}

/** The list as current editors write it. @param {Node} node @returns {any[]} */
function listNow(node) {
  const proxies = node.spec?.definition ? proxiesOf(node.properties) : [];
  if (!proxies.length) return widgetsInList(node).map((each) => node.values[each.name] ?? null);
  const inputs = node.inputSpecs;
  const listed = new Set(proxies.map(([id, name]) => `${id} ${name}`));
  /** @type {[string, string][]} */
  const own = inputs.filter((each) => each.widget && !each.proxy && !each.companionOf && !listed.has(`-1 ${each.name}`)).map((each) => ["-1", each.name]);
  return [...own, ...proxies].map(([id, name]) => {
    const key = keyOf(node, inputs, id, name);
    return key === undefined ? null : (node.values[key] ?? null);
  });
}

/** @param {Node} node */
function namesOfPrimitive(node) {
  const known = ["value", "control_after_generate", "control_filter_list"];
  return known.filter((name) => node.values[name] !== undefined);
}

/** @param {Map<string, number>} places  in the order of the widgets */
function isInOrder(places) {
  let at = 0;
  for (const place of places.values()) if (place !== at++) return false;
  return at > 0;
}

/** @param {Record<string, any>} values @param {string[]} names */
function pick(values, names) {
  return Object.fromEntries(names.map((name) => [name, values[name] ?? null]));
}

/** @param {any} values @param {string[]} names */
function without(values, names) {
  if (!isRecord(values)) return {};
  const gone = new Set(names);
  return Object.fromEntries(Object.entries(values).filter(([name]) => !gone.has(name)));
}

/** @param {any} value */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
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
