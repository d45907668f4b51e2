/**
 * What a node type offers: its inputs, which of them are widgets, its outputs. Read from `/object_info`, or from a
 * subgraph's definition. Source: workflow_format, section 3.1 and 3.2.
 */

import { CUSTOM_COMBO, customComboInputs } from "./scripted.js";
import { socketType } from "./types.js";

/**
 * One input of a node type. With `widget` it can hold a value; every input can also be linked, but companions.
 * @typedef {object} InputSpec
 * @property {string} name
 * @property {string} type
 * @property {string | null} widget  what edits it: "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "CONTROL", "UPLOAD" ...
 * @property {Record<string, any>} options
 * @property {"required" | "optional"} section
 * @property {string} [companionOf]  a control or upload button: it has a place in `widgets_values`, none in a prompt
 * @property {boolean} [grows]  one of a list of sockets that grows
 * @property {boolean} [isUnlisted]  its value is kept by name alone and has no place in `widgets_values`
 * @property {[string, string]} [proxy]  a widget of a node inside: its id and the widget's name; it has no socket
 *
 * @typedef {{name: string, type: string, isList: boolean, tip: string, template?: string}} OutputSpec  `template`: it has
 *   the type of what feeds the inputs of this template
 *
 * @typedef {object} NodeSpec
 * @property {string} type
 * @property {string} title
 * @property {string} category
 * @property {string} doc
 * @property {string} pack
 * @property {InputSpec[]} inputs  as declared: dynamic ones are not unfolded yet
 * @property {OutputSpec[]} outputs
 * @property {boolean} isOutput
 * @property {boolean} isDeprecated
 * @property {boolean} isExperimental
 * @property {string[]} aliases
 * @property {boolean} isDynamic  which inputs there are depends on values and links
 * @property {{inputs: Record<string, string>, outputs: Record<string, string>}} [words]  what they are called in the page's language
 * @property {any} [definition]  the subgraph that it stands for
 */

export const DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3";
export const AUTOGROW = "COMFY_AUTOGROW_V3";
export const MATCH_TYPE = "COMFY_MATCHTYPE_V3";

/** The node whose value is written into the widgets that it is linked to. */
export const PRIMITIVE = "PrimitiveNode";

export const CONTROL_MODES = ["fixed", "increment", "decrement", "randomize"];
const SEEDS = new Set(["seed", "noise_seed"]);
const UPLOADS = ["image_upload", "animated_image_upload", "video_upload", "audio_upload", "file_upload"];

/**
 * Types whose inputs are widgets, with a place in the values of a file: the same as the server's, for it reads those by
 * place. Of any other type an input is one if its options name a `widgetType`.
 */
const widgetTypes = new Set([
  "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", DYNAMIC_COMBO, "COLOR", "COLORS", "CURVE", "BOUNDING_BOX", "BOUNDING_BOXES",
  "IMAGECOMPARE", "COMPOSITOR", "PAINTER", "LOAD_3D", "LOAD_3D_ANIMATION", "PREVIEW_3D", "WEBCAM", "AUDIO_RECORD", "AUDIO_UI",
  "MARKDOWN",
]);

/**
 * @param {string} type  class of the node
 * @param {any} record  its entry in `/object_info`
 * @returns {NodeSpec}
 */
export function readSpec(type, record) {
  const inputs = readInputs(record.input ?? {}, record.input_order ?? {});
  const outputs = (record.output ?? []).map((/** @type {unknown} */ each, /** @type {number} */ i) => ({
    name: String(record.output_name?.[i] ?? each),
    type: socketType(record.output_matchtypes?.[i] ? "*" : each),
    isList: Boolean(record.output_is_list?.[i]),
    tip: String(record.output_tooltips?.[i] ?? ""),
    ...(record.output_matchtypes?.[i] ? { template: String(record.output_matchtypes[i]) } : {}),
  }));
  return {
    type,
    title: record.display_name || type,
    category: record.category ?? "",
    doc: record.description ?? "",
    pack: record.python_module ?? "",
    inputs,
    outputs,
    isOutput: Boolean(record.output_node),
    isDeprecated: Boolean(record.deprecated),
    isExperimental: Boolean(record.experimental),
    aliases: record.search_aliases ?? [],
    isDynamic: isCustomCombo(type, inputs) || inputs.some((each) => each.widget === DYNAMIC_COMBO || each.type === AUTOGROW),
  };
}

