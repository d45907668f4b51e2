/** Kinds of widgets that few workflows have: their modules are asked for when the first of them is seen. */

import { h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

/**
 * @param {Editor} editor
 * @param {() => Promise<WidgetKind>} load
 * @param {{height: number | ((width: number) => number), grows?: boolean}} look  before it is there, and afterwards the same
 * @returns {WidgetKind}
 */
function later(editor, load, { height, grows = false }) {
  /** @type {WidgetKind | null} */
  let kind = null;
  /** @type {Promise<WidgetKind> | null} */
  let loading = null;
  const ask = () => (loading ??= load().then((found) => {
    kind = found;
    editor.view.redraw();
    return found;
  }).catch((error) => {
    loading = null; // asked for again when it is touched
    throw error;
  }));
  let hasFailed = false;
  const askOnce = () => {
    if (hasFailed || loading) return;
    ask().catch((error) => {
      hasFailed = true;
      editor.report(error);
    });
  };
  return {
    height: (_, __, width) => (typeof height === "number" ? height : height(width)),
    grows: () => grows,
    text: (value) => kind?.text?.(value) ?? (typeof value === "string" ? value : ""),
    draw(pen, node, input, box) {
      if (kind) return kind.draw(pen, node, input, box);
      askOnce();
      pen.box(box, pen.theme.field, { radius: 6 });
    },
    press: (_, node, input, box, press) => kind?.press?.(editor, node, input, box, press),
    edit(node, input, box) {
      if (kind) return kind.edit?.(node, input, box) ?? false;
      ask().then((found) => found.edit?.(node, input, box), (error) => editor.report(error));
      return true;
    },
    control(_, node, input) {
      const place = h("span", { class: "control" });
      ask().then((found) => place.replaceChildren(...(found.control ? [found.control(editor, node, input)] : [])), (error) => editor.report(error));
      return place;
    },
  };
}

/** @param {Editor} editor @param {Widgets} widgets @returns {[string, WidgetKind][]} */
export function laterKinds(editor, widgets) {
  /** @param {string} name */
  const rare = (name) => async () => (await import("./places.js")).placeKind(editor, widgets, name);
  const colours = () => import("./colour.js");
  return [
    ["COLOR", later(editor, async () => (await colours()).colourKind(editor, widgets), { height: 20 })],
    ["COLORS", later(editor, async () => (await colours()).coloursKind(editor, widgets), { height: 44 })],
    ["CURVE", later(editor, async () => (await import("./curve.js")).curveKind(editor, widgets), { height: 140, grows: true })],
    ["BOUNDING_BOX", later(editor, async () => (await import("./boxes.js")).boxKind(editor, widgets), { height: 62 })],
    ["BOUNDING_BOXES", later(editor, async () => (await import("./boxes.js")).boxesKind(editor, widgets), { height: (width) => Math.min(240, width - 30), grows: true })],
    ["IMAGECOMPARE", later(editor, async () => (await import("./compare.js")).compareKind(editor, widgets), { height: 220, grows: true })],
    ["WEBCAM", later(editor, async () => (await import("./capture.js")).cameraKind(editor, widgets), { height: 24 })],
    ["AUDIO_RECORD", later(editor, async () => (await import("./capture.js")).recorderKind(editor, widgets), { height: 24 })],
    ["PAINTER", later(editor, async () => (await import("./painter.js")).painterKind(editor, widgets), { height: 24 })],
    ...["AUDIO_UI", "COMPOSITOR", "LOAD_3D", "LOAD_3D_ANIMATION", "PREVIEW_3D"].map((name) => /** @type {[string, WidgetKind]} */ ([name, later(editor, rare(name), { height: name === "AUDIO_UI" ? 24 : 54 })])),
  ];
}
