/** What a type of node is for, as elements: its words, its inputs with what they take, its outputs. */

import { h } from "./dom.js";
import { defaultOf, unfold } from "./spec.js";
import { colourOfType } from "./view/theme.js";
import { wordFor } from "./words.js";

/** @import { Editor } from "./editor.js" */
/** @import { InputSpec, NodeSpec } from "./spec.js" */

/**
 * @param {Editor} editor
 * @param {NodeSpec} spec
 * @returns {HTMLElement[]}
 */
export function describeType(editor, spec) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);
  const inputs = unfold(spec, {}, () => false).filter((each) => !each.companionOf);
  const marks = [spec.isDeprecated && t("doc.deprecated"), spec.isExperimental && t("doc.experimental"), spec.isOutput && t("doc.output")].filter(Boolean);
  return [
    h("p", { class: "doc-type" }, spec.definition ? t("doc.subgraph") : spec.type, spec.category && ` · ${editor.catalogue.menuOf(spec.category)}`),
    ...(marks.length ? [h("p", { class: "doc-marks" }, marks.join(" · "))] : []),
    ...paragraphs(spec.doc),
    ...(inputs.length ? [h("h4", {}, t("doc.inputs")), h("dl", { class: "doc-slots" }, inputs.flatMap((each) => slot(wordFor(spec, "inputs", each.name) ?? each.options.display_name ?? each.name, each.type, each.options.tooltip, factsOf(editor, each))))] : []),
    ...(spec.outputs.length ? [h("h4", {}, t("doc.outputs")), h("dl", { class: "doc-slots" }, spec.outputs.flatMap((each) => slot(wordFor(spec, "outputs", each.name) ?? each.name, each.type, each.tip, each.isList ? [t("doc.list")] : [])))] : []),
    ...(spec.pack && !spec.definition ? [h("p", { class: "doc-pack" }, t("doc.from", { pack: spec.pack }))] : []),
  ];
}

/** @param {string} text @returns {HTMLElement[]} */
function paragraphs(text) {
  return text.split(/\n{2,}/).map((each) => each.trim()).filter(Boolean).map((each) => h("p", { class: "doc-text" }, each));
}

/**
 * @param {string} name
 * @param {string} type
 * @param {unknown} tip
 * @param {string[]} facts
 */
function slot(name, type, tip, facts) {
  const shown = type.length > 30 ? `${type.slice(0, 30)}…` : type;
  return [
    h("dt", {}, h("i", { class: "dot", style: { background: colourOfType(type) } }), h("span", {}, name || type), h("small", {}, shown)),
    h("dd", {}, tip ? h("p", {}, String(tip)) : null, facts.length ? h("p", { class: "doc-facts" }, facts.join(" · ")) : null),
  ];
}

/** @param {Editor} editor @param {InputSpec} input @returns {string[]} */
function factsOf(editor, input) {
  const { options } = input;
  /** @type {string[]} */
  const facts = [];
  if (input.section === "optional") facts.push(editor.text("doc.optional"));
  if (!input.widget) return facts;
  const usual = defaultOf(input);
  if (usual !== undefined && usual !== "" && typeof usual !== "object") facts.push(editor.text("doc.default", { value: String(usual).slice(0, 60) }));
  if (input.widget === "INT" || input.widget === "FLOAT") {
    if (Number.isSafeInteger(Math.trunc(options.min)) && Number.isSafeInteger(Math.trunc(options.max))) facts.push(editor.text("doc.range", { low: options.min, high: options.max }));
  }
  const choices = Array.isArray(options.options) ? options.options : [];
  if (choices.length) facts.push(choices.length <= 8 ? choices.map((each) => String(each?.key ?? each)).join(", ") : editor.text("doc.choices", { count: choices.length }));
  return facts;
}
