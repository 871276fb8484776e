import { markText, type Translate } from "@/core/texts/format-text";
import { describeSettingValue } from "./setting-values";

const NOTHING = markText("none");
const SWITCHED = { on: markText("on"), off: markText("off") };

/** A setting's value as people read it. */
export function describeValue(t: Translate, value: unknown): string {
  if (value === null || value === undefined || value === "") return t(NOTHING);
  if (typeof value === "boolean") return t(value ? SWITCHED.on : SWITCHED.off);
  return describeSettingValue(value);
}
