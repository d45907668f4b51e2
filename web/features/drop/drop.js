/** Files and texts that are dropped on the page. */

/** @import { Editor, Feature } from "../../core/editor.js" */

const MOST_FILES = 20; // of folders: each may become a tab

/** @type {Feature} */
export const drop = {
  name: "drop",
  needs: ["workflows"],
  install: listenForDrops,
};

/** @param {Editor} editor @returns {() => void} */
function listenForDrops(editor) {
  const stop = new AbortController();
  const { signal } = stop;
  const { stage } = editor.shell;
  let depth = 0;
  /** @param {DragEvent} event */
  const isOurs = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list");
  document.addEventListener("dragenter", (event) => {
    if (isOurs(event) && depth++ === 0 && !editor.shell.isCovered) stage.classList.add("is-drop-target");
  }, { signal });
  document.addEventListener("dragleave", (event) => {
    if (isOurs(event) && --depth <= 0) stage.classList.remove("is-drop-target");
  }, { signal });
  document.addEventListener("dragover", (event) => {
    if (isOurs(event)) event.preventDefault();
  }, { signal });
  document.addEventListener("drop", () => { // whoever takes it, and tells nobody
    depth = 0;
    stage.classList.remove("is-drop-target");
  }, { signal, capture: true });
  document.addEventListener("drop", (event) => {
    if (event.defaultPrevented || !isOurs(event)) return;
    event.preventDefault();
    if (editor.shell.isCovered) return; // a dialog is about something else
    const area = editor.view.element.getBoundingClientRect();
    const place = editor.view.toGraph(event.clientX - area.left, event.clientY - area.top);
    const entries = [...(event.dataTransfer?.items ?? [])].map((each) => each.webkitGetAsEntry?.()).filter((each) => each !== null && each !== undefined);
    if (entries.some((each) => each.isDirectory)) {
      void openFolders(editor, entries, place).catch((error) => editor.report(error));
      return;
    }
    const chosen = [...(event.dataTransfer?.files ?? [])];
    if (chosen.length) {
      void editor.services.workflows.openFiles(chosen, place);
      return;
    }
    const address = event.dataTransfer?.getData("text/uri-list").split("\n").find((line) => line && !line.startsWith("#"));
    if (address) void openAddress(editor, address);
  }, { signal });
  return () => stop.abort();
}

/**
 * @param {Editor} editor
 * @param {FileSystemEntry[]} entries
 * @param {{x: number, y: number}} place  graph px
 */
async function openFolders(editor, entries, place) {
  const { filesIn } = await import("./folders.js");
  const { files, isCut } = await filesIn(entries, MOST_FILES);
  if (!files.length) editor.shell.note(editor.text("workflows.empty-folder", { name: entries.map((each) => each.name).join(", ") }), { kind: "error" });
  else await editor.services.workflows.openFiles(files, place);
  if (isCut) editor.shell.note(editor.text("workflows.folder-cut", { count: files.length }), { kind: "error" });
}

/**
 * A picture dragged out of the page itself, as from the gallery. Nothing is asked of another address.
 * @param {Editor} editor
 * @param {string} address
 */
async function openAddress(editor, address) {
  const url = URL.parse(address, location.href);
  if (url?.origin !== location.origin) {
    editor.shell.note(editor.text("workflows.foreign-address"), { kind: "error" });
    return;
  }
  try {
    const answer = await fetch(url);
    const blob = await answer.blob();
    const file = new File([blob], url.searchParams.get("filename") ?? "picture.png", { type: blob.type });
    const { form, workflows } = editor.services;
    if (form?.isShown && !form.take([file]).length) return;
    await workflows.openAnything(file);
  } catch (error) {
    editor.report(error);
  }
}
