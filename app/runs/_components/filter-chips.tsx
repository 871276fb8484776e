"use client";
import { X } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { formatCondition, type RunsFilter } from "./runs-filter";

/** The conditions that stand, each with a button that removes it. */
export function FilterChips({
  filter,
  setParams,
}: {
  filter: RunsFilter;
  setParams: (changes: Record<string, string | null>) => void;
}) {
  const t = useText();
  const chips = [
    ...filter.tags.map((tag) => ({
      text: t("tag: {tag}", { tag }),
      rest: { tags: filter.tags.filter((one) => one !== tag).join(",") },
    })),
    ...(filter.preset === null
      ? []
      : [{ text: t("preset: {preset}", { preset: filter.preset }), rest: { preset: null } }]),
    ...filter.settings.map((condition) => ({
      text: formatCondition(condition),
      rest: {
        where: filter.settings
          .filter((one) => one !== condition)
          .map(formatCondition)
          .join(";"),
      },
    })),
  ];
  if (chips.length === 0) return null;
  return (
    <ul className="mt-2 flex flex-wrap gap-1.5" aria-label={t("Conditions")}>
      {chips.map(({ text, rest }) => (
        <li key={text}>
          <Button
            size="sm"
            className="h-6 max-w-80 font-mono"
            aria-label={t("Remove {text}", { text })}
            onClick={() => setParams(rest)}
          >
            <span className="truncate">{text}</span> <X />
          </Button>
        </li>
      ))}
    </ul>
  );
}
