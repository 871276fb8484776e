import { parse, TYPE, type MessageFormatElement } from "@formatjs/icu-messageformat-parser";
import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { CHINESE, PARTS } from "@/core/texts/chinese";
import { isParticular, readErrorMessages, readMarkedMessages } from "./read-messages";
import { listTableTexts, readCodeTexts } from "./read-texts";

const marked = readMarkedMessages();
const messages = [...marked, ...readErrorMessages()];
const asked = [...readCodeTexts(), ...listTableTexts(), ...messages];

/** Names of the values and tags that a message takes. */
function listArguments(elements: readonly MessageFormatElement[]): string[] {
  return elements.flatMap((element): string[] => {
    if (element.type === TYPE.literal || element.type === TYPE.pound) return [];
    if (element.type === TYPE.tag) return [element.value, ...listArguments(element.children)];
    const nested =
      element.type === TYPE.plural || element.type === TYPE.select
        ? Object.values(element.options).flatMap((option) => listArguments(option.value))
        : [];
    return [element.value, ...nested];
  });
}
const readArguments = (message: string): string[] =>
  [...new Set(listArguments(parse(message)))].sort();

describe("the interface in Chinese", () => {
  it("has a translation of every text", () => {
    const missing = asked.filter(({ english }) => !CHINESE[english]);
    expect(missing.map(({ english, place }) => `${place}: ${english}`)).toEqual([]);
  });

  it("translates nothing that is not asked for any more", () => {
    const texts = new Set(asked.map(({ english }) => english));
    expect(Object.keys(CHINESE).filter((english) => !texts.has(english))).toEqual([]);
  });

  it("has every message of server and workers where pages look for it", () => {
    expect(messages.length).toBeGreaterThan(300);
    expect(messages.filter(({ english }) => !PARTS.messages![english])).toEqual([]);
  });

  it("finds no message in the words of others, and tells the values of each apart", () => {
    const templates = marked.filter(({ english }) => english.includes("{"));
    expect(templates.filter(({ english }) => !isParticular(english))).toEqual([]);
    expect(templates.filter(({ english }) => english.includes("}{"))).toEqual([]);
  });

  it("has each text in one part", () => {
    const keys = Object.values(PARTS).flatMap((part) => Object.keys(part));
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
  });

  it("takes the same values as the English", () => {
    const withValues = Object.entries(CHINESE).filter(([english]) => /[{<]/.test(english));
    expect(withValues.length).toBeGreaterThan(0);
    for (const [english, chinese] of withValues)
      expect(readArguments(chinese), english).toEqual(readArguments(english));
  });

  it("is written in Chinese", () => {
    const same = Object.entries(CHINESE).filter(([english, chinese]) => english === chinese);
    // Names and symbols stay; a sentence does not.
    expect(same.filter(([english]) => english.split(" ").length > 3)).toEqual([]);
  });
});

describe("texts", () => {
  it("write values by the rules of the language", () => {
    const runs = "{count, plural, one {# run} other {# runs}}";
    const t = createText("en", {});
    expect([t(runs, { count: 1 }), t(runs, { count: 12_400 })]).toEqual(["1 run", "12,400 runs"]);
    const chinese = createText("zh", { [runs]: "{count} 个运行" });
    expect(chinese(runs, { count: 3 })).toBe("3 个运行");
  });

  it("without values are written as they stand, braces included", () => {
    expect(createText("en", {})("{question} is replaced")).toBe("{question} is replaced");
  });
});
