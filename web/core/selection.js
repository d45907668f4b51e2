/** What the person has chosen on the canvas. Not part of undo: it is looking, not changing. */

import { Emitter } from "./emitter.js";
import { Group, Link, Node, Reroute } from "./graph.js";

/** @typedef {Node | Group | Reroute | Link} Selectable */

export class Selection {
  /** @type {Set<Selectable>} */
  #things = new Set();
  /** @type {Emitter<{change: null}>} */
  events = new Emitter();

  get size() {
    return this.#things.size;
  }

  /** @returns {Selectable[]} */
  get all() {
    return [...this.#things];
  }

  /** @returns {Node[]} */
  get nodes() {
    return /** @type {Node[]} */ (this.all.filter((each) => each instanceof Node));
  }

  /** @returns {Group[]} */
  get groups() {
    return /** @type {Group[]} */ (this.all.filter((each) => each instanceof Group));
  }

  /** @returns {Reroute[]} */
  get reroutes() {
    return /** @type {Reroute[]} */ (this.all.filter((each) => each instanceof Reroute));
  }

  /** @returns {Link[]} */
  get links() {
    return /** @type {Link[]} */ (this.all.filter((each) => each instanceof Link));
  }

  /** @param {Selectable} thing */
  has(thing) {
    return this.#things.has(thing);
  }

  /** @param {Iterable<Selectable>} things  instead of those before */
  set(things) {
    this.#things = new Set(things);
    this.events.emit("change", null);
  }

  /** @param {Iterable<Selectable>} things */
  add(things) {
    for (const each of things) this.#things.add(each);
    this.events.emit("change", null);
  }

  /** @param {Iterable<Selectable>} things */
  remove(things) {
    for (const each of things) this.#things.delete(each);
    this.events.emit("change", null);
  }

  /** @param {Selectable} thing */
  toggle(thing) {
    if (this.#things.has(thing)) this.remove([thing]);
    else this.add([thing]);
  }

  clear() {
    if (this.#things.size) this.set([]);
  }
}
