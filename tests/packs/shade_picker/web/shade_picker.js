/** An extension that uses most of what there is. */

import { registerExtension } from "/extension.js";

/** @import { ExtensionApi } from "/extension.js" */
/** @import { Node, WidgetKind } from "/extension.js" */

const SHADES = ["black", "grey", "white"];

registerExtension({
  name: "Shade picker",
  setup(api) {
    api.addMessages({
      en: { "shades.next": "Next shade", "shades.times": "Times to show a shade" },
      "zh-CN": { "shades.next": "下一种明暗", "shades.times": "明暗显示次数" },
    });
    api.addSettings({ id: "shades.times", title: "shades.times", section: "Shades", kind: "number", fallback: 7, low: 1, high: 100, step: 1 });
    api.addWidget("SHADE", shadeKind(api));
    api.addCommand({ id: "shades.next", title: "shades.next", when: () => chosen(api).length > 0, run: () => chosen(api).forEach((node) => next(api, node)) });
    api.addKeys("shades.next", "alt+shift+s");
    api.addMenu(({ hit }) => ("node" in hit && hit.node.type === "TestShowShade" ? [api.editor.menuItem("shades.next")] : []));
    api.addPanel({ id: "shades", title: "Shades", icon: "M12 3v18M12 3a9 9 0 0 1 0 18", side: "right", order: 90, open(body) {
      body.append(SHADES.join(", "));
    } });
    api.addNodeDecoration((pen, node, { width }) => {
      if (node.type === "TestShowShade") pen.text("◐", node.x + width - 20, node.y - 15, { colour: pen.theme.accent });
    });
    api.on("nodeCreated", (node) => {
      if (node.type === "TestShowShade") node.graph.setNode(node, "title", "A shade");
    });
    api.on("beforeQueue", (request) => {
      for (const node of request.document.root.nodes.values()) {
        if (node.type !== "TestShowShade") continue;
        if (request.value(node, "shade") === "white") return false;
        request.setValue(node, "times", api.readSetting("shades.times"));
      }
      return undefined;
    });
    /** @type {string[]} */
    const seen = [];
    api.on("nodeResult", ({ output }) => void seen.push(...(output.text ?? [])));
    api.on("jobChanged", ({ state }) => void (state === "done" && api.note(`Shades: ${seen.join(", ")}`)));
    return () => void (seen.length = 0);
  },
});

/** @param {ExtensionApi} api @returns {Node[]} */
function chosen(api) {
  return api.editor.selection.nodes.filter((node) => node.type === "TestShowShade");
}

/** @param {ExtensionApi} api @param {Node} node */
function next(api, node) {
  const at = SHADES.indexOf(node.values.shade);
  api.editor.edit("undo.value", () => node.graph.setValue(node, "shade", SHADES[(at + 1) % SHADES.length]));
}

/** @param {ExtensionApi} api @returns {WidgetKind} */
function shadeKind(api) {
  return {
    height: () => 20,
    draw(pen, node, input, box) {
      pen.box(box, pen.theme.field, { radius: 6 });
      pen.pair(box, input.name, String(node.values[input.name]));
    },
    press: (_, node) => ({ end: (__, moved) => void (moved || next(api, node)) }),
  };
}
