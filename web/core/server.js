/** What the page says to the server and hears from it. */

import { Emitter } from "./emitter.js";
import { parseExactly } from "./json.js";

/** The server said no: `message` is for people, `body` has what it answered. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {any} body
   */
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

const UNREACHED = /^(Failed to fetch|NetworkError|Load failed|Importing a module script failed|error loading dynamically imported module)/i; // as browsers say it

/** Whether a request, or a module that was asked for, came to nothing because the server is away. @param {unknown} error */
export function isUnreached(error) {
  return error instanceof TypeError && UNREACHED.test(error.message);
}

/**
 * @typedef {object} ServerEvents
 * @property {{type: string, data: any}} message  of the websocket
 * @property {{kind: number, data: DataView<ArrayBuffer>}} binary
 * @property {{picture: Blob, about: any}} preview  of what is being sampled
 * @property {"connecting" | "open" | "away"} state
 */

const LONGEST_WAIT_MS = 5000;

export class Server {
  /** @type {Emitter<ServerEvents>} */
  events = new Emitter();
  /** @type {"connecting" | "open" | "away"} */
  state = "connecting";
  clientId = "";
  /** Words for what the server refuses a request with, `{type, message, details, extra_info}`. @type {(error: any) => string} */
  wordsFor = ({ message, details }) => [message, details].filter(Boolean).join(": ");
  /** @type {WebSocket | null} */
  #socket = null;
  #tries = 0;
  /** @type {Record<string, boolean>} what the page can read, as the server is told */
  #features = { supports_preview_metadata: true };

  /**
   * @param {string} path
   * @returns {Promise<any>} the JSON of the answer
   * @throws {Refusal}
   */
  async get(path) {
    return this.ask("GET", path);
  }

  /**
   * @param {string} path
   * @param {any} body
   * @returns {Promise<any>}
   * @throws {Refusal}
   */
  async post(path, body) {
    return this.ask("POST", path, body);
  }

  /**
   * @param {string} method
   * @param {string} path  after "/api"
   * @param {any} [body]  FormData and Blob go as they are, a string as JSON text, anything else as JSON
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>}
   * @throws {Refusal}
   */
  async ask(method, path, body, headers = {}) {
    return this.#ask(method, path, body, headers, JSON.parse);
  }

  /**
   * The same for an answer that holds a workflow: long seeds keep all their digits (see json.js).
   * @param {string} method
   * @param {string} path
   * @param {any} [body]
   * @returns {Promise<any>}
   * @throws {Refusal}
   */
  async askExactly(method, path, body) {
    return this.#ask(method, path, body, {}, (text) => parseExactly(text).value);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {any} body
   * @param {Record<string, string>} headers
   * @param {(text: string) => any} parse
   * @returns {Promise<any>}
   */
  async #ask(method, path, body, headers, parse) {
    const isPlain = body instanceof FormData || body instanceof Blob;
    /** @type {RequestInit} */
    const request = { method, headers: { ...(body === undefined || isPlain ? {} : { "Content-Type": "application/json" }), ...headers } };
    if (body !== undefined) request.body = isPlain || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fetch(`/api${path}`, request);
    const text = await answer.text();
    /** @type {any} */
    let found = text;
    try {
      found = text ? parse(text) : null;
    } catch {
      // a plain text
    }
    if (!answer.ok) throw new Refusal(answer.status, this.#messageOf(found, answer.status), found);
    return found;
  }

  /** @param {string} path @returns {string} */
  address(path) {
    return `/api${path}`;
  }

  /**
   * Address of a file that a node wrote or reads.
   * @param {{filename: string, subfolder?: string, type?: string}} file
   * @param {Record<string, string>} [more]
   */
  fileAddress(file, more = {}) {
    const query = new URLSearchParams({ filename: file.filename, subfolder: file.subfolder ?? "", type: file.type ?? "output", ...more });
    return `/api/view?${query}`;
  }

  /** The page reads messages that only those get who ask for them. @param {string} feature */
  declare(feature) {
    this.#features[feature] = true;
    this.tell({ type: "feature_flags", data: this.#features });
  }

  /** Opens the websocket and keeps it open. @param {string} clientId @returns {() => void} closes it */
  listen(clientId) {
    this.clientId = clientId;
    const stop = new AbortController();
    this.#connect(stop.signal);
    return () => {
      stop.abort();
      this.#socket?.close();
      this.#say("connecting");
    };
  }

  /** @param {any} message */
  tell(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** @param {AbortSignal} signal */
  #connect(signal) {
    if (signal.aborted) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/ws?clientId=${encodeURIComponent(this.clientId)}`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#tries = 0;
      this.tell({ type: "feature_flags", data: this.#features });
      this.#say("open");
    }, { signal });
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.events.emit("message", JSON.parse(data));
      else this.#hear(new DataView(data));
    }, { signal });
    socket.addEventListener("close", () => {
      this.#say("away");
      const wait_ms = Math.min(LONGEST_WAIT_MS, 250 * 2 ** this.#tries++);
      setTimeout(() => this.#connect(signal), wait_ms);
    }, { signal });
  }

  /** @param {DataView<ArrayBuffer>} view */
  #hear(view) {
    const kind = view.getUint32(0);
    if (kind === 4) {
      const length = view.getUint32(4);
      const about = JSON.parse(new TextDecoder().decode(new Uint8Array(view.buffer, 8, length)));
      const picture = new Blob([new Uint8Array(view.buffer, 8 + length)], { type: about.image_type ?? "image/jpeg" });
      this.events.emit("preview", { picture, about });
    } else {
      this.events.emit("binary", { kind, data: new DataView(view.buffer, 4) });
    }
  }

  /** @param {any} body @param {number} status */
  #messageOf(body, status) {
    const error = body?.error;
    if (typeof error === "string") return error;
    if (error?.message) return this.wordsFor(error);
    return typeof body === "string" && body ? body.slice(0, 500) : `HTTP ${status}`;
  }

  /** @param {"connecting" | "open" | "away"} state */
  #say(state) {
    if (this.state === state) return;
    this.state = state;
    this.events.emit("state", state);
  }
}
