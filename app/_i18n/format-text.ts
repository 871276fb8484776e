import { createElement, Fragment, type ReactNode } from "react";
import {
  createParser,
  createTranslate,
  type Catalogue,
  type Translation,
  type Translate,
} from "@/core/texts/format-text";
import type { Language } from "@/core/texts/languages";

export { markText } from "@/core/texts/format-text";

type RichValue = ReactNode | ((inner: ReactNode) => ReactNode);
type FormatTag = (parts: ReactNode[]) => ReactNode;

/** Writes the interface's texts in the page's language. */
export interface Text extends Translate {
  /** The same with elements as values, and with functions for tags: `t.rich("See <a>the guide</a>.", { a: … })`. */
  rich: (english: string, values: Readonly<Record<string, RichValue>>) => ReactNode;
}

/** The texts of one language, for pages. */
export function createText(
  language: Language,
  catalogue: Catalogue,
  readMessage?: Translation["readMessage"],
): Text {
  const parse = createParser(language, catalogue);
  const rich: Text["rich"] = (english, values) =>
    joinParts(parse(english).format<ReactNode>(Object.fromEntries(joinTags(values))));
  return Object.assign(createTranslate(language, catalogue, readMessage, parse), { rich });
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
