/** What a job was made with, taken up again. */

import { parseExactly, writeExactly } from "../../core/json.js";
import { seedsIn } from "../../core/reuse.js";
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
 * Opens the workflow of a job, as it was then, in a tab of its own; of one that a program sent, its graph in the API form.
 * @param {Editor} editor
 * @param {{id: string, label?: string | null}} job
 * @returns {Promise<import("../../core/document.js").Document | null>} null: it came without one; the person was told
 */
export async function openWorkflowOf(editor, job) {
  const { workflow } = await detailOf(editor, job);
  const saved = workflow?.extra_data?.extra_pnginfo?.workflow;
  const { workflows } = editor.services;
  const name = job.label || editor.text("run.untitled");
  const document = saved
    ? workflows.openSaved(saved, job.label ? { name } : {})
    : workflow?.prompt && (await workflows.openAnything(new File([writeExactly(workflow.prompt)], `${name}.json`, { type: "application/json" })));
  if (!document) {
    editor.shell.note(editor.text("queue.no-workflow"));
    return null;
  }
  document.lastJobs = [job.id];
  editor.fitAll(); // the place that it was saved at suits another window
  await editor.services.run.recall(document);
  return document;
}

/**
 * @param {Editor} editor
 * @param {{id: string}} job
 * @returns {Promise<import("../../core/reuse.js").Found[]>}
 */
export async function seedsOf(editor, job) {
  const { workflow } = await detailOf(editor, job);
  return seedsIn(editor.catalogue, workflow?.prompt ?? {});
}
