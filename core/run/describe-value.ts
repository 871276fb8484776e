import type { SettingControl } from "@/contracts/run-config/setting-group";
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

/** What may be given for a setting; choices in `backticks`. */
export function describeControl(t: Translate, control: SettingControl): string {
  switch (control.kind) {
    case "number": {
      const { integer, min, max } = control;
      return [
        integer ? t("whole number") : t("number"),
        ...(min === null ? [] : [t("from {min}", { min })]),
        ...(max === null || max >= Number.MAX_SAFE_INTEGER ? [] : [t("to {max}", { max })]),
      ].join(" ");
    }
    case "choice":
      return control.options.map((option) => `\`${option}\``).join(", ");
    case "switch":
      return t("on or off");
    case "text":
      return t("text");
  }
}
