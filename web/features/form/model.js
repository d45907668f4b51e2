/**
 * Which inputs and outputs of a workflow its form shows. Kept in its file as `extra.linearData`: `{inputs: [[node id,
 * widget name, {height?, label?, heading?}?]...], outputs: [node id...]}`; nodes inside of subgraphs by the path of their
 * ids, "8:25". Entries that nobody can find are kept. Source: workflow_format, section 5.
 */

import { kindOfFiles } from "../../core/file-inputs.js";
import { nodesBehind, outputsIn } from "../run/reach.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */

const DATA = "linearData";
const MODE = "linearMode";
const EMPTY = "isEmpty"; // in the data: somebody took everything out; others write empty lists where nobody has chosen
const MOST_FOUND = 24; // fields of a form that nobody has chosen
const NEAR = 4; // nodes between a text and the sampler that it steers

/**
 * What is said of an input beside its name.
 * @typedef {{height?: number, label?: string, heading?: string, [more: string]: any}} Look  `height`: of a text, CSS px;
 *   `heading`: stands above it
 *
 * @typedef {object} Field
 * @property {string} id  of the node, as the server has it
 * @property {string} name  of the widget
 * @property {Look} look
 * @property {Node | null} node  null: it is not there
 * @property {InputSpec | null} spec
 *
 * @typedef {{fields: Field[], outputs: {id: string, node: Node | null}[], isChosen: boolean}} Form  `isChosen`: by a person
 */

/** @param {Document} document @returns {boolean} whether its file says that it is shown as a form */
export function isFormMode(document) {
  return document.extra[MODE] === true;
}

/**
 * The file gets it when it is saved next: looking at a workflow in another way is no change of it.
 * @param {Document} document
 * @param {boolean} isForm
 */
export function setFormMode(document, isForm) {
  if (isFormMode(document) === isForm) return;
  const value = isForm || Object.hasOwn(document.raw?.extra ?? {}, MODE) ? isForm : undefined;
  document.journal.setAside([{ owner: document, target: document.extra, key: MODE, value }]);
}

/** @param {Document} document @returns {Form} */
export function readForm(document) {
  const kept = document.extra[DATA];
  const inputs = Array.isArray(kept?.inputs) ? kept.inputs.filter((/** @type {any} */ each) => Array.isArray(each) && typeof each[1] === "string") : [];
  const outputs = Array.isArray(kept?.outputs) ? kept.outputs : [];
  const isChosen = inputs.length > 0 || outputs.length > 0 || (kept?.[EMPTY] === true && Array.isArray(kept.inputs));
  const named = isChosen ? inputs : findInputs(document);
  return {
    isChosen,
    fields: named.map((/** @type {any[]} */ [id, name, look]) => fieldOf(document, String(id), name, look)),
    outputs: (isChosen && Array.isArray(kept?.outputs) ? outputs : findOutputs(document)).map((/** @type {any} */ id) => ({ id: String(id), node: document.nodeOf(id)?.node ?? null })),
  };
}

/** @param {Document} document @param {string} id @param {string} name @param {any} look @returns {Field} */
function fieldOf(document, id, name, look) {
  const node = document.nodeOf(id)?.node ?? null;
  const spec = node?.inputSpecs.find((each) => each.widget && each.name === name) ?? null;
  return { id, name, look: look !== null && typeof look === "object" && !Array.isArray(look) ? look : {}, node, spec };
}

/**
 * One step of undo. What was found for a workflow without a choice is what the choice begins with.
 * @param {Document} document
 * @param {string} label
 * @param {(form: Form) => void} change  changes the lists of the form, or their entries
 */
export function changeForm(document, label, change) {
  const form = readForm(document);
  change(form);
  const before = document.extra[DATA];
  const { [EMPTY]: _, ...rest } = before !== null && typeof before === "object" && !Array.isArray(before) ? before : {};
  document.edit(label, () => document.setExtra(DATA, {
    ...rest,
    inputs: form.fields.map(({ id, name, look }) => [fileId(id), name, ...(Object.keys(look).length ? [look] : [])]),
    outputs: form.outputs.map(({ id }) => fileId(id)),
    ...(form.fields.length || form.outputs.length ? {} : { [EMPTY]: true }),
  }));
}

/** As files have it: a number where it is one. @param {string} id */
function fileId(id) {
  return /^\d{1,15}$/.test(id) ? Number(id) : id;
}

