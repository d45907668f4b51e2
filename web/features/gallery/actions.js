/** What is done with results. */

import { copyPicture, copyText, saveFile } from "../../core/files-out.js";
import { parseExactly } from "../../core/json.js";
import { seedsIn, textsIn, useSeeds, useTexts } from "../../core/reuse.js";
import { Refusal } from "../../core/server.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { MenuItem } from "../../core/shell.js" */
/** @import { Point } from "../../core/view/links.js" */
/** @import { ResultFile } from "./gallery.js" */

const BETWEEN_MS = 350; // browsers drop downloads that come at once
const MOST_TABS = 8;
const MOST_LOOKED_FOR = 50;

/** @param {Editor} editor @param {ResultFile} file */
export function addressOf(editor, { filename, subfolder, type }) {
  return editor.server.fileAddress({ filename, subfolder, type });
}

/** What the server read out of a file, with numbers of any length. @param {Editor} editor @param {ResultFile} file @returns {Promise<any>} */
export async function metadataOf(editor, { filename, subfolder = "", type = "output" }) {
  const query = new URLSearchParams({ filename, subfolder, type });
  const answer = await fetch(editor.server.address(`/heddle/outputs/metadata?${query}`));
  const text = await answer.text();
  if (!answer.ok) throw new Refusal(answer.status, editor.text("gallery.not-there", { name: filename }), text);
  return parseExactly(text).value;
}

/** @param {Editor} editor @param {string} jobId @returns {Promise<any>} null: the history has it no more */
async function jobOf(editor, jobId) {
  const answer = await fetch(editor.server.address(`/jobs/${encodeURIComponent(jobId)}`));
  return answer.ok ? parseExactly(await answer.text()).value : null;
}

/** The prompt that made a result: its own, else its job's. @param {Editor} editor @param {any} metadata */
async function promptOf(editor, metadata) {
  if (metadata.prompt) return metadata.prompt;
  const job = metadata.job_id ? await jobOf(editor, metadata.job_id) : null;
  return job?.workflow?.prompt ?? null;
}

/** @param {string} filename */
function titleOf(filename) {
  return filename.replace(/\.[a-z0-9]{2,5}$/i, "");
}

/** @param {Editor} editor @param {ResultFile[]} files */
export async function openWorkflows(editor, files) {
  for (const file of files.slice(0, MOST_TABS)) {
    const metadata = await metadataOf(editor, file);
    const job = !metadata.workflow && metadata.job_id ? await jobOf(editor, metadata.job_id) : null;
    const saved = metadata.workflow ?? job?.workflow?.extra_data?.extra_pnginfo?.workflow;
    if (saved) {
      editor.services.workflows.openSaved(saved, { name: titleOf(file.filename) });
      continue;
    }
    if (!metadata.prompt && !metadata.parameters) {
      editor.shell.note(editor.text("gallery.no-workflow", { name: file.filename }), { kind: "error" });
      continue;
    }
    const blob = await (await fetch(addressOf(editor, file))).blob();
    await editor.services.workflows.openAnything(new File([blob], file.filename, { type: blob.type }));
  }
}

/** @param {Editor} editor @param {ResultFile[]} files @param {{place?: Point, node?: Node}} [where] */
export function useAsInput(editor, files, where) {
  return editor.services.media?.use(files.map((each) => ({ ...each, kind: each.kind ?? "image" })), where);
}

/** @param {Editor} editor @param {ResultFile} file */
export async function useSeed(editor, file) {
  const { graph } = editor; // the one that the person meant, whatever is shown when the answer comes
  const prompt = await promptOf(editor, await metadataOf(editor, file));
  const count = prompt ? useSeeds(graph, seedsIn(editor.catalogue, prompt)) : 0;
  editor.shell.note(editor.text(count ? "gallery.seed-used" : "gallery.no-seed"), { kind: count ? "good" : "plain" });
}

/** @param {Editor} editor @param {ResultFile} file */
export async function usePrompt(editor, file) {
  const { graph } = editor;
  const metadata = await metadataOf(editor, file);
  const prompt = await promptOf(editor, metadata);
  const { texts, found } = prompt ? textsIn(editor.catalogue, prompt) : { texts: {}, found: [] };
  const { infotext } = metadata;
  const wanted = Object.keys(texts).length || !infotext ? texts : { positive: infotext.prompt, negative: infotext.negative };
  const count = useTexts(graph, found, wanted);
  editor.shell.note(editor.text(count ? "gallery.prompt-used" : "gallery.no-prompt"), { kind: count ? "good" : "plain" });
}

/** @param {Editor} editor @param {ResultFile} file */
export async function copyImage(editor, file) {
  if (!navigator.clipboard?.write) throw new Error(editor.text("gallery.no-copy")); // over plain HTTP from another machine
  await copyPicture(addressOf(editor, file));
  editor.shell.note(editor.text("gallery.copied"), { kind: "good" });
}

/** @param {Editor} editor @param {ResultFile[]} files */
export async function copyPaths(editor, files) {
  const isCopied = await copyText(files.map(({ filename, subfolder, type = "output" }) => [type, subfolder, filename].filter(Boolean).join("/")).join("\n"));
  editor.shell.note(editor.text(isCopied ? "gallery.path-copied" : "shell.not-copied"), { kind: isCopied ? "good" : "error" });
}

