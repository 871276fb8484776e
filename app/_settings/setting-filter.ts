import type { Text } from "@/app/_i18n/format-text";
import type { Setting } from "@/contracts/run-config/setting-group";
import { isChanged } from "@/core/run/setting-groups";
import { getSettingValue } from "@/core/run/setting-values";

/** Which settings are shown. */
export interface SettingFilter {
  /** Words that title, meaning or path must hold; empty: all. */
  text: string;
  /** Only those that differ from their defaults. */
  changedOnly: boolean;
}

export const SHOW_ALL: SettingFilter = { text: "", changedOnly: false };

/** Whether a filter leaves anything out. */
export const isFiltering = ({ text, changedOnly }: SettingFilter): boolean =>
  text.trim() !== "" || changedOnly;

/** The settings that a filter shows, by the values of the form. Words are found in English and as the page writes them. */
export function filterSettings(
  t: Text,
  settings: readonly Setting[],
  { text, changedOnly }: SettingFilter,
  values: unknown,
): Setting[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return settings.filter((setting) => {
    const { title, description } = setting.meta;
    const held = [title, setting.path, description, t(title), t(description)]
      .join(" ")
      .toLowerCase();
    return (
      words.every((word) => held.includes(word)) &&
      (!changedOnly || isChanged(setting, getSettingValue(values, setting.path)))
    );
  });
}
