import { IntlMessageFormat } from "intl-messageformat";
import { createElement, Fragment, type ReactNode } from "react";
import type { Language } from "./language";

/** English texts of the interface with their translation. */
export type Catalogue = Readonly<Record<string, string>>;

/** English needs none. */
export const NO_TRANSLATION: Catalogue = {};

type Value = string | number;
type RichValue = ReactNode | ((inner: ReactNode) => ReactNode);
type FormatTag = (parts: ReactNode[]) => ReactNode;

/**
 * Writes the interface's texts in the page's language. A text is given in English, as ICU message where values stand in
 * it: `t("{count, plural, one {# run} other {# runs}}", { count })`. A text without a translation stays English, which
 * catalogue.test.ts does not let happen.
 */
export interface Text {
  (english: string, values?: Readonly<Record<string, Value>>): string;
  /** The same with elements as values, and with functions for tags: `t.rich("See <a>the guide</a>.", { a: … })`. */
  rich: (english: string, values: Readonly<Record<string, RichValue>>) => ReactNode;
  language: Language;
}

/**
 * Marks a text that is translated where it is shown, with `t(text)`: labels in tables of constants, which stand outside
 * of components.
 */
export const markText = <T extends string>(english: T): T => english;

/** The texts of one language. Parsed messages are kept, as the same are written again at every render. */
export function createText(language: Language, catalogue: Catalogue): Text {
  const parsed = new Map<string, IntlMessageFormat>();
  const parse = (english: string): IntlMessageFormat => {
    let message = parsed.get(english);
    if (!message) {
      const translation = catalogue[english] ?? english;
      message = new IntlMessageFormat(translation, language);
      parsed.set(english, message);
    }
    return message;
  };
  const write = (english: string, values?: Readonly<Record<string, Value>>): string =>
    values === undefined ? (catalogue[english] ?? english) : String(parse(english).format(values));
  const rich: Text["rich"] = (english, values) =>
    joinParts(parse(english).format<ReactNode>(Object.fromEntries(joinTags(values))));
  return Object.assign(write, { rich, language });
}

/** The parts of a message as one node. They never change their order, so that none needs a key. */
const joinParts = (parts: ReactNode | ReactNode[]): ReactNode =>
  createElement(Fragment, null, ...(Array.isArray(parts) ? parts : [parts]));

/** Functions of tags get what stands in the tag as one node too. */
const joinTags = (values: Readonly<Record<string, RichValue>>) =>
  Object.entries(values).map(([name, value]): [string, ReactNode | FormatTag] => [
    name,
    typeof value === "function" ? (parts) => value(joinParts(parts)) : value,
  ]);
