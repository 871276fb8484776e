import { IntlMessageFormat } from "intl-messageformat";
import type { Language } from "./languages";

/** English texts of the interface with their translation. */
export type Catalogue = Readonly<Record<string, string>>;

/** Translates a sentence of the server or a worker, as `createMessageReader` does. */
type ReadMessage = (english: string) => string;

/** What one language has: the texts of the interface, and how messages are read. */
export interface Translation {
  texts: Catalogue;
  readMessage: ReadMessage;
}

const keepEnglish: ReadMessage = (message) => message;

/** English needs none. */
export const NO_TRANSLATION: Catalogue = {};
export const UNTRANSLATED: Translation = { texts: NO_TRANSLATION, readMessage: keepEnglish };

type Values = Readonly<Record<string, string | number>>;

/**
 * Writes texts in one language. A text is given in English, as ICU message where values stand in it:
 * `t("{count, plural, one {# run} other {# runs}}", { count })`. A text without a translation stays English, which
 * catalogue.test.ts does not let happen.
 */
export interface Translate {
  (english: string, values?: Values): string;
  /** A sentence that the server or a worker has made; one that is not known stays as it is. */
  message: ReadMessage;
  language: Language;
}

/**
 * Marks a text that is translated where it is shown, with `t(text)`: labels in tables of constants, which stand outside
 * of what is called with `t`.
 */
export const markText = <T extends string>(english: T): T => english;

/** Parses the messages of one language. They are kept, as the same are written again at every render. */
export function createParser(
  language: Language,
  catalogue: Catalogue,
): (english: string) => IntlMessageFormat {
  const parsed = new Map<string, IntlMessageFormat>();
  return (english) => {
    let message = parsed.get(english);
    if (!message) {
      message = new IntlMessageFormat(catalogue[english] ?? english, language);
      parsed.set(english, message);
    }
    return message;
  };
}

/** The texts of one language. @param parse of `createParser` for the same */
export function createTranslate(
  language: Language,
  catalogue: Catalogue,
  message: ReadMessage = keepEnglish,
  parse = createParser(language, catalogue),
): Translate {
  const write = (english: string, values?: Values): string =>
    values === undefined ? (catalogue[english] ?? english) : String(parse(english).format(values));
  return Object.assign(write, { language, message });
}
