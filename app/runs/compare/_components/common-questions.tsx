"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type CommonQuestion } from "@/app/_lib/live/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { LabelledField, Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { EpisodeColumns } from "@/app/compare/_components/episode-columns";
import type { ComparedRun } from "@/contracts/api/run-comparison";

/** Shown at once; a search finds the others. */
const LISTED = 100;

interface CommonQuestionsProps {
  a: ComparedRun;
  b: ComparedRun;
  step: number | undefined;
}

/** The questions that two runs have in common, and the episodes of the chosen one side by side. */
export function CommonQuestions({ a, b, step }: CommonQuestionsProps) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const { text, setText, searched } = useSearchText("find");
  const common = { a: a.id, b: b.id, step };
  const query = useQuery(
    trpc.episodes.common.queryOptions(
      { ...common, text: searched || undefined, limit: LISTED },
      { placeholderData: keepPreviousData },
    ),
  );
  const listed = query.data?.rows ?? [];
  const [questionId, setId] = [params.get("question"), params.get("set")];
  const inList = questionId
    ? listed.find((row) => row.questionId === questionId && (!setId || row.setId === setId))
    : listed[0];
  // One that a link names, and that is not among those listed.
  const named = useQuery(
    trpc.episodes.common.queryOptions(
      { ...common, questionId: questionId ?? "", setId: setId ?? undefined, limit: 1 },
      { enabled: questionId !== null && query.isSuccess && !inList },
    ),
  );
  const shown = inList ?? (questionId ? named.data?.rows[0] : undefined);
  const failed = [query, named].find((one) => one.isError && !one.data);
  const rows = shown && !inList ? [shown, ...listed] : listed;
  return (
    <>
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2">
        <SearchInput label={t("Search the questions")} value={text} onText={setText} />
        <span className="text-xs text-muted-foreground" aria-live="polite">
          {query.data
            ? t(
                "{total, plural, one {# question} other {# questions}} in common, {differing, number} with another outcome",
                { total: query.data.total, differing: query.data.differing },
              )
            : ""}
        </span>
      </div>
      {rows.length > 0 ? (
        <QuestionSelect
          rows={rows}
          shown={shown}
          onChoose={(row) => setParams({ question: row.questionId, set: row.setId })}
        />
      ) : null}
      <div className="mt-3 overflow-hidden rounded-lg border">
        {failed ? (
          <QueryErrorState title={t("The episodes could not be read")} query={failed} />
        ) : shown ? (
          <EpisodeColumns
            episodes={[
              { id: shown.a.id, runId: a.id, title: a.name, colour: "var(--series-1)" },
              { id: shown.b.id, runId: b.id, title: b.name, colour: "var(--series-2)" },
            ]}
          />
        ) : query.isPending || named.isLoading ? (
          <Skeleton className="h-72" />
        ) : questionId ? (
          <EmptyState title={t("They have not both played this question")}>
            {t("Choose another question, another step or another second run.")}
          </EmptyState>
        ) : searched ? (
          <EmptyState title={t("No question matches")} />
        ) : (
          <EmptyState title={t("No question in common")}>
            {t("Both runs must have played the same question of the same set.")}
          </EmptyState>
        )}
      </div>
    </>
  );
}

const getKey = ({ setId, questionId }: CommonQuestion): string => `${setId} ${questionId}`;
const differs = ({ a, b }: CommonQuestion): boolean =>
  a.score !== null && b.score !== null && a.score !== b.score;

interface QuestionSelectProps {
  rows: readonly CommonQuestion[];
  shown: CommonQuestion | undefined;
  onChoose: (row: CommonQuestion) => void;
}

/** The questions, those where the outcomes differ first. */
function QuestionSelect({ rows, shown, onChoose }: QuestionSelectProps) {
  const t = useText();
  const groups = [
    { label: t("Another outcome"), rows: rows.filter(differs) },
    { label: t("The same outcome"), rows: rows.filter((row) => !differs(row)) },
  ];
  return (
    <div className="mt-3">
      <LabelledField id="episodes-question" label={t("Question")}>
        <Select
          id="episodes-question"
          value={shown ? getKey(shown) : ""}
          onChange={(event) => {
            const row = rows.find((one) => getKey(one) === event.target.value);
            if (row) onChoose(row);
          }}
        >
          {shown ? null : <option value="">{t("Choose a question")}</option>}
          {groups.map((group) =>
            group.rows.length > 0 ? (
              <optgroup key={group.label} label={group.label}>
                {group.rows.map((row) => (
                  <option key={getKey(row)} value={getKey(row)}>
                    {row.question}
                  </option>
                ))}
              </optgroup>
            ) : null,
          )}
        </Select>
      </LabelledField>
    </div>
  );
}
