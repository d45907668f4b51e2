/**
 * Every change of a document, as a list of small reversible steps: what undo, redo and the autosave go by.
 *
 * The model changes itself only through `set`, `put` and `splice` of its journal, so no feature has to say how what
 * it did is taken back: the journal knows the value before and the value after of all that was touched.
 */

import { Emitter } from "./emitter.js";

/**
 * @typedef {{kind: "set", target: any, key: string, before: any, after: any}} SetStep  a property; undefined: absent
 * @typedef {{kind: "put", target: Map<any, any>, key: any, before: any, after: any}} PutStep  an entry; undefined: absent
 * @typedef {{kind: "splice", target: any[], at: number, removed: any[], added: any[]}} SpliceStep
 * @typedef {SetStep | PutStep | SpliceStep} Step
 *
 * What one gesture did. `owners` are the nodes, links, groups and graphs that it touched; `place` is where the person
 * was, so that undo can go there.
 * @typedef {{label: string, steps: Step[], owners: Set<object>, place: any}} Entry
 *
 * @typedef {object} JournalEvents
 * @property {object} touch  something of this owner changed just now, also in the middle of a gesture
 * @property {Entry} closing  a gesture is about to end: what listeners change now is part of it
 * @property {Entry} commit
 * @property {{entry: Entry, direction: "undo" | "redo"}} travel
 * @property {Set<object>} aside  owners of what was changed that is no step of undo
 */

const DEPTH = 500; // gestures that can be undone

export class Journal {
  /** @type {Entry[]} */
  #done = [];
  /** @type {Entry[]} */
  #undone = [];
  /** @type {Entry | null} */
  #open = null;
  /** @type {Map<object, Map<string, SetStep>>} what the open gesture set already: a drag sets the same thing often */
  #sets = new Map();
  #depth = 0;
  #failed = false;
  #revision = 0;
  /** What lies before the oldest step. @type {object} */
  #ground = {};

  /** @type {Emitter<JournalEvents>} */
  events = new Emitter();
  /** @type {() => any} */
  whereNow = () => null;
  /** Finishes a gesture with what follows from it, as part of it. @type {() => void} */
  complete = () => {};

  get canUndo() {
    return this.#done.length > 0 && !this.#open;
  }

  /** In the middle of a gesture. */
  get isOpen() {
    return this.#open !== null;
  }

  /** Counts up with every commit, undo and redo: who keeps something made from the document asks whether it is old. */
  get revision() {
    return this.#revision;
  }

  /** What was done last: a document is as it was saved while this is what it was then. @returns {object} */
  get mark() {
    return this.#done.at(-1) ?? this.#ground;
  }

  /**
   * Runs `change` as one step of undo. Inside another edit or gesture it becomes part of that one. If it throws,
   * all of it is taken back.
   * @template T
   * @param {string} label  key of the message that names it: "undo.move"
   * @param {() => T} change
   * @returns {T}
   */
  edit(label, change) {
    const gesture = this.begin(label);
    try {
      const result = change();
      gesture.commit();
      return result;
    } catch (error) {
      gesture.cancel();
      throw error;
    }
  }

