import { isStateFilter, type StateFilter } from "@/app/_lib/run-view";
import { runKindSchema, type RunKind } from "@/contracts/records/run-state";
import { isRunSort, type RunSort } from "./runs-table";

/** What the list of runs shows. */
export interface RunsFilter {
  state: StateFilter;
  kind: RunKind | null;
  /** A sweep stands as one row. */
  folded: boolean;
  sort: RunSort;
}

/** Reads the filter of an address; what is not known there has its default. */
export function readRunsFilter(params: Pick<URLSearchParams, "get">): RunsFilter {
  const [state, sort] = [params.get("state"), params.get("sort")];
  return {
    state: isStateFilter(state) ? state : "all",
    kind: runKindSchema.safeParse(params.get("kind")).data ?? null,
    folded: params.get("sweeps") === "folded",
    sort: isRunSort(sort) ? sort : "newest",
  };
}
