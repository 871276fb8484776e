"use client";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { formatInteger, formatWords } from "@/app/_lib/format";
import { useTRPC, type RunDetail } from "@/app/_lib/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import { episodePhaseSchema } from "@/contracts/records/episode";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { EpisodesTable } from "./episodes-table";

const FILTERS = {
  all: "All episodes",
  correct: "Right answers",
  wrong: "Wrong answers",
  gained: "Gained over naive RAG",
  lost: "Lost against naive RAG",
  "never-retrieved": "Lost: never retrieved",
  "not-selected": "Lost: not selected",
  "generator-failed": "Lost: generator failed",
  "scorer-doubtful": "Wrong, but scorers disagree",
  "format-errors": "With format errors",
  "no-variance": "Groups without variance",
} as const;
type Filter = keyof typeof FILTERS;
const isFilter = (value: string | null): value is Filter => value !== null && value in FILTERS;

/** The run's episodes, filtered and searched by the server. */
export function EpisodesTab({ run }: { run: RunDetail }) {
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const rawFilter = params.get("filter");
  const filter: Filter = isFilter(rawFilter) ? rawFilter : "all";
  const phase = episodePhaseSchema.safeParse(params.get("phase")).data;
  const rawStep = params.get("step");
  const step = rawStep !== null && /^\d+$/.test(rawStep) ? Number(rawStep) : undefined;
  const { text, setText, searched } = useSearchText();
  const steps = useQuery(trpc.episodes.steps.queryOptions({ runId: run.id }));
  const query = useInfiniteQuery(
    trpc.episodes.list.infiniteQueryOptions(
      { runId: run.id, phase, step, filter, text: searched || undefined, limit: 50 },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const rows = query.data?.pages.flatMap((p) => p.rows) ?? [];
  const total = query.data?.pages[0]?.total ?? 0;
  const filtered = filter !== "all" || phase !== undefined || step !== undefined || searched !== "";
  const place = phase ? `${phase}:${step ?? ""}` : "";
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Select
          aria-label="Phase and step"
          className="w-auto"
          value={place}
          onChange={(e) => {
            const [p, s] = e.target.value.split(":");
            setParams({ phase: p || null, step: s || null });
          }}
        >
          <option value="">Every step</option>
          {(["train", "held-out"] as const).map((p) =>
            steps.data?.some((s) => s.phase === p) ? (
              <option key={p} value={`${p}:`}>{`Every step, ${formatWords(p)}`}</option>
            ) : null,
          )}
          {steps.data
            ?.filter((s) => s.step !== null)
            .map((s) => (
              <option key={`${s.phase}:${s.step}`} value={`${s.phase}:${s.step}`}>
                {`Step ${s.step}, ${formatWords(s.phase)} (${formatInteger(s.episodes)})`}
              </option>
            ))}
        </Select>
        <Select
          aria-label="Filter"
          className="w-auto"
          value={filter}
          onChange={(e) => setParams({ filter: e.target.value === "all" ? null : e.target.value })}
          options={Object.entries(FILTERS).map(([key, label]) => ({ value: key, text: label }))}
        />
        <SearchInput
          label="Search questions and answers"
          placeholder="Question or answer"
          value={text}
          onText={setText}
        />
        <span className="text-xs text-muted-foreground" aria-live="polite">
          {query.data
            ? rows.length < total
              ? `${formatInteger(rows.length)} of ${formatInteger(total)}`
              : `${formatInteger(total)} ${total === 1 ? "episode" : "episodes"}`
            : ""}
        </span>
      </div>
      <div className="mt-3">
        {query.isPending ? (
          <SkeletonList count={10} className="h-10" list="space-y-1.5" />
        ) : query.isError && rows.length === 0 ? (
          <QueryErrorState title="The episodes could not be read" query={query} />
        ) : rows.length === 0 ? (
          <EmptyState
            title={
              filtered
                ? "No episode matches"
                : TERMINAL_STATES.has(run.state)
                  ? "This run has no episodes"
                  : "No episode yet"
            }
            action={
              filtered ? (
                <Button
                  onClick={() => {
                    setText("");
                    setParams({ filter: null, phase: null, step: null, q: null });
                  }}
                >
                  Clear the filter
                </Button>
              ) : null
            }
          >
            {filtered
              ? null
              : TERMINAL_STATES.has(run.state)
                ? "It ended before the first one; the logs say why."
                : "Episodes appear here as they are sampled and answered."}
          </EmptyState>
        ) : (
          <>
            <EpisodesTable runId={run.id} rows={rows} />
            <ShowMoreButton className="mt-3" query={query} />
          </>
        )}
      </div>
    </>
  );
}
