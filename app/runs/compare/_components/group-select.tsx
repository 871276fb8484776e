"use client";
import { useText } from "@/app/_i18n/text-provider";
import { Select } from "@/app/_ui/field";
import type { Grouping } from "./overlay";

/** Which runs are drawn as one curve. */
export function GroupSelect({
  value,
  paths,
  onChange,
}: {
  value: Grouping;
  /** Settings in which the runs differ. */
  paths: readonly string[];
  onChange: (grouping: Grouping) => void;
}) {
  const t = useText();
  const shown = value === "each" || value === "config" || paths.includes(value) ? [] : [value];
  return (
    <label className="flex items-center gap-2">
      {t("Group by")}
      <Select
        className="w-auto max-w-72"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        options={[
          { value: "each", text: t("nothing: every run alone") },
          { value: "config", text: t("configuration, apart from the seed") },
          ...[...paths, ...shown].map((path) => ({ value: path, text: path })),
        ]}
      />
    </label>
  );
}
