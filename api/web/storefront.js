// What a storefront does itself: its own shelves, and a word when the widget's shopper has chosen.

for (const shelf of document.querySelectorAll("[data-items]")) fill(shelf);

async function fill(shelf) {
  const response = await fetch(new URL(`../${shelf.dataset.items}`, location.href));
  const { items } = response.ok ? await response.json() : { items: [] };
  for (const item of items) {
    const [entry, image, name] = ["li", "img", "p"].map((tag) => document.createElement(tag));
    Object.assign(image, { src: item.photo_url ?? "icon.svg", alt: "", width: 384, height: 384 });
    name.textContent = item.title || item.item_id;
    entry.append(image, name);
    shelf.append(entry);
  }
}

document.addEventListener("vsearch-select", (event) => {
  document.getElementById("chosen").textContent = `Chosen: ${event.detail.title || event.detail.item_id}`;
});