/**
 * @param {Record<string, any>} sections  `required`, `optional`: name -> [type, options]
 * @param {Record<string, string[]>} [order]
 * @returns {InputSpec[]}
 */
export function readInputs(sections, order = {}) {
  /** @type {InputSpec[]} */
  const inputs = [];
  /** @type {InputSpec[]} */
  const uploads = [];
  let required = 0;
  for (const section of /** @type {const} */ (["required", "optional"])) {
    const declared = isRecord(sections?.[section]) ? sections[section] : {};
    const listed = Array.isArray(order?.[section]) ? order[section].filter((name) => Object.hasOwn(declared, name)) : [];
    for (const name of listed.length ? listed : Object.keys(declared)) {
      const input = readInput(name, declared[name], section);
      if (!input) continue;
      inputs.push(input);
      const control = controlOf(input);
      if (control) inputs.push(unlike(control, inputs));
      const upload = UPLOADS.find((each) => input.options[each]);
      if (upload && input.widget === "COMBO") {
        const options = { upload, folder: input.options.image_folder ?? "input", into: name };
        uploads.push(unlike({ name: "upload", type: "UPLOAD", widget: "UPLOAD", options, section: "required", companionOf: name }, [...inputs, ...uploads]));
      }
    }
    if (section === "required") required = inputs.length;
  }
  inputs.splice(required, 0, ...uploads); // files have them last among the required ones
  return inputs;
}

/** @param {unknown} value */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * A companion under a name of its own: values go by name, and a node may have two seeds.
 * @param {InputSpec} companion
 * @param {InputSpec[]} others
 * @returns {InputSpec}
 */
function unlike(companion, others) {
  const isTaken = others.some((each) => each.name === companion.name);
  return isTaken ? { ...companion, name: `${companion.companionOf}.${companion.name}` } : companion;
}

/**
 * @param {string} name
 * @param {any} declared  [type or choices, options]
 * @param {"required" | "optional"} section
 * @returns {InputSpec | null}
 */
function readInput(name, declared, section) {
  if (!Array.isArray(declared) || !declared.length) return null;
  const [kind, given] = declared;
  let options = given && typeof given === "object" ? given : {};
  let type = socketType(kind);
  if (Array.isArray(kind)) {
    type = "COMBO";
    options = { ...options, options: kind };
  }
  if (options.multi_select && !options.multiselect) options = { ...options, multiselect: true }; // both are written
  const widget = holdsValue(type, options) && !options.forceInput ? options.widgetType || type.split(",")[0].trim() : null;
  if (type === MATCH_TYPE) type = socketType(options.template?.allowed_types ?? "*");
  return { name, type, widget, options, section };
}

/**
 * Whether a person sets values of this type, in a widget or, with `forceInput`, in another node's.
 * @param {string} type
 * @param {Record<string, any>} options
 * @returns {boolean}
 */
export function holdsValue(type, options) {
  return Boolean(widgetTypes.has(type.split(",")[0].trim()) || options.widgetType || options.socketless);
}

/**
 * The control that says what becomes of a value after a run.
 * @param {InputSpec} input
 * @returns {InputSpec | null}
 */
export function controlOf(input) {
  const asked = input.options.control_after_generate;
  const isSeed = input.widget === "INT" && SEEDS.has(input.name) && asked !== false;
  if ((input.widget !== "INT" && input.widget !== "COMBO") || !(isSeed || asked)) return null;
  const isMode = typeof asked !== "string" || CONTROL_MODES.includes(asked);
  const modes = input.widget === "COMBO" ? [...CONTROL_MODES, "increment-wrap"] : CONTROL_MODES;
  return {
    name: isMode ? "control_after_generate" : asked,
    type: "CONTROL",
    widget: "CONTROL",
    options: { options: modes, default: isMode && typeof asked === "string" ? asked : "randomize" },
    section: input.section,
    companionOf: input.name,
  };
}

/** Whether its choices are the person's own. @param {string} type @param {InputSpec[]} inputs */
export function isCustomCombo(type, inputs) {
  return type === CUSTOM_COMBO && inputs[0]?.widget === "COMBO";
}

/**
 * The inputs that a node of this type has now: the chosen option of a dynamic combo brings its own, and lists of
 * sockets have one free end.
 * @param {NodeSpec} spec
 * @param {Record<string, any>} values  the node's, by widget name
 * @param {(name: string) => boolean} isLinked
 * @returns {InputSpec[]}
 */
