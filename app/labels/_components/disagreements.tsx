"use client";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, ChevronLeft, ChevronRight, X } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useEffect, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { useTRPC, type DisagreementRow } from "@/app/_lib/live/trpc";
import { useQuickParam } from "@/app/_lib/hooks/use-params";
import { useShortcuts } from "@/app/_lib/hooks/use-shortcuts";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

const getRowKey = (row: DisagreementRow): string =>
  `${row.answerId} ${row.questionId} ${row.judge}`;

/** Where a disagreement stands in what was read, by its question and judge; the first without them; null: not there. */
function findPlace(
  rows: readonly DisagreementRow[],
  question: string,
  judge: string,
): number | null {
  if (question === "") return 0;
  const ofQuestion = rows.findIndex(({ questionId }) => questionId === question);
  const exact = rows.findIndex((row) => row.questionId === question && row.judge === judge);
  const place = exact < 0 ? ofQuestion : exact;
  return place < 0 ? null : place;
}

/**
 * One disagreement at a time; the address holds which. Keys: y right, n wrong, u unlabelled, j next, k previous.
 */
export function Disagreements({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [question, setQuestion] = useQuickParam("question");
  const [judge, setJudge] = useQuickParam("judge");
  const [givenLabels, setGivenLabels] = useState<ReadonlyMap<string, boolean | null>>(new Map());
  const query = useInfiniteQuery(
    trpc.scores.disagreements.infiniteQueryOptions(
      { runId, limit: 100 },
      { getNextPageParam: (page) => page.nextCursor },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = query;
  const place = findPlace(rows, question, judge);
  // What the address names may stand on a later page.
  const isSought = place === null && hasNextPage;
  const at = place ?? 0;
  const row = rows[at];
  const getLabel = (one: DisagreementRow): boolean | null =>
    givenLabels.get(getRowKey(one)) ?? (givenLabels.has(getRowKey(one)) ? null : one.label);
  const save = useMutation(
    trpc.scores.label.mutationOptions({
      onSuccess: () => void queryClient.invalidateQueries(trpc.scores.agreement.pathFilter()),
      onError: (error) => {
        notify(
          "bad",
          t("The label was not saved: {message}", { message: t.message(error.message) }),
        );
        setGivenLabels(new Map());
        void query.refetch();
      },
    }),
  );
  useEffect(() => {
    const isWanted = isSought || at >= rows.length - 10;
    if (isWanted && hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [isSought, at, rows.length, hasNextPage, isFetchingNextPage, isError, fetchNextPage]);

  const move = (by: number): void => {
    const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (!next) return;
    setQuestion(next.questionId);
    setJudge(next.judge);
  };
  const saveLabel = (correct: boolean | null): void => {
    if (!row) return;
    setGivenLabels((before) => new Map(before).set(getRowKey(row), correct));
    save.mutate({ answerId: row.answerId, setId: row.setId, questionId: row.questionId, correct });
    if (correct !== null) move(1);
  };
  useShortcuts({
    y: { label: t("The answer is right"), run: () => saveLabel(true) },
    n: { label: t("The answer is wrong"), run: () => saveLabel(false) },
    u: { label: t("Take the label back"), run: () => saveLabel(null) },
    j: { label: t("Next"), run: () => move(1) },
    k: { label: t("Previous"), run: () => move(-1) },
  });

  if (query.isPending || (isSought && !isError)) return <Skeleton className="h-64" />;
  if (query.isError)
    return <QueryErrorState title={t("The disagreements could not be read")} query={query} />;
  if (!row)
    return (
      <EmptyState title={t("Nothing to label")}>
        {t("Judge and span agree on every answer of this run.")}
      </EmptyState>
    );
  const currentLabel = getLabel(row);
  return (
    <Card className="p-4" aria-label={t("Disagreement")} data-question={row.questionId}>
      <div className="flex items-center justify-between gap-3 text-xs text-muted-foreground">
        <span className="tabular-nums">
          {t("{position} of {total} · {labelled} labelled", {
            position: at + 1,
            total: `${rows.length}${query.hasNextPage ? "+" : ""}`,
            labelled: rows.filter((one) => getLabel(one) !== null).length,
          })}
        </span>
        <Link
          href={`/runs/${runId}/episodes/${row.episodeId}`}
          className="underline underline-offset-2"
        >
          {t("its episode")}
        </Link>
      </div>
      <p className="mt-3 text-base font-medium">{row.question}</p>
      <Verdicts row={row} />
      <div className="mt-4 flex flex-wrap items-center gap-2">
        <LabelButtons label={currentLabel} save={saveLabel} />
        <StepButtons isFirst={at === 0} isLast={at >= rows.length - 1} move={move} />
      </div>
    </Card>
  );
}

/** What answer was given, and what judge and span rule say of it. */
function Verdicts({ row }: { row: DisagreementRow }) {
  const t = useText();
  return (
    <dl className="mt-3 grid gap-x-4 gap-y-2 sm:grid-cols-[8rem_minmax(0,1fr)]">
      <dt className="text-muted-foreground">{t("Correct answers")}</dt>
      <dd className="break-words">{row.golds.join(" · ")}</dd>
      <dt className="text-muted-foreground">{t("Given answer")}</dt>
      <dd className="max-h-64 overflow-y-auto break-words whitespace-pre-wrap">
        {row.answer || t("(empty)")}
      </dd>
      <dt className="text-muted-foreground">{t("Verdicts")}</dt>
      <dd className="flex flex-wrap gap-2">
        <Badge tone={row.judged ? "good" : "bad"}>
          {row.judged ? t("judge: yes") : t("judge: no")}
        </Badge>
        <Badge tone={row.span ? "good" : "bad"}>{row.span ? t("span: yes") : t("span: no")}</Badge>
        <span className="text-2xs text-muted-foreground">{row.judge}</span>
      </dd>
    </dl>
  );
}

interface LabelButtonsProps {
  label: boolean | null;
  save: (correct: boolean | null) => void;
}

function LabelButtons({ label, save }: LabelButtonsProps) {
  const t = useText();
  return (
    <>
      <Button
        variant={label === true ? "primary" : "outline"}
        aria-pressed={label === true}
        onClick={() => save(label === true ? null : true)}
      >
        <Check /> {t("Right (y)")}
      </Button>
      <Button
        variant={label === false ? "primary" : "outline"}
        aria-pressed={label === false}
        onClick={() => save(label === false ? null : false)}
      >
        <X /> {t("Wrong (n)")}
      </Button>
      <span className={cn("text-xs text-muted-foreground", label === null && "invisible")}>
        {t("labelled; again (u) takes it back")}
      </span>
    </>
  );
}

interface StepButtonsProps {
  isFirst: boolean;
  isLast: boolean;
  move: (by: number) => void;
}

function StepButtons({ isFirst, isLast, move }: StepButtonsProps) {
  const t = useText();
  return (
    <span className="ml-auto flex gap-1">
      <Button
        size="icon-sm"
        aria-label={t("Previous")}
        title={t("Previous (k)")}
        aria-keyshortcuts="k"
        disabled={isFirst}
        onClick={() => move(-1)}
      >
        <ChevronLeft />
      </Button>
      <Button
        size="icon-sm"
        aria-label={t("Next")}
        title={t("Next (j)")}
        aria-keyshortcuts="j"
        disabled={isLast}
        onClick={() => move(1)}
      >
        <ChevronRight />
      </Button>
    </span>
  );
}
