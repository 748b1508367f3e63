// A shopper's photo before it is sent: upright, no larger than the network can use, a JPEG.

const SIDE = 1280; // pixels of the longer side
const SMALL = 600_000; // bytes of a file that is sent as it is
const KNOWN = ["image/jpeg", "image/png", "image/webp"]; // to every server

/**
 * Return a smaller copy of an image file, or the file itself where it is small or unreadable.
 * @returns `blob` to send, `width` and `height` of it in pixels; 0 where the browser cannot read it.
 */
export async function prepared(file) {
  let image;
  try {
    image = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    // The server knows more formats, and says what is wrong with the others.
    return { blob: file, width: 0, height: 0 };
  }
  const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  try {
    const sent = scale === 1 && KNOWN.includes(file.type) && file.size < SMALL;
    return { blob: sent ? file : (await drawn(image, width, height)) ?? file, width, height };
  } finally {
    image.close();
  }
}

/** Draw an image on white, as the server lays transparent photos on it, and return it as JPEG. */
function drawn(image, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

/** Return the image file among what was dropped or pasted, or null. */
export function imageOf(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}