export function unfold(spec, values, isLinked) {
  if (isCustomCombo(spec.type, spec.inputs)) return customComboInputs(spec, values);
  return spec.isDynamic ? unfoldInputs(spec.inputs, "", values, isLinked) : spec.inputs;
}

/**
 * @param {InputSpec[]} inputs
 * @param {string} prefix
 * @param {Record<string, any>} values
 * @param {(name: string) => boolean} isLinked
 * @param {boolean} [isDeep]  whether dynamic combos among them are unfolded, too
 * @returns {InputSpec[]}
 */
function unfoldInputs(inputs, prefix, values, isLinked, isDeep = true) {
  /** @type {InputSpec[]} */
  const found = [];
  for (const each of inputs) {
    const name = prefix + each.name;
    if (each.type === AUTOGROW) {
      found.push(...grown({ ...each, name }, values, isLinked));
      continue;
    }
    const companionOf = each.companionOf && prefix + each.companionOf;
    found.push(prefix ? { ...each, name, ...(companionOf && { companionOf }) } : each);
    if (each.widget !== DYNAMIC_COMBO || !isDeep) continue;
    found.push(...unfoldInputs(inputsOfChoice(each, values[name] ?? defaultOf(each)), `${name}.`, values, isLinked));
  }
  return found;
}

/** @type {WeakMap<object, InputSpec[]>} by the record of the choice */
const ofChoices = new WeakMap();

/**
 * What a choice of a dynamic combo brings, by names without the combo's own in front.
 * @param {InputSpec} combo
 * @param {any} choice
 * @returns {InputSpec[]}
 */
function inputsOfChoice(combo, choice) {
  const choices = Array.isArray(combo.options.options) ? combo.options.options : [];
  const record = choices.find((/** @type {any} */ each) => each?.key === choice);
  if (!isRecord(record?.inputs)) return [];
  let inputs = ofChoices.get(record);
  if (!inputs) ofChoices.set(record, (inputs = readInputs(record.inputs)));
  return inputs;
}

/**
 * The inputs right behind a dynamic combo of this value, by their full names.
 * @param {InputSpec} combo
 * @param {any} choice
 * @returns {InputSpec[]}
 */
export function inputsBehind(combo, choice) {
  return unfoldInputs(inputsOfChoice(combo, choice), `${combo.name}.`, {}, () => false, false);
}

/**
 * @param {InputSpec} input
 * @param {Record<string, any>} values
 * @param {(name: string) => boolean} isLinked
 * @returns {InputSpec[]}
 */
function grown(input, values, isLinked) {
  const template = input.options.template ?? {};
  const [one] = readInputs(template.input ?? {});
  if (!one) return [];
  const low = Number(template.min ?? 0);
  const fixed = Array.isArray(template.names) ? template.names : null;
  const high = Math.min(1000, fixed ? fixed.length : Number(template.max ?? 100)); // a list, not a flood
  /** @param {number} i */
  const nameOf = (i) => `${input.name}.${fixed ? fixed[i] : `${template.prefix ?? one.name}${i}`}`;
  let used = 0;
  for (let i = 0; i < high; i++) if (isLinked(nameOf(i))) used = i + 1;
  const count = Math.min(high, Math.max(used, low) + 1);
  /** @type {InputSpec[]} */
  const found = [];
  for (let i = 0; i < count; i++) {
    found.push({ ...one, name: nameOf(i), widget: null, section: i < low ? "required" : "optional", grows: true });
  }
  return found;
}

/** @param {InputSpec} input @returns {any} the value of a new node's widget */
export function defaultOf(input) {
  const { options } = input;
  if (options.default !== undefined && options.default !== null) return options.default;
  const choices = Array.isArray(options.options) ? options.options : [];
  switch (input.widget) {
    case "INT":
    case "FLOAT":
      return Math.max(0, Number(options.min ?? 0));
    case "STRING":
    case "LOAD_3D":
      return "";
    case "BOOLEAN":
      return false;
    case "COMBO":
      return options.multiselect ? [] : choices[0];
    case DYNAMIC_COMBO:
      return choices[0]?.key;
    case "IMAGECOMPARE":
      return ["", ""];
    case "UPLOAD":
      return "image";
    default:
      return undefined;
  }
}
