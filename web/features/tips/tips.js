/** What lies under the pointer, told after a pause: sockets and their types, what an input means, errors, node docs. */

import { addStyle, h } from "../../core/dom.js";
import { placeInside } from "../../core/shell.js";

/** @import { Editor, Feature } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { Press } from "../../core/view/pointer.js" */

const PAUSE_MS = 500;
const MOST_LETTERS = 600;

/** @typedef {{title: string, kind?: string, text?: string, more?: string[], errors?: string[]}} Tip */

/** @type {Feature} */
export const tips = {
  name: "tips",
  async install(editor) {
    const { view, shell } = editor;
    const removeStyle = await addStyle("./tips.css", import.meta.url);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @type {HTMLElement | null} */
    let shown = null;
    let place = "";
    /** @type {Node | null} */
    let hovered = null;
    const hide = () => {
      clearTimeout(timer);
      shown?.remove();
      shown = null;
      place = "";
    };
    /** @param {Node | null} node */
    const hover = (node) => {
      if (node === hovered) return;
      hovered = node;
      view.redrawOverlay();
    };
    const stops = [
      removeStyle,
      editor.settings.declare([{ id: "tips", title: "settings.tips", section: "setting.canvas", kind: "boolean", fallback: true }]),
      view.events.on("hover", (press) => {
        hover("node" in press.hit ? press.hit.node : null);
        const next = placeOf(press);
        if (next === place) return;
        hide();
        place = next;
        if (!next || press.kind === "touch" || !editor.settings.read("tips", true)) return;
        timer = setTimeout(() => {
          const tip = tipOf(editor, press);
          if (!tip || view.pointer.isDragging) return;
          shown = h("div", { class: "tip", role: "tooltip" },
            h("p", { class: "tip-title" }, tip.title, tip.kind && h("span", { class: "tip-kind" }, tip.kind)),
            (tip.errors ?? []).map((each) => h("p", { class: "tip-error" }, each)),
            tip.text && h("p", {}, tip.text.slice(0, MOST_LETTERS)),
            (tip.more ?? []).map((each) => h("p", { class: "tip-more" }, each)));
          shell.root.append(shown);
          const area = view.element.getBoundingClientRect();
          placeInside(shown, area.left + press.screenX + 14, area.top + press.screenY + 18, area.left + press.screenX - 10);
        }, PAUSE_MS);
      }),
      view.events.on("move", hide),
      view.events.on("graph", () => {
        hide();
        hover(null);
      }),
      view.addLayer("overlay", 5, (pen) => {
        if (!hovered || view.pointer.isDragging || view.graph.node(hovered.id) !== hovered) return;
        const { left, top, right, bottom } = view.layouts.boxOf(hovered);
        const gap = 1 / Math.min(1, view.scale);
        pen.context.globalAlpha = 0.55;
        pen.box({ left: left - gap, top: top - gap, right: right + gap, bottom: bottom + gap }, "", { radius: 9, edge: pen.theme.faint, edgeWidth: 1.2 * gap });
        pen.context.globalAlpha = 1;
      }),
    ];
    const stop = new AbortController();
    for (const event of ["pointerdown", "keydown", "wheel", "blur"]) addEventListener(event, hide, { capture: true, passive: true, signal: stop.signal });
    view.element.addEventListener("pointerleave", () => {
      hide();
      hover(null);
    }, { signal: stop.signal });
    return () => {
      hide();
      stop.abort();
      stops.forEach((each) => each());
    };
  },
};

/** The same text as long as it is the same thing. @param {Press} press */
function placeOf({ hit }) {
  if (!("node" in hit)) return "";
  const part = "slot" in hit ? hit.slot : "place" in hit ? hit.place.input.name : "";
  return `${hit.node.key} ${hit.kind} ${part}`;
}

/** @param {Editor} editor @param {Press} press @returns {Tip | null} */
function tipOf(editor, { hit }) {
  if (!("node" in hit)) return null;
  const { node } = hit;
  const errors = editor.services.content.get(node)?.errors ?? [];
  /** @param {string} name */
  const errorsOf = (name) => errors.filter((each) => each.input === name).map((each) => [each.message, each.details].filter(Boolean).join(": "));
  if (hit.kind === "input" || hit.kind === "widget") {
    const slot = node.inputs["place" in hit ? hit.place.slot : hit.slot];
    const name = "place" in hit ? hit.place.input.name : (slot?.widget ?? slot?.name ?? "");
    if (!name) return null;
    const spec = node.inputSpecs.find((each) => each.name === name);
    const { options = {} } = spec ?? {};
    const more = [];
    if (spec?.widget === "INT" || spec?.widget === "FLOAT") {
      if (options.min !== undefined && options.max !== undefined) more.push(editor.text("tips.range", { low: options.min, high: options.max }));
    }
    if (options.dynamicPrompts) more.push(editor.text("tips.choices"));
    if (hit.kind === "input" && spec?.section === "optional" && !spec.widget) more.push(editor.text("tips.optional"));
    if (hit.kind === "widget" && slot?.link != null) more.push(editor.text("tips.linked"));
    return { title: name, kind: slot?.type ?? spec?.type, text: options.tooltip, more, errors: errorsOf(name) };
  }
  if (hit.kind === "output") {
    const slot = node.outputs[hit.slot];
    const spec = node.spec?.outputs[hit.slot];
    return { title: slot.name || slot.type, kind: slot.type, text: spec?.tip, more: spec?.isList ? [editor.text("tips.list")] : [] };
  }
  if (hit.kind === "title") {
    const { spec } = node;
    const more = [];
    if (spec?.isDeprecated) more.push(editor.text("tips.deprecated"));
    if (spec?.isExperimental) more.push(editor.text("tips.experimental"));
    if (spec?.category) more.push(editor.catalogue.menuOf(spec.category).replaceAll("/", " › "));
    return { title: node.name, kind: node.type, text: spec?.doc, more, errors: errors.map((each) => [each.input, each.message, each.details].filter(Boolean).join(": ")) };
  }
  const details = errors.filter((each) => each.details);
  return details.length ? { title: node.name, errors: details.map((each) => `${each.message}: ${each.details}`) } : null;
}
