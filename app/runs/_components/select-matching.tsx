"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { MOST_MATCHING } from "@/contracts/api/run-list-values";
import type { buildFilterRequest } from "./runs-filter";
import type { Selection } from "./use-selection";

interface SelectMatchingProps {
  request: ReturnType<typeof buildFilterRequest>;
  selection: Selection;
}

/** Chooses every run that matches the filter, also those of pages that were not read; nothing where all of them are chosen. */
export function SelectMatching({ request, selection }: SelectMatchingProps) {
  const t = useText();
  const trpc = useTRPC();
  const { data } = useQuery(trpc.runs.matching.queryOptions(request));
  if (!data || data.ids.every((id) => selection.ids.has(id))) return null;
  const count = data.ids.length;
  return (
    <Button variant="ghost" size="sm" onClick={() => selection.add(data.ids)}>
      {count < MOST_MATCHING
        ? t("Select all {count, number} that match", { count })
        : t("Select the newest {count, number} that match", { count })}
    </Button>
  );
}
