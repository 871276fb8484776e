"use client";
import { LoaderCircle, Square } from "lucide-react";
import { useMemo } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatNumber, formatSeconds } from "@/app/_lib/format/format";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { ScoreMark } from "@/app/_ui/score-mark";
import { ErrorState } from "@/app/_ui/states";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { buildLedger } from "./ledger";
import { Thoughts } from "./thoughts";
import { TurnList } from "./turn-list";
import type { Play } from "./use-play";

interface PlayedEpisodeProps {
  play: Play;
  goldIds: readonly string[];
  /** Answers that count as right, marked in the documents. */
  answers: readonly string[];
  onRetry: () => void;
}

/** A question that is played live: its answer once it is there, its turns as they come, and its failure with the reason. */
export function PlayedEpisode({ play, goldIds, answers, onRetry }: PlayedEpisodeProps) {
  const t = useText();
  const { steps, documents, record, seconds, running, failure, stopped } = play;
  const ledger = useMemo(
    () => (steps === null ? null : buildLedger(steps, goldIds, documents)),
    [steps, goldIds, documents],
  );
  const written = steps?.flatMap((step) => (step.kind === "generate" ? [step] : [])) ?? [];
  return (
    <div className="min-w-0 space-y-3" aria-busy={running}>
      <div aria-live="polite">
        {running ? <Running play={play} /> : null}
        <ErrorState title={t("This could not be played")} error={failure} onRetry={onRetry} />
        {steps === null && !running && !failure && !stopped ? (
          <p className="text-xs text-muted-foreground">{t("Nothing has been played yet.")}</p>
        ) : null}
        {stopped ? <p className="text-xs text-muted-foreground">{t("Stopped.")}</p> : null}
        {record ? <PlayedAnswer record={record} seconds={seconds} /> : null}
      </div>
      {ledger ? <TurnList label={t("Turns")} ledger={ledger} answers={answers} /> : null}
      {written.length > 0 ? (
        <details>
          <summary className="cursor-pointer text-xs text-muted-foreground">
            {t("What the model wrote")}
          </summary>
          <pre className="mt-1 overflow-x-auto font-mono text-xs leading-5 break-words whitespace-pre-wrap">
            {written.map((step) => step.text).join("\n\n")}
          </pre>
        </details>
      ) : null}
    </div>
  );
}

function Running({ play: { detail, cancel } }: { play: Play }) {
  const t = useText();
  return (
    <p className="flex min-h-8 items-center gap-2 text-xs text-muted-foreground">
      <LoaderCircle className="size-4 animate-spin" aria-hidden />
      <span className="min-w-0 flex-1">{t.message(detail) || t("waiting for a worker")}</span>
      <Button size="sm" onClick={cancel}>
        <Square /> {t("Stop")}
      </Button>
    </p>
  );
}

type PlayedAnswerProps = { record: EpisodeRecord; seconds?: number | null };

/** Answer, score and reward of an episode in a card. */
export function PlayedAnswer({ record, seconds = null }: PlayedAnswerProps) {
  const t = useText();
  const { answer, score, reward, baseline, episode } = record;
  return (
    <Card className="px-4 py-3" data-testid="played-answer">
      <p className="flex items-baseline gap-2 text-base font-semibold break-words">
        {score ? <ScoreMark score={score.value} /> : null}
        <span className="min-w-0">
          {answer === null ? t("no answer") : answer.text || t("(empty)")}
        </span>
      </p>
      {answer?.usage?.thoughts ? <Thoughts text={answer.usage.thoughts} /> : null}
      <p className="mt-1 flex flex-wrap gap-x-3 gap-y-1 text-xs text-muted-foreground">
        <span>{score ? `${score.scorer} ${formatNumber(score.value)}` : t("not scored")}</span>
        {reward ? (
          <span>{t("reward {reward}", { reward: formatNumber(reward.value) })}</span>
        ) : null}
        {baseline ? (
          <span>{t("naive RAG: “{answer}”", { answer: baseline.answer.text })}</span>
        ) : null}
        <span>{t("{count} documents handed over", { count: episode.context.length })}</span>
        {seconds === null ? null : <span>{formatSeconds(seconds)}</span>}
        {record.formatErrors.length > 0 ? (
          <Badge tone="warn">
            {t("{count} format errors", { count: record.formatErrors.length })}
          </Badge>
        ) : null}
      </p>
    </Card>
  );
}
