/** All that is known of a result, as tables: the file, the parameters of its text, each node of its prompt. */

import { h } from "../../core/dom.js";
import { copyText } from "../../core/files-out.js";
import { writeExactly } from "../../core/json.js";
import { metadataOf } from "./actions.js";
import { bytesText, durationText, timeText } from "./texts.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { ResultFile } from "./gallery.js" */

/**
 * @param {Editor} editor
 * @param {ResultFile} file
 * @returns {Promise<HTMLElement>}
 */
export async function detailsOf(editor, file) {
  const t = editor.text.bind(editor);
  const known = await metadataOf(editor, file);
  const { width, height, frames, duration_s: duration, infotext, prompt, workflow, parameters, notes = [], notes_said: notesSaid } = known;

  /** @param {string} text @param {string} [name]  of the button @returns {HTMLButtonElement} */
  const copy = (text, name = t("gallery.copy")) => {
    const button = h("button", { type: "button", class: "details-copy", "aria-label": name, on: { click: async () => {
      button.textContent = t((await copyText(text)) ? "shell.copied" : "shell.not-copied");
      setTimeout(() => (button.textContent = t("gallery.copy")), 1500);
    } } }, t("gallery.copy"));
    return button;
  };

  /** @param {[string, any][]} rows */
  const table = (rows) => h("table", { class: "details-table" }, h("tbody", {}, rows.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, valueText(value))))));

  /** @param {string} title @param {HTMLElement | null} button @param {...(HTMLElement | null)} children */
  const section = (title, button, ...children) => h("section", { class: "details-part" }, h("header", {}, h("h3", {}, title), button), children);

  /** @param {string} title @param {string | null | undefined} text */
  const long = (title, text) => (text ? section(title, copy(text, t("gallery.copy-of", { name: title })), h("p", { class: "details-text" }, text)) : null);

  /** @type {[string, any][]} */
  const nodes = prompt && typeof prompt === "object" ? Object.entries(prompt) : [];
  const rows = /** @type {[string, any][]} */ ([
    [t("gallery.name"), known.filename],
    [t("gallery.folder"), known.subfolder || null],
    [t("gallery.size"), width ? `${width} × ${height}` : null],
    [t("gallery.format"), known.format ?? known.media_type],
    [t("gallery.mode"), known.mode],
    [t("gallery.frames"), frames > 1 ? frames : null],
    [t("gallery.duration"), duration ? durationText(duration) : null],
    [t("gallery.video"), known.video_codec ? [known.video_codec, known.frame_rate ? t("gallery.frame-rate", { rate: Number(known.frame_rate.toFixed(2)) }) : null].filter(Boolean).join(", ") : null],
    [t("gallery.sound"), known.audio_codec ? [known.audio_codec, known.sample_rate ? t("gallery.sample-rate", { khz: known.sample_rate / 1000 }) : null, known.channels ? t("gallery.channels", { count: known.channels }) : null].filter(Boolean).join(", ") : null],
    [t("gallery.bytes"), bytesText(editor, known.bytes)],
    [t("gallery.modified"), timeText(editor, known.modified_ms)],
    [t("gallery.job"), known.job_id],
  ]);
  return h("div", { class: "details" },
    section(t("gallery.file"), copy([known.type, known.subfolder, known.filename].filter(Boolean).join("/"), t("command.gallery-copy-path")), table(rows)),
    notes.length ? h("ul", { class: "details-notes" }, notes.map((/** @type {any} */ each, /** @type {number} */ i) => h("li", {}, typeof each === "string" ? editor.messages.said(each, notesSaid?.[i]) : (each.message ?? writeExactly(each))))) : null,
    long(t("gallery.positive"), infotext?.prompt),
    long(t("gallery.negative"), infotext?.negative),
    infotext && Object.keys(infotext.settings ?? {}).length
      ? section(t("gallery.parameters"), parameters ? copy(parameters, t("gallery.copy-of", { name: t("gallery.parameters") })) : null, table(Object.entries(infotext.settings)))
      : null,
    nodes.length
      ? section(t("gallery.nodes", { count: nodes.length }), copy(writeExactly(prompt, 2), t("gallery.copy-prompt")), ...nodes.map(([id, node]) => {
        const values = Object.entries(node?.inputs ?? {}).filter(([, value]) => !isLink(value));
        const title = node?._meta?.title ?? editor.catalogue.spec(node?.class_type)?.title ?? node?.class_type ?? "?";
        return h("details", { class: "details-node", open: values.length > 0 && nodes.length <= 12 }, h("summary", {}, h("span", {}, title), h("small", {}, ` ${node?.class_type ?? ""} #${id}`)),
          values.length ? table(/** @type {[string, any][]} */ (values)) : h("p", { class: "gallery-empty" }, t("gallery.no-values")));
      }))
      : null,
    workflow ? section(t("gallery.workflow"), copy(writeExactly(workflow), t("gallery.copy-of", { name: t("gallery.workflow") })), h("p", { class: "details-text" }, t("gallery.workflow-nodes", { count: workflow.nodes?.length ?? 0 }))) : null,
    !nodes.length && !workflow && !infotext ? h("p", { class: "gallery-empty" }, t("gallery.nothing-known")) : null);
}

/** @param {any} value */
function isLink(value) {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "number";
}

/** @param {any} value */
function valueText(value) {
  return typeof value === "object" ? writeExactly(value) : String(value) || "—";
}
