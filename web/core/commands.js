/** What a person can do, by name: each can be bound to keys, found in the palette, and put into a menu. */

/**
 * @typedef {object} Command
 * @property {string} id  "edit.undo"
 * @property {string} title  key of its message
 * @property {string[]} [keys]  "ctrl+z": modifiers in the order ctrl, alt, shift, then the key; ctrl is also Command
 * @property {() => boolean} [when]  whether it makes sense now
 * @property {number} [order]  of several with the same keys the lowest is asked first; 0 without it
 * @property {boolean} [inText]  also while a text is being typed
 * @property {boolean} [isNative]  its keys are the browser's own, which sends an event for them: they are shown, not taken
 * @property {boolean} [isOnce]  it opens something: until its promise is fulfilled it does nothing more
 * @property {boolean} [isHidden]  not in the palette: it needs to be told something
 * @property {(argument?: any) => unknown} run
 */

export class Commands {
  /** @type {Map<string, Command>} */
  #commands = new Map();
  /** @type {Map<string, string[]> | null} keys -> ids */
  #keys = null;
  /** @type {() => Record<string, string[]>} what the person bound: id -> keys */
  #bindings;
  /** Ids of those that go on and are `isOnce`. @type {Set<string>} */
  #running = new Set();
  /** Each says whether a command makes sense where the person is. @type {Set<(command: Command) => boolean>} */
  #limits = new Set();
  /** @type {(error: unknown) => void} */
  onError = reportError;

  /** @param {() => Record<string, string[]>} bindings */
  constructor(bindings) {
    this.#bindings = bindings;
  }

  /** @param {Command} command @returns {() => void} takes it away */
  add(command) {
    if (this.#commands.has(command.id)) throw new Error(`there is a command ${command.id} already`);
    this.#commands.set(command.id, command);
    this.#keys = null;
    return () => {
      this.#commands.delete(command.id);
      this.#keys = null;
    };
  }

  /** @param {Command[]} commands @returns {() => void} */
  addAll(commands) {
    const undo = commands.map((each) => this.add(each));
    return () => undo.forEach((each) => each());
  }

  /** @returns {Command[]} */
  get all() {
    return [...this.#commands.values()];
  }

  /** @param {string} id */
  get(id) {
    return this.#commands.get(id);
  }

  /** @param {string} id */
  isPossible(id) {
    const command = this.#commands.get(id);
    return Boolean(command && this.#makesSense(command));
  }

  /** @param {Command} command */
  #makesSense(command) {
    return [...this.#limits].every((allows) => allows(command)) && (command.when?.() ?? true);
  }

  /**
   * Keeps keys, menus and lists from commands for a while: they are about what is not seen then.
   * @param {(command: Command) => boolean} allows
   * @returns {() => void} ends it
   */
  limit(allows) {
    this.#limits.add(allows);
    return () => void this.#limits.delete(allows);
  }

  /**
   * @param {string} id
   * @param {any} [argument]
   * @returns {unknown} what it gives back; errors are told to the person, not thrown
   */
  run(id, argument) {
    const command = this.#commands.get(id);
    if (!command) throw new Error(`there is no command ${id}`);
    if ((command.when && !command.when()) || this.#running.has(id)) return undefined;
    try {
      const result = command.run(argument);
      if (result instanceof Promise && command.isOnce) {
        this.#running.add(id);
        return result.catch(this.onError).finally(() => this.#running.delete(id));
      }
      if (result instanceof Promise) return result.catch(this.onError);
      return result;
    } catch (error) {
      this.onError(error);
      return undefined;
    }
  }

  /** @param {string} id @returns {string[]} */
  keysOf(id) {
    return this.#bindings()[id] ?? this.#commands.get(id)?.keys ?? [];
  }

  /** Bindings changed. */
  forgetKeys() {
    this.#keys = null;
  }

  /**
   * Runs what is bound to the keys of an event.
   * @param {KeyboardEvent} event
   * @returns {boolean} whether something was
   */
  press(event) {
    if (event.isComposing) return false; // keys that make up a word of an input method are not ours
    this.#keys ??= this.#readKeys();
    if (isOfControl(event)) return false;
    const isTyping = isTextField(event.target);
    for (const id of this.#keys.get(keysOf(event)) ?? []) {
      const command = this.#commands.get(id);
      if (!command || command.isNative || (isTyping && !command.inText) || !this.#makesSense(command)) continue;
      event.preventDefault();
      this.run(id);
      return true;
    }
    return false;
  }

  #readKeys() {
    /** @type {Map<string, string[]>} */
    const keys = new Map();
    for (const id of this.#commands.keys()) {
      for (const each of this.keysOf(id)) keys.set(each, [...(keys.get(each) ?? []), id]);
    }
    for (const ids of keys.values()) if (ids.length > 1) ids.sort((a, b) => (this.#commands.get(a)?.order ?? 0) - (this.#commands.get(b)?.order ?? 0));
    return keys;
  }
}

/** @param {KeyboardEvent} event @returns {string} "ctrl+shift+z" */
export function keysOf(event) {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("ctrl");
  if (event.altKey) parts.push("alt");
  if (event.shiftKey && event.key.length > 1) parts.push("shift");
  else if (event.shiftKey && /^[a-z]$/i.test(event.key)) parts.push("shift");
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  return [...parts, key].join("+");
}

const PRESSED = "button, a[href], summary, [role=button], [role=tab], [role=switch], [role=option], input:is([type=checkbox], [type=radio], [type=color], [type=file])";
const MOVED = "[role=tab], [role=slider], [role=listbox], input:is([type=radio], [type=range])";

/** Whether a key without Ctrl and Alt is what the control that has the keyboard goes by. @param {KeyboardEvent} event */
function isOfControl({ key, target, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey || !(target instanceof Element)) return false;
  if (key === "Enter" || key === " ") return target.matches(PRESSED);
  return /^(Arrow|Home$|End$|Page)/.test(key) && target.matches(MOVED);
}

/** @param {EventTarget | null} target */
export function isTextField(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range", "color", "file"].includes(target.type);
}
