// A photo taken with the camera.

import { byId, h } from "./dom.js";

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** Open the camera; `taken` is called with the photo. */
export async function takePhoto(taken, failed) {
  const dialog = byId("shoot");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 } },
    });
  } catch {
    failed("The camera cannot be used: allow it in the browser, or choose a file.");
    return;
  }
  const video = h("video", { autoplay: true, muted: true, playsinline: true });
  video.muted = true;
  video.srcObject = stream;
  const ready = () => { button.disabled = false; button.focus(); };
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  const shoot = async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    dialog.close();
    if (blob) taken(blob);
  };
  const button = h("button", { class: "primary", type: "button", disabled: true, onclick: shoot }, "Take the photo");
  dialog.replaceChildren(video, h("div", { class: "end" },
    h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, "Cancel"), button));
  video.addEventListener("loadeddata", ready, { once: true });
  dialog.addEventListener("close", stop, { once: true });
  dialog.showModal();
}
