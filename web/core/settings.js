/** What a person prefers. Kept by the server, so that it is the same in every browser; told when it changes. */

import { Emitter } from "./emitter.js";

const PREFIX = "Heddle."; // other front ends keep theirs in the same file

/**
 * @typedef {object} Setting
 * @property {string} id
 * @property {string} title  key of the message; its hint is the same with ".hint"
 * @property {string} section  key of the message
 * @property {"boolean" | "number" | "choice" | "text" | "colour"} kind  of a colour, "" is the theme's
 * @property {any} fallback
 * @property {{value: any, title: string}[]} [options]
 * @property {number} [low]
 * @property {number} [high]
 * @property {number} [step]
 * @property {boolean} [isLong]  a text of several lines
 * @property {boolean} [needsReload]  the page shows it after it is loaded again
 */

export class Settings {
  /** @type {Record<string, any>} */
  #values;
  /** @type {Map<string, Setting>} */
  #known = new Map();
  /** @type {(changes: Record<string, any>) => Promise<unknown>} */
  #save;
  /** @type {Record<string, any>} */
  #unsaved = {};
  /** What is on its way. @type {Record<string, any>} */
  #going = {};
  /** @type {Promise<void> | null} */
  #saving = null;
  /** @type {Emitter<Record<string, any>>} by id: the new value; "change": the id */
  events = new Emitter();

  /**
   * @param {Record<string, any>} values  as the server keeps them
   * @param {(changes: Record<string, any>) => Promise<unknown>} save
   */
  constructor(values, save) {
    this.#values = values;
    this.#save = save;
  }

  /** @param {Setting[]} settings @returns {() => void} takes them away */
  declare(settings) {
    for (const each of settings) this.#known.set(each.id, each);
    return () => settings.forEach((each) => this.#known.delete(each.id));
  }

  /** @returns {Setting[]} */
  get all() {
    return [...this.#known.values()];
  }

  /**
   * @param {string} id
   * @param {any} [fallback]  where it is not declared
   */
  read(id, fallback) {
    const value = this.#values[PREFIX + id];
    const known = this.#known.get(id);
    const isGiven = value !== undefined && value !== null && (!known || suits(known, value));
    return isGiven ? value : (known?.fallback ?? fallback);
  }

  /** Whether the person has chosen something else than what is usual. @param {string} id */
  isChanged(id) {
    return JSON.stringify(this.read(id)) !== JSON.stringify(this.#known.get(id)?.fallback);
  }

  /** @returns {Record<string, any>} all that was ever written, by id */
  get written() {
    const own = Object.entries(this.#values).filter(([name, value]) => name.startsWith(PREFIX) && value !== null);
    return Object.fromEntries(own.map(([name, value]) => [name.slice(PREFIX.length), value]));
  }

  /**
   * Takes in what `written` gave, perhaps elsewhere.
   * @param {Record<string, any>} values  by id
   * @returns {string[]} ids of those that a declared setting cannot hold: they were left out
   */
  takeIn(values) {
    /** @type {string[]} */
    const refused = [];
    for (const [id, value] of Object.entries(values)) {
      const known = this.#known.get(id);
      if (known && !suits(known, value)) refused.push(id);
      else this.write(id, value);
    }
    return refused;
  }

  /** @param {string} id @param {any} value */
  write(id, value) {
    if (Object.is(this.#values[PREFIX + id], value)) return;
    this.#values[PREFIX + id] = value;
    this.events.emit(id, value);
    this.events.emit("change", id);
    this.#unsaved[PREFIX + id] = value ?? null;
    void this.flush();
  }

  /**
   * Sends what the server does not have yet. What it could not take, as while it is away, goes with the next call.
   * @returns {Promise<void>} when nothing is on its way any more
   */
  flush() {
    this.#saving ??= this.#send().finally(() => (this.#saving = null));
    return this.#saving;
  }

  async #send() {
    while (Object.keys(this.#unsaved).length) {
      const changes = (this.#going = this.#unsaved);
      this.#unsaved = {};
      try {
        await this.#save(changes);
        this.#going = {};
      } catch (error) {
        console.warn("settings", error);
        this.#going = {};
        this.#unsaved = { ...changes, ...this.#unsaved };
        return;
      }
    }
  }

  /** What is lost with the page, unless it is sent in a way that outlives it. @returns {Record<string, any> | null} */
  get unsent() {
    const all = { ...this.#going, ...this.#unsaved };
    return Object.keys(all).length ? all : null;
  }

  /**
   * Calls now and whenever the value changes.
   * @param {string} id
   * @param {(value: any) => void} listener
   */
  follow(id, listener) {
    listener(this.read(id));
    return this.events.on(id, () => listener(this.read(id)));
  }
}

/**
 * Whether a setting can hold a value: the server's file is edited by hand, too.
 * @param {Setting} setting
 * @param {any} value
 */
export function suits(setting, value) {
  switch (setting.kind) {
    case "boolean":
      return typeof value === "boolean";
    case "number":
      return Number.isFinite(value) && value >= (setting.low ?? -Infinity) && value <= (setting.high ?? Infinity);
    case "choice":
      return setting.options?.some((each) => each.value === value) ?? false;
    case "colour":
      return typeof value === "string" && /^(#[0-9a-f]{6})?$/i.test(value);
    default:
      return typeof value === "string";
  }
}