  /**
   * Opens a step of undo that lasts, like a drag. One that changed nothing leaves no trace.
   * @param {string} label
   * @returns {{commit: () => void, cancel: () => void}}
   */
  begin(label) {
    if (!this.#open) {
      this.#open = { label, steps: [], owners: new Set(), place: this.whereNow() };
      this.#sets.clear();
      this.#failed = false;
    }
    this.#depth++;
    let isOver = false;
    /** @param {boolean} failed */
    const end = (failed) => {
      if (isOver) return;
      isOver = true;
      this.#failed ||= failed;
      if (--this.#depth === 0) this.#close();
    };
    return { commit: () => end(false), cancel: () => end(true) };
  }

  #close() {
    const entry = /** @type {Entry} */ (this.#open);
    /** @type {unknown} */
    let problem;
    try {
      if (!this.#failed) this.events.emit("closing", entry);
      if (!this.#failed) this.complete();
    } catch (error) {
      problem = error;
      this.#failed = true;
    }
    this.#open = null;
    this.#sets.clear();
    if (this.#failed) {
      revert(entry.steps);
      for (const owner of entry.owners) this.events.emit("touch", owner);
      if (problem) throw problem;
      return;
    }
    const steps = entry.steps.filter((step) => step.kind === "splice" || !Object.is(step.before, step.after));
    if (!steps.length) return;
    entry.steps = steps;
    this.#done.push(entry);
    if (this.#done.length > DEPTH) this.#ground = /** @type {Entry} */ (this.#done.shift());
    this.#undone.length = 0;
    this.#revision++;
    this.events.emit("commit", entry);
  }

  /** @returns {boolean} whether there was something to undo */
  undo() {
    return this.#travel(this.#done, this.#undone, "undo");
  }

  /** @returns {boolean} */
  redo() {
    return this.#travel(this.#undone, this.#done, "redo");
  }

  /**
   * @param {Entry[]} from
   * @param {Entry[]} to
   * @param {"undo" | "redo"} direction
   */
  #travel(from, to, direction) {
    if (this.#open) return false; // in the middle of a drag
    const entry = from.pop();
    if (!entry) return false;
    if (direction === "undo") revert(entry.steps);
    else apply(entry.steps);
    to.push(entry);
    this.#revision++;
    for (const owner of entry.owners) this.events.emit("touch", owner);
    this.events.emit("travel", { entry, direction });
    return true;
  }

  /** Forgets what was done, as after a file was opened anew. */
  clear() {
    this.#done.length = 0;
    this.#undone.length = 0;
    this.#ground = {};
    this.#revision++;
  }

  /**
   * Sets a property. Values that are objects are replaced, never changed in place.
   * @param {object} owner  the node, link, group or graph that it belongs to
   * @param {any} target
   * @param {string} key
   * @param {any} value  undefined takes the property away
   */
  set(owner, target, key, value) {
    const entry = this.#opened();
    const before = target[key];
    if (Object.is(before, value)) return;
    let known = this.#sets.get(target);
    if (!known) this.#sets.set(target, (known = new Map()));
    const earlier = known.get(key);
    if (earlier) {
      earlier.after = value;
    } else {
      /** @type {SetStep} */
      const step = { kind: "set", target, key, before, after: value };
      known.set(key, step);
      entry.steps.push(step);
    }
    write(target, key, value);
    this.#touch(entry, owner);
  }

  /**
   * @param {object} owner
   * @param {Map<any, any>} target
   * @param {any} key
   * @param {any} value  undefined takes the entry out
   */
  put(owner, target, key, value) {
    const entry = this.#opened();
    entry.steps.push({ kind: "put", target, key, before: target.get(key), after: value });
    enter(target, key, value);
    this.#touch(entry, owner);
  }

  /**
   * @param {object} owner
   * @param {any[]} target
   * @param {number} at
   * @param {number} count  how many go
   * @param {...any} added
   */
  splice(owner, target, at, count, ...added) {
    const entry = this.#opened();
    if (!count && !added.length) return;
    const removed = target.splice(at, count, ...added);
    entry.steps.push({ kind: "splice", target, at, removed, added });
    this.#touch(entry, owner);
  }

  /**
   * Sets properties without a step of undo: what a run changes is not what the person did, and taking their last step
   * back must not begin with a seed. Undo and redo of what they did still lead to where it led, since steps keep values
   * and not differences. Also in the middle of a gesture.
   * @param {{owner: object, target: any, key: string, value: any}[]} changes
   */
  setAside(changes) {
    if (!changes.length) return;
    for (const { target, key, value } of changes) write(target, key, value);
    this.#revision++;
    for (const { owner } of changes) this.events.emit("touch", owner);
    this.events.emit("aside", new Set(changes.map((each) => each.owner)));
  }

  #opened() {
    if (!this.#open) throw new Error("a document changes inside edit() or begin() of its journal");
    return this.#open;
  }

  /**
   * @param {Entry} entry
   * @param {object} owner
   */
  #touch(entry, owner) {
    entry.owners.add(owner);
    this.events.emit("touch", owner);
  }
}

/** @param {Step[]} steps */
function revert(steps) {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    if (step.kind === "set") write(step.target, step.key, step.before);
    else if (step.kind === "put") enter(step.target, step.key, step.before);
    else step.target.splice(step.at, step.added.length, ...step.removed);
  }
}

/** @param {Step[]} steps */
function apply(steps) {
  for (const step of steps) {
    if (step.kind === "set") write(step.target, step.key, step.after);
    else if (step.kind === "put") enter(step.target, step.key, step.after);
    else step.target.splice(step.at, step.removed.length, ...step.added);
  }
}

/**
 * @param {any} target
 * @param {string} key
 * @param {any} value
 */
function write(target, key, value) {
  if (value === undefined) delete target[key];
  else target[key] = value;
}

/**
 * @param {Map<any, any>} target
 * @param {any} key
 * @param {any} value
 */
function enter(target, key, value) {
  if (value === undefined) target.delete(key);
  else target.set(key, value);
}
