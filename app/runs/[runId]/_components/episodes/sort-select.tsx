"use client";
import { ArrowDown, ArrowUp } from "lucide-react";
import type { EpisodeFilter } from "@/app/_episode/episode-filter";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { EPISODE_SORTS } from "@/contracts/api/episode-list-values";

const TEXTS: Record<EpisodeFilter["sort"], string> = {
  recorded: markText("Order: as recorded"),
  step: markText("Order: step"),
  reward: markText("Order: reward"),
  advantage: markText("Order: advantage"),
  score: markText("Order: score"),
  searches: markText("Order: searches"),
  documents: markText("Order: documents"),
  tokens: markText("Order: tokens"),
  phase: markText("Order: phase"),
  type: markText("Order: type of question"),
  attribution: markText("Order: outcome"),
  "format-errors": markText("Order: format errors"),
};

interface SortSelectProps {
  filter: Pick<EpisodeFilter, "sort" | "sortDirection">;
  setParams: (changes: Record<string, string | null>) => void;
}

/** Every order of the list: also those without a column, and on narrow screens, which have no columns. */
export function SortSelect({ filter: { sort, sortDirection }, setParams }: SortSelectProps) {
  const t = useText();
  const isRising = sortDirection === "ascending";
  return (
    <span className="flex items-center">
      <Select
        aria-label={t("Order of the episodes")}
        className="h-7 w-auto text-xs"
        value={sort}
        onChange={({ target: { value } }) =>
          setParams({ sort: value === "recorded" ? null : value, direction: null })
        }
        options={EPISODE_SORTS.map((value) => ({ value, text: t(TEXTS[value]) }))}
      />
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={isRising ? t("Ascending: turn it round") : t("Descending: turn it round")}
        onClick={() => setParams({ direction: isRising ? null : "ascending" })}
      >
        {isRising ? <ArrowUp /> : <ArrowDown />}
      </Button>
    </span>
  );
}
