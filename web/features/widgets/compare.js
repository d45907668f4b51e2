/** IMAGECOMPARE: two pictures of a node, one over the other, parted by a line that follows the pointer. */

import { addStyle, h } from "../../core/dom.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Box } from "../../core/view/spatial.js" */
/** @import { Press } from "../../core/view/pointer.js" */
/** @import { Widgets } from "./widgets.js" */

const MOST_KEPT = 16; // pictures

/** @typedef {{src: string}} Side */

/** @param {Editor} editor @param {Widgets} widgets @returns {Promise<WidgetKind>} */
export async function compareKind(editor, widgets) {
  widgets.cleanups.push(await addStyle("./rare.css", import.meta.url));
  /** @type {WeakMap<Node, {share: number, at: number}>} */
  const places = new WeakMap();
  /** @type {Map<string, HTMLImageElement>} */
  const images = new Map();
  /** @param {Node} node */
  const placeOf = (node) => {
    let place = places.get(node);
    if (!place) places.set(node, (place = { share: 0.5, at: 0 }));
    return place;
  };
  /** @param {Node} node @returns {{one: Side | undefined, other: Side | undefined, at: number, count: number}} */
  const pairOf = (node) => {
    const { a, b } = editor.services.content?.get(node)?.comparison ?? { a: [], b: [] };
    const count = Math.max(a.length, b.length);
    const at = count ? placeOf(node).at % count : 0;
    return { one: a[Math.min(at, a.length - 1)], other: b[Math.min(at, b.length - 1)], at, count };
  };
  /** @param {Side | undefined} side @returns {HTMLImageElement | null} */
  const imageOf = (side) => {
    if (!side) return null;
    let image = images.get(side.src);
    if (!image) {
      image = h("img", { src: side.src });
      image.addEventListener("load", () => editor.view.redraw());
    }
    images.delete(side.src); // the one used last is the last to go
    images.set(side.src, image);
    for (const [src] of images) if (images.size > MOST_KEPT) images.delete(src);
    return image.complete && image.naturalWidth ? image : null;
  };
  /** @param {Node} node @param {Box} box @param {number} x */
  const follow = (node, box, x) => {
    placeOf(node).share = Math.min(1, Math.max(0, (x - box.left) / (box.right - box.left)));
    editor.view.redraw();
  };
  widgets.cleanups.push(editor.view.events.on("hover", (/** @type {Press} */ { hit, x }) => {
    if (hit.kind === "widget" && hit.place.input.widget === "IMAGECOMPARE") follow(hit.node, hit.box, x);
  }));
  /** @param {Node} node */
  const edit = (node) => {
    const { one, other } = pairOf(node);
    if (!one && !other) return false;
    void showLarge(editor, node.name, one, other, placeOf(node).share);
    return true;
  };
  return {
    height: () => 220,
    grows: () => true,
    edit: (node) => edit(node),
    draw(pen, node, _, box) {
      pen.box(box, pen.theme.field, { radius: 6 });
      const { one, other, at, count } = pairOf(node);
      const { share } = placeOf(node);
      if (!count) {
        if (pen.isNear) pen.text(editor.text("widgets.compare-none"), (box.left + box.right) / 2, (box.top + box.bottom) / 2, { align: "center", colour: pen.theme.faint, width: box.right - box.left - 12 });
        return;
      }
      const middle = box.left + (box.right - box.left) * (other ? (one ? share : 0) : 1);
      paintPart(pen.context, imageOf(one), box, box.left, middle);
      paintPart(pen.context, imageOf(other), box, middle, box.right);
      if (one && other) {
        pen.box({ left: middle - 1, right: middle + 1, top: box.top, bottom: box.bottom }, pen.theme.accent);
        if (pen.isNear) for (const [name, x] of /** @type {[string, number][]} */ ([["A", box.left + 12], ["B", box.right - 12]])) label(pen, name, x, box.top + 12);
      }
      if (count > 1 && pen.isNear) label(pen, editor.text("content.of", { at: at + 1, count }), (box.left + box.right) / 2, box.bottom - 12);
    },
    press(_, node, __, box) {
      const { count } = pairOf(node);
      if (!count) return undefined;
      return {
        cursor: "ew-resize",
        move: (now) => follow(node, box, now.x),
        end: (___, moved) => {
          if (!moved && count > 1) placeOf(node).at = (placeOf(node).at + 1) % count;
          else if (!moved && widgets.isSecondClick(node, /** @type {any} */ ({ name: "compare" }))) edit(node);
          editor.view.redraw();
        },
      };
    },
    control: (_, node) => h("span", { class: "control" }, h("button", { type: "button", on: { click: () => edit(node) || editor.shell.note(editor.text("widgets.compare-none")) } }, editor.text("widgets.compare"))),
  };
}

/** @param {import("../../core/view/pen.js").Pen} pen @param {string} text @param {number} x @param {number} y */
function label(pen, text, x, y) {
  const half = 6 + 3.2 * text.length;
  pen.box({ left: x - half, right: x + half, top: y - 8, bottom: y + 8 }, pen.theme.title, { radius: 8 });
  pen.text(text, x, y, { align: "center", px: 11 });
}

/** The part of a picture between two places; the picture is fitted into the whole box. @param {CanvasRenderingContext2D} context @param {HTMLImageElement | null} image @param {Box} box @param {number} from @param {number} to */
function paintPart(context, image, box, from, to) {
  if (!image || to <= from) return;
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
  const [wide, high] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.save();
  context.beginPath();
  context.rect(from, box.top, to - from, height);
  context.clip();
  context.drawImage(image, box.left + (width - wide) / 2, box.top + (height - high) / 2, wide, high);
  context.restore();
}

/**
 * Both pictures as large as the page lets them be; the slider works by arrow keys.
 * @param {Editor} editor
 * @param {string} title
 * @param {Side | undefined} one
 * @param {Side | undefined} other
 * @param {number} share
 */
async function showLarge(editor, title, one, other, share) {
  await editor.shell.dialog(title, (body) => {
    const front = one && other && h("img", { class: "compare-front", src: one.src, alt: "A" });
    const stage = h("div", { class: "compare-stage" }, h("img", { src: (other ?? one)?.src, alt: other ? "B" : "A" }), front);
    const slider = h("input", { type: "range", min: 0, max: 100, step: 1, autofocus: true, "aria-label": editor.text("widgets.compare-slider"), hidden: !front });
    const draw = () => stage.style.setProperty("--share", `${slider.value}%`);
    slider.value = String(Math.round(share * 100));
    slider.addEventListener("input", draw);
    stage.addEventListener("pointermove", (event) => {
      const area = stage.getBoundingClientRect();
      slider.value = String(((event.clientX - area.left) / area.width) * 100);
      draw();
    });
    draw();
    body.append(stage, slider);
  }, { kind: "compare-dialog" });
}
