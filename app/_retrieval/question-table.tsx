"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Check, Search, X } from "lucide-react";
import Link from "next/link";
import { formatInteger, NONE, formatCount } from "@/app/_lib/format";
import { buildPlaygroundHref } from "@/app/_lib/playground-link";
import { formatRetriever } from "@/app/_lib/retriever";
import { useTRPC, type RetrieverComparison } from "@/app/_lib/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { Input, Select } from "@/app/_ui/field";
import { EmptyState, ErrorState, Skeleton } from "@/app/_ui/states";
import { getRunColour } from "./metric-label";

const CUTOFFS = [1, 3, 5, 10, 20, 50, 100] as const;

type Runs = RetrieverComparison["runs"];
/** "found:0,missed:1" in the address: indices, so that a link holds when it is shortened by hand. */
const FILTER_PATTERN = /^(?:found:(\d))?,?(?:missed:(\d))?$/;

function listFilters(runs: Runs): { value: string; label: string }[] {
  const name = (i: number): string =>
    runs.length === 1 ? "" : ` by ${formatRetriever(runs[i]!.retriever)}`;
  return [
    { value: "", label: "All questions" },
    ...runs.map((_, i) => ({ value: `missed:${i}`, label: `Not found${name(i)}` })),
    ...runs.map((_, i) => ({ value: `found:${i}`, label: `Found${name(i)}` })),
    ...runs.flatMap((a, i) =>
      runs.flatMap((b, j) =>
        i === j
          ? []
          : [
              {
                value: `found:${i},missed:${j}`,
                label: `${formatRetriever(a.retriever)} found it, ${formatRetriever(b.retriever)} did not`,
              },
            ],
      ),
    ),
  ];
}

