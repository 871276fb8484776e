import { expect, it } from "vitest";
import { buildDefaultConfig } from "@/core/run/settings";
import { readColumnValues } from "./column-values";

const unused = null as never;

it("a column of a setting shows the value of runs that leave it out", async () => {
  const config = buildDefaultConfig("train");
  const runs = [
    { id: "a", config },
    { id: "b", config: { ...config, rl: { topP: 0.9 } } },
    { id: "c", config: { kind: "evaluate" } },
  ];
  const values = await readColumnValues(unused, unused, runs, ["setting:rl.topP"]);
  expect([...values]).toEqual([
    ["a", { "setting:rl.topP": 1 }],
    ["b", { "setting:rl.topP": 0.9 }],
    ["c", {}],
  ]);
});
