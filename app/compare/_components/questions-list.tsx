"use client";
import { ColourDot } from "@/app/_ui/colour-dot";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronRight } from "lucide-react";
import { markText, type Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatWords } from "@/app/_lib/format/format";
import { useTRPC, type Compared, type ComparedQuestion } from "@/app/_lib/live/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { ScoreMark } from "@/app/_ui/score-mark";
import { SearchInput } from "@/app/_ui/search-input";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { EpisodeColumns } from "./episode-columns";
import {
  formatFilter,
  LETTERS,
  readFilter,
  RUN_COLOURS,
  writeFilter,
  type PatternFilter,
} from "./patterns";

/** How many questions there are, and what was asked for. */
function formatTotal(t: Text, total: number, filter: PatternFilter, searched: boolean): string {
  const wanted = formatFilter(t, filter);
  if (wanted)
    return t("{wanted}: {total, plural, one {# question} other {# questions}}", { wanted, total });
  return searched
    ? t("found: {total, plural, one {# question} other {# questions}}", { total })
    : t("{total, plural, one {# question} other {# questions}}", { total });
}

/** The questions with every run's answer; one that is opened shows the episodes side by side. */
export function QuestionsList({ runs, compared }: { runs: string[]; compared: Compared }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const filter = readFilter(params.get("who"), runs.length);
  const open = params.get("question");
  const { text, setText, searched } = useSearchText();
  const query = useInfiniteQuery(
    trpc.compare.questions.infiniteQueryOptions(
      { runs, scorer: compared.scorer, ...filter, text: searched || undefined, limit: 50 },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const total = query.data?.pages[0]?.total ?? 0;
  return (
    <section className="mt-4" aria-label={t("Questions")}>
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="font-medium">{t("Questions")}</h2>
        <CorrectnessFilter
          filter={filter}
          runs={runs.length}
          onChange={(next) => setParams({ who: writeFilter(next, runs.length) })}
        />
        <SearchInput
          label={t("Search questions and answers")}
          placeholder={t("Question or answer")}
          value={text}
          onText={setText}
        />
        <span
          className="text-xs text-muted-foreground"
          aria-live="polite"
          data-total={query.data ? total : undefined}
        >
          {query.data ? formatTotal(t, total, filter, searched !== "") : ""}
        </span>
      </div>
      <div className="mt-3">
        {query.isPending ? (
          <Skeleton className="h-64" />
        ) : query.isError && rows.length === 0 ? (
          <QueryErrorState title={t("The questions could not be read")} query={query} />
        ) : rows.length === 0 ? (
          <EmptyState
            title={t("No question matches")}
            action={
              <Button
                onClick={() => {
                  setText("");
                  setParams({ who: null, q: null });
                }}
              >
                {t("Clear the filter")}
              </Button>
            }
          />
        ) : (
          <ul className="overflow-hidden rounded-lg border bg-card">
            {rows.map((row) => (
              <QuestionItem
                key={row.id}
                row={row}
                open={open === row.id}
                onToggle={() => setParams({ question: open === row.id ? null : row.id })}
                runs={runs}
              />
            ))}
          </ul>
        )}
        <ShowMoreButton className="mt-3" query={query}>
          {t("Show more ({left} left)", { left: formatInteger(total - rows.length) })}
        </ShowMoreButton>
      </div>
    </section>
  );
}

const CORRECTNESS = {
  any: markText("{letter}: right or wrong"),
  right: markText("{letter}: right"),
  wrong: markText("{letter}: wrong"),
};
const NEXT_STATE = { any: "right", right: "wrong", wrong: "any" } as const;

const readState = ({ right, wrong }: PatternFilter, run: number): keyof typeof NEXT_STATE =>
  right.includes(run) ? "right" : wrong.includes(run) ? "wrong" : "any";

interface CorrectnessFilterProps {
  filter: PatternFilter;
  runs: number;
  onChange: (filter: PatternFilter) => void;
}

/** For each run: right, wrong or either. A click goes on to the next of the three. */
function CorrectnessFilter({ filter, runs, onChange }: CorrectnessFilterProps) {
  const t = useText();
  return (
    <div
      role="group"
      aria-label={t("Who is right")}
      className="flex rounded-md border border-input bg-card p-0.5"
    >
      {Array.from({ length: runs }, (_, i) => {
        const state = readState(filter, i);
        const without = {
          right: filter.right.filter((r) => r !== i),
          wrong: filter.wrong.filter((r) => r !== i),
        };
        const next = NEXT_STATE[state];
        return (
          <button
            key={i}
            type="button"
            aria-label={t(CORRECTNESS[state], { letter: LETTERS[i]! })}
            onClick={() =>
              onChange(next === "any" ? without : { ...without, [next]: [...without[next], i] })
            }
            className={cn(
              "h-6.5 rounded px-2 text-xs font-medium text-muted-foreground hover:text-foreground",
              state === "right" && "bg-good-soft text-good",
              state === "wrong" && "bg-bad-soft text-bad",
            )}
          >
            {LETTERS[i]} {state === "any" ? "·" : state === "right" ? "✓" : "✗"}
          </button>
        );
      })}
    </div>
  );
}

interface QuestionItemProps {
  row: ComparedQuestion;
  open: boolean;
  onToggle: () => void;
  runs: string[];
}

function QuestionItem({ row, open, onToggle, runs }: QuestionItemProps) {
  const t = useText();
  return (
    <li className="border-b last:border-0" data-question={row.id}>
      <button
        type="button"
        aria-expanded={open}
        onClick={onToggle}
        className="flex w-full items-start gap-2 px-3 py-2 text-left hover:bg-muted/50"
      >
        {open ? (
          <ChevronDown className="mt-0.5 size-4 shrink-0" aria-hidden />
        ) : (
          <ChevronRight className="mt-0.5 size-4 shrink-0 text-muted-foreground" aria-hidden />
        )}
        <span className="min-w-0 flex-1">
          <span className="block font-medium">{row.question}</span>
          <span className="block text-2xs text-muted-foreground">
            {t("gold: {answers}", { answers: row.answers.join(" | ") })}
          </span>
          <span className="mt-1 flex flex-wrap gap-x-4 gap-y-1">
            {row.results.map((result, i) => (
              <span
                key={result.episodeId}
                className="inline-flex min-w-0 items-center gap-1.5 text-xs"
              >
                <ColourDot colour={RUN_COLOURS[i]} />
                <span className="font-semibold">{LETTERS[i]}</span>
                <ScoreMark score={result.score} />
                <span className="max-w-64 truncate">
                  {result.answer === "" ? t("(empty)") : result.answer}
                </span>
                {result.attribution !== null &&
                result.attribution !== "correct" &&
                result.score < 1 ? (
                  <span className="text-2xs text-muted-foreground">
                    {formatWords(t, result.attribution)}
                  </span>
                ) : null}
              </span>
            ))}
          </span>
        </span>
      </button>
      {open ? (
        <EpisodeColumns
          episodes={row.results.map((result, i) => ({
            id: result.episodeId,
            runId: runs[i]!,
            title: LETTERS[i]!,
            colour: RUN_COLOURS[i]!,
          }))}
        />
      ) : null}
    </li>
  );
}
