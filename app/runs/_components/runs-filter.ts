import { isStateFilter, STATE_FILTERS, type StateFilter } from "@/app/_lib/run-view";
import type { RunShelf, RunSort, SettingCondition } from "@/contracts/api/run-list";
import {
  CONDITION_SIGNS,
  keepsRule,
  MOST_CONDITION_VALUE,
  RUN_COLUMN,
  RUN_SHELVES,
  RUN_SORTS,
  SETTING_PATH,
  TAG,
} from "@/contracts/api/run-list-values";
import type { RunKind } from "@/contracts/records/run-state";
import { RUN_KINDS } from "@/contracts/records/run-states";

/** What the list of runs shows, and how. */
export interface RunsFilter {
  state: StateFilter;
  kind: RunKind | null;
  tags: string[];
  preset: string | null;
  settings: SettingCondition[];
  shelf: RunShelf;
  /** A sweep stands as one row. */
  folded: boolean;
  columns: string[];
  sort: RunSort;
}

/** What changes the filter in the address. */
export interface FilterProps {
  filter: RunsFilter;
  setParams: (changes: Record<string, string | null>) => void;
}

/** Parameters of the address that a saved view holds. */
export const VIEW_PARAMS = [
  "state",
  "kind",
  "q",
  "tags",
  "preset",
  "where",
  "shelf",
  "sweeps",
  "cols",
  "sort",
] as const;

const splitList = (text: string | null, separator: string): string[] =>
  text === null || text === "" ? [] : text.split(separator);

/** "rl.steps>=100" as a condition; null where it is none. */
export function parseCondition(text: string): SettingCondition | null {
  const sign = CONDITION_SIGNS.filter((one) => text.includes(one)).sort(
    (a, b) => text.indexOf(a) - text.indexOf(b) || b.length - a.length,
  )[0];
  if (sign === undefined) return null;
  const at = text.indexOf(sign);
  const [path, value] = [text.slice(0, at).trim(), text.slice(at + sign.length).trim()];
  return keepsRule(path, SETTING_PATH) && value.length <= MOST_CONDITION_VALUE
    ? { path, sign, value }
    : null;
}

/** A condition as people and addresses write it. */
export const formatCondition = ({ path, sign, value }: SettingCondition): string =>
  `${path}${sign}${value}`;

const isColumn = (text: string): boolean => keepsRule(text, RUN_COLUMN);
/** As the server takes it: not empty but for spaces. */
const isTag = (text: string): boolean => text.trim() !== "" && keepsRule(text.trim(), TAG);

/** The one of some names that a text is; null where it is none. */
const findNamed = <T extends string>(names: readonly T[], text: string | null): T | null =>
  names.find((one) => one === text) ?? null;

/** "-last:reward/mean": a column, descending with the minus. */
function parseSort(text: string | null): RunSort {
  const descending = text?.startsWith("-") ?? false;
  const column = text?.slice(descending ? 1 : 0) ?? "";
  if (isColumn(column)) return { column, descending };
  return findNamed(RUN_SORTS, text) ?? "newest";
}

/** The text of an order in the address; null for the default. */
export function formatSort(sort: RunSort): string | null {
  if (typeof sort !== "string") return `${sort.descending ? "-" : ""}${sort.column}`;
  return sort === "newest" ? null : sort;
}

/** Reads the filter of an address; what is not known there has its default. */
export function readRunsFilter(params: Pick<URLSearchParams, "get">): RunsFilter {
  const state = params.get("state");
  return {
    state: isStateFilter(state) ? state : "all",
    kind: findNamed(RUN_KINDS, params.get("kind")),
    tags: splitList(params.get("tags"), ",").filter(isTag),
    preset: params.get("preset"),
    settings: splitList(params.get("where"), ";").flatMap((text) => parseCondition(text) ?? []),
    shelf: findNamed(RUN_SHELVES, params.get("shelf")) ?? "listed",
    folded: params.get("sweeps") === "folded",
    columns: splitList(params.get("cols"), ",").filter(isColumn),
    sort: parseSort(params.get("sort")),
  };
}

/** Whether a filter leaves runs of its shelf out. */
export const isFiltered = (filter: RunsFilter, searched: string): boolean =>
  filter.folded ||
  filter.state !== "all" ||
  filter.kind !== null ||
  filter.tags.length > 0 ||
  filter.preset !== null ||
  filter.settings.length > 0 ||
  searched !== "";

/** Which runs the server is asked for. */
export function buildFilterRequest(filter: RunsFilter, searched: string) {
  const { states } = STATE_FILTERS[filter.state];
  return {
    states: states ? [...states] : undefined,
    kinds: filter.kind ? [filter.kind] : undefined,
    text: searched || undefined,
    tags: filter.tags.length > 0 ? filter.tags : undefined,
    preset: filter.preset ?? undefined,
    settings: filter.settings.length > 0 ? filter.settings : undefined,
    shelf: filter.shelf,
  };
}

/** What the server is asked for. */
export const buildListRequest = (filter: RunsFilter, searched: string) => ({
  ...buildFilterRequest(filter, searched),
  columns: filter.columns,
  sort: filter.sort,
  foldSweeps: filter.folded,
  limit: 50,
});

/** Changes of the address that end every filter. */
export const NO_FILTER: Record<string, null> = {
  state: null,
  kind: null,
  q: null,
  tags: null,
  preset: null,
  where: null,
  sweeps: null,
};
