/**
 * What an extension of a pack can do. Each method that adds something returns what takes it away again; all of it goes
 * with the extension. Titles are texts or keys of messages that `addMessages` brought.
 */

import { h } from "../../core/dom.js";
import { Node } from "../../core/graph.js";
import { QueueRequest } from "./request.js";

/** @import { Command } from "../../core/commands.js" */
/** @import { Document } from "../../core/document.js" */
/** @import { Editor, MenuPart } from "../../core/editor.js" */
/** @import { MenuItem, Panel } from "../../core/shell.js" */
/** @import { Selectable } from "../../core/selection.js" */
/** @import { Setting } from "../../core/settings.js" */
/** @import { NodePainter } from "../../core/view/view.js" */
/** @import { WidgetKind } from "../../core/widgets.js" */
/** @import { Job } from "../run/jobs.js" */

/**
 * What hooks are handed, by the name of the hook.
 * @typedef {object} HookArguments
 * @property {QueueRequest} beforeQueue  the workflow as it is about to be sent: the hook may change it, and refuses it by
 *   returning false. It may be async; if it takes long, the person may run without it. What it throws is reported, and the workflow is sent
 * @property {Job} afterQueue  the server has it
 * @property {Node} nodeCreated  somebody added it: also by pasting or cloning, not by opening a file. What the hook changes
 *   of the graph is part of the same step of undo
 * @property {Document} documentOpened  those that are open already, too
 * @property {Job} jobChanged  its `state` is another one
 * @property {Job} jobProgress
 * @property {{job: Job, id: string}} nodeRun  a node of a job began or ended: `job.nodes.get(id)` says how it stands
 * @property {{job: Job, id: string, output: any}} nodeResult  what a node showed
 * @property {{type: string, data: any}} message  any that comes over the websocket, also those of the pack's own
 * @property {Selectable[]} selectionChanged  what is chosen now
 */

const PLAIN_HEIGHT = 20; // graph px

export class ExtensionApi {
  /** @type {(() => void)[]} */
  #undo = [];
  #fail;
  /** @type {WeakSet<Document>} */
  #seen = new WeakSet();

