"use client";
import { Grid3x3 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatCount, formatInteger, formatWords } from "@/app/_lib/format/format";
import { countRuns, STATE_FILTERS, type StateFilter } from "@/app/_lib/run-view";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import type { RunState } from "@/contracts/records/run-state";
import { RUN_KINDS } from "@/contracts/records/run-states";
import { ColumnsButton } from "./columns-button";
import { FilterButton } from "./filter-button";
import { VIEW_PARAMS, type RunsFilter } from "./runs-filter";
import { ViewsMenu } from "./views-menu";

const STATES = Object.keys(STATE_FILTERS) as StateFilter[];

/** Filters, sorts and searches the list of runs, in one line on a laptop; the address holds what is chosen. */
export function RunsToolbar({
  filter,
  counts,
  text,
  setText,
  setParams,
}: {
  filter: RunsFilter;
  /** Null until they are known. */
  counts: Partial<Record<RunState, number>> | null;
  text: string;
  setText: (text: string) => void;
  setParams: (changes: Record<string, string | null>) => void;
}) {
  const t = useText();
  const router = useRouter();
  const { state, kind, folded, sort, shelf, columns } = filter;
  return (
    <div className="mt-4 flex flex-wrap items-center gap-2" data-runs-toolbar>
      <SegmentedControl
        label={t("State")}
        value={state}
        options={STATES}
        text={(one) => (
          <>
            {t(STATE_FILTERS[one].label)}{" "}
            <span
              className="ml-0.5 inline-block min-w-[4ch] text-left font-normal text-muted-foreground"
              title={counts ? formatInteger(countRuns(one, counts)) : undefined}
            >
              {counts ? formatCount(countRuns(one, counts)) : ""}
            </span>
          </>
        )}
        onChange={(one) => setParams({ state: one === "all" ? null : one })}
      />
      <Select
        aria-label={t("Kind")}
        className="w-auto"
        value={kind ?? ""}
        onChange={(e) => setParams({ kind: e.target.value || null })}
        options={[
          { value: "", text: t("Every kind") },
          ...RUN_KINDS.map((one) => ({ value: one, text: formatWords(t, one) })),
        ]}
      />
      <Select
        aria-label={t("Shelf")}
        className="w-auto"
        value={shelf}
        onChange={(e) => setParams({ shelf: e.target.value === "listed" ? null : e.target.value })}
        options={[
          { value: "listed", text: t("In use") },
          { value: "archived", text: t("Archived") },
          { value: "deleted", text: t("Deleted") },
        ]}
      />
      <Button
        size="sm"
        aria-pressed={folded}
        className={cn("h-8", folded && "bg-muted")}
        title={t("Fold sweeps")}
        onClick={() => setParams({ sweeps: folded ? null : "folded" })}
      >
        <Grid3x3 /> <span className="md:max-2xl:sr-only">{t("Fold sweeps")}</span>
      </Button>
      <Select
        aria-label={t("Sort")}
        className="w-auto md:hidden"
        value={typeof sort === "string" ? sort : ""}
        onChange={(e) => setParams({ sort: e.target.value })}
        options={[
          { value: "newest", text: t("Newest first") },
          { value: "oldest", text: t("Oldest first") },
          { value: "name", text: t("Name") },
          { value: "reward", text: t("Highest result") },
          { value: "duration", text: t("Longest") },
          ...(typeof sort === "string" ? [] : [{ value: "", text: t("A column") }]),
        ]}
      />
      <SearchInput
        label={t("Search by name, tag, notes or id")}
        placeholder={t("Name, tag, notes or id")}
        className="min-w-36 flex-1 md:max-w-72"
        value={text}
        onText={setText}
      />
      <FilterButton filter={filter} setParams={setParams} />
      <ColumnsButton columns={columns} onColumns={(next) => setParams({ cols: next.join(",") })} />
      <ViewsMenu
        isCompact
        kind="runs"
        names={VIEW_PARAMS}
        onOpenView={(query) => {
          router.push(`/runs?${query}`);
          setText(query.get("q") ?? "");
        }}
      />
    </div>
  );
}
