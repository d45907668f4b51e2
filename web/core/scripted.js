/**
 * Widgets that a type does not declare, for the page of the leading engine adds them: the choices of a Custom Combo, which
 * people write themselves. The server reads them from the file. Source: workflow_format, section 9.
 */

/** @import { InputSpec, NodeSpec } from "./spec.js" */

export const CUSTOM_COMBO = "CustomCombo";

const MOST_OPTIONS = 500;

/** @param {number} i  from 0 */
const nameOf = (i) => `option${i + 1}`;

/**
 * What the person wrote, up to the last that is not empty.
 * @param {Record<string, any>} values  of the node
 * @returns {string[]}
 */
function optionsOf(values) {
  /** @type {string[]} */
  const found = [];
  for (let i = 0; i < MOST_OPTIONS && values[nameOf(i)] !== undefined; i++) found.push(String(values[nameOf(i)]));
  while (found.at(-1) === "") found.pop();
  return found;
}

/**
 * @param {NodeSpec} spec
 * @param {number} count  of choices
 * @param {string[]} [choices]  that can be chosen
 * @returns {InputSpec[]}
 */
function inputsFor(spec, count, choices) {
  const [choice, ...others] = spec.inputs;
  const options = choices ? { ...choice.options, options: choices } : choice.options;
  /** @param {string} name @param {string} type @param {Record<string, any>} more @returns {InputSpec} */
  const extra = (name, type, more) => ({ name, type, widget: type, options: { socketless: true, ...more }, section: "required" });
  return [
    { ...choice, options }, ...others, extra("index", "INT", { default: 0, hidden: true }),
    ...Array.from({ length: count }, (_, i) => extra(nameOf(i), "STRING", { default: "" })),
  ];
}

/** With one empty line to write the next choice in. @param {NodeSpec} spec @param {Record<string, any>} values @returns {InputSpec[]} */
export function customComboInputs(spec, values) {
  const options = optionsOf(values);
  return inputsFor(spec, Math.min(MOST_OPTIONS, options.length + 1), [...new Set(options.filter(Boolean))]);
}

/**
 * The widgets as a record lists them. Nothing but the declared ones: it was saved without the others.
 * @param {NodeSpec} spec
 * @param {any} record
 * @returns {NodeSpec}
 */
export function customComboAsSaved(spec, record) {
  const list = Array.isArray(record.widgets_values) ? record.widgets_values : [];
  const named = Object.keys(record.widgets_values_named ?? (Array.isArray(record.widgets_values) ? {} : (record.widgets_values ?? {})));
  const count = Math.max(list.length - spec.inputs.length - 1, named.filter((name) => name.startsWith("option")).length);
  return count > 0 ? { ...spec, inputs: inputsFor(spec, count) } : spec;
}

/**
 * What changes with a value: the place of the choice, and the choice with its words.
 * @param {Record<string, any>} values  as they were
 * @param {string} name
 * @param {any} value
 * @returns {[string, any][]}
 */
export function customComboFollows(values, name, value) {
  const options = optionsOf({ ...values, [name]: value });
  let { choice } = values;
  if (name === "choice") choice = value;
  else if (name.startsWith("option") && value && (choice === values[name] || !options.includes(choice))) choice = value;
  else if (name.startsWith("option") && !options.includes(choice)) choice = options.find(Boolean) ?? "";
  const index = options.indexOf(choice);
  /** @type {[string, any][]} */
  const found = [["choice", choice], ["index", Math.max(0, index)]];
  return found.filter(([each, now]) => each !== name && now !== undefined && now !== values[each]);
}
