/** What keeps a workflow from running, read out of the server's answer, and what mends it. */

import { INPUT_BOUNDARY, InputSlot, OutputSlot } from "../../core/graph.js";
import { readValues } from "../../core/values.js";

/** @import { Document } from "../../core/document.js" */
/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */

/**
 * @typedef {object} Problem
 * @property {Document} document
 * @property {string | null} nodeId  on the server: "8:25"; null: of no node
 * @property {string} title  of the node
 * @property {string | null} input  name of the widget or socket
 * @property {"check" | "type" | "file" | "run" | "blocked"} kind
 * @property {string} message
 * @property {string} [original]  in the server's own words, of a job that failed
 * @property {string} [traceback]
 * @property {string} [type]  class of the error, or of the node
 * @property {string} [source]  address that the workflow has a missing file from
 * @property {string[]} near  what may have been meant
 * @property {string} [jobId]
 */

const MOST_NEAR = 3;

/**
 * @param {Editor} editor
 * @param {Document} document
 * @param {any} answer  of `POST /prompt`
 * @returns {Problem[]}
 */
export function readProblems(editor, document, answer) {
  /** @type {Problem[]} */
  const problems = [];
  for (const [nodeId, told] of /** @type {[string, any][]} */ (Object.entries(answer.node_errors ?? {}))) {
    const found = editor.nodeOf(nodeId, document);
    for (const error of told.errors ?? []) {
      const more = error.extra_info ?? {};
      const file = more.missing_file;
      const input = typeof more.input_name === "string" ? more.input_name : null;
      const kind = error.type === "missing_node_type" ? "type" : file ? "file" : "check";
      problems.push({
        document,
        nodeId,
        title: found?.node.name ?? more.node_title ?? (told.class_type || nodeId),
        input,
        kind,
        message: wordsOf(editor, error, nodeId, found?.node.inputSpecs.find((each) => each.name === input)?.widget ?? null),
        type: told.class_type,
        source: typeof file?.url === "string" ? file.url : undefined,
        near: nearOf(found?.node, input, kind, more),
      });
    }
  }
  if (!problems.length) {
    const { error } = answer;
    const nodeId = error?.extra_info?.node_id === undefined ? null : String(error.extra_info.node_id);
    const isEmpty = error?.type === "prompt_no_outputs";
    const words = isEmpty ? editor.text("problem.no-outputs") : error ? editor.messages.refusal(error) : "";
    const title = nodeId ? (editor.nodeOf(nodeId, document)?.node.name ?? nodeId) : "";
    problems.push({ document, nodeId, title, input: null, kind: "check", message: nodeId ? withoutPlace(words, nodeId) : words, near: [] });
  }
  return problems;
}

/**
 * In the person's language, for what is usual; else in the server's words.
 * @param {Editor} editor
 * @param {any} error
 * @param {string} nodeId
 * @param {string | null} widget  of the input
 */
function wordsOf(editor, error, nodeId, widget) {
  const more = error.extra_info ?? {};
  /** @param {string} name @param {Record<string, any>} values */
  const say = (name, values) => editor.text(`problem.${name}`, Object.fromEntries(Object.entries(values).map(([key, value]) => [key, shortly(value)])));
  const limits = more.input_config?.[1] ?? {};
  const value = more.received_value;
  switch (error.type) {
    case "missing_node_type":
      if (typeof more.class_type !== "string") break;
      return say("type", { type: more.class_type }) + (more.pack && more.pack !== "comfy-core" ? ` ${say("pack", { pack: more.pack })}` : "");
    case "value_smaller_than_min":
      if (limits.min !== undefined) return say("small", { value, limit: limits.min });
      break;
    case "value_bigger_than_max":
      if (limits.max !== undefined) return say("large", { value, limit: limits.max });
      break;
    case "required_input_missing":
      return say(widget ? "no-value" : "no-link", {});
    case "value_not_in_list":
      if (more.missing_file) return say(more.missing_file.kind ? "file" : "file-anywhere", { name: more.missing_file.name, kind: more.missing_file.kind ?? "" });
      return say("choice", { value });
    case "invalid_input_type":
      if (typeof more.input_config?.[0] === "string") return say("wrong", { value, type: more.input_config[0] });
      break;
    case "return_type_mismatch":
      if (more.received_type && more.input_config) return say("mismatch", { given: more.received_type, type: typeof more.input_config[0] === "string" ? more.input_config[0] : "COMBO" });
      break;
    case "bad_linked_input":
      return say(Array.isArray(value) ? "dead-link" : "no-link", {});
    case "dependency_cycle":
      return say("circle", {});
  }
  return editor.messages.said(withoutPlace(String(error.details || error.message || ""), nodeId), more.said);
}

