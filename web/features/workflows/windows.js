/**
 * Which windows of this browser are open. Each answers when it is asked: timers of one that lies behind others come late,
 * messages do not.
 */

const CHANNEL = "heddle.windows";
const WAIT_MS = 400; // one that is open may be busy

/**
 * What windows tell each other.
 * @typedef {{kind: "who"} | {kind: "here", window: string} | {kind: "taken", drafts: string[]}} Message
 */

export class Windows {
  #channel = new BroadcastChannel(CHANNEL);
  /** Of this page; "": it has none yet. */
  id = "";
  /** Another window has drafts now that were this one's. @type {(drafts: string[]) => void} */
  onTaken = () => {};
  /** @type {(window: string) => void} */
  #onHere = () => {};

  constructor() {
    this.#channel.addEventListener("message", (/** @type {MessageEvent<Message>} */ { data }) => {
      if (data.kind === "who" && this.id) this.#tell({ kind: "here", window: this.id });
      else if (data.kind === "here") this.#onHere(data.window);
      else if (data.kind === "taken") this.onTaken(data.drafts);
    });
  }

  dispose() {
    this.#channel.close();
  }

  /** @param {Message} message */
  #tell(message) {
    this.#channel.postMessage(message);
  }

  /** This window goes on with drafts of windows that did not answer. @param {string[]} drafts */
  take(drafts) {
    this.#tell({ kind: "taken", drafts });
  }

  /**
   * Which of these are open.
   * @param {Iterable<string>} ids
   * @returns {Promise<Set<string>>}
   */
  async open(ids) {
    const asked = new Set(ids);
    /** @type {Set<string>} */
    const open = new Set();
    if (!asked.size) return open;
    await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), WAIT_MS);
      this.#onHere = (id) => {
        if (asked.has(id)) open.add(id);
        if (open.size < asked.size) return;
        clearTimeout(timer);
        resolve(null);
      };
      this.#tell({ kind: "who" });
    });
    this.#onHere = () => {};
    return open;
  }
}
