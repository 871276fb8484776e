"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { Badge, type BadgeTone } from "@/app/_ui/badge";
import { Skeleton } from "@/app/_ui/states";
import type { LearningVerdict } from "@/contracts/api/learning";
import { formatLearningEvidence, LEARNING_TITLES } from "@/core/run/learning";

const TONES: Record<LearningVerdict, BadgeTone> = {
  learns: "good",
  "no-difference": "neutral",
  worse: "bad",
  "nothing-to-learn": "warn",
  collapsed: "bad",
  "too-early": "neutral",
  unknown: "neutral",
};

/** Whether a training run learns, with the evidence, in one line. Imported runs have no evaluations of ours to tell by. */
export function LearningLine({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.runs.learning.queryOptions({ ids: [run.id] }));
  if (query.isPending) return <Skeleton className="mt-2 h-5 w-96 max-w-full" />;
  const learning = query.data?.[run.id];
  if (!learning) return null;
  return (
    <p
      className="mt-2 flex min-h-5 flex-wrap items-center gap-x-2 gap-y-1"
      data-learning={learning.verdict}
      role="status"
    >
      <Badge tone={TONES[learning.verdict]} className="text-xs">
        {t(LEARNING_TITLES[learning.verdict])}
      </Badge>
      <span>{formatLearningEvidence(t, learning)}</span>
      {learning.difference ? (
        <span className="text-xs text-muted-foreground">
          {t("step {toStep} against step {fromStep}, question by question", {
            toStep: learning.difference.toStep,
            fromStep: learning.difference.fromStep,
          })}
        </span>
      ) : null}
    </p>
  );
}
