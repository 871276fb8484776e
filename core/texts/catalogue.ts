import type { Catalogue } from "./format-text";
import type { Language } from "./languages";

let chinese: Promise<Catalogue> | undefined;

/** The translations of a language, read once; null for English, which needs none: only who reads Chinese fetches them. */
export function loadCatalogue(language: Language): Promise<Catalogue> | null {
  if (language === "en") return null;
  chinese ??= import("./zh/catalogue").then((module) => module.CHINESE);
  return chinese;
}
