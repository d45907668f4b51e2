/** WEBCAM and AUDIO_RECORD: pictures and sounds of the person's own devices, taken when they ask for it. */

import { addStyle, h } from "../../core/dom.js";
import { buttonKind, keepFile, newName } from "./buttons.js";

/** @import { Editor } from "../../core/editor.js" */
/** @import { Node } from "../../core/graph.js" */
/** @import { InputSpec } from "../../core/spec.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Widgets } from "./widgets.js" */

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
 * @param {(file: File) => void} choose
 */
function fallback(editor, accept, choose) {
  const trouble = h("p", { class: "capture-trouble", role: "alert", hidden: true });
  const picker = h("input", { type: "file", accept, hidden: true, "aria-label": editor.text("widgets.capture-file") });
  picker.addEventListener("change", () => picker.files?.[0] && choose(picker.files[0]));
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
    const player = h("audio", { class: "capture-sound", controls: true, hidden: true, "aria-label": editor.text("widgets.record") });
    const start = h("button", { type: "button", class: "main", autofocus: true }, editor.text("widgets.record-start"));
    const keep = h("button", { type: "button", disabled: true }, editor.text("widgets.record-keep"));
    const { trouble, picker, button, say } = fallback(editor, "audio/*", (file) => {
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
      /** @type {Blob[]} */
      const parts = [];
      const began = performance.now();
      recorder = new MediaRecorder(found);
      recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
      recorder.addEventListener("stop", () => {
        clearInterval(clock);
        stopAll(found);
        sound = new Blob(parts, { type: recorder?.mimeType });
        URL.revokeObjectURL(address);
        player.src = address = URL.createObjectURL(sound);
        player.hidden = false;
        keep.disabled = false;
        start.textContent = editor.text("widgets.record-anew");
        if (isOpen) keep.focus();
      });
      recorder.start();
      start.textContent = editor.text("widgets.record-stop");
      clock = setInterval(() => {
        const s = Math.floor((performance.now() - began) / 1000);
        time.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
      }, 200);
      return undefined;
    });
    body.append(time, player, trouble, h("div", { class: "dialog-actions" }, picker, button, keep, start));
  }, { kind: "capture-dialog" });
  isOpen = false;
  clearInterval(clock);
  /** @type {MediaRecorder | null} */
  const left = recorder;
  if (left && /** @type {MediaRecorder} */ (left).state === "recording") /** @type {MediaRecorder} */ (left).stop();
  URL.revokeObjectURL(address);
  /** @type {Blob | null} */
  const kept = sound;
  if (isWanted && kept) await keepFile(editor, widgets, node, input, kept, { name: newName("recording", endingOf(kept, "webm")), subfolder: "audio" });
}

/** @param {Blob} blob @param {string} usual @returns {string} */
function endingOf(blob, usual) {
  if (blob instanceof File) return /[^.]+$/.exec(blob.name)?.[0] ?? usual;
  return blob.type.includes("ogg") ? "ogg" : blob.type.includes("mp4") ? "m4a" : usual;
}
