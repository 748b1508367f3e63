// A shopper's photo before it is sent: upright, no larger than the network can use, a JPEG.

const SIDE = 1280; // pixels of the longer side

/** Return a smaller copy of an image file, or the file itself where the browser cannot read it. */
export async function prepared(file) {
  let image;
  try {
    image = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // the server knows more formats, and says what is wrong with the others
  }
  const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
  if (scale === 1 && file.type === "image/jpeg" && file.size < 600_000) {
    image.close();
    return file;
  }
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // as the server lays transparent photos on white
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return blob ?? file;
}

/** Return the image file among what was dropped or pasted, or null. */
export function imageOf(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}
