/** Help for the node that is selected; without one, what colours mean and where to go on. */

import { h } from "../../core/dom.js";
import { keysText } from "../../core/editor.js";
import { describeType } from "../../core/node-doc.js";
import { colourOfType } from "../../core/view/theme.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */

/** Types that have words of their own: "help.type.NAME". */
const EXPLAINED = ["MODEL", "CLIP", "VAE", "CONDITIONING", "LATENT", "IMAGE", "MASK", "CONTROL_NET", "CLIP_VISION", "CLIP_VISION_OUTPUT", "STYLE_MODEL", "NOISE", "GUIDER", "SAMPLER", "SIGMAS", "UPSCALE_MODEL", "AUDIO", "VIDEO", "INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"];

/**
 * @param {Editor} editor
 * @param {HTMLElement} body
 * @returns {() => void}
 */
export function fillPanel(editor, body) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const t = (key, values) => editor.text(key, values);

  function render() {
    const [node, ...others] = editor.selection.nodes;
    body.replaceChildren(...(node && !others.length ? aboutNode(node) : aboutGraph()));
    body.scrollTop = 0;
  }

  /** @param {Node} node @returns {HTMLElement[]} */
  function aboutNode(node) {
    const types = [...node.inputs, ...node.outputs].map((each) => each.type);
    return [
      h("h3", { class: "help-name" }, node.name),
      ...(node.spec ? describeType(editor, node.spec) : [h("p", { class: "doc-text" }, t("help.unknown", { type: node.type }))]),
      ...legend(types),
    ];
  }

  /** @returns {HTMLElement[]} */
  function aboutGraph() {
    const types = [...editor.graph.nodes.values()].flatMap((node) => [...node.inputs, ...node.outputs].map((each) => each.type));
    const buttons = ["help.keys", "palette.open", "palette.commands", "file.browse", "help.about"].filter((id) => editor.commands.get(id));
    return [
      h("p", { class: "doc-text" }, t("help.choose-node")),
      h("div", { class: "help-buttons" }, buttons.map((id) => {
        const [keys] = editor.commands.keysOf(id);
        return h("button", { type: "button", on: { click: () => editor.commands.run(id) } }, t(editor.commands.get(id)?.title ?? id), keys && h("kbd", {}, keysText(keys)));
      })),
      ...legend(types),
    ];
  }

  /** @param {string[]} types @returns {HTMLElement[]} */
  function legend(types) {
    const found = new Set(types.flatMap((each) => each.split(",")).filter((each) => each && each !== "*"));
    const listed = [...EXPLAINED.filter((each) => found.has(each)), ...[...found].filter((each) => !EXPLAINED.includes(each)).sort()];
    if (!listed.length) return [];
    return [
      h("h3", {}, t("help.colours")),
      h("p", { class: "doc-text" }, t("help.colours-what")),
      h("dl", { class: "help-legend" }, listed.flatMap((type) => [
        h("dt", {}, h("i", { class: "dot", style: { background: colourOfType(type) } }), type),
        h("dd", {}, EXPLAINED.includes(type) ? t(`help.type.${type}`) : t("help.type.other")),
      ])),
    ];
  }

  body.classList.add("help-node");
  body.tabIndex = 0; // a long text without a button in it is scrolled by the keyboard, too
  const stops = [editor.events.on("selection", render), editor.events.on("graph", render), editor.events.on("catalogue", render)];
  render();
  return () => {
    stops.forEach((each) => each());
    body.classList.remove("help-node");
    body.removeAttribute("tabindex");
  };
}
