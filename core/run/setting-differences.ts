import type { RunConfig } from "@/contracts/run-config/run-config";
import { listActiveSettings, listSettingGroups, getServed } from "./settings";
import { getSettingValue } from "./setting-values";

/** A setting that two configurations give different values; undefined: one of them does not have it. */
export interface SettingDifference {
  path: string;
  title: string;
  first: unknown;
  second: unknown;
}

/** Settings in which two configurations differ, in the order of the schema; their names aside. */
export function listSettingDifferences(first: RunConfig, second: RunConfig): SettingDifference[] {
  const titles = new Map([...listTitles(second), ...listTitles(first)]);
  return [...titles].flatMap(([path, title]) => {
    const values = [getSettingValue(first, path), getSettingValue(second, path)] as const;
    return path === "name" || JSON.stringify(values[0]) === JSON.stringify(values[1])
      ? []
      : [{ path, title, first: values[0], second: values[1] }];
  });
}

const listTitles = (config: RunConfig): [string, string][] =>
  listSettingGroups(config.kind, getServed(config)).flatMap((group): [string, string][] => [
    ...(group.variant ? [[group.variant.path, `${group.title}: kind`] as [string, string]] : []),
    ...listActiveSettings(group, config).map(({ path, meta }): [string, string] => [
      path,
      meta.title,
    ]),
  ]);
