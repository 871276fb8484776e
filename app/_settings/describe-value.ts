import { markText, type Text } from "@/app/_i18n/format-text";
import { describeSettingValue } from "@/core/run/setting-values";

const NOTHING = markText("none");
const SWITCHED = { on: markText("on"), off: markText("off") };

/** A setting's value as people read it. */
export function describeValue(t: Text, value: unknown): string {
  if (value === null || value === undefined || value === "") return t(NOTHING);
  if (typeof value === "boolean") return t(value ? SWITCHED.on : SWITCHED.off);
  return describeSettingValue(value);
}
