/** What small screens and keyboards on the screen need: the field that is typed into stays in view. */

/** @import { Feature } from "../../core/editor.js" */

const GAP_PX = 16; // between the field and what covers the page

/** @type {Feature} */
export const touch = {
  name: "touch",
  install(editor) {
    const { shell, view } = editor;
    let frame = 0;
    const look = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const field = document.activeElement;
        if (!(field instanceof HTMLElement) || !shell.over.contains(field) || !field.matches("input, textarea, [contenteditable]")) return;
        const stage = shell.stage.getBoundingClientRect();
        const seen = visualViewport;
        const bottom = Math.min(stage.bottom, seen ? seen.offsetTop + seen.height : innerHeight) - GAP_PX;
        const top = Math.max(stage.top, seen?.offsetTop ?? 0) + GAP_PX;
        const area = field.getBoundingClientRect();
        // Of one that is higher than what is seen, the end: there stands the caret.
        if (area.bottom > bottom) view.panBy(0, bottom - area.bottom);
        else if (area.top < top && area.height < bottom - top) view.panBy(0, top - area.top);
      });
    };
    const stop = new AbortController();
    const { signal } = stop;
    visualViewport?.addEventListener("resize", look, { signal });
    addEventListener("resize", look, { signal });
    shell.over.addEventListener("focusin", () => matchMedia("(pointer: coarse)").matches && look(), { signal });
    return () => {
      cancelAnimationFrame(frame);
      stop.abort();
    };
  },
};
