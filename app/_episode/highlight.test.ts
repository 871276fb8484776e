import { expect, it } from "vitest";
import { collectTerms, splitHighlights } from "./highlight";

/** Marked parts, answers in capitals' brackets. */
const mark = (text: string, query: string, answers: string[] = []): string =>
  splitHighlights(text, collectTerms(query, answers))
    .map(({ text: part, mark: kind }) =>
      kind === null ? part : kind === "answer" ? `<${part}>` : `[${part}]`,
    )
    .join("");

it("marks the words of the query and, over them, the answers", () => {
  expect(mark("The capital of Peru is Lima.", "capital of Peru", ["Lima"])).toBe(
    "The [capital] of [Peru] is <Lima>.",
  );
  expect(mark("New York City", "york", ["New York"])).toBe("<New York> City");
});

it("finds an answer as the scorer does: without case, punctuation and articles", () => {
  expect(mark("in the U.S. (Army)", "", ["us army"])).toBe("in the <U.S. (Army>)");
  expect(mark("He read a Tale of the Cities, twice", "", ["Tale of Cities"])).toBe(
    "He read a <Tale of the Cities>, twice",
  );
  expect(mark("Limassol", "", ["Lima"])).toBe("Limassol");
});

it("compares scripts without spaces by neighbouring characters, and answers as they are", () => {
  expect(mark("北京是中国的首都。", "中国首都", ["北京"])).toBe("<北京>是[中国]的[首都]。");
  expect(mark("日本の首都は東京です", "首都", ["東京"])).toBe("日本の[首都]は<東京>です");
});

it("leaves the text whole, whatever it is", () => {
  for (const text of ["", " ", "...", "İstanbul, İzmir", "😀 a b"])
    expect(
      splitHighlights(text, collectTerms("a İzmir", ["b", "", "..."]))
        .map((part) => part.text)
        .join(""),
    ).toBe(text);
});
