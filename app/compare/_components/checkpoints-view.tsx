"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatWords } from "@/app/_lib/format/format";
import { useTRPC, type CheckpointAnswer } from "@/app/_lib/live/trpc";
import { useQueryParams, useQuickParam } from "@/app/_lib/hooks/use-params";
import { Card, CardHeader } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { ScoreMark } from "@/app/_ui/score-mark";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { EpisodeColumns } from "./episode-columns";
import { RUN_COLOURS } from "./patterns";

/** How many checkpoints stand side by side. */
const SIDE_BY_SIDE = 3;

/** The evaluations that the address names; else the first and the last. */
function chooseShown(
  points: readonly CheckpointAnswer[],
  steps: string | null,
): readonly CheckpointAnswer[] {
  const wanted = (steps ?? "")
    .split(",")
    .filter((s) => s !== "")
    .map(Number);
  const chosen = points.filter((p) => wanted.includes(p.step));
  const firstAndLast = points.length > 1 ? [points[0]!, points[points.length - 1]!] : points;
  return (chosen.length > 0 ? chosen : firstAndLast).slice(0, SIDE_BY_SIDE);
}

/** One held-out question across the evaluations of a training run. */
export function CheckpointsView({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const [chosenSteps, setChosenSteps] = useQuickParam("steps");
  const run = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  const steps = useQuery(trpc.episodes.steps.queryOptions({ runId }));
  const evaluated = steps.data?.filter((s) => s.phase === "held-out").map((s) => s.step ?? 0) ?? [];
  const last = evaluated.length > 0 ? Math.max(...evaluated) : null;
  const questions = useQuery(
    trpc.episodes.list.queryOptions(
      last === null
        ? skipToken
        : { runId, phase: "held-out", step: last, sortDirection: "ascending", limit: 200 },
    ),
  );
  const questionId = params.get("question") ?? questions.data?.rows[0]?.questionId ?? null;
  const options = (questions.data?.rows ?? []).map((row) => ({
    value: row.questionId,
    text: row.question,
  }));
  if (questionId !== null && !options.some(({ value }) => value === questionId))
    options.unshift({ value: questionId, text: questionId });
  const course = useQuery(
    trpc.compare.checkpoints.queryOptions(questionId === null ? skipToken : { runId, questionId }),
  );
  const points = course.data ?? [];
  const shown = chooseShown(points, chosenSteps || null);
  const failed = [run, steps, questions, course].find((q) => q.isError);
  const toggle = (step: number) => {
    const now = shown.map((p) => p.step);
    const next = now.includes(step)
      ? now.filter((s) => s !== step)
      : [...now, step].slice(-SIDE_BY_SIDE);
    setChosenSteps(next.sort((a, b) => a - b).join(","));
  };
  return (
    <>
      <header>
        <h1 className="text-lg font-semibold">{t("One question across checkpoints")}</h1>
        <p className="text-xs text-muted-foreground">
          {t.rich("<run>{name}</run>, held-out evaluations", {
            run: (name) => (
              <Link href={`/runs/${runId}`} className="hover:underline">
                {name}
              </Link>
            ),
            name: run.data?.name ?? t("Run"),
          })}
        </p>
      </header>
      {failed?.error ? (
        <QueryErrorState
          className="mt-4"
          title={t("The evaluations could not be read")}
          query={failed}
        />
      ) : steps.isPending ? (
        <Skeleton className="mt-4 h-40" />
      ) : evaluated.length === 0 ? (
        <div className="mt-4">
          <EmptyState title={t("No held-out evaluation yet")}>
            {t(
              "A training run evaluates on held-out questions before its first step and then every few steps; the setting is under Evaluation.",
            )}
          </EmptyState>
        </div>
      ) : (
        <>
          <label className="mt-3 block max-w-3xl">
            <span className="mb-1 block text-2xs text-muted-foreground">{t("Question")}</span>
            <Select
              value={questionId ?? ""}
              onChange={(e) => setParams({ question: e.target.value, steps: null })}
              options={options}
            />
          </label>
          <Course points={points} shown={shown} onToggle={toggle} />
          {shown.length > 0 ? (
            <div className="mt-4 overflow-hidden rounded-lg border">
              <EpisodeColumns
                episodes={shown.map((p, i) => ({
                  id: p.episodeId,
                  runId,
                  title: t("step {step}", { step: p.step }),
                  colour: RUN_COLOURS[i]!,
                }))}
              />
            </div>
          ) : null}
        </>
      )}
    </>
  );
}

interface CourseProps {
  points: readonly CheckpointAnswer[];
  shown: readonly CheckpointAnswer[];
  onToggle: (step: number) => void;
}

/** The answer after each evaluation; those that are chosen stand side by side below. */
function Course({ points, shown, onToggle }: CourseProps) {
  const t = useText();
  return (
    <Card className="mt-4 pb-3">
      <CardHeader
        title={t("Course")}
        description={t("Choose up to {most} evaluations to see their episodes side by side.", {
          most: SIDE_BY_SIDE,
        })}
      />
      <ol className="mt-3 flex gap-1.5 overflow-x-auto px-4 pb-1">
        {points.map((p) => (
          <li key={p.episodeId}>
            <button
              type="button"
              data-checkpoint-step={p.step}
              aria-pressed={shown.includes(p)}
              onClick={() => onToggle(p.step)}
              className={cn(
                "w-36 rounded-md border px-2.5 py-2 text-left hover:border-muted-foreground/50",
                shown.includes(p) && "border-primary ring-1 ring-primary",
              )}
            >
              <span className="flex items-center justify-between text-2xs text-muted-foreground">
                {t("step {step}", { step: formatInteger(p.step) })}
                <ScoreMark score={p.score} />
              </span>
              <span className="mt-0.5 block truncate font-medium">{p.answer || t("(empty)")}</span>
              <span className="block text-2xs text-muted-foreground">
                {p.searches === null
                  ? t("searches unknown")
                  : t(
                      "{searches, plural, one {# search} other {# searches}}, {documents, plural, one {# document} other {# documents}}",
                      { searches: p.searches, documents: p.documents },
                    )}
              </span>
              <span className="block truncate text-2xs text-muted-foreground">
                {p.attribution ? formatWords(t, p.attribution) : ""}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </Card>
  );
}
