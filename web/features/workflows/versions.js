/** Earlier states of a workflow: a list, what each looked like, what is different now, and the way back. */

import { h } from "../../core/dom.js";
import { writeExactly } from "../../core/json.js";
import { compareWorkflows } from "./compare.js";
import { sketch } from "./sketch.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Difference } from "./compare.js" */
/** @import { Files } from "./files.js" */

const MOST_LISTED = 300;
const LONGEST_VALUE = 60; // of what a widget holds, letters

/**
 * @param {Editor} editor
 * @param {Files} files
 */
export async function showVersions(editor, files) {
  const document = editor.document;
  const { path } = files.stateOf(document);
  if (path === null) return;
  const base = `/heddle/files/workflows/${encodeURIComponent(path)}`;
  const { versions } = await editor.server.get(`${base}/versions`);
  const now = structuredClone(files.write(document));
  await editor.shell.dialog(editor.text("workflows.versions-of", { name: path.replace(/\.json$/, "") }), (body, close) => {
    const detail = h("div", { class: "version-detail" }, h("p", { class: "faint" }, editor.text("workflows.choose-version")));
    const rows = versions.map((/** @type {any} */ each) => h("button", { type: "button", class: "version", "aria-pressed": "false", on: { click: () => void choose(each) } },
      h("span", { class: "row-name" }, each.label || momentText(editor, each.saved)),
      h("span", { class: "row-note" }, [each.label && momentText(editor, each.saved), editor.text("workflows.nodes", { count: each.nodes ?? 0 }), each.is_current && editor.text("workflows.current")].filter(Boolean).join(" · "))));

    /** @type {any} */
    let chosen = null;

    /** @param {any} each */
    const choose = async (each) => {
      chosen = each;
      rows.forEach((/** @type {HTMLElement} */ row, /** @type {number} */ i) => row.setAttribute("aria-pressed", String(versions[i] === each)));
      try {
        const then = await editor.server.askExactly("GET", `${base}/versions/${each.id}`);
        if (chosen !== each) return; // another one was chosen meanwhile
        const differences = compareWorkflows(then, now);
        // A subgraph that is another one inside is so wherever it stands.
        const kinds = new Map(differences.filter((one) => one.graph !== "").map((one) => [one.graph, /** @type {Difference["kind"]} */ ("changed")]));
        for (const one of differences) if (one.graph === "" && one.node !== null) kinds.set(`#${one.node}`, one.kind);
        /** @param {"added" | "removed" | "changed"} kind */
        const colours = { added: "#4caf50", removed: "#e5534b", changed: "#e0a030" };
        /** @param {any} node */
        const colourOf = (node) => colours[/** @type {keyof typeof colours} */ (kinds.get(`#${node.id}`) ?? kinds.get(node.type))] ?? null;
        detail.replaceChildren(
          h("div", { class: "sketches" },
            h("figure", {}, sketch(then, { width: 320, height: 200, colourOf }), h("figcaption", {}, editor.text("workflows.then"))),
            h("figure", {}, sketch(now, { width: 320, height: 200, colourOf }), h("figcaption", {}, editor.text("workflows.now")))),
          h("ul", { class: "differences" }, differences.length ? differences.slice(0, MOST_LISTED).map((one) => h("li", { class: `is-${one.kind}` }, textOf(one))) : h("li", {}, editor.text("workflows.no-difference")),
            differences.length > MOST_LISTED && h("li", {}, editor.text("workflows.more-damage", { count: differences.length - MOST_LISTED }))),
          h("div", { class: "dialog-actions" },
            h("button", { type: "button", on: { click: () => void label(each).catch((error) => editor.report(error)) } }, editor.text("workflows.label")),
            h("button", { type: "button", on: { click: () => { close(); files.openSaved(then, { name: editor.text("workflows.version-name", { name: files.stateOf(document).name, time: momentText(editor, each.saved) }), isUnsaved: true }); } } }, editor.text("workflows.open-version")),
            h("button", { type: "button", class: "main", on: { click: () => void restore(each, then).catch((error) => editor.report(error)) } }, editor.text("workflows.restore"))));
      } catch (error) {
        editor.report(error);
      }
    };

    /** @param {unknown} value  of a widget */
    const valueText = (value) => {
      if (value === undefined) return editor.text("workflows.no-value");
      const text = (typeof value === "string" ? value : writeExactly(value)).replace(/\s+/g, " ");
      return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text || "“”";
    };

    /** @param {Difference} one */
    const nameText = ({ record, node, within }) => {
      const { title, type } = record;
      const name = node === null ? editor.text("workflows.difference-group", { name: String(title ?? "") }) : String(title || (document.specOf(type)?.title ?? type));
      return within === null ? name : `${within} › ${name}`;
    };

    /** @param {Difference} one */
    const textOf = (one) => editor.text(`workflows.difference-${one.kind}`, { node: nameText(one), what: [
      ...one.values.map((each) => editor.text("workflows.difference-value", { name: each.name, before: valueText(each.before), after: valueText(each.after) })),
      ...one.parts.map((each) => editor.text(`workflows.part-${each}`)),
    ].join(", ") });

    /** @param {any} each */
    const label = async (each) => {
      const given = await editor.shell.askText(editor.text("workflows.label"), each.label ?? "");
      if (given === null) return;
      await editor.server.ask("PATCH", `${base}/versions/${each.id}`, { label: given || null });
      close();
      await showVersions(editor, files);
    };

    /** @param {any} each @param {any} then */
    const restore = async (each, then) => {
      close();
      if (files.isDirty(document) && !(await files.save(document))) return; // what stands here is a version, too
      const record = await files.inTurn(document, () => {
        const { revision } = files.stateOf(document);
        return editor.server.ask("POST", `${base}/versions/${each.id}/restore`, {}, { "If-Match": `"${revision}"` });
      });
      const name = files.stateOf(document).name;
      if (!files.isDirty(document)) { // nobody went on in it meanwhile
        editor.close(document);
        editor.events.emit("workflow:closed", document);
      }
      files.openSaved(then, { name, path, revision: record.revision });
      editor.shell.note(editor.text("workflows.restored", { time: momentText(editor, each.saved) }), { kind: "good" });
    };
    body.append(h("div", { class: "versions" }, h("div", { class: "version-list" }, rows), detail));
  }, { kind: "dialog-wide" });
}

/** To the second: saves follow each other fast. @param {Editor} editor @param {number} time  ms since 1970 */
function momentText(editor, time) {
  return new Date(time).toLocaleString(editor.messages.locale, { dateStyle: "medium", timeStyle: "medium" });
}
