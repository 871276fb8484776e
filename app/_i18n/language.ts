import { LANGUAGES, type Language } from "@/core/texts/languages";

/** The cookie that holds what a person has chosen. */
export const LANGUAGE_COOKIE = "s3-language";

const findLanguage = (value: string): Language | undefined =>
  LANGUAGES.find((language) => language.value === value)?.value;

/**
 * The language of a page: what was chosen, else the first that the browser asks for and that there is, else English.
 * @param chosen value of the cookie
 * @param accepted header Accept-Language (RFC 9110, 12.5.4); one that cannot be read asks for nothing
 */
export function chooseLanguage(chosen: string | undefined, accepted: string | null): Language {
  const ranges = (accepted ?? "")
    .split(",")
    .map((range) => {
      const [tag = "", ...parameters] = range.trim().split(";");
      const quality = parameters.map((p) => /^\s*q=([\d.]+)\s*$/.exec(p)?.[1]).find(Boolean);
      return { language: tag.trim().toLowerCase().split("-")[0]!, quality: Number(quality ?? 1) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  return (
    findLanguage(chosen ?? "") ??
    ranges.map(({ language }) => findLanguage(language)).find((found) => found !== undefined) ??
    "en"
  );
}
