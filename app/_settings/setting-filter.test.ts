import { expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { listActiveSettings } from "@/core/run/setting-groups";
import { buildDefaultConfig, listSettingGroups } from "@/core/run/settings";
import { filterSettings } from "./setting-filter";

const config = buildDefaultConfig("train");
const settings = listSettingGroups("train").flatMap((group) => listActiveSettings(group, config));
const listPaths = (text: string, values: unknown, changedOnly = false): string[] =>
  filterSettings(createText("en", {}), settings, { text, changedOnly }, values).map(
    ({ path }) => path,
  );

it("finds settings by words of title, path or meaning", () => {
  expect(listPaths("rl.steps", config)).toContain("rl.steps");
  expect(listPaths("rank lora", config)).toContain("searcher.adapter.rank");
  expect(listPaths("no such setting", config)).toEqual([]);
});

it("finds settings by the words of the page's language too", () => {
  const t = createText("zh", { Steps: "训练步数" });
  const find = (text: string) => filterSettings(t, settings, { text, changedOnly: false }, config);
  expect(find("训练步数").map(({ path }) => path)).toContain("rl.steps");
  expect(find("steps").map(({ path }) => path)).toContain("rl.steps");
});

it("shows what was changed alone", () => {
  if (config.kind !== "train") throw new Error("not a training run");
  expect(listPaths("", config, true)).toEqual([]);
  expect(listPaths("", { ...config, rl: { ...config.rl, steps: 7 } }, true)).toEqual(["rl.steps"]);
});
