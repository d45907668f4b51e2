/** WEBCAM and AUDIO_RECORD: pictures and sounds of the person's own devices, taken when they ask for it. */

import { addStyle, h } from "../../core/dom.js";
import { kindOfFile } from "../../core/file-inputs.js";
import { Player } from "../../core/player.js";
import { bringFile, buttonKind, keepFile, newName } from "./buttons.js";
import { waveOf } from "./wave.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

/**
 * A file in place of the device.
 * @param {Editor} editor
 * @param {Widgets} widgets
 * @param {Node} node
 * @param {InputSpec} input
 * @param {File} file
 */
export async function bringCaptured(editor, widgets, node, input, file) {
  const isPicture = input.widget === "WEBCAM";
  if (!isAmong(widgets.acceptedBy(node, input), file)) {
    editor.shell.note(editor.text("widgets.wrong-file", { file: file.name, node: node.name, what: editor.text(isPicture ? "widgets.reads.image" : "widgets.reads.audio") }), { kind: "error" });
    return;
  }
  const name = newName(isPicture ? "webcam" : "recording", endingOf(file, isPicture ? "png" : "wav"));
  await keepFile(editor, widgets, node, input, file, { name, subfolder: isPicture ? "webcam" : "audio" });
}

/** @param {string} accepted  as a file picker has it @param {File} file */
function isAmong(accepted, file) {
  const kind = kindOfFile(file);
  return accepted.split(",").some((each) => each.split("/")[0] === kind);
}

const WARM_MS = 4000; // the camera stays on between pictures that follow each other

/** @param {Editor} editor @param {Widgets} widgets @returns {Promise<WidgetKind>} */
export async function cameraKind(editor, widgets) {
  widgets.cleanups.push(await addStyle("./rare.css", import.meta.url));
  return buttonKind(editor, widgets, (node, input) => editor.text(node.values[input.name] ? "widgets.camera-again" : "widgets.camera"), (node, input) => takePicture(editor, widgets, node, input));
}

/** @param {Editor} editor @param {Widgets} widgets @returns {Promise<WidgetKind>} */
export async function recorderKind(editor, widgets) {
  widgets.cleanups.push(await addStyle("./rare.css", import.meta.url));
  return buttonKind(editor, widgets, (node, input) => editor.text(node.values[input.name] ? "widgets.record-again" : "widgets.record"), (node, input) => recordSound(editor, widgets, node, input));
}

/**
 * @param {MediaStreamConstraints} wanted
 * @returns {Promise<MediaStream | string>} the key of a message that says why there is none
 */
async function openDevice(wanted) {
  const what = wanted.video ? "camera" : "microphone";
  if (!isSecureContext || !navigator.mediaDevices) return "widgets.device-insecure";
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") return `widgets.${what}-refused`;
    return name === "NotFoundError" || name === "OverconstrainedError" ? `widgets.${what}-missing` : `widgets.${what}-busy`;
  }
}

