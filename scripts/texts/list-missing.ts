/**
 * Lists the texts of the interface that have no Chinese yet, as JSON to be filled in.
 *
 * usage: npm run texts [PLACE ...]    a place is the beginning of a path in app/ or core/, or settings, glossary, metrics …
 */
import { CHINESE } from "@/core/texts/chinese";
import { readErrorMessages, readMarkedMessages } from "./read-messages";
import { listTableTexts, readCodeTexts } from "./read-texts";

const places = process.argv.slice(2);
const missing = [
  ...readCodeTexts(),
  ...listTableTexts(),
  ...readMarkedMessages(),
  ...readErrorMessages(),
].filter(
  ({ english, place }) =>
    CHINESE[english] === undefined &&
    (places.length === 0 || places.some((wanted) => place.startsWith(wanted))),
);
console.log(JSON.stringify(Object.fromEntries(missing.map((m) => [m.english, ""])), null, 2));
console.error(`${new Set(missing.map((m) => m.english)).size} texts without a translation`);
