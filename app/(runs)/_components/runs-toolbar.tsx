"use client";
import { Grid3x3 } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import { formatInteger } from "@/app/_lib/format";
import { countRuns, STATE_FILTERS, type StateFilter } from "@/app/_lib/run-view";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { runKindSchema, type RunState } from "@/contracts/records/run-state";
import type { RunsFilter } from "./runs-filter";

const STATES = Object.keys(STATE_FILTERS) as StateFilter[];

/** Filters, sorts and searches the list of runs; the address holds what is chosen. */
export function RunsToolbar({
  filter: { state, kind, folded, sort },
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
  return (
    <div className="mt-4 flex flex-wrap items-center gap-2">
      <SegmentedControl
        label="State"
        value={state}
        options={STATES}
        text={(one) => (
          <>
            {STATE_FILTERS[one].label}{" "}
            <span className="ml-0.5 font-normal text-muted-foreground">
              {counts ? formatInteger(countRuns(one, counts)) : ""}
            </span>
          </>
        )}
        onChange={(one) => setParams({ state: one === "all" ? null : one })}
      />
      <Select
        aria-label="Kind"
        className="w-auto"
        value={kind ?? ""}
        onChange={(e) => setParams({ kind: e.target.value || null })}
        options={[{ value: "", text: "Every kind" }, ...runKindSchema.options]}
      />
      <Button
        size="sm"
        aria-pressed={folded}
        className={cn("h-8", folded && "bg-muted")}
        onClick={() => setParams({ sweeps: folded ? null : "folded" })}
      >
        <Grid3x3 /> Fold sweeps
      </Button>
      <Select
        aria-label="Sort"
        className="w-auto md:hidden"
        value={sort}
        onChange={(e) => setParams({ sort: e.target.value })}
        options={[
          { value: "newest", text: "Newest first" },
          { value: "oldest", text: "Oldest first" },
          { value: "name", text: "Name" },
          { value: "reward", text: "Highest result" },
          { value: "duration", text: "Longest" },
        ]}
      />
      <SearchInput
        label="Search by name or id"
        placeholder="Name or id"
        value={text}
        onText={setText}
      />
    </div>
  );
}
