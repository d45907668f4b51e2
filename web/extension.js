/**
 * What the scripts of packs import: `import { registerExtension } from "/extension.js"`. The page leads this address to
 * the one copy of the module that it has itself. What an extension can do is `ExtensionApi`; docs/extensions.md tells it
 * with examples.
 */

/**
 * A part of the page that a pack brings.
 * @typedef {object} Extension
 * @property {string} name  what people read where it is named: "Shade picker"
 * @property {(api: ExtensionApi) => (() => void) | void | Promise<(() => void) | void>} setup
 *   adds what it has, with `api`; what it returns is called when it is taken out. Whatever was added through `api` goes
 *   by itself
 */

/** @type {Extension[]} registered before the page asked */
const waiting = [];
/** @type {((extension: Extension) => void) | null} */
let taker = null;

/**
 * To be called once for each extension, while its module loads.
 * @param {Extension} extension
 * @throws {TypeError} if it has no name or no `setup`
 */
export function registerExtension(extension) {
  if (!extension || typeof extension.name !== "string" || !extension.name.trim()) throw new TypeError("registerExtension: an extension needs a `name`, a text that people read");
  if (typeof extension.setup !== "function") throw new TypeError(`registerExtension: ${extension.name} has no function \`setup\``);
  if (taker) taker(extension);
  else waiting.push(extension);
}

/**
 * For the page itself: hands over all extensions, those that were registered before and those that will be.
 * @param {(extension: Extension) => void} take
 * @returns {() => void} no longer
 */
export function takeExtensions(take) {
  taker = take;
  for (const each of waiting.splice(0)) take(each);
  return () => {
    if (taker === take) taker = null;
  };
}

// Types that scripts of packs name in their JSDoc: `@import { Node } from "/extension.js"`.

/** @typedef {import("./features/extensions/api.js").ExtensionApi} ExtensionApi */
/** @typedef {import("./features/extensions/api.js").HookArguments} HookArguments */
/** @typedef {import("./features/extensions/request.js").QueueRequest} QueueRequest */
/** @typedef {import("./core/commands.js").Command} Command */
/** @typedef {import("./core/document.js").Document} Document */
/** @typedef {import("./core/editor.js").Editor} Editor */
/** @typedef {import("./core/graph.js").Graph} Graph */
/** @typedef {import("./core/graph.js").Group} Group */
/** @typedef {import("./core/graph.js").Link} Link */
/** @typedef {import("./core/graph.js").Node} Node */
/** @typedef {import("./core/settings.js").Setting} Setting */
/** @typedef {import("./core/shell.js").MenuItem} MenuItem */
/** @typedef {import("./core/shell.js").Panel} Panel */
/** @typedef {import("./core/spec.js").InputSpec} InputSpec */
/** @typedef {import("./core/view/pen.js").Pen} Pen */
/** @typedef {import("./core/widgets.js").WidgetKind} WidgetKind */
/** @typedef {import("./features/run/jobs.js").Job} Job */
