import type { Translation } from "./format-text";
import type { Language } from "./languages";

let chinese: Promise<Translation> | undefined;

/** The translations of a language, read once; null for English, which needs none: only who reads Chinese fetches them. */
export function loadCatalogue(language: Language): Promise<Translation> | null {
  if (language === "en") return null;
  chinese ??= import("./chinese").then((module) => module.CHINESE_TRANSLATION);
  return chinese;
}
