/** The languages of the interface. Documents, answers and what other programs say stay as they were written. */
export const LANGUAGES = [
  { value: "en", label: "English" },
  { value: "zh", label: "简体中文" },
] as const;

export type Language = (typeof LANGUAGES)[number]["value"];

/** What `lang` of a page says. */
export const LANGUAGE_TAGS: Record<Language, string> = { en: "en", zh: "zh-Hans" };
