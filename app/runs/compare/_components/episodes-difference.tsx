"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/trpc";
import { LabelledField, Select } from "@/app/_ui/field";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { EpisodeColumns } from "@/app/compare/_components/episode-columns";
import type { ComparedRun } from "@/contracts/api/run-comparison";

interface EpisodesDifferenceProps {
  runs: readonly ComparedRun[];
  /** The two runs and the question, as the address names them. */
  chosen: { a: string | null; b: string | null; question: string | null };
  setParams: (changes: Record<string, string | null>) => void;
}

/** The newest episodes of two runs for the same question, turn beside turn. */
export function EpisodesDifference({ runs, chosen, setParams }: EpisodesDifferenceProps) {
  const t = useText();
  const trpc = useTRPC();
  const find = (id: string | null, otherwise: number) =>
    runs.find((run) => run.id === id) ?? runs[otherwise] ?? runs[0]!;
  const [a, b] = [find(chosen.a, 0), find(chosen.b, 1)];
  const newest = (runId: string) =>
    trpc.episodes.list.queryOptions({ runId, limit: 200 }, { placeholderData: keepPreviousData });
  const [listed, others] = [useQuery(newest(a.id)), useQuery(newest(b.id))];
  const ofBoth = new Set(others.data?.rows.map(({ questionId }) => questionId));
  // Those that both played stand first: only they can be compared.
  const rows = (listed.data?.rows ?? []).toSorted(
    (one, other) => Number(ofBoth.has(other.questionId)) - Number(ofBoth.has(one.questionId)),
  );
  const questions = new Map(rows.map((row) => [row.questionId, row.question]));
  const first = others.isPending ? null : ([...questions.keys()][0] ?? null);
  const question = chosen.question ?? first;
  const ofQuestion = (runId: string) =>
    trpc.episodes.list.queryOptions(
      { runId, questionId: question ?? "", limit: 1 },
      { enabled: question !== null },
    );
  const [ofA, ofB] = [useQuery(ofQuestion(a.id)), useQuery(ofQuestion(b.id))];
  const failed = [listed, others, ofA, ofB].find((query) => query.isError && !query.data);
  const found = [ofA.data?.rows[0], ofB.data?.rows[0]];
  const options = runs.map(({ id, name }) => ({ value: id, text: name }));
  return (
    <>
      <div className="grid gap-3 md:grid-cols-3">
        <LabelledField id="episodes-a" label={t("First run")}>
          <Select
            id="episodes-a"
            value={a.id}
            options={options}
            onChange={(event) => setParams({ a: event.target.value, question: null })}
          />
        </LabelledField>
        <LabelledField id="episodes-b" label={t("Second run")}>
          <Select
            id="episodes-b"
            value={b.id}
            options={options}
            onChange={(event) => setParams({ b: event.target.value })}
          />
        </LabelledField>
        <LabelledField id="episodes-question" label={t("Question")}>
          <Select
            id="episodes-question"
            value={question ?? ""}
            options={[...questions].map(([value, text]) => ({ value, text }))}
            onChange={(event) => setParams({ question: event.target.value })}
          />
        </LabelledField>
      </div>
      <div className="mt-3 overflow-hidden rounded-lg border">
        {failed ? (
          <QueryErrorState title={t("The episodes could not be read")} query={failed} />
        ) : listed.data && others.data && question === null ? (
          <EmptyState title={t("No episode")}>
            {t("{name} has not played any question yet.", { name: a.name })}
          </EmptyState>
        ) : !ofA.data || !ofB.data ? (
          <Skeleton className="h-72" />
        ) : found[0] && found[1] ? (
          <EpisodeColumns
            episodes={[
              { id: found[0].id, runId: a.id, title: a.name, colour: "var(--series-1)" },
              { id: found[1].id, runId: b.id, title: b.name, colour: "var(--series-2)" },
            ]}
          />
        ) : (
          <EmptyState title={t("Only one of them played this question")}>
            {t("Choose another question, or another second run.")}
          </EmptyState>
        )}
      </div>
    </>
  );
}
