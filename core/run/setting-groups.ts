import type { ServeConfig } from "@/contracts/run-config/serve-config";
import type { Setting, SettingGroup, SettingVariant } from "@/contracts/run-config/setting-group";
import { getSettingValue } from "./setting-values";
import { isSettingUsed } from "./trained-method";

/** What forms do with settings that were described to them (core/run/settings.ts): without the schemas, and so without zod. */

/** What a serve run serves. */
export type Served = ServeConfig["what"];

/** Values of a variant's settings when it is chosen. */
export const buildVariantDefaults = ({
  value,
  settings,
}: SettingVariant): Record<string, unknown> => ({
  kind: value,
  ...Object.fromEntries(
    settings.map((setting) => [
      setting.path.split(".").at(-1) ?? setting.path,
      setting.default === undefined ? "" : setting.default,
    ]),
  ),
});

/** What a configuration serves, where it serves. */
export const getServed = (config: object): Served =>
  "what" in config && config.what === "model" ? "model" : "retriever";

/** Whether a value differs from the setting's default: not where it is left out, or where there is no default. */
export const isChanged = (setting: Setting, value: unknown): boolean =>
  setting.default !== undefined && value !== undefined && value !== setting.default;

/** Value of a setting in a configuration; its default where it is left out. */
export function readSettingValue(setting: Setting, config: unknown): unknown {
  const value = getSettingValue(config, setting.path);
  return value === undefined ? setting.default : value;
}

/** Whether the setting at a path is not valid. */
export type IsWrong = (path: string) => boolean;
const isNeverWrong: IsWrong = () => false;

/**
 * The settings of a group that a configuration reads: of a variant, those of the chosen kind. What is wrong is among them
 * though the method does not read it, as a configuration is launched only when all of it is valid.
 */
export const listActiveSettings = (
  group: SettingGroup,
  config: unknown,
  isWrong = isNeverWrong,
): Setting[] => {
  const { variant } = group;
  const chosen = variant && getSettingValue(config, variant.path);
  const settings =
    variant?.options.find(({ value }) => value === chosen)?.settings ?? group.settings;
  return settings.filter(({ path }) => isSettingUsed(path, config) || isWrong(path));
};

/** Whether a configuration reads anything of a group, or something of it is wrong. */
export const isGroupUsed = (
  group: SettingGroup,
  config: unknown,
  isWrong = isNeverWrong,
): boolean =>
  listActiveSettings(group, config, isWrong).length > 0 ||
  (group.variant !== null && isSettingUsed(group.variant.path, config));

/** Paths of those settings of these groups that differ from their defaults. */
export const listChangedInGroups = (groups: readonly SettingGroup[], config: unknown): string[] =>
  groups
    .flatMap((group) => listActiveSettings(group, config))
    .filter((setting) => isChanged(setting, getSettingValue(config, setting.path)))
    .map(({ path }) => path);