  /**
   * @param {string} name
   * @param {Editor} editor
   * @param {(where: string, error: unknown, isAsked: boolean) => void} fail  told when something of the extension throws;
   *   `isAsked`: the person wanted just that to be done
   */
  constructor(name, editor, fail) {
    this.name = name;
    /** The whole editor, for what is not here. Unlike all else of this class it may change with any version. */
    this.editor = editor;
    const told = new Set(); // what fails at each drawing is told once
    this.#fail = (/** @type {string} */ where, /** @type {unknown} */ error, isAsked = false) => {
      const key = `${where}: ${error}`;
      if (told.has(key) && !isAsked) return;
      told.add(key);
      fail(where, error, isAsked);
    };
  }

  /** For the page: takes away all that was added. */
  dispose() {
    for (const each of [...this.#undo].reverse()) this.guard("undo", each)();
  }

  /**
   * A function that reports what it throws, with the extension's name, and then returns nothing.
   * @template {any[]} A
   * @template R
   * @param {string} where  what was being done
   * @param {(...args: A) => R} run
   * @param {boolean} [isAsked]  the person wants just that to be done, and hears of each failure
   * @returns {(...args: A) => R | undefined}
   */
  guard(where, run, isAsked = false) {
    return (...args) => {
      try {
        const result = run(...args);
        if (!(result instanceof Promise)) return result;
        return /** @type {any} */ (result.catch((error) => void this.#fail(where, error, isAsked)));
      } catch (error) {
        this.#fail(where, error, isAsked);
        return undefined;
      }
    };
  }

  /** @param {() => void} undo @returns {() => void} the same, once */
  #keep(undo) {
    const once = () => {
      const at = this.#undo.indexOf(once);
      if (at < 0) return;
      this.#undo.splice(at, 1);
      undo();
    };
    this.#undo.push(once);
    return once;
  }

  // Words.

  /** @param {string} key @param {Record<string, string | number>} [values]  for `{name}` in the text */
  text(key, values) {
    return this.editor.text(key, values);
  }

  /**
   * Texts by language; English where the person's language is missing. Keys begin with a word of the pack's own.
   * @param {{en: Record<string, string>} & Record<string, Record<string, string>>} texts
   */
  addMessages(texts) {
    const { messages } = this.editor;
    messages.add({ ...texts.en, ...texts[messages.locale] });
  }

  /** Shows a short text that needs no answer. @param {string} text @param {"plain" | "good" | "error"} [kind] */
  note(text, kind = "plain") {
    return this.editor.shell.note(text, { kind });
  }

  // What people use.

  /**
   * A kind of widget. An input has it if its options say so in the pack's Python: `{"widgetType": "SHADE"}`.
   * @param {string} name  as in `widgetType`
   * @param {WidgetKind} kind
   */
  addWidget(name, kind) {
    const { view, kinds } = this.editor;
    /** @type {any} */
    const guarded = { ...kind };
    for (const [member, run] of Object.entries(kind)) {
      if (typeof run === "function") guarded[member] = this.guard(`widget ${name}, ${member}`, /** @type {any} */ (run).bind(kind));
    }
    const { height, control } = guarded;
    guarded.height = (/** @type {any[]} */ ...args) => height?.(...args) || PLAIN_HEIGHT;
    guarded.draw ??= () => {};
    if (control) guarded.control = (/** @type {any[]} */ ...args) => asElement(control(...args)); // else there is a plain one
    const stop = kinds.add(name, guarded);
    view.touchAll();
    return this.#keep(() => {
      stop();
      view.touchAll();
    });
  }

  /** It is in the list of commands, and in the settings its keys can be changed. @param {Command} command */
  addCommand(command) {
    const { id, run, when } = command;
    const isPossible = when && this.guard(`command ${id}, when`, when);
    return this.#keep(this.editor.commands.add({ ...command, run: this.guard(`command ${id}`, run, true), ...(isPossible ? { when: () => Boolean(isPossible()) } : {}) }));
  }

  /**
   * More keys for a command that is there, of the page or of one's own.
   * @param {string} id
   * @param {...string} keys  as in `Command.keys`: "ctrl+shift+k"
   */
  addKeys(id, ...keys) {
    const { commands } = this.editor;
    const command = commands.get(id);
    if (!command) throw new Error(`there is no command ${id} that could have the keys ${keys.join(", ")}`);
    command.keys = [...(command.keys ?? []), ...keys];
    commands.forgetKeys();
    return this.#keep(() => {
      command.keys = command.keys?.filter((each) => !keys.includes(each));
      commands.forgetKeys();
    });
  }

  /** Entries of the canvas' menu. @param {MenuPart} part  asked whenever the menu opens @param {number} [order]  later ones are further down */
  addMenu(part, order = 500) {
    const guarded = this.guard("menu", (/** @type {any} */ press) => this.#items(part(press) ?? []));
    return this.#keep(this.editor.addMenu(order, (press) => guarded(press) ?? []));
  }

  /** One that is none would leave the whole menu out. @param {MenuItem[]} items @returns {MenuItem[]} */
  #items(items) {
    if (!Array.isArray(items)) throw new TypeError(`a part of a menu returns a list of entries, found ${items}`);
    return items.map((each) => {
      if (each === "line") return each;
      const name = each?.text ?? each?.title;
      if (typeof name !== "string") throw new TypeError(`an entry of a menu has a text or a title, found ${JSON.stringify(each)}`);
      const { run, children } = each;
      return { ...each, ...(run ? { run: this.guard(`menu, ${name}`, run, true) } : {}), ...(children ? { children: this.#items(children) } : {}) };
    });
  }

  /** A panel at a side, with its button. @param {Panel} panel */
  addPanel(panel) {
    const where = `panel ${panel.id}`;
    /** @param {any} close */
    const guarded = (close) => (typeof close === "function" ? this.guard(where, close) : undefined);
    return this.#keep(this.editor.shell.addPanel({ ...panel, open: (body) => {
      /** @param {unknown} error */
      const failed = (error) => {
        this.#fail(where, error);
        body.append(h("p", {}, this.text("extensions.no-panel", { name: this.name, error: error instanceof Error ? error.message : String(error) })));
        return undefined;
      };
      try {
        const close = panel.open(body);
        return close instanceof Promise ? close.then(guarded, failed) : guarded(close);
      } catch (error) {
        return failed(error);
      }
    } }));
  }

  /** Settings in the dialog, read by `readSetting`. @param {...Setting} settings */
  addSettings(...settings) {
    return this.#keep(this.editor.settings.declare(settings));
  }

  /** @param {string} id */
  readSetting(id) {
    return this.editor.settings.read(id);
  }

  /** Calls now and whenever a setting changes. @param {string} id @param {(value: any) => void} listener */
  followSetting(id, listener) {
    return this.#keep(this.editor.settings.follow(id, this.guard(`setting ${id}`, listener)));
  }

  /**
   * Draws more onto nodes, each time that they are drawn: keep it short. One that throws is not asked again.
   * @param {NodePainter} paint  places in graph px
   */
  addNodeDecoration(paint) {
    const stop = this.editor.view.addNodePainter((pen, node, layout) => {
      pen.context.save();
      try {
        paint(pen, node, layout);
      } catch (error) {
        queueMicrotask(remove); // not while the list of painters is being walked
        this.#fail("node decoration", error);
      } finally {
        pen.context.restore();
      }
    });
    const remove = this.#keep(() => {
      stop();
      this.editor.view.redraw();
    });
    return remove;
  }

  // What happens.

  /**
   * @template {keyof HookArguments} K
   * @param {K} hook
   * @param {(value: HookArguments[K]) => K extends "beforeQueue" ? void | boolean | Promise<void | boolean> : void} listener
   * @returns {() => void} stops listening
   */
  on(hook, listener) {
    return this.#keep(this.#listen(hook, this.guard(hook, /** @type {(value: any) => any} */ (listener))));
  }

  /** @param {keyof HookArguments} hook @param {(value: any) => any} listener @returns {() => void} */
  #listen(hook, listener) {
    const { events, server, services, selection, documents } = this.editor;
    switch (hook) {
      case "beforeQueue":
        return services.run.before.add((/** @type {any} */ wish) => listener(new QueueRequest(wish)), this.name);
      case "afterQueue":
        return services.run.after.add(listener);
      case "jobChanged":
        return events.on("run:job", listener);
      case "jobProgress":
        return events.on("run:progress", listener);
      case "nodeRun":
        return services.run.jobs.events.on("node", listener);
      case "nodeResult":
        return services.run.jobs.events.on("result", listener);
      case "message":
        return server.events.on("message", listener);
      case "selectionChanged":
        return events.on("selection", () => listener(selection.all));
      case "documentOpened": {
        const look = () => {
          for (const each of documents.filter((document) => !this.#seen.has(document))) {
            this.#seen.add(each);
            listener(each);
          }
        };
        queueMicrotask(look);
        return events.on("documents", () => queueMicrotask(look)); // one that is being opened is not shown yet
      }
      case "nodeCreated":
        return this.#listenForNodes(listener);
      default:
        throw new Error(`there is no hook ${String(hook)}; docs/extensions.md lists them`);
    }
  }

  /** @param {(node: Node) => void} listener */
  #listenForNodes(listener) {
    const { events, documents } = this.editor;
    /** @type {Map<Document, () => void>} */
    const stops = new Map();
    const follow = () => {
      for (const [document, stop] of stops) {
        if (documents.includes(document)) continue;
        stop();
        stops.delete(document);
      }
      for (const document of documents) {
        if (stops.has(document)) continue;
        stops.set(document, document.journal.events.on("closing", ({ steps }) => {
          for (const step of [...steps]) {
            if (step.kind !== "put" || step.before !== undefined || !(step.after instanceof Node)) continue;
            const node = step.after;
            if (node.graph.nodes.get(node.key) === node) listener(node);
          }
        }));
      }
    };
    follow();
    const stop = events.on("documents", follow);
    return () => {
      stop();
      stops.forEach((each) => each());
    };
  }
}

/** @param {any} found @returns {HTMLElement | undefined} */
function asElement(found) {
  return found instanceof HTMLElement ? found : undefined;
}
