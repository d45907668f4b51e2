/** What fields of a form are called. */

import { labelOf } from "../widgets/fields.js";
import { roleOf } from "./model.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Field } from "./model.js" */

/** What widgets of many types are called, each with a message of its own. */
const KNOWN = new Set(["batch_size", "cfg", "ckpt_name", "denoise", "height", "image", "noise_seed", "sampler_name", "scheduler", "seed", "steps", "width"]);

/**
 * @param {Editor} editor
 * @param {Field} field  of a widget that is there
 * @param {Field[]} others  of the same form: two are not called the same
 * @returns {string}
 */
export function nameOf(editor, field, others) {
  if (field.look.label) return String(field.look.label);
  const plain = plainName(editor, field);
  const isShared = others.some((each) => each !== field && each.node && each.spec && !each.look.label && plainName(editor, each) === plain);
  if (!isShared || !field.node) return plain;
  const isTwin = others.some((each) => each !== field && each.id !== field.id && each.node?.name === field.node?.name);
  return `${plain} (${field.node.name}${isTwin ? ` ${field.id}` : ""})`;
}

/** @param {Editor} editor @param {Field} field */
function plainName(editor, { node, spec }) {
  if (!node || !spec) return "";
  if (spec.widget === "CONTROL") return capital(editor.text("widgets.control"));
  if (spec.widget === "STRING" && spec.options.multiline) {
    if (node.title) return node.title;
    const role = roleOf(node);
    return role ? editor.text(`form.${role}`) : node.name;
  }
  const label = labelOf(node, spec);
  if (label !== spec.name) return label;
  if (KNOWN.has(label)) return editor.text(`form.name.${label}`);
  return capital(label.replace(/_/g, " "));
}

/** @param {string} words */
function capital(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
