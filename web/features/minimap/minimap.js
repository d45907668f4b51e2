/** A small picture of the whole graph with a frame around what is seen: a click or drag in it moves the view. */

import { addStyle, h } from "../../core/dom.js";
import { lightened } from "../../core/view/theme.js";
import { BYPASSED } from "../../core/graph.js";

/** @import { Feature } from "../../core/editor.js" */
/** @import { Box } from "../../core/view/spatial.js" */

const WIDTH = 220; // CSS px
const HEIGHT = 140;
const PADDING = 8;
const WAIT_MS = 120; // the picture follows changes that late: it is not what people look at while they drag

/** @type {Feature} */
export const minimap = {
  name: "minimap",
  async install(editor) {
    const { view, settings } = editor;
    const removeStyle = await addStyle("./minimap.css", import.meta.url);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const frame = h("div", { class: "minimap-frame" });
    const map = h("div", { class: "minimap", role: "img", "aria-label": editor.text("minimap.name"), hidden: true }, canvas, frame);
    editor.shell.over.append(map);
    /** @type {Box} */
    let all = { left: 0, top: 0, right: 1, bottom: 1 };
    let scale = 1;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;

    function paint() {
      timer = undefined;
      if (map.hidden) return;
      const { theme } = view;
      const box = boundsOf();
      map.classList.toggle("is-empty", !box);
      if (!box) return;
      all = box;
      scale = Math.min((WIDTH - 2 * PADDING) / (all.right - all.left), (HEIGHT - 2 * PADDING) / (all.bottom - all.top));
      const ratio = devicePixelRatio || 1;
      canvas.width = WIDTH * ratio;
      canvas.height = HEIGHT * ratio;
      const context = canvas.getContext("2d");
      if (!context) return;
      context.setTransform(scale * ratio, 0, 0, scale * ratio, (PADDING - all.left * scale) * ratio, (PADDING - all.top * scale) * ratio);
      const { groups } = editor.graph;
      for (const group of groups) {
        context.fillStyle = group.color || theme.groupText;
        context.globalAlpha = 0.35;
        context.fillRect(group.x, group.y, group.width, group.height);
      }
      context.globalAlpha = 1;
      for (const node of view.nodes.all) {
        const each = view.nodes.boxOf(node);
        if (!each) continue;
        const own = node.bgcolor && theme.isLight ? lightened(node.bgcolor) : node.bgcolor;
        context.fillStyle = editor.selection.has(node) ? theme.accent : node.mode === BYPASSED ? "#7a3f8f" : !node.spec && editor.graph.nodes.has(node.key) ? theme.error : own || theme.faint;
        context.fillRect(each.left, each.top, Math.max(each.right - each.left, 1.5 / scale), Math.max(each.bottom - each.top, 1.5 / scale));
      }
      showFrame();
    }

    /** @returns {Box | null} */
    function boundsOf() {
      const box = view.boxAround();
      const { groups } = editor.graph;
      if (!box && !groups.length) return null;
      const whole = box ? { ...box } : { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
      for (const group of groups) {
        whole.left = Math.min(whole.left, group.x);
        whole.top = Math.min(whole.top, group.y);
        whole.right = Math.max(whole.right, group.x + group.width);
        whole.bottom = Math.max(whole.bottom, group.y + group.height);
      }
      return whole;
    }

    /** The view moves more often than the graph changes: only the frame follows it. */
    function showFrame() {
      if (map.hidden) return;
      const { left, top, right, bottom } = view.window;
      const x = Math.max(-4, (left - all.left) * scale + PADDING);
      const y = Math.max(-4, (top - all.top) * scale + PADDING);
      const toX = Math.min(WIDTH + 4, (right - all.left) * scale + PADDING);
      const toY = Math.min(HEIGHT + 4, (bottom - all.top) * scale + PADDING);
      frame.style.transform = `translate(${x}px, ${y}px)`;
      frame.style.width = `${Math.max(4, toX - x)}px`;
      frame.style.height = `${Math.max(4, toY - y)}px`;
    }

    const later = () => {
      if (!map.hidden) timer ??= setTimeout(paint, WAIT_MS);
    };

    /** @param {PointerEvent} event */
    function go(event) {
      const area = map.getBoundingClientRect();
      const x = (event.clientX - area.left - PADDING) / scale + all.left;
      const y = (event.clientY - area.top - PADDING) / scale + all.top;
      view.moveTo(view.scale, { x: view.width / 2 - x * view.scale, y: view.height / 2 - y * view.scale });
    }

    map.addEventListener("pointerdown", (event) => {
      map.setPointerCapture(event.pointerId);
      event.preventDefault();
      go(event);
    });
    map.addEventListener("pointermove", (event) => {
      if (map.hasPointerCapture(event.pointerId)) go(event);
    });
    map.addEventListener("wheel", (event) => {
      event.preventDefault();
      view.zoomAt(view.width / 2, view.height / 2, view.scale * 1.1 ** -Math.sign(event.deltaY));
    }, { passive: false });

    const stops = [
      settings.declare([{ id: "minimap", title: "setting.minimap", section: "setting.canvas", kind: "boolean", fallback: false }]),
      settings.follow("minimap", (isWanted) => {
        map.hidden = !isWanted;
        if (isWanted) paint();
      }),
      .../** @type {const} */ (["change", "selection", "graph", "document"]).map((event) => editor.events.on(event, later)),
      view.events.on("move", showFrame),
      editor.commands.add({ id: "view.minimap", title: "command.minimap", keys: ["alt+m"], run: () => settings.write("minimap", map.hidden) }),
      editor.addMenu(47, ({ hit }) => (hit.kind === "empty" ? [{ ...editor.menuItem("view.minimap"), isChecked: !map.hidden }] : [])),
    ];
    return () => {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
      map.remove();
      removeStyle();
    };
  },
};
