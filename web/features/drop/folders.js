/** Folders that are dropped: the files in them that may be opened. */

import { kindOfName } from "../../core/file-inputs.js";

const CARRIERS = /\.(json|glb|latent)$/i; // besides what is seen or heard
const MOST_SEEN = 5000; // entries that are looked at

/**
 * @param {FileSystemEntry[]} entries  files and folders
 * @param {number} most  files
 * @returns {Promise<{files: File[], isCut: boolean}>} by name, those of a folder before those of the folders in it;
 *   `isCut`: there are more
 */
export async function filesIn(entries, most) {
  /** @type {File[]} */
  const files = [];
  const waiting = [...entries];
  for (let seen = 0; waiting.length; seen++) {
    const entry = /** @type {FileSystemEntry} */ (waiting.shift());
    if (seen === MOST_SEEN || files.length === most) return { files, isCut: true };
    if (entry.isDirectory) waiting.push(...(await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry))).filter(mayBeOpened));
    else files.push(await fileOf(/** @type {FileSystemFileEntry} */ (entry)));
  }
  return { files, isCut: false };
}

/** What lies in a folder and is hidden, or is nothing that anybody opens, is passed over. @param {FileSystemEntry} entry */
function mayBeOpened({ name, isDirectory }) {
  return !name.startsWith(".") && (isDirectory || CARRIERS.test(name) || kindOfName(name) !== null);
}

/** @param {FileSystemDirectoryEntry} folder @returns {Promise<FileSystemEntry[]>} */
async function entriesOf(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) { // a browser gives a hundred at a time
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    all.push(...some);
  }
  return all.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
