/**
 * What types, inputs and outputs are called in the language of the page, where packs bring words for it. Names stay what
 * they are: files and prompts know them alone.
 */

/** @import { InputSlot, Node, OutputSlot } from "./graph.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */

/**
 * A pack's words for one type, as its `nodeDefs.json` has them.
 * @typedef {{display_name?: any, description?: any, inputs?: Record<string, any>, outputs?: Record<string, any>}} Words
 */

/** @param {any} value @returns {value is Record<string, any>} */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {any} value @returns {string | undefined} */
const textIn = (value) => (typeof value === "string" && value ? value : undefined);

/**
 * Words of several languages, the later ones over the earlier.
 * @param {any[]} all  type -> words
 * @returns {Record<string, Words>}
 */
export function mergeWords(all) {
  /** @type {Record<string, Words>} */
  const found = {};
  for (const definitions of all) {
    for (const [type, words] of Object.entries(definitions ?? {})) {
      if (typeof words !== "object" || !words) continue;
      const before = Object.hasOwn(found, type) ? found[type] : {};
      found[type] = { ...before, ...words, inputs: { ...before.inputs, ...words.inputs }, outputs: { ...before.outputs, ...words.outputs } };
    }
  }
  return found;
}

/**
 * Names of menus of several languages, the later ones over the earlier.
 * @param {any[]} all  name of one menu -> word
 * @returns {Record<string, string>}
 */
export function mergeMenus(all) {
  return Object.fromEntries(all.flatMap((each) => Object.entries(each ?? {})).filter(([, word]) => textIn(word)));
}

/** Gives a type its words. What it was called before is still found by a search. @param {NodeSpec} spec @param {Words} words */
export function addWords(spec, words) {
  const title = textIn(words.display_name);
  if (title && title !== spec.title) {
    spec.aliases = [...spec.aliases, spec.title];
    spec.title = title;
  }
  spec.doc = textIn(words.description) ?? spec.doc;
  /** @type {Record<string, string>} */
  const inputs = {};
  /** @type {Record<string, string>} */
  const outputs = {};
  for (const input of spec.inputs) {
    const told = words.inputs?.[input.name];
    const name = textIn(told?.name);
    if (name) inputs[input.name] = name;
    const tooltip = textIn(told?.tooltip);
    if (tooltip) input.options = { ...input.options, tooltip };
    if (isRecord(told?.choices)) input.options = { ...input.options, options: choicesIn(input.name, input.options, told.choices, inputs) };
  }
  spec.outputs.forEach((output, i) => {
    const told = words.outputs?.[i];
    const name = textIn(told?.name);
    if (name) outputs[output.name] = name;
    output.tip = textIn(told?.tooltip) ?? output.tip;
  });
  spec.words = { inputs, outputs };
}

/**
 * The choices of a dynamic combo with words for the inputs that each brings, and for what those bring.
 * @param {string} combo  its full name
 * @param {Record<string, any>} options
 * @param {Record<string, any>} told  by choice and input
 * @param {Record<string, string>} names  takes what the inputs are called, by their full names
 * @returns {any[]}
 */
function choicesIn(combo, options, told, names) {
  const choices = Array.isArray(options.options) ? options.options : [];
  return choices.map((choice) => {
    const words = told[choice?.key];
    if (!isRecord(words) || !isRecord(choice?.inputs)) return choice;
    const inputs = Object.fromEntries(
      Object.entries(choice.inputs).map(([section, declared]) => [
        section,
        Object.fromEntries(Object.entries(declared ?? {}).map(([name, record]) => [name, brought(`${combo}.${name}`, record, words[name], names)])),
      ]),
    );
    return { ...choice, inputs };
  });
}

/**
 * One input that a choice brings, with its words.
 * @param {string} name  its full one
 * @param {any} record  its type and its options
 * @param {any} told
 * @param {Record<string, string>} names
 * @returns {any}
 */
function brought(name, record, told, names) {
  const own = textIn(told?.name);
  if (own) names[name] = own;
  if (!Array.isArray(record)) return record;
  const options = { ...record[1] };
  options.tooltip = textIn(told?.tooltip) ?? options.tooltip;
  if (isRecord(told?.choices)) options.options = choicesIn(name, options, told.choices, names);
  return [record[0], options];
}

/** @param {NodeSpec | null | undefined} spec @param {"inputs" | "outputs"} side @param {string} name @returns {string | undefined} */
export function wordFor(spec, side, name) {
  const words = spec?.words?.[side];
  return words && Object.hasOwn(words, name) ? words[name] : undefined;
}

/**
 * What is written beside a socket: the person's own word, the page's language, the file's, the name.
 * @param {Node} node
 * @param {InputSlot | OutputSlot} slot
 * @returns {string}
 */
export function nameOfSlot(node, slot) {
  return slot.label ?? wordFor(node.spec, "links" in slot ? "outputs" : "inputs", slot.name) ?? slot.raw?.localized_name ?? slot.name;
}

/** What an input is called, be it a socket or a widget. @param {Node} node @param {string} name @returns {string} */
export function nameOfInput(node, name) {
  const slot = node.inputs.find((each) => (each.widget ?? each.name) === name);
  return slot ? nameOfSlot(node, slot) : wordFor(node.spec, "inputs", name) ?? name;
}
