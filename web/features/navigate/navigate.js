/** Panning and zooming: wheel, middle button, space, and empty canvas; two fingers are the pointer's own. */

/** @import { Feature } from "../../core/editor.js" */

const WHEEL_STEP = 1.1;
const PINCH_MOST = 40; // browsers tell a pinch on a trackpad as small turns of a wheel with Ctrl: 100 are the factor e

/** @type {Feature} */
export const navigate = {
  name: "navigate",
  install(editor) {
    const { view } = editor;
    const stop = new AbortController();
    const { signal } = stop;
    let isSpaceDown = false;
    addEventListener("keydown", (event) => {
      if (event.key === " " && document.activeElement === view.element) {
        isSpaceDown = true;
        event.preventDefault();
      }
    }, { signal });
    addEventListener("keyup", (event) => {
      if (event.key === " ") isSpaceDown = false;
    }, { signal });
    addEventListener("blur", () => (isSpaceDown = false), { signal });
    view.element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const area = view.element.getBoundingClientRect();
      const isTrackpad = editor.settings.read("wheel", "zoom") === "pan" && !event.ctrlKey;
      if (isTrackpad) {
        view.panBy(event.shiftKey ? -event.deltaY : -event.deltaX, event.shiftKey ? 0 : -event.deltaY);
        return;
      }
      if (!event.ctrlKey && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        view.panBy(-event.deltaX, 0); // a wheel that is tilted, two fingers that go sideways
        return;
      }
      const [x, y] = [event.clientX - area.left, event.clientY - area.top];
      const isPinch = event.ctrlKey && event.deltaMode === 0 && Math.abs(event.deltaY) < PINCH_MOST;
      const strength = Math.max(-3, Math.min(3, event.deltaY / (event.deltaMode === 0 ? 100 : 3)));
      view.zoomAt(x, y, view.scale * (isPinch ? Math.exp(-event.deltaY / 100) : WHEEL_STEP ** -strength));
    }, { signal, passive: false });
    const stopSettings = editor.settings.declare([
      { id: "wheel", title: "navigate.wheel", section: "setting.canvas", kind: "choice", fallback: "zoom", options: [{ value: "zoom", title: "navigate.wheel.zoom" }, { value: "pan", title: "navigate.wheel.pan" }] },
    ]);
    const stopPress = view.pointer.onPress(0, (press) => {
      const isEmpty = press.hit.kind === "empty" || press.hit.kind === "group";
      const wanted = press.button === 1 || (press.button === 0 && (isSpaceDown || (isEmpty && !press.ctrl && !press.shift)));
      if (!wanted) return undefined;
      let [x, y] = [press.screenX, press.screenY];
      return {
        cursor: "grabbing",
        move(now) {
          view.panBy(now.screenX - x, now.screenY - y);
          [x, y] = [now.screenX, now.screenY];
        },
        end(_, moved) {
          if (!moved && press.button === 0 && !isSpaceDown) editor.selection.clear();
        },
      };
    });
    const stopCommands = editor.commands.addAll([
      { id: "view.fit", title: "command.fit", keys: ["."], run: () => {
        const box = view.boxAround(editor.selection.nodes.length ? editor.selection.nodes : undefined);
        if (box) view.fit(box);
      } },
      { id: "view.fit-all", title: "command.fit-all", run: () => editor.fitAll() },
      { id: "view.zoom-in", title: "command.zoom-in", keys: ["alt+=", "alt++"], run: () => view.zoomAt(view.width / 2, view.height / 2, view.scale * 1.25) },
      { id: "view.zoom-out", title: "command.zoom-out", keys: ["alt+-"], run: () => view.zoomAt(view.width / 2, view.height / 2, view.scale / 1.25) },
      { id: "view.zoom-reset", title: "command.zoom-reset", keys: ["alt+0"], run: () => view.zoomAt(view.width / 2, view.height / 2, 1) },
    ]);
    return () => {
      stop.abort();
      stopSettings();
      stopPress();
      stopCommands();
    };
  },
};
