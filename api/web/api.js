// The HTTP API. A question of a kind ends the one before it, so that late answers overwrite nothing.

const ROOT = new URL("..", import.meta.url); // modules lie in static/, one below the API's root
const running = new Map();

/** A problem detail as an error: `message` in words, `type`, `status` and what else it tells. */
export class Problem extends Error {
  constructor(told) {
    super(told.detail || told.title || "The server cannot be reached.");
    Object.assign(this, told);
  }
}

/** Whether an error only says that a newer question was asked. */
export const superseded = (error) => error.name === "AbortError";

let key = "";
try {
  key = sessionStorage.getItem("vsearch-key") || "";
} catch {
  // A page without storage, such as a sandboxed frame, keeps it in memory.
}
export const hasKey = () => key !== "";
/** Use an API key for all requests, until the tab is closed. */
export function useKey(text) {
  key = text;
  try {
    if (text) sessionStorage.setItem("vsearch-key", text);
    else sessionStorage.removeItem("vsearch-key");
  } catch {
    // as above
  }
}

/**
 * Ask the API.
 * @param path below the root, such as "v1/items".
 * @param options `query` as pairs, `body` as FormData or JSON, `method`, `kind`: a question of the
 *   same kind that still runs is given up, `keyed`: a key to use
 *   instead of the page's, and `blob`: whether the answer is a file.
 */
export async function ask(path, { query = [], body = null, method = null, kind = path, keyed = key, blob = false } = {}) {
  running.get(kind)?.abort();
  const controller = new AbortController();
  running.set(kind, controller);
  const url = new URL(path, ROOT);
  for (const [name, value] of query) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.append(name, value);
  }
  const headers = keyed ? { "X-API-Key": keyed } : {};
  const form = body instanceof FormData;
  if (body && !form) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(url, {
      method: method ?? (body ? "POST" : "GET"),
      body: body && !form ? JSON.stringify(body) : body,
      headers,
      signal: controller.signal,
    });
    if (response.ok && blob) return await response.blob();
    const json = /[/+]json/.test(response.headers.get("content-type") ?? "");
    const told = json ? await response.json() : {};
    if (!response.ok) throw new Problem({ status: response.status, ...told });
    return told;
  } catch (error) {
    if (error instanceof TypeError) throw new Problem({ status: 0 });
    throw error;
  } finally {
    if (running.get(kind) === controller) running.delete(kind);
  }
}

/** Give up what is asked of a kind. */
export const giveUp = (kind) => running.get(kind)?.abort();

/** Return an address that an answer tells as one of this server's. */
export const absolute = (url) => new URL(url, ROOT).href;

/** Return the address of a photo in another size. */
export const sized = (url, size) => url.replace(/size=\d+/, `size=${size}`);