/** @param {MediaStream} stream */
function stopAll(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/**
 * What every dialog for a device has: what goes wrong in words, and a file in place of the device.
 * @param {Editor} editor
 * @param {string} accept
 * @param {(file: File) => void} choose  is given those of the kind that is wanted
 */
function fallback(editor, accept, choose) {
  const trouble = h("p", { class: "capture-trouble", role: "alert", hidden: true });
  const picker = h("input", { type: "file", accept, hidden: true, "aria-label": editor.text("widgets.capture-file") });
  picker.addEventListener("change", () => {
    const file = picker.files?.[0];
    picker.value = "";
    if (!file) return;
    if (isAmong(accept, file)) return choose(file);
    trouble.textContent = editor.text("widgets.wrong-kind", { file: file.name, what: editor.text(accept === "image/*" ? "widgets.reads.image" : "widgets.reads.audio") });
    trouble.hidden = false;
  });
  const button = h("button", { type: "button", on: { click: () => picker.click() } }, editor.text("widgets.capture-file"));
  /** @param {string} key */
  const say = (key) => {
    trouble.textContent = editor.text(key);
    trouble.hidden = false;
  };
  return { trouble, picker, button, say };
}

/** @param {Editor} editor @param {Widgets} widgets @param {Node} node @param {InputSpec} input */
async function takePicture(editor, widgets, node, input) {
  /** @type {MediaStream | null} */
  let stream = null;
  let isOpen = true;
  /** @type {Blob | null} */
  let taken = null;
  await editor.shell.dialog(editor.text("widgets.camera"), (body, close) => {
    const video = h("video", { class: "capture-picture", playsinline: true, "aria-label": editor.text("widgets.camera") });
    video.muted = true;
    const take = h("button", { type: "button", class: "main", disabled: true }, editor.text("widgets.camera-take"));
    const { trouble, picker, button, say } = fallback(editor, "image/*", (file) => {
      taken = file;
      close();
    });
    take.addEventListener("click", async () => {
      taken = await frameOf(video, Number(node.values.width) || 0, Number(node.values.height) || 0);
      close();
    });
    body.append(video, trouble, h("div", { class: "dialog-actions" }, picker, button, take));
    void openDevice({ video: true }).then(async (found) => {
      if (typeof found === "string") {
        video.hidden = true;
        return say(found);
      }
      if (!isOpen) return stopAll(found);
      stream = found;
      video.srcObject = found;
      await video.play();
      take.disabled = false;
      take.focus();
      return undefined;
    });
  }, { kind: "capture-dialog" });
  isOpen = false;
  if (stream) stopAll(stream);
  if (taken) await keepFile(editor, widgets, node, input, taken, { name: newName("webcam", endingOf(taken, "png")), subfolder: "webcam" });
}

/** @param {HTMLVideoElement} video @param {number} width  px; 0: the camera's @param {number} height @returns {Promise<Blob | null>} */
function frameOf(video, width, height) {
  const canvas = h("canvas", { width: width || video.videoWidth, height: height || video.videoHeight });
  const scale = Math.max(canvas.width / video.videoWidth, canvas.height / video.videoHeight); // fills it: nothing is stretched
  const [wide, high] = [video.videoWidth * scale, video.videoHeight * scale];
  canvas.getContext("2d")?.drawImage(video, (canvas.width - wide) / 2, (canvas.height - high) / 2, wide, high);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** The camera, for pictures that are taken without a dialog: when a workflow is queued. */
export class Camera {
  /** @type {{stream: MediaStream, video: HTMLVideoElement} | null} */
  #open = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #off;

  /**
   * Takes a picture for a widget. Not a step of undo: a run may not change what the person's last step was.
   * @param {Editor} editor
   * @param {Widgets} widgets
   * @param {Node} node
   * @param {InputSpec} input
   * @returns {Promise<string>} the key of a message that says why there is none; "": it is taken
   */
  async take(editor, widgets, node, input) {
    clearTimeout(this.#off);
    if (!this.#open) {
      const stream = await openDevice({ video: true });
      if (typeof stream === "string") return stream;
      const video = h("video", { playsinline: true });
      video.muted = true;
      video.srcObject = stream;
      this.#open = { stream, video };
      await video.play();
    }
    const { video } = this.#open;
    const picture = await frameOf(video, Number(node.values.width) || 0, Number(node.values.height) || 0);
    this.#off = setTimeout(() => this.close(), WARM_MS);
    if (!picture) return "widgets.camera-busy";
    const value = await bringFile(editor, widgets, node, picture, { name: newName("webcam", "png"), subfolder: "webcam" });
    node.graph.document.journal.setAside([{ owner: node, target: node.values, key: input.name, value }]);
    return "";
  }

  close() {
    clearTimeout(this.#off);
    if (this.#open) stopAll(this.#open.stream);
    this.#open = null;
  }
}

/** @param {Editor} editor @param {Widgets} widgets @param {Node} node @param {InputSpec} input */
async function recordSound(editor, widgets, node, input) {
  /** @type {MediaRecorder | null} */
  let recorder = null;
  let isOpen = true;
  let isWanted = false;
  /** @type {Blob | null} */
  let sound = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let clock;
  let address = "";
  await editor.shell.dialog(editor.text("widgets.record"), (body, close) => {
    const time = h("output", { class: "capture-time" }, "0:00");
    const player = new Player(editor, { kind: "audio", src: "", name: editor.text("widgets.record-heard"), class: "capture-sound" });
    player.element.hidden = true;
    player.media.removeAttribute("src");
    const start = h("button", { type: "button", class: "main", autofocus: true }, editor.text("widgets.record-start"));
    const keep = h("button", { type: "button", disabled: true }, editor.text("widgets.record-keep"));
    const drop = h("button", { type: "button", hidden: true, on: { click: close } }, editor.text("widgets.record-drop"));
    const { trouble, picker, button, say } = fallback(editor, "audio/*,video/*", (file) => {
      sound = file;
      isWanted = true;
      close();
    });
    keep.addEventListener("click", () => {
      isWanted = true;
      close();
    });
    start.addEventListener("click", async () => {
      if (recorder?.state === "recording") return recorder.stop();
      const found = await openDevice({ audio: true });
      if (typeof found === "string") return say(found);
      if (!isOpen) return stopAll(found);
      trouble.hidden = true;
      player.media.pause();
      player.element.hidden = drop.hidden = true;
      keep.disabled = true;
      /** @type {Blob[]} */
      const parts = [];
      const began = performance.now();
      recorder = new MediaRecorder(found);
      recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
      recorder.addEventListener("stop", async () => {
        clearInterval(clock);
        stopAll(found);
        time.classList.remove("is-recording");
        start.textContent = editor.text("widgets.record-anew");
        start.classList.remove("main");
        keep.classList.add("main");
        if (!isOpen) return;
        sound = await waveOf(new Blob(parts, { type: recorder?.mimeType })); // what browsers record has no length, and no place to wind to
        URL.revokeObjectURL(address);
        player.media.src = address = URL.createObjectURL(sound);
        player.element.hidden = drop.hidden = false;
        keep.disabled = false;
        keep.focus();
      });
      recorder.start();
      time.textContent = "0:00";
      time.classList.add("is-recording");
      start.textContent = editor.text("widgets.record-stop");
      clock = setInterval(() => {
        const s = Math.floor((performance.now() - began) / 1000);
        time.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
      }, 200);
      return undefined;
    });
    body.append(time, player.element, trouble, h("div", { class: "dialog-actions" }, picker, button, drop, start, keep));
  }, { kind: "capture-dialog" });
  isOpen = false;
  clearInterval(clock);
  /** @type {MediaRecorder | null} */
  const left = recorder;
  if (left && /** @type {MediaRecorder} */ (left).state === "recording") /** @type {MediaRecorder} */ (left).stop();
  URL.revokeObjectURL(address);
  /** @type {Blob | null} */
  const kept = sound;
  if (isWanted && kept) await keepFile(editor, widgets, node, input, kept, { name: newName("recording", endingOf(kept, "wav")), subfolder: "audio" });
}

/** @param {Blob} blob @param {string} usual @returns {string} */
function endingOf(blob, usual) {
  if (blob instanceof File) return /[^.]+$/.exec(blob.name)?.[0] ?? usual;
  const [, form = ""] = /^[a-z]+\/([a-z0-9]+)/.exec(blob.type) ?? [];
  return { ogg: "ogg", mp4: "m4a", webm: "weba" }[form] ?? usual;
}
