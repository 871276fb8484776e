import { expect, it } from "vitest";
import { readParams } from "./read-params";

it("reads an address as the browser does", async () => {
  const given = Promise.resolve({
    tab: "episodes",
    q: "a b&c",
    twice: ["1", "2"],
    none: undefined,
  });
  expect([...(await readParams(given))]).toEqual([
    ["tab", "episodes"],
    ["q", "a b&c"],
    ["twice", "1"],
    ["twice", "2"],
  ]);
});
