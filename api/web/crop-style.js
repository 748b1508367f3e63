// How the crop rectangle looks, wherever it is; --crop-height, --photo and --soft are the place's own.

const sheet = new CSSStyleSheet(); // made by script: a page's policy needs no inline styles
sheet.replaceSync(`
  .cropper { user-select: none; }
  .cropper img, .cropper canvas { width: auto; height: auto; max-width: 100%; max-height: var(--crop-height, 280px); margin: 0 auto; border-radius: 10px; background: var(--photo, #fff); }
  .crop-photo { position: relative; width: min(100%, var(--crop-height, 280px) * var(--ratio)); margin: 0 auto; }
  .cropper .crop-photo :is(img, canvas) { display: block; width: 100%; max-height: none; }
  .crop-shade { position: absolute; inset: 0; border-radius: 10px; overflow: hidden; cursor: crosshair; touch-action: none; }
  .crop-dim { position: absolute; border-radius: 4px; box-shadow: 0 0 0 2000px rgb(10 14 13 / 55%); }
  .crop-box { position: absolute; border-radius: 4px; cursor: move; touch-action: none; box-shadow: inset 0 0 0 1px rgb(255 255 255 / 75%); }
  .crop-box.whole { cursor: crosshair; box-shadow: none; }
  .crop-handle { position: absolute; width: 36px; height: 36px; translate: -50% -50%; touch-action: none; }
  .crop-handle::after {
    content: ""; position: absolute; width: 18px; height: 18px; border: 0 solid #fff;
    filter: drop-shadow(0 0 1.5px rgb(0 0 0 / 90%));
  }
  .crop-handle.left { left: 0; }
  .crop-handle.right { left: 100%; }
  .crop-handle.top { top: 0; }
  .crop-handle.bottom { top: 100%; }
  .crop-handle.left::after { left: 15px; border-left-width: 4px; }
  .crop-handle.right::after { right: 15px; border-right-width: 4px; }
  .crop-handle.top::after { top: 15px; border-top-width: 4px; }
  .crop-handle.bottom::after { bottom: 15px; border-bottom-width: 4px; }
  .crop-handle.left.top, .crop-handle.right.bottom { cursor: nwse-resize; }
  .crop-handle.right.top, .crop-handle.left.bottom { cursor: nesw-resize; }
  .cropper figcaption { margin-top: 10px; min-height: 32px; display: grid; place-items: center; text-align: center; font-size: .88rem; color: var(--soft); }
  .cropper .unseen { padding: 36px 8px; text-align: center; color: var(--soft); }
`);

export default sheet;