/** @param {Editor} editor @param {ResultFile[]} files */
export async function download(editor, files) {
  for (const [i, file] of files.entries()) {
    if (i) await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    saveFile(addressOf(editor, file), file.filename);
  }
}

/** @param {ResultFile} file @param {Editor} editor */
function itemOf(editor, file) {
  return { src: addressOf(editor, file), kind: file.kind ?? "image", name: file.filename, file };
}

/** @param {Editor} editor @param {ResultFile[]} files */
export async function compare(editor, files) {
  const [first, second] = files.filter((each) => (each.kind ?? "image") === "image");
  if (!second) return editor.shell.note(editor.text("gallery.choose-two"));
  return editor.services.viewer?.compare(itemOf(editor, first), itemOf(editor, second));
}

/** @param {Editor} editor @param {ResultFile} file */
export async function showDetails(editor, file) {
  const view = await editor.services.gallery?.details(file);
  if (!view) return;
  await editor.shell.dialog(editor.text("gallery.details-of", { name: file.filename }), (body) => body.append(view), { kind: "gallery-dialog" });
}

/**
 * They go to the trash, from where they come back; those of the temporary folder are gone at once.
 * @param {Editor} editor
 * @param {ResultFile[]} files
 * @returns {Promise<boolean>} whether any is gone
 */
export async function remove(editor, files) {
  const named = files.map(({ filename, subfolder = "", type = "output" }) => ({ filename, subfolder, type }));
  const isForGood = named.some((each) => each.type === "temp");
  if (isForGood) {
    const answer = await editor.shell.ask(editor.text("gallery.delete-title"), editor.text("gallery.delete-temp", { count: named.length }), [
      { id: "delete", text: editor.text("gallery.delete"), isDangerous: true },
      { id: "keep", text: editor.text("shell.cancel"), isMain: true },
    ]);
    if (answer !== "delete") return false;
  }
  const { deleted, failed, trash } = await editor.server.ask("DELETE", "/heddle/outputs", { files: named });
  const missing = await missingOf(editor, failed);
  const others = failed.filter((/** @type {any} */ each) => !missing.includes(each));
  if (missing.length) editor.shell.note(missing.length === 1 ? editor.text("gallery.not-there", { name: missing[0].filename }) : editor.text("gallery.not-there-many", { count: missing.length }));
  if (others.length) editor.shell.note(editor.text("gallery.not-deleted", { name: others[0].filename, reason: editor.messages.said(others[0].reason, others[0].said), count: others.length }), { kind: "error" });
  if (deleted.length || missing.length) editor.events.emit("gallery:deleted", [...deleted, ...missing]);
  if (!deleted.length) return missing.length > 0;
  const dismiss = editor.shell.note(deleted.length === 1 ? editor.text("gallery.deleted-one", { name: deleted[0].filename }) : editor.text("gallery.deleted", { count: deleted.length }), {
    action: trash ? { text: editor.text("gallery.undo"), run: () => restore(editor, trash).catch((error) => editor.report(error)) } : undefined,
  });
  const stop = editor.events.on("gallery:restored", (each) => {
    if (each.trash !== trash) return;
    dismiss();
    stop();
  });
  return true;
}

/** Those that somebody has taken away meanwhile. @template {ResultFile} F @param {Editor} editor @param {F[]} files @returns {Promise<F[]>} */
async function missingOf(editor, files) {
  const missing = [];
  for (const each of files.slice(0, MOST_LOOKED_FOR)) {
    const isThere = await metadataOf(editor, each).then(() => true, (error) => !(error instanceof Refusal && error.status === 404));
    if (!isThere) missing.push(each);
  }
  return missing;
}

/** @param {Editor} editor @param {string} trash */
export async function restore(editor, trash) {
  const { restored } = await editor.server.post("/heddle/outputs/restore", { trash });
  editor.events.emit("gallery:restored", { trash, files: restored });
  editor.shell.note(editor.text("gallery.restored", { count: restored.length }), { kind: "good" });
}

/**
 * @param {Editor} editor
 * @param {ResultFile[]} files
 * @param {() => void} leave  before the canvas is what matters
 * @returns {MenuItem[]}
 */
export function menuOf(editor, files, leave) {
  const { commands } = editor;
  const isOne = files.length === 1;
  const arePictures = files.every((each) => (each.kind ?? "image") === "image");
  /** @param {string} id @param {boolean} [isPossible] @param {boolean} [leaves] @returns {MenuItem} */
  const item = (id, isPossible = true, leaves = false) => ({
    text: editor.text(commands.get(id)?.title ?? id), isDisabled: !isPossible,
    run: () => {
      if (leaves) leave();
      return commands.run(id, files);
    },
  });
  const canRead = files.every((each) => editor.services.media?.canRead(each.kind ?? "image"));
  return [
    item("gallery.open-workflow", files.length <= MOST_TABS, true),
    item("gallery.use-as-input", canRead, true),
    item("gallery.use-seed", isOne, true),
    item("gallery.use-prompt", isOne, true),
    "line",
    item("gallery.copy", isOne && arePictures),
    item("gallery.copy-path"),
    item("gallery.download"),
    item("gallery.compare", files.length === 2 && arePictures),
    item("gallery.details", isOne),
    "line",
    item("gallery.delete", files.every((each) => each.type !== "input")),
  ];
}
