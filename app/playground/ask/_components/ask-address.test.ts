import { expect, it } from "vitest";
import { buildAskHref, type AskState } from "@/app/_lib/ask-link";
import { readAskParams } from "./ask-address";

const read = (href: string): AskState => readAskParams(new URL(href, "http://x").searchParams);
const run = "0b0e7a4e-3c1c-4a6e-9e0e-0d6f1f3f1a2b";

it("holds question, expected answer, corpus and who answers", () => {
  const state: AskState = {
    question: "谁? & why",
    expected: "Lima",
    corpus: "wiki",
    answerers: [{ method: "rag" }, { run, checkpoint: run }, { run }],
  };
  expect(read(buildAskHref(state))).toEqual(state);
});

it("takes the default for what cannot be read", () => {
  for (const by of ["", "[]", "{", '[{"method":"gold"}]', JSON.stringify(Array(5).fill({ run }))])
    expect(read(`/playground/ask?by=${encodeURIComponent(by)}`).answerers).toEqual([
      { method: "s3" },
      { method: "rag" },
    ]);
});
