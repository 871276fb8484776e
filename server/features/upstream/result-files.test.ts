import { expect, it } from "vitest";
import { nameSources } from "./result-files";

it("data sources that are alike in a file's name get names of their own", () => {
  const sources = ["a_b", "a/b", "A_b", "a_b_2", "c"];
  expect([...nameSources(sources)]).toEqual([
    ["a_b", "a_b"],
    ["a/b", "a_b_2"],
    ["A_b", "A_b_3"],
    ["a_b_2", "a_b_2_2"],
    ["c", "c"],
  ]);
});
