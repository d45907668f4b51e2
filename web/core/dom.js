/** Elements, made from plain values. A text is always a text node: nothing is ever read as HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 *   `class`, `style` (an object), `data` (an object), `on` (event name -> listener), `aria-*` and other attributes;
 *   true sets an attribute without value, null, undefined and false leave it out
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, /** @type {any} */ (listener));
    } else if (name === "style") {
      for (const [key, each] of Object.entries(value)) element.style.setProperty(key, String(each));
    } else if (name === "data") {
      Object.assign(element.dataset, value);
    } else if (name === "value" && "value" in element) {
      /** @type {any} */ (element).value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== false).map((each) => (typeof each === "number" ? String(each) : /** @type {any} */ (each))));
  // A title beside a label is a description: of a button that shows an icon alone, both would be said, the same twice.
  if (tag === "button" && props.title === props["aria-label"] && !element.textContent) element.removeAttribute("aria-label");
  return element;
}

/** For `icon`: the cross that closes, removes or cancels. */
export const CLOSE = "M6 6l12 12M18 6L6 18";

const SVG = "http://www.w3.org/2000/svg";

/**
 * A drawing of 24 by 24, in the colour of the text around it.
 * @param {string} path  the `d` of one path, stroked
 * @returns {SVGSVGElement}
 */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/**
 * Adds a style sheet that lies beside a module.
 * @param {string} name  "./queue.css"
 * @param {string} base  `import.meta.url` of the module
 * @returns {Promise<() => void>} when it is there; takes it away
 */
export function addStyle(name, base) {
  const link = h("link", { rel: "stylesheet", href: new URL(name, base).href });
  document.head.append(link);
  return new Promise((resolve, reject) => {
    link.addEventListener("load", () => resolve(() => link.remove()), { once: true });
    link.addEventListener("error", () => {
      link.remove();
      reject(new TypeError(`Failed to fetch the style sheet ${link.href}`)); // as a module that does not come
    }, { once: true });
  });
}