/** Question by question where each retriever ranked the gold documents; each row leads to its episodes and to the playground. */
export function QuestionTable({ comparison }: { comparison: RetrieverComparison }) {
  const trpc = useTRPC();
  const { runs, depth, corpus, slices } = comparison;
  const [params, setParams] = useQueryParams();
  const rawK = Number(params.get("at"));
  const cutoffs = [...new Set([...CUTOFFS.filter((k) => k <= depth), depth])];
  const k = cutoffs.includes(rawK) ? rawK : Math.min(10, depth);
  const filter = params.get("show") ?? "";
  const [, found, missed] = FILTER_PATTERN.exec(filter) ?? [];
  const type = params.get("type") ?? "";
  const { text, setText, searched } = useSearchText();
  const query = useInfiniteQuery(
    trpc.retrievalEvaluation.questions.infiniteQueryOptions(
      {
        runIds: runs.map((run) => run.id),
        k,
        foundBy: found ? runs[Number(found)]?.id : undefined,
        missedBy: missed ? runs[Number(missed)]?.id : undefined,
        type: type || undefined,
        text: searched || undefined,
        limit: 50,
      },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const total = query.data?.pages[0]?.total ?? 0;
  const types = slices.filter((slice) => slice.by === "type").map((slice) => slice.value);
  const filtered = filter !== "" || type !== "" || searched !== "";
  return (
    <section aria-label="Questions">
      <div className="flex flex-wrap items-center gap-2">
        <Select
          aria-label="Which questions"
          className="w-auto max-w-full"
          value={filter}
          onChange={(e) => setParams({ show: e.target.value || null })}
        >
          {listFilters(runs).map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </Select>
        <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
          found: all gold among the first
          <Select
            aria-label="Found among the first"
            className="w-auto"
            value={k}
            onChange={(e) => setParams({ at: e.target.value })}
          >
            {cutoffs.map((cutoff) => (
              <option key={cutoff}>{cutoff}</option>
            ))}
          </Select>
        </label>
        {types.length > 0 ? (
          <Select
            aria-label="Type"
            className="w-auto"
            value={type}
            onChange={(e) => setParams({ type: e.target.value || null })}
          >
            <option value="">Every type</option>
            {types.map((t) => (
              <option key={t}>{t}</option>
            ))}
          </Select>
        ) : null}
        <label className="relative min-w-44 flex-1 md:max-w-72">
          <Search
            className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
            aria-hidden
          />
          <Input
            type="search"
            aria-label="Search questions"
            placeholder="Question"
            className="pl-8"
            value={text}
            onChange={(e) => setText(e.target.value)}
          />
        </label>
        <span className="text-xs text-muted-foreground" aria-live="polite">
          {query.data ? formatCount(total, "question") : ""}
        </span>
      </div>
      <div className="mt-3">
        {query.isPending ? (
          <div className="space-y-1.5" aria-busy>
            {Array.from({ length: 8 }, (_, i) => (
              <Skeleton key={i} className="h-11" />
            ))}
          </div>
        ) : query.isError ? (
          <ErrorState
            title="The questions could not be read"
            error={query.error}
            onRetry={() => void query.refetch()}
          />
        ) : rows.length === 0 ? (
          <EmptyState
            title={filtered ? "No question matches" : "No question is ranked yet"}
            action={
              filtered ? (
                <Button
                  onClick={() => {
                    setText("");
                    setParams({ show: null, type: null, q: null });
                  }}
                >
                  Clear the filter
                </Button>
              ) : null
            }
          >
            {filtered ? null : "They appear here as they are ranked."}
          </EmptyState>
        ) : (
          <>
            <div className="relative overflow-x-auto rounded-lg border bg-card">
              <table
                className="w-full text-left"
                style={{ minWidth: `${22 + runs.length * 9}rem` }}
              >
                <thead className="border-b text-xs text-muted-foreground">
                  <tr>
                    <th scope="col" className="h-9 px-3 font-medium">
                      Question
                    </th>
                    {runs.map((run, i) => (
                      <th key={run.id} scope="col" className="w-36 px-3 font-medium">
                        <span
                          className="flex items-center gap-1.5"
                          title={formatRetriever(run.retriever)}
                        >
                          <span
                            aria-hidden
                            className="size-2 shrink-0 rounded-xs"
                            style={{ background: getRunColour(i) }}
                          />
                          <span className="truncate">
                            {runs.length === 1 ? "Ranks of gold" : formatRetriever(run.retriever)}
                          </span>
                        </span>
                      </th>
                    ))}
                    <th scope="col" className="w-28 px-3 font-medium">
                      <span className="sr-only">Playground</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row) => (
                    <tr
                      key={row.questionId}
                      className="border-b last:border-0 hover:bg-muted/50"
                      data-question={row.questionId}
                    >
                      <td className="px-3 py-1.5">
                        <span className="line-clamp-2">{row.question}</span>
                        <span className="text-2xs text-muted-foreground">
                          {[row.type, formatCount(row.hops, "gold document")]
                            .filter(Boolean)
                            .join(" · ")}
                        </span>
                      </td>
                      {row.runs.map((ranked, i) => (
                        <td
                          key={runs[i]?.id}
                          className="px-3 py-1.5 align-top"
                          data-found={ranked.found}
                        >
                          <Link
                            href={`/runs/${runs[i]?.id}/episodes/${ranked.episodeId}`}
                            className="flex items-center gap-1.5 hover:underline"
                            title={
                              ranked.found
                                ? `All gold documents are among the first ${k}`
                                : `Not all gold documents are among the first ${k}`
                            }
                          >
                            {ranked.found ? (
                              <Check className="size-3.5 shrink-0 text-good" aria-label="found" />
                            ) : (
                              <X className="size-3.5 shrink-0 text-bad" aria-label="not found" />
                            )}
                            <span className="font-mono text-xs">
                              {formatRanks(ranked.ranks, row.hops)}
                            </span>
                          </Link>
                        </td>
                      ))}
                      <td className="px-3 py-1.5 text-right align-top">
                        <Link
                          className="text-xs font-medium whitespace-nowrap text-primary hover:underline"
                          href={buildPlaygroundHref({
                            corpus,
                            query: row.question,
                            retrievers: runs.slice(0, 4).map((run) => run.retriever),
                            episode: row.runs[0]?.episodeId ?? null,
                          })}
                        >
                          Playground
                        </Link>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {query.hasNextPage ? (
              <Button
                className="mt-3"
                disabled={query.isFetchingNextPage}
                onClick={() => void query.fetchNextPage()}
              >
                Show more ({formatInteger(rows.length)} of {formatInteger(total)})
              </Button>
            ) : null}
          </>
        )}
      </div>
    </section>
  );
}

/** "1, 14, –": the ranks, and a dash for each gold document that was not found. */
const formatRanks = (ranks: readonly number[], gold: number): string =>
  [
    ...ranks.map(String),
    ...Array.from({ length: Math.max(0, gold - ranks.length) }, () => NONE),
  ].join(", ");
