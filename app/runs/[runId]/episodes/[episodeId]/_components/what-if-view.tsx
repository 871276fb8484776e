"use client";
import { useQuery } from "@tanstack/react-query";
import { Play as PlayIcon } from "lucide-react";
import { useMemo, useState } from "react";
import { buildLedger } from "@/app/_episode/ledger";
import { PlayedAnswer, PlayedEpisode } from "@/app/_episode/played-episode";
import { TurnList } from "@/app/_episode/turn-list";
import { usePlay } from "@/app/_episode/use-play";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { WhatIfForm } from "./what-if-form";
import {
  buildChange,
  createDraft,
  findProblem,
  formatChange,
  readChange,
  type ChangeDraft,
} from "./episode-change";

type AnsweringConfig = Extract<RunConfig, { kind: "train" | "predict" }>;
type WhatIfViewProps = { detail: EpisodeDetail; config: AnsweringConfig };

/** The episode played again from a turn on with a change, beside how it was. Nothing of it is stored among the episodes. */
export function WhatIfView({ detail, config }: WhatIfViewProps) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const { record, question, documents } = detail;
  const ledger = useMemo(
    () => buildLedger(record.episode.steps, question.goldIds, documents),
    [record, question, documents],
  );
  const checkpoints = useQuery(
    trpc.runs.checkpoints.queryOptions({ id: detail.runId }, { enabled: config.kind === "train" }),
  );
  const begin = createDraft({
    detail,
    config,
    ledger,
    turn: Number(params.get("turn") ?? "0"),
    checkpoints: checkpoints.data ?? [],
  });
  const [edited, setEdited] = useState<ChangeDraft | null>(null);
  const draft = edited ?? readChange(params.get("change"), begin, ledger);
  const edit = (next: ChangeDraft): void => {
    setEdited(next);
    setParams({ change: formatChange(next, begin, ledger) });
  };
  const play = usePlay();
  const start = () =>
    play.start({ kind: "what-if", episodeId: detail.id, change: buildChange(draft, ledger) });
  const problem = findProblem(t, draft, ledger);
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[20rem_minmax(0,1fr)]">
      <Card className="space-y-3 px-4 py-3 xl:sticky xl:top-5" aria-label={t("What is changed")}>
        <WhatIfForm
          draft={draft}
          ledger={ledger}
          isSearch={record.episode.method === "s3"}
          config={config}
          checkpoints={checkpoints.data ?? []}
          onChange={edit}
        />
        <Button
          variant="primary"
          disabled={play.running || problem !== null}
          title={problem ?? undefined}
          onClick={start}
        >
          <PlayIcon /> {play.running ? t("Playing") : t("Play from here")}
        </Button>
        <p className="text-xs text-muted-foreground">
          {problem ??
            t(
              "Decoded greedily. What is given is read as tokens again. The result is shown here only: it is no episode of the run.",
            )}
        </p>
      </Card>
      <div className="grid min-w-0 items-start gap-4 lg:grid-cols-2">
        <section aria-label={t("As it was")} className="min-w-0 space-y-3">
          <h2 className="text-xs font-semibold text-muted-foreground">{t("As it was")}</h2>
          <PlayedAnswer record={record} />
          <TurnList label={t("Turns as they were")} ledger={ledger} answers={question.answers} />
        </section>
        <section aria-label={t("What if")} className="min-w-0 space-y-3" data-testid="what-if">
          <h2 className="flex items-center gap-2 text-xs font-semibold text-muted-foreground">
            {t("What if")} <Badge tone="warn">{t("not an episode of the run")}</Badge>
          </h2>
          <PlayedEpisode
            play={play}
            goldIds={question.goldIds}
            answers={question.answers}
            onRetry={start}
          />
        </section>
      </div>
    </div>
  );
}
