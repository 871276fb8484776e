import type { RunConfig } from "@/contracts/run-config/run-config";
import { listActiveSettings, getServed, readSettingValue } from "./setting-groups";
import { listSettingGroups } from "./settings";
import { isSettingUsed } from "./trained-method";
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
  const settings = [listValues(first), listValues(second)] as const;
  const titles = new Map(
    [...settings[1], ...settings[0]].map(([path, { title }]) => [path, title]),
  );
  return [...titles].flatMap(([path, title]) => {
    const values = [settings[0].get(path)?.value, settings[1].get(path)?.value] as const;
    return path === "name" || JSON.stringify(values[0]) === JSON.stringify(values[1])
      ? []
      : [{ path, title, first: values[0], second: values[1] }];
  });
}

/** Titles and values by path; a setting that is left out has its default. */
const listValues = (config: RunConfig): Map<string, { title: string; value: unknown }> =>
  new Map(
    listSettingGroups(config.kind, getServed(config)).flatMap((group) => [
      ...(group.variant && isSettingUsed(group.variant.path, config)
        ? [
            [
              group.variant.path,
              {
                title: `${group.title}: kind`,
                value: getSettingValue(config, group.variant.path),
              },
            ] as const,
          ]
        : []),
      ...listActiveSettings(group, config).map(
        (setting) =>
          [
            setting.path,
            { title: setting.meta.title, value: readSettingValue(setting, config) },
          ] as const,
      ),
    ]),
  );
