/** What a job was made with, taken up again. */

import { parseExactly } from "../../core/json.js";
import { Refusal } from "../../core/server.js";

/** @import { Editor } from "../../core/editor.js" */

/** @param {Editor} editor @param {{id: string}} job @returns {Promise<any>} */
async function detailOf(editor, job) {
  const answer = await fetch(editor.server.address(`/jobs/${encodeURIComponent(job.id)}`));
  const text = await answer.text();
  if (!answer.ok) throw new Refusal(answer.status, editor.text("queue.gone"), text);
  return parseExactly(text).value; // seeds have up to twenty digits
}

/**
 * Opens the workflow of a job, as it was then, in a tab of its own.
 * @param {Editor} editor
 * @param {{id: string, label?: string | null}} job
 */
export async function openWorkflowOf(editor, job) {
  const { workflow } = await detailOf(editor, job);
  const saved = workflow?.extra_data?.extra_pnginfo?.workflow;
  if (!saved) {
    editor.shell.note(editor.text("queue.no-workflow"));
    return;
  }
  const document = editor.services.workflows.openSaved(saved, job.label ? { name: job.label } : {});
  document.lastJobs = [job.id];
  editor.fitAll(); // the place that it was saved at suits another window
  await editor.services.run.recall(document);
}

/**
 * @param {Editor} editor
 * @param {{id: string}} job
 * @returns {Promise<{nodeId: string, type: string, values: Record<string, any>}[]>}
 */
export async function seedsOf(editor, job) {
  const { workflow } = await detailOf(editor, job);
  /** @type {{nodeId: string, type: string, values: Record<string, any>}[]} */
  const found = [];
  for (const [nodeId, record] of /** @type {[string, any][]} */ (Object.entries(workflow?.prompt ?? {}))) {
    const spec = editor.catalogue.spec(record.class_type);
    const controls = (spec?.inputs ?? []).filter((each) => each.widget === "CONTROL" && each.companionOf);
    /** @type {Record<string, any>} */
    const values = {};
    for (const { companionOf } of controls) {
      const value = record.inputs?.[/** @type {string} */ (companionOf)];
      if (typeof value === "number" || typeof value === "bigint") values[/** @type {string} */ (companionOf)] = value;
    }
    if (Object.keys(values).length) found.push({ nodeId, type: record.class_type, values });
  }
  return found;
}

/**
 * Puts seeds into the nodes of the open workflow that they belong to, and has them stay.
 * @param {Editor} editor
 * @param {{nodeId: string, type: string, values: Record<string, any>}[]} seeds
 * @returns {number} how many nodes took one
 */
export function useSeeds(editor, seeds) {
  let count = 0;
  editor.edit("undo.seed", () => {
    for (const { nodeId, type, values } of seeds) {
      const found = editor.nodeOf(nodeId);
      if (found?.node.type !== type) continue;
      const { node } = found;
      for (const [name, value] of Object.entries(values)) {
        const control = node.inputSpecs.find((each) => each.widget === "CONTROL" && each.companionOf === name);
        node.graph.setValue(node, name, value);
        if (control) node.graph.setValue(node, control.name, "fixed");
      }
      count++;
    }
  });
  return count;
}
