/** A failure as a text to send to somebody. */

import { h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Problem } from "./problems.js" */

/**
 * @param {Editor} editor
 * @param {Problem} problem
 * @returns {Promise<string>} in English and Markdown, whatever the page speaks: others read it
 */
export async function reportOf(editor, problem) {
  const stats = await editor.server.get("/system_stats").catch(() => null);
  const { system = {}, devices = [] } = stats ?? {};
  return [
    `# ${problem.type || "Error"} in ${problem.title}`,
    "",
    problem.original ?? problem.message,
    "",
    `- node: ${problem.nodeId ?? "none"} (${editor.nodeOf(problem.nodeId ?? "", problem.document)?.node.type ?? ""})`,
    `- workflow: ${editor.services.run.nameOf(problem.document)}`,
    `- job: ${problem.jobId ?? ""}`,
    `- Heddle ${system.heddle_version ?? "?"}, Python ${system.python_version ?? "?"}, PyTorch ${system.pytorch_version ?? "?"}, ${system.os ?? "?"}`,
    ...devices.map((/** @type {any} */ each) => `- device: ${each.name} (${each.type}), ${Math.round(each.vram_free / 2 ** 20)} of ${Math.round(each.vram_total / 2 ** 20)} MB free`),
    "",
    "```",
    (problem.traceback ?? "").trimEnd(),
    "```",
    "",
  ].join("\n");
}
