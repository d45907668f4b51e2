/** Inputs that name files: what the files are, and how a value names one. */

/** @import { InputSpec } from "./spec.js" */

/** @typedef {"image" | "video" | "audio"} FileKind */

/** @type {[FileKind, RegExp][]} */
const ENDINGS = [
  ["image", /\.(png|apng|jpe?g|jfif|webp|avif|gif|bmp|svg|tiff?|heic|heif)$/i],
  ["video", /\.(mp4|m4v|webm|mkv|mov|avi|ogv)$/i],
  ["audio", /\.(mp3|wav|flac|ogg|oga|opus|m4a|aac|mka|weba|aiff?)$/i],
];

/** What a file is by the ending of its name. @param {string} name @returns {FileKind | null} */
export function kindOfName(name) {
  return ENDINGS.find(([, ending]) => ending.test(name))?.[0] ?? null;
}

/** What a file of the person's is. @param {File} file @returns {FileKind | null} */
export function kindOfFile({ name, type }) {
  const [kind] = type.split("/");
  return kind === "image" || kind === "video" || kind === "audio" ? kind : kindOfName(name); // systems have no name for some
}

/**
 * What keeps a file that is to be a picture from being one.
 * @param {File} file
 * @returns {Promise<"workflows.empty-file" | "workflows.text-not-picture" | "workflows.not-picture" | null>} key of a message
 */
export async function pictureTrouble(file) {
  if (!file.size) return "workflows.empty-file";
  if (await isText(file)) return "workflows.text-not-picture";
  if (/\.(tiff?|heic|heif)$|image\/(tiff|hei[cf])/i.test(`${file.name} ${file.type}`)) return null; // browsers read none
  try {
    (await createImageBitmap(file)).close();
    return null;
  } catch {
    return "workflows.not-picture";
  }
}

/** Whether it begins as a text does. @param {Blob} file */
export async function isText(file) {
  try {
    const head = new TextDecoder("utf-8", { fatal: true }).decode(await file.slice(0, 4096).arrayBuffer(), { stream: true });
    return !/[\0-\x08\x0e-\x1f]/.test(head);
  } catch {
    return false;
  }
}

/** @param {InputSpec} input @returns {FileKind | null} what the files are that it names */
export function kindOfFiles(input) {
  const { options, widget } = input;
  if (widget === "WEBCAM") return "image";
  if (widget === "AUDIO_RECORD") return "audio";
  if (widget !== "COMBO" && widget !== "PAINTER") return null;
  if (options.image_upload || options.animated_image_upload) return "image";
  if (options.video_upload) return "video";
  return options.audio_upload ? "audio" : null;
}

/**
 * The file that a value names: "name.png", "folder/name.png", "name.png [output]".
 * @param {unknown} value
 * @param {string} [folder]  where it lies if the value does not say
 * @returns {{filename: string, subfolder: string, type: string} | null}
 */
export function fileOf(value, folder = "input") {
  if (typeof value !== "string" || !value) return null;
  const [, path, type = folder] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(value) ?? [];
  if (!path) return null;
  const at = path.lastIndexOf("/");
  return { filename: path.slice(at + 1), subfolder: path.slice(0, Math.max(0, at)), type };
}
