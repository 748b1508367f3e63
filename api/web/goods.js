// What an item is called, costs and where its own page is, as the page and the widget tell it.

const PRICES = ["price", "sale_price"];
const LINKS = ["link", "url", "product_url"];

export const titleOf = (item) => item.title || item.item_id;
export const lastOf = (path) => path.split(" > ").at(-1);

/** Return the price as people read it, or null. */
export function priceOf({ attributes }) {
  const name = PRICES.find((one) => typeof attributes[one] === "number");
  if (!name) return null;
  const { currency } = attributes;
  const how = currency ? { style: "currency", currency } : { minimumFractionDigits: 2 };
  try {
    return new Intl.NumberFormat(undefined, how).format(attributes[name]);
  } catch { // no such currency
    return attributes[name].toFixed(2);
  }
}

/** Return the address that an item names as its own; null unless it is one of the web. */
export function linkOf({ attributes }) {
  const name = LINKS.find((one) => /^https?:\/\//.test(attributes[one] ?? ""));
  return name ? attributes[name] : null;
}
