import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { TERM_TITLES } from "@/core/glossary/term-titles";
import { METHODS } from "@/core/run/methods";
import { Calculator } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatWords } from "@/app/_lib/format/format";
import type { EpisodeDetail } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { ScoreMark } from "@/app/_ui/score-mark";
import { ErrorState } from "@/app/_ui/states";
import {
  describeGoldOutcome,
  explainAttribution,
  traceGold,
  type Ledger,
} from "@/app/_episode/ledger";
import { Thoughts } from "@/app/_episode/thoughts";
import { ContextList, OutcomePart, RewardPart } from "./outcome-parts";
import { RankingOutcome } from "./ranking-outcome";
import type { TurnGains } from "./turn-gains";

type OutcomeProps = { detail: EpisodeDetail; ledger: Ledger; gains: TurnGains };

/** The outcome of an episode: answers, attribution, reward, and the documents that the generator got. */
export function Outcome({ detail, ledger, gains }: OutcomeProps) {
  const t = useText();
  const { record, question, documents } = detail;
  if (record.episode.method === "retrieval") return <RankingOutcome detail={detail} />;
  const goldTitle = new Map(detail.gold.map((g) => [g.id, g.document?.title ?? g.id]));
  const getTitle = (id: string) => goldTitle.get(id) ?? id;
  const goldOutcomes = traceGold(ledger, question.goldIds, record.episode.context);
  const explanation = explainAttribution(t, record.attribution, goldOutcomes, getTitle);
  const errors = [...new Set(record.formatErrors)];
  return (
    <Card className="divide-y lg:sticky lg:top-5" aria-label={t("Outcome")}>
      <OutcomePart title={t("Answer")}>
        <AnswerRow
          label={t(METHODS[record.episode.method].title)}
          text={record.answer?.text ?? null}
          score={record.score?.value ?? null}
          thoughts={record.answer?.usage?.thoughts}
        />
        {record.baseline ? (
          <AnswerRow
            label={t("naive RAG")}
            text={record.baseline.answer.text}
            score={record.baseline.score.value}
            thoughts={record.baseline.answer.usage?.thoughts}
          />
        ) : null}
        <div className="mt-1.5 grid grid-cols-[5rem_1fr] gap-x-2">
          <span className="text-xs text-muted-foreground">{t("gold")}</span>
          <span className="min-w-0 break-words">{question.answers.join(" | ")}</span>
        </div>
        {explanation ? (
          <p
            className={cn(
              "mt-2 rounded-md px-2.5 py-1.5 text-xs",
              record.attribution === "correct"
                ? "bg-good-soft text-good"
                : "bg-warn-soft text-warn",
            )}
          >
            {explanation}
          </p>
        ) : null}
        {errors.length > 0 ? (
          <p className="mt-2 flex flex-wrap gap-1">
            {errors.map((e) => (
              <Badge key={e} tone="warn">
                {record.formatErrors.filter((f) => f === e).length} × {formatWords(t, e)}
              </Badge>
            ))}
          </p>
        ) : null}
      </OutcomePart>
      {record.reward ? <RewardPart reward={record.reward} advantage={record.advantage} /> : null}
      {goldOutcomes.length > 0 ? (
        <OutcomePart title={t("Gold documents ({count})", { count: goldOutcomes.length })}>
          <ul className="space-y-1">
            {goldOutcomes.map((f) => (
              <li key={f.id} className="flex items-baseline justify-between gap-2">
                <span className="min-w-0 break-words">{getTitle(f.id)}</span>
                <span className={cn("shrink-0 text-xs", f.handedOver ? "text-good" : "text-warn")}>
                  {describeGoldOutcome(t, f)}
                </span>
              </li>
            ))}
          </ul>
        </OutcomePart>
      ) : null}
      <OutcomePart
        title={t(
          "Handed to the generator ({count, plural, one {# document} other {# documents}})",
          { count: record.episode.context.length },
        )}
      >
        <ContextList
          context={record.episode.context}
          documents={documents}
          goldIds={question.goldIds}
        />
      </OutcomePart>
      {record.baseline ? (
        <OutcomePart
          title={t("Naive RAG's context ({count, plural, one {# document} other {# documents}})", {
            count: record.baseline.context.length,
          })}
        >
          <ContextList
            context={record.baseline.context}
            documents={documents}
            goldIds={question.goldIds}
          />
        </OutcomePart>
      ) : null}
      {ledger.turns.some(({ query }) => query !== null) ? <TurnGainPart gains={gains} /> : null}
    </Card>
  );
}

/** What each turn gained, which is computed when it is asked for. */
function TurnGainPart({ gains }: { gains: TurnGains }) {
  const t = useText();
  return (
    <OutcomePart title={t(TERM_TITLES["turn-gain"])}>
      {gains.done ? (
        <p className="text-xs text-muted-foreground">
          {t("Shown under each turn.")}{" "}
          {gains.ceiling
            ? t.rich("With the gold documents alone: <answer>“{text}”</answer> {score}", {
                answer: (answer) => <span className="font-medium text-foreground">{answer}</span>,
                text: gains.ceiling.answer,
                score: <ScoreMarkInline score={gains.ceiling.score} />,
              })
            : null}
        </p>
      ) : (
        <>
          <p className="text-xs text-muted-foreground">{t(SHOWN_TEXTS["turn-gain"])}</p>
          <Button size="sm" className="mt-2" disabled={gains.running} onClick={gains.compute}>
            <Calculator /> {gains.running ? t("Computing") : t("Compute")}
          </Button>
        </>
      )}
      {gains.error && !gains.running ? (
        <ErrorState className="mt-2" title={t("Not computed")} error={gains.error} />
      ) : null}
    </OutcomePart>
  );
}

const ScoreMarkInline = ({ score }: { score: number }) => (
  <span className="inline-block align-middle">
    <ScoreMark score={score} />
  </span>
);

type AnswerRowProps = {
  label: string;
  text: string | null;
  score: number | null;
  thoughts: string | undefined;
};

function AnswerRow({ label, text, score, thoughts }: AnswerRowProps) {
  const t = useText();
  return (
    <div className="grid grid-cols-[5rem_1fr_auto] items-baseline gap-x-2 py-0.5">
      <span className="text-xs text-muted-foreground">{label}</span>
      <div className="min-w-0 font-medium break-words">
        {text === null ? t("no answer") : text || t("(empty)")}
        {thoughts === undefined ? null : <Thoughts text={thoughts} />}
      </div>
      <span className="self-center">
        <ScoreMark score={score} />
      </span>
    </div>
  );
}
