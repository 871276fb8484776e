"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Gauge } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import { useTRPC, type Leaderboard } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { ErrorState } from "@/app/_ui/states";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import type { QuestionChoice } from "@/contracts/run-config/question-choice";
import type { MethodName } from "@/contracts/records/episode";

interface Props {
  ceiling: Leaderboard["columns"][number]["ceiling"];
  /** The run whose settings the ceiling uses, and its questions. */
  launch: { like: string; questions: string } & QuestionChoice;
}

const GOLD: MethodName[] = ["gold"];

/**
 * What the generator answers from the gold documents alone; where that is not measured yet, a button that measures it.
 */
export function Ceiling({ ceiling, launch }: Props) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const measure = useMutation(
    trpc.leaderboard.launch.mutationOptions({
      onSuccess: () => void queryClient.invalidateQueries(trpc.leaderboard.pathFilter()),
    }),
  );
  if (ceiling)
    return (
      <p className="text-xs text-muted-foreground" data-ceiling={ceiling.runId}>
        {t.rich(
          "Ceiling: from the gold documents alone the generator answers <run>{mean}</run> ({low} to {high}) of {scored} questions{missing, plural, =0 {} other {; # are still missing}}.",
          {
            run: (mean) => (
              <Link
                href={`/runs/${ceiling.runId}`}
                className="font-mono text-primary hover:underline"
              >
                {mean}
              </Link>
            ),
            mean: formatShare(ceiling.mean),
            low: formatShare(ceiling.low),
            high: formatShare(ceiling.high),
            scored: formatInteger(ceiling.scored),
            missing: Math.max(0, ceiling.expected - ceiling.scored),
          },
        )}
      </p>
    );
  const { launched = [], present = [], rescored = [] } = measure.data ?? {};
  const under = [...launched, ...present, ...rescored][0];
  return (
    <div className="space-y-2 text-xs text-muted-foreground" data-ceiling="none">
      {under ? (
        <p role="status">
          {t.rich("The ceiling is being measured: <run>its run</run>. It appears here by itself.", {
            run: (text) => (
              <Link href={`/runs/${under.runId}`} className="text-primary hover:underline">
                {text}
              </Link>
            ),
          })}
        </p>
      ) : (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Button
            size="sm"
            disabled={measure.isPending}
            onClick={() => measure.mutate({ methods: GOLD, ...launch })}
          >
            <Gauge /> {t("Measure the ceiling")}
          </Button>
          {t(SHOWN_TEXTS.ceiling)}
        </p>
      )}
      <ErrorState title={t("The ceiling cannot be measured")} error={measure.error} />
    </div>
  );
}
