import { parse as parseByLibrary } from "@formatjs/icu-messageformat-parser";
import { expect, it } from "vitest";
import { parse } from "@/app/_i18n/message-parser";
import { CHINESE } from "@/core/texts/chinese";
import { listTableTexts, readCodeTexts } from "./read-texts";

const english = [...readCodeTexts(), ...listTableTexts()].map((text) => text.english);

/** As JSON: what is undefined counts as absent. */
const toJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const SPECIAL = [
  "",
  "it''s, it's and '{not an argument}' '",
  "{n, plural, offset:1 =0 {none} one {'#' is # and {who}} other {# <b>of # {all, number}</b>}}",
  "{n, selectordinal, one {#st} two {#nd} few {#rd} other {#th}}",
  "{kind, select, a {x} other {{n, plural, other {#}} # }}",
  "a < b <c >",
  "<a>one</a><b-2>two {n} </b-2>",
];

it.each([
  ["English", english],
  ["Chinese", Object.values(CHINESE)],
  ["all that a message can hold", SPECIAL],
])("the small parser gives what the library's gives: %s", (_, messages) => {
  for (const message of messages) {
    let expected: unknown;
    try {
      expected = toJson(parseByLibrary(message));
    } catch {
      expect(() => parse(message), message).toThrow();
      continue;
    }
    expect(toJson(parse(message)), message).toEqual(expected);
  }
});

it.each([
  "{",
  "}",
  "{a",
  "{a,}",
  "{a, date, short}",
  "{n, plural, one {a}}",
  "<b>",
  "</b>",
  "<b></a>",
])("refuses %s", (message) => expect(() => parse(message)).toThrow(SyntaxError));
