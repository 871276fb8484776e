import { useMutation, useQueryClient } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunStatistics } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { useNotify } from "@/app/_ui/toast";
import { listOutdatedRules } from "@/core/scoring/rule-scoring";

type RescoreButtonProps = {
  runId: string;
  results: readonly Pick<RunStatistics, "scorer" | "scored" | "answered">[];
};

/** Scores a run's stored answers by the present version of its rules, where they were scored by an earlier one. */
export function RescoreButton({ runId, results }: RescoreButtonProps) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const rescore = useMutation(
    trpc.scores.rescore.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(trpc.leaderboard.pathFilter()),
      onError: (error) =>
        notify(
          "bad",
          t("The answers were not scored: {reason}", { reason: t.message(error.message) }),
        ),
    }),
  );
  // A run that went on after an update has answers that the present version has not scored. Letters of options need not
  // apply to every answer.
  const whole = results.filter(
    ({ scorer, scored, answered }) => scored >= answered || scorer.startsWith("option-letter/"),
  );
  const outdated = listOutdatedRules(
    results.map(({ scorer }) => scorer),
    whole.map(({ scorer }) => scorer),
  );
  if (outdated.length === 0) return null;
  return (
    <p className="flex flex-wrap items-center gap-2 text-xs text-muted-foreground">
      {t("These answers were scored by an earlier version of {rules}.", {
        rules: outdated.join(", "),
      })}
      <Button size="sm" disabled={rescore.isPending} onClick={() => rescore.mutate({ runId })}>
        <RefreshCw /> {t("Score again")}
      </Button>
    </p>
  );
}
