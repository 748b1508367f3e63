// How the widget's panel looks; a page changes it by the --vsearch-… variables.

const sheet = new CSSStyleSheet(); // made by script: a page's policy needs no inline styles
sheet.replaceSync(`
  dialog {
    --accent: var(--vsearch-accent, light-dark(#0b6b5d, #5fd0b8));
    --accent-ink: var(--vsearch-accent-ink, light-dark(#fff, #06231d));
    --paper: var(--vsearch-paper, light-dark(#fff, #1a201f));
    --ink: var(--vsearch-ink, light-dark(#1c2321, #eef1ef));
    --soft: var(--vsearch-soft, light-dark(#56605d, #a9b4b0));
    --line: var(--vsearch-line, light-dark(#dcdad3, #39433f));
    --tint: var(--vsearch-tint, light-dark(#e8f2ef, #1d3a34));
    --bad: var(--vsearch-bad, light-dark(#9c2424, #ff9d94));
    width: min(880px, 94vw); max-width: none; height: min(760px, 90vh); max-height: none; padding: 0;
    border: 0; border-radius: 18px; background: var(--paper); color: var(--ink);
    box-shadow: 0 20px 60px rgb(0 0 0 / 30%); overflow: hidden;
    font: 16px/1.45 var(--vsearch-font, system-ui, sans-serif); text-align: left;
  }
  dialog[open] { display: flex; flex-direction: column; }
  dialog:has(.drop:not([hidden])) { height: fit-content; }
  dialog::backdrop { background: rgb(10 14 13 / 55%); }
  *, ::before { box-sizing: border-box; }
  [hidden] { display: none !important; }
  dialog :is(h2, p, ul) { margin: 0; padding: 0; list-style: none; }
  dialog button, a { font: inherit; color: inherit; box-sizing: border-box; }
  dialog button { cursor: pointer; text-align: center; }
  dialog button:focus-visible, a:focus-visible, .body:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 8px; }
  .head { display: flex; align-items: center; gap: 12px; padding: 14px 14px 14px 24px; border-bottom: 1px solid var(--line); }
  h2 { flex: 1; font-size: 1.15rem; line-height: 1.3; }
  dialog .close { width: 44px; height: 44px; padding: 0; border: 0; border-radius: 999px; background: none; font-size: 1.6rem; line-height: 1; color: var(--soft); }
  .close:hover { background: var(--tint); }
  .body { flex: 1; min-height: 0; overflow: auto; overscroll-behavior: contain; padding: 20px 24px 28px; outline-offset: -3px; }
  dialog .primary, dialog .plain {
    display: inline-flex; align-items: center; justify-content: center;
    min-height: 44px; padding: 0 18px; border: 1px solid transparent; border-radius: var(--vsearch-radius, 999px);
    background: var(--accent); color: var(--accent-ink); font-weight: 600;
  }
  dialog .plain { flex: none; background: none; color: inherit; border-color: var(--line); }
  dialog .plain:hover { border-color: var(--accent); }
  .drop {
    display: grid; justify-items: center; align-content: center; gap: 14px; min-height: 240px; padding: 24px;
    border: 2px dashed var(--line); border-radius: 16px; text-align: center; color: var(--soft);
  }
  .over .drop, .over .asked { border-color: var(--accent); background: var(--tint); }
  .asked { display: flex; gap: 18px; align-items: center; padding: 14px; border-radius: 16px; background: var(--tint); }
  .asked .cropper { --crop-height: 190px; flex: 0 1 250px; margin: 0; }
  .asked > div { flex: 1; min-width: 0; }
  .asked > div > .plain { margin-top: 14px; }
  .asked .link { min-height: 32px; padding: 0 6px; border: 0; background: none; color: inherit; text-decoration: underline; text-underline-offset: 3px; }
  .asked .best { font-size: 1.25rem; font-weight: 700; line-height: 1.3; overflow-wrap: anywhere; }
  .chips { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
  .chips button { min-height: 38px; padding: 0 14px; border: 1px solid var(--line); border-radius: 999px; background: var(--paper); color: inherit; font-size: .92rem; text-align: left; }
  .chips button:hover, .chips button[aria-pressed="true"] { border-color: var(--accent); }
  .chips button[aria-pressed="true"] { box-shadow: inset 0 0 0 1px var(--accent); font-weight: 600; }
  .told { margin: 16px 0 12px; color: var(--soft); }
  .told:empty { margin: 0; }
  .bad { margin: 16px 0; padding: 12px 16px; border-radius: 12px; border: 1px solid currentColor; color: var(--bad); }
  .bad:empty { display: none; }
  ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 16px; }
  ul[aria-busy="true"] { opacity: .45; }
  dialog .item { display: flex; flex-direction: column; width: 100%; height: 100%; padding: 0; border: 1px solid var(--line); border-radius: 14px; overflow: hidden; background: none; text-align: left; text-decoration: none; }
  .item:hover { border-color: var(--accent); }
  .item img, .item i { display: block; width: 100%; aspect-ratio: 1; height: auto; object-fit: contain; background: #fff; }
  .item > span { display: block; padding: 10px 12px 12px; }
  .item .name { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; overflow-wrap: anywhere; font-size: .92rem; line-height: 1.3; }
  .item b { display: block; margin-top: 4px; }
  .more { display: flex; justify-content: center; margin-top: 20px; }
  @media (max-width: 620px) {
    dialog, dialog:has(.drop:not([hidden])) { width: 100vw; height: 100dvh; border-radius: 0; }
    .body { padding: 16px 16px 24px; }
    .head { padding-left: 16px; }
    ul { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; }
    .asked { flex-direction: column; align-items: stretch; gap: 12px; }
    .asked .cropper { --crop-height: 150px; flex: none; }
    .asked .plain { width: 100%; }
  }
`);

export default sheet;