/** @param {Field} field @param {string} key @param {string | number | undefined} value  undefined or "" takes it out */
export function setLook(field, key, value) {
  const { [key]: _, ...rest } = field.look;
  field.look = value === undefined || value === "" ? rest : { ...rest, [key]: value };
}

/** @param {Form} form @param {string} id @param {string} name */
export function hasField(form, id, name) {
  return form.fields.some((each) => each.id === id && each.name === name);
}

/** @param {Document} document @param {string} id @param {string} name  puts it in, or takes it out */
export function toggleField(document, id, name) {
  changeForm(document, "undo.form", (form) => {
    const left = form.fields.filter((each) => each.id !== id || each.name !== name);
    form.fields = left.length < form.fields.length ? left : [...form.fields, fieldOf(document, id, name, null)];
  });
}

/** @param {Document} document @param {string} id */
export function toggleOutput(document, id) {
  changeForm(document, "undo.form", (form) => {
    const left = form.outputs.filter((each) => each.id !== id);
    form.outputs = left.length < form.outputs.length ? left : [...form.outputs, { id, node: document.nodeOf(id)?.node ?? null }];
  });
}

/**
 * Moves an entry of a list.
 * @param {unknown[]} list
 * @param {number} from
 * @param {number} to
 */
export function moveEntry(list, from, to) {
  const [moved] = list.splice(from, 1);
  list.splice(Math.max(0, Math.min(to, list.length)), 0, moved);
}

// What a form shows that nobody has made.

/** @param {Document} document @returns {string[]} */
function findOutputs(document) {
  return [...outputsIn(document)].map(({ place, node }) => [...place.path.map((each) => each.id), node.id].join(":"));
}

/** @param {Document} document @returns {[string, string][]} */
function findInputs(document) {
  /** @type {{rank: number, entry: [string, string]}[]} */
  const found = [];
  for (const id of withInstances(nodesBehind(document, null).keys())) {
    const node = document.nodeOf(id)?.node;
    if (!node) continue;
    for (const spec of node.widgets) {
      const rank = node.isDriven(spec.name) || spec.options.hidden ? -1 : rankOf(node, spec);
      if (rank >= 0) found.push({ rank, entry: [id, spec.name] });
    }
  }
  return found.sort((a, b) => a.rank - b.rank).slice(0, MOST_FOUND).map(({ entry }) => entry);
}

/** Also the instances of subgraphs around nodes: their widgets stand for those inside. @param {Iterable<string>} ids */
function withInstances(ids) {
  /** @type {Set<string>} */
  const all = new Set();
  for (const id of ids) {
    const parts = id.split(":");
    for (let i = 1; i <= parts.length; i++) all.add(parts.slice(0, i).join(":"));
  }
  return all;
}

const NUMBERS = ["width", "height", "batch_size", "steps", "cfg", "denoise"];

/** Where a widget stands in a form; -1: people rarely change it. @param {Node} node @param {InputSpec} spec */
function rankOf(node, spec) {
  const { options } = spec;
  const last = spec.name.slice(spec.name.lastIndexOf(".") + 1);
  if (spec.widget === "STRING" && options.multiline) return roleOf(node) === "negative" ? 2 : 1;
  if (kindOfFiles(spec)) return 3;
  if (spec.widget === "CONTROL") return 21;
  if (node.widgets.some((each) => each.companionOf === spec.name && each.widget === "CONTROL")) return 20;
  const at = spec.widget === "INT" || spec.widget === "FLOAT" ? NUMBERS.indexOf(last) : -1;
  return at < 0 ? -1 : 10 + at;
}

/**
 * What a text is for: told by the input that it ends in.
 * @param {Node} node
 * @returns {"positive" | "negative" | null}
 */
export function roleOf(node) {
  let around = [node];
  for (let step = 0; step < NEAR && around.length; step++) {
    /** @type {Node[]} */
    const next = [];
    for (const each of around) {
      for (const id of each.outputs.flatMap((slot) => slot.links)) {
        const link = each.graph.link(id);
        const target = link && each.graph.node(link.to);
        const name = target?.inputs[link?.toSlot ?? -1]?.name;
        if (name === "positive" || name === "negative") return name;
        if (target) next.push(target);
      }
    }
    around = next;
  }
  return null;
}
