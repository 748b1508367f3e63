// Photos that were searched with, so that “back” finds them; in this page's memory and no further.

const KEPT = 8;
const kept = new Map(); // mark → photo, the latest last
let count = 0;

/**
 * Keep a photo.
 * @param photo `blob`, and `width` and `height` in pixels where the browser can read it.
 * @returns the same with `mark` for the history, `url` to show it, and `crop`, null for all of it.
 */
export function keepPhoto(photo) {
  const mark = `${performance.timeOrigin}-${++count}`; // another load of the page has other marks
  const made = { ...photo, mark, url: URL.createObjectURL(photo.blob), crop: null };
  kept.set(mark, made);
  for (const [old, { url }] of kept) {
    if (kept.size <= KEPT) break;
    URL.revokeObjectURL(url);
    kept.delete(old);
  }
  return made;
}

/** Return the photo of an entry of the history, or null. */
export const recalled = (state) => kept.get(state?.photo) ?? null;
