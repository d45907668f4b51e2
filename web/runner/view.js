/** What is seen: the state line, the progress threads, pictures, troubles. It knows elements, no server. */

import { addressOf } from "./server.js";

/** @import { Picture } from "./server.js" */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

const state = element("state", HTMLParagraphElement);
const trouble = element("trouble", HTMLParagraphElement);
const figure = element("picture", HTMLElement);
const frame = element("frame", HTMLDivElement);
const invitation = element("invitation", HTMLParagraphElement);
const warp = element("warp", HTMLDivElement);
const caption = element("caption", HTMLElement);

/**
 * @param {string} words
 * @param {"waiting" | "ready" | "busy" | "lost"} mood
 */
export function sayState(words, mood) {
  if (state.textContent !== words) state.textContent = words;
  state.dataset.mood = mood;
}

/** @param {string | null} words */
export function sayTrouble(words) {
  trouble.hidden = !words;
  trouble.textContent = words ?? "";
}

/**
 * One thread per step, as long as there are few enough to tell apart.
 * @param {number | null} value null: nothing runs
 * @param {number} [most]
 */
export function showProgress(value, most = 1) {
  warp.hidden = value === null;
  document.title = value === null ? "Heddle" : `${value}/${most} · Heddle`;
  if (value === null) return;
  warp.setAttribute("aria-valuenow", String(value));
  warp.setAttribute("aria-valuemax", String(most));
  warp.setAttribute("aria-valuetext", `step ${value} of ${most}`);
  warp.style.setProperty("--threads", String(Math.min(most, 60)));
  warp.style.setProperty("--done", `${(100 * value) / Math.max(most, 1)}%`);
}

/** @type {string | null} */
let previewAddress = null;

/** @param {Blob} picture */
export function showPreview(picture) {
  const before = previewAddress;
  previewAddress = URL.createObjectURL(picture);
  place([makeImage(previewAddress, "Preview of the picture that is being made")]);
  if (before) URL.revokeObjectURL(before);
}

/**
 * @param {Picture[]} pictures
 * @param {string} description
 */
export function showPictures(pictures, description) {
  place(
    pictures.map((picture) => {
      const link = document.createElement("a");
      link.href = addressOf(picture);
      link.target = "_blank";
      link.rel = "noopener";
      link.title = "Open the file";
      link.append(makeImage(addressOf(picture), description || picture.filename));
      return link;
    }),
  );
}

/**
 * @param {string} text
 * @param {string[]} facts
 * @param {{label: string, act: () => void}} [action]
 */
export function showCaption(text, facts, action) {
  const words = document.createElement("span");
  words.className = "words";
  words.textContent = text;
  const numbers = document.createElement("span");
  numbers.className = "facts";
  numbers.textContent = facts.join(" · ");
  caption.replaceChildren(words, numbers);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = action.label;
    button.onclick = action.act;
    caption.append(button);
  }
}

/** On a narrow screen the picture lies below the form. */
export function bringIntoView() {
  if (matchMedia("(max-width: 820px)").matches) figure.scrollIntoView({ behavior: "smooth", block: "nearest" });
}

/** @param {string} words */
export function invite(words) {
  if ("empty" in figure.dataset) invitation.textContent = words;
}

/** @param {HTMLElement[]} shown */
function place(shown) {
  delete figure.dataset.empty;
  frame.dataset.count = String(shown.length);
  frame.replaceChildren(...shown);
}

/**
 * @param {string} address
 * @param {string} description
 */
function makeImage(address, description) {
  const image = document.createElement("img");
  image.src = address;
  image.alt = description;
  image.decoding = "async";
  return image;
}
