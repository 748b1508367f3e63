// What the widget's panel says. A page may say any of it in its own words: data-text-NAME.

import { CROP_TEXTS } from "./crop.js";

const TEXTS = {
  en: {
    title: "Search by photo",
    close: "Close",
    results: "Photo and results",
    file: "Photo",
    drop: "Drop a photo here, paste one, or choose a file.",
    choose: "Choose a photo",
    another: "Another photo",
    looking: "Looking …",
    one: "{count} item",
    found: "{count} items, the most similar first",
    nothing: "Nothing was found.",
    unknown: "Nothing that this shop sells",
    closest: "These look most like it.",
    more: "Show more",
    again: "Try again",
    ...CROP_TEXTS,
  },
  de: {
    title: "Mit Foto suchen",
    close: "Schließen",
    results: "Foto und Treffer",
    file: "Foto",
    drop: "Ein Foto hierher ziehen, einfügen oder eine Datei wählen.",
    choose: "Foto wählen",
    another: "Anderes Foto",
    looking: "Es wird gesucht …",
    one: "{count} Artikel",
    found: "{count} Artikel, die ähnlichsten zuerst",
    nothing: "Nichts gefunden.",
    unknown: "Nichts aus diesem Sortiment",
    closest: "Diese Artikel sehen am ähnlichsten aus.",
    more: "Mehr zeigen",
    again: "Noch einmal versuchen",
    photo: "Ihr Foto",
    frame: "Ausschnitt",
    part: "Der Teil des Fotos, mit dem gesucht wird. Pfeiltasten verschieben ihn, mit der " +
      "Umschalttaste ändern sie seine Größe, Escape nimmt das ganze Foto.",
    whole: "Ganzes Foto verwenden",
    hint: "Ein Rechteck um das Produkt ziehen",
    unreachable: "Der Server ist nicht erreichbar.",
    busy: "Gerade ist zu viel los: bitte gleich noch einmal versuchen.",
    large: "Das Foto ist zu groß.",
    unusable: "Diese Datei lässt sich nicht als Foto verwenden.",
    failed: "Die Suche ist fehlgeschlagen.",
  },
  fr: {
    title: "Chercher par photo",
    close: "Fermer",
    results: "Photo et résultats",
    file: "Photo",
    drop: "Déposez une photo ici, collez-la ou choisissez un fichier.",
    choose: "Choisir une photo",
    another: "Une autre photo",
    looking: "Recherche en cours …",
    one: "{count} article",
    found: "{count} articles, les plus ressemblants d’abord",
    nothing: "Aucun résultat.",
    unknown: "Cette boutique ne vend rien de tel",
    closest: "Voici ce qui y ressemble le plus.",
    more: "En voir plus",
    again: "Réessayer",
    photo: "Votre photo",
    frame: "cadre",
    part: "La partie de la photo avec laquelle on cherche. Les flèches la déplacent ; avec Maj, " +
      "elles changent sa taille ; Échap reprend toute la photo.",
    whole: "Prendre toute la photo",
    hint: "Tracez un rectangle autour du produit",
    unreachable: "Le serveur est injoignable.",
    busy: "Le serveur est très occupé : réessayez dans un instant.",
    large: "La photo est trop grande.",
    unusable: "Ce fichier n’est pas une photo utilisable.",
    failed: "La recherche a échoué.",
  },
};

/**
 * Return what the panel says, as functions and texts.
 * @param lang a language of TEXTS; widget.js chooses it.
 * @param options the script's `data-…`.
 */
export function textsOf(lang, options) {
  const said = { ...TEXTS[lang] };
  for (const [name, text] of Object.entries(options)) {
    if (name.startsWith("text")) said[name[4]?.toLowerCase() + name.slice(5)] = text;
  }
  return { ...said, title: options.title || said.title };
}

const REASONS = { 0: "unreachable", 413: "large", 415: "unusable", 422: "unusable", 429: "busy", 503: "busy" };

/** Return what went wrong in the words of a language; the server's own, which are English, where it has none. */
export const problemOf = (error, said) => said[REASONS[error.status] ?? "failed"] ?? error.message;
