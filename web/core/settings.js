/** What a person prefers. Kept by the server, so that it is the same in every browser; told when it changes. */

import { Emitter } from "./emitter.js";

const PREFIX = "Heddle."; // other front ends keep theirs in the same file

/**
 * @typedef {object} Setting
 * @property {string} id
 * @property {string} title  key of the message; its hint is the same with ".hint"
 * @property {string} section  key of the message
 * @property {"boolean" | "number" | "choice" | "text" | "keys"} kind
 * @property {any} fallback
 * @property {{value: any, title: string}[]} [options]
 * @property {number} [low]
 * @property {number} [high]
 * @property {number} [step]
 */

export class Settings {
  /** @type {Record<string, any>} */
  #values;
  /** @type {Map<string, Setting>} */
  #known = new Map();
  /** @type {(changes: Record<string, any>) => Promise<unknown>} */
  #save;
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
    return value === undefined || value === null ? (this.#known.get(id)?.fallback ?? fallback) : value;
  }

  /** @param {string} id @param {any} value */
  write(id, value) {
    if (Object.is(this.#values[PREFIX + id], value)) return;
    this.#values[PREFIX + id] = value;
    this.events.emit(id, value);
    this.events.emit("change", id);
    void this.#save({ [PREFIX + id]: value ?? null });
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
