/** What a page that is loaded again shows as it was: the panels that were open and the nodes that were chosen. */

/** @import { Editor, Feature } from "../../core/editor.js" */

const KEPT = "heddle.open"; // in the storage of this browser tab

/** @type {Feature} */
export const comeBack = {
  name: "come-back",
  needs: ["console", "form", "gallery", "help", "library", "models", "outline", "queue"],
  install(editor) {
    goBack(editor);
    const keep = () => sessionStorage.setItem(KEPT, JSON.stringify({ panels: editor.shell.openPanels, nodes: editor.selection.nodes.map((each) => each.key), ...placeOf(editor) }));
    addEventListener("pagehide", keep);
    return () => removeEventListener("pagehide", keep);
  },
};

/** @param {Editor} editor */
function goBack(editor) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept || editor.services.form?.isKiosk) return;
  for (const id of kept.panels) editor.shell.openPanel(id);
  const { draft, path } = placeOf(editor);
  if (kept.draft !== draft || kept.path !== path || editor.selection.size) return; // the person was faster
  const nodes = kept.nodes.map((/** @type {string} */ key) => editor.graph.nodes.get(key)).filter(Boolean);
  if (nodes.length) editor.selection.set(nodes);
}

/** Which graph is shown. @param {Editor} editor */
function placeOf({ document, path, services }) {
  return { draft: services.workflows.stateOf(document).id, path: path.map((each) => each.id).join(":") };
}
