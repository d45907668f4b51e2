/** Files that leave the page: to the clipboard, to the person's disk. */

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
