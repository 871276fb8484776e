import { expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { listSettingDifferences } from "./setting-differences";

const build = (changes: object) => runConfigSchema.parse({ kind: "train", name: "a", ...changes });

it("lists what differs, settings that only one has among it, without the names", () => {
  const first = build({ rl: { steps: 5 } });
  expect(listSettingDifferences(first, build({ name: "b", rl: { steps: 5 } }))).toEqual([]);
  const second = build({ rl: { steps: 9 }, retriever: { kind: "bm25" } });
  const found = new Map(
    listSettingDifferences(first, second).map((d) => [d.path, [d.first, d.second]]),
  );
  expect(found.get("rl.steps")).toEqual([5, 9]);
  expect(found.get("retriever.kind")).toEqual(["dense", "bm25"]);
  expect(found.get("retriever.k1")).toEqual([undefined, 0.9]);
  expect(found.get("retriever.encoder")).toEqual(["minilm", undefined]);
});

it("compares a setting that is left out as its default", () => {
  expect(listSettingDifferences(build({}), build({ rl: { topP: 1 } }))).toEqual([]);
  expect(listSettingDifferences(build({}), build({ rl: { topP: 0.5 } }))).toEqual([
    { path: "rl.topP", title: "Top p", first: 1, second: 0.5 },
  ]);
});
