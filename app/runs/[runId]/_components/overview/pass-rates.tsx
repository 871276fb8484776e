"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatWords } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Badge } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { passStateSchema, type PassState } from "@/contracts/api/pass-rates";
import { PASS_STATE_MEANINGS } from "@/core/metrics/pass-rates";

const PHASES = ["held-out", "train"] as const;
type Phase = (typeof PHASES)[number];
const STATES = ["all", ...passStateSchema.options] as const;
const TONES = {
  forgotten: "bad",
  dead: "warn",
  learning: "outline",
  mastered: "good",
  "seen-once": "outline",
} as const satisfies Record<PassState, string>;
/** From no sample right to all of them. */
const SHADES = [
  "bg-muted",
  "bg-(--series-1)/25",
  "bg-(--series-1)/50",
  "bg-(--series-1)/75",
  "bg-(--series-1)",
];

/** Pass rate of every question over the steps of a training run; the address holds phase and state. */
export function PassRates({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const phase: Phase = params.get("of") === "train" ? "train" : "held-out";
  const state = passStateSchema.safeParse(params.get("state")).data ?? null;
  const query = useInfiniteQuery(
    trpc.episodes.passRates.infiniteQueryOptions(
      { runId, phase, state },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const counts = query.data?.pages[0]?.counts;
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const all = counts ? Object.values(counts).reduce((sum, count) => sum + count, 0) : 0;
  if (query.isError && !query.data)
    return <QueryErrorState title={t("The pass rates could not be read")} query={query} />;
  return (
    <div className="space-y-3" data-pass-rates={counts ? all : undefined}>
      <div className="flex flex-wrap items-center gap-2">
        <SegmentedControl
          label={t("Questions")}
          value={phase}
          options={PHASES}
          text={(one) => (one === "train" ? t("Training questions") : t("Held-out questions"))}
          onChange={(one) => setParams({ of: one === "train" ? one : null, state: null })}
        />
        <SegmentedControl
          label={t("State")}
          value={state ?? "all"}
          options={STATES}
          text={(one) =>
            `${formatWords(t, one)} ${counts ? (one === "all" ? all : counts[one]) : ""}`
          }
          onChange={(one) => setParams({ state: one === "all" ? null : one })}
        />
      </div>
      <Rules />
      {!query.data ? (
        <Skeleton className="h-64" />
      ) : rows.length === 0 ? (
        <EmptyState title={all === 0 ? t("No scored sample yet") : t("No question in this state")}>
          {all === 0 ? t("Questions appear here once a step has scored them.") : null}
        </EmptyState>
      ) : (
        <Questions runId={runId} phase={phase} rows={rows} />
      )}
      <ShowMoreButton query={query} />
    </div>
  );
}

function Rules() {
  const t = useText();
  return (
    <p className="max-w-4xl text-xs text-muted-foreground">
      {[
        t("A mark is a step; the darker it is, the more of its samples are right."),
        ...passStateSchema.options.map((state) =>
          t("{state}: {meaning}.", {
            state: formatWords(t, state),
            meaning: t(PASS_STATE_MEANINGS[state]),
          }),
        ),
      ].join(" ")}
    </p>
  );
}

const HEADS = [
  markText("Question"),
  markText("State"),
  markText("Last step"),
  markText("Right by step"),
];

interface Row {
  questionId: string;
  question: string;
  state: PassState;
  steps: readonly number[];
  passed: readonly number[];
  samples: readonly number[];
}

function Questions({ runId, phase, rows }: { runId: string; phase: Phase; rows: readonly Row[] }) {
  const t = useText();
  const buildLink = (questionId: string, step?: number): string =>
    `/runs/${runId}?${new URLSearchParams({ tab: "episodes", phase, question: questionId, ...(step !== undefined && { step: String(step) }) }).toString()}`;
  return (
    <Card>
      <ScrollRegion label={t("Pass rates by question")}>
        <table className="w-full text-left text-xs">
          <thead className="border-b text-muted-foreground">
            <tr>
              {HEADS.map((head) => (
                <th key={head} scope="col" className="h-8 px-3 font-medium whitespace-nowrap">
                  {t(head)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.questionId} className="border-b last:border-0" data-state={row.state}>
                <th scope="row" className="max-w-md min-w-48 px-3 py-1.5 font-normal">
                  <Link href={buildLink(row.questionId)} className="line-clamp-2 hover:underline">
                    {row.question}
                  </Link>
                </th>
                <td className="px-3 py-1.5">
                  <Badge tone={TONES[row.state]}>{formatWords(t, row.state)}</Badge>
                </td>
                <td className="px-3 py-1.5 font-mono whitespace-nowrap">
                  {t("{count} of {total}", {
                    count: row.passed.at(-1) ?? 0,
                    total: row.samples.at(-1) ?? 0,
                  })}
                </td>
                <td className="px-3 py-1.5">
                  <Strip row={row} buildLink={(step) => buildLink(row.questionId, step)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  );
}

/** A mark a step, each a link to its episodes. The question's own link lists them all, so that marks need no tab stops. */
function Strip({ row, buildLink }: { row: Row; buildLink: (step: number) => string }) {
  const t = useText();
  return (
    <ol
      className="flex"
      aria-label={t("Over {count, plural, one {# step} other {# steps}}", {
        count: row.steps.length,
      })}
    >
      {row.steps.map((step, i) => {
        const text = t("Step {step}: {count} of {total} right", {
          step,
          count: row.passed[i]!,
          total: row.samples[i]!,
        });
        const share = row.passed[i]! / row.samples[i]!;
        return (
          <li key={step}>
            <Link
              href={buildLink(step)}
              prefetch={false}
              tabIndex={-1}
              title={text}
              aria-label={text}
              className={cn(
                "block h-5 w-2.5 border-r border-card",
                SHADES[share === 0 ? 0 : share === 1 ? 4 : Math.min(3, Math.ceil(share * 4))],
              )}
            />
          </li>
        );
      })}
    </ol>
  );
}