/** @param {any} value */
function shortly(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text?.length > 120 ? `${text.slice(0, 120)}…` : (text ?? "");
}

/** Where it is, is shown beside it. @param {string} words @param {string} nodeId */
export function withoutPlace(words, nodeId) {
  const at = words.startsWith(`node ${nodeId}`) ? words.indexOf(": ") : -1;
  const rest = at < 0 ? words : words.slice(at + 2);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** @param {Node | undefined} node @param {string | null} input @param {string} kind @param {any} more @returns {string[]} */
function nearOf(node, input, kind, more) {
  const told = more.missing_file?.near ?? more.near;
  if (Array.isArray(told) && told.length) return told.filter((each) => typeof each === "string").slice(0, MOST_NEAR);
  if (kind !== "file" || !node || !input) return [];
  const choices = node.inputSpecs.find((each) => each.name === input)?.options.options;
  return Array.isArray(choices) && choices.length <= MOST_NEAR ? choices : []; // few: one of them will do
}

/**
 * The widget that a value of a node comes from: inside a subgraph perhaps one of an instance around it.
 * @param {Editor} editor
 * @param {Document} document
 * @param {string} nodeId
 * @param {string} input
 * @returns {{node: Node, path: Node[], name: string} | null} null: it comes from another node
 */
export function holderOf(editor, document, nodeId, input) {
  const found = editor.nodeOf(nodeId, document);
  if (!found) return null;
  let { node, path } = found;
  let name = input;
  for (;;) {
    const slot = node.inputs.find((each) => (each.widget ?? each.name) === name);
    const link = slot?.link == null ? undefined : node.graph.link(slot.link);
    if (!link) return { node, path, name };
    const instance = path.at(-1);
    if (Number(link.from) !== INPUT_BOUNDARY || !instance) return null;
    name = node.graph.node(link.from)?.outputs[link.fromSlot]?.name ?? "";
    [node, path] = [instance, path.slice(0, -1)];
  }
}

/**
 * Puts in what was meant.
 * @param {Editor} editor
 * @param {Problem} problem
 * @param {string} choice
 */
export function mend(editor, problem, choice) {
  const { document, nodeId, input, kind } = problem;
  const found = nodeId === null ? null : editor.nodeOf(nodeId, document);
  if (!found || !nodeId) return;
  if (kind === "type") {
    document.edit("undo.exchange", () => exchangeType(found.node, choice));
    return;
  }
  const holder = input === null ? null : holderOf(editor, document, nodeId, input);
  if (holder) document.edit("undo.value", () => holder.node.graph.setValue(holder.node, holder.name, choice));
}

/**
 * Makes a node one of another type. Slots and values of the same name stay, what the file says of it too.
 * @param {Node} node
 * @param {string} type
 */
export function exchangeType(node, type) {
  const { graph } = node;
  const { document } = graph;
  const { journal } = document;
  const spec = document.specOf(type);
  if (!spec) return;
  const isNamedSo = node.title === node.type;
  journal.set(node, node, "type", type);
  journal.set(node, node, "spec", spec);
  journal.set(node, node, "unfolded", null);
  if (isNamedSo) journal.set(node, node, "title", undefined);
  if (node.raw) {
    // The values of the file, read with the type that they belong to.
    const before = node.values;
    node.values = {};
    readValues(node, node.raw);
    const values = { ...node.values, ...before };
    node.values = before;
    journal.set(node, node, "values", values);
    journal.set(node, node, "unfolded", null);
  }
  for (const each of node.inputSpecs) {
    if (each.companionOf || node.input(each.name)) continue;
    graph.addInput(node, new InputSlot(each.name, each.type, { widget: each.widget ? each.name : undefined }));
  }
  for (let i = node.outputs.length; i < spec.outputs.length; i++) {
    graph.addOutput(node, new OutputSlot(spec.outputs[i].name, spec.outputs[i].type));
  }
}
