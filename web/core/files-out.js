/** What leaves the page: to the clipboard, to the person's disk. */

import { h } from "./dom.js";

/**
 * Puts a text into the clipboard.
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there: browsers may refuse
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Where the page comes over plain HTTP from another machine there is no such interface: the old way. What lies outside
    // of an open dialog takes no selection.
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    const field = h("textarea", { style: { position: "fixed", opacity: 0 } });
    field.value = text;
    ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    before?.focus();
    return isCopied;
  }
}

/** The clipboard takes PNG alone. @param {string} src  address of a picture */
export async function copyPicture(src) {
  const png = async () => {
    const answer = await fetch(src);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const bitmap = await createImageBitmap(await answer.blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    bitmap.close();
    return canvas.convertToBlob({ type: "image/png" });
  };
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png() })]); // promised: the person's click is still at hand
}

/** @param {string} address @param {string} name */
export function saveFile(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
