import { useMutation, useQueryClient } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { useNotify } from "@/app/_ui/toast";
import { listOutdatedRules } from "@/core/scoring/rule-scoring";

type RescoreButtonProps = { runId: string; scorers: readonly string[] };

/** Scores a run's stored answers by the present version of its rules, where they were scored by an earlier one. */
export function RescoreButton({ runId, scorers }: RescoreButtonProps) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const rescore = useMutation(
    trpc.scores.rescore.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(trpc.leaderboard.pathFilter()),
      onError: (error) => notify("bad", `The answers were not scored: ${error.message}`),
    }),
  );
  const outdated = listOutdatedRules(scorers);
  if (outdated.length === 0) return null;
  return (
    <p className="flex flex-wrap items-center gap-2 text-xs text-muted-foreground">
      These answers were scored by an earlier version of {outdated.join(", ")}.
      <Button size="sm" disabled={rescore.isPending} onClick={() => rescore.mutate({ runId })}>
        <RefreshCw /> Score again
      </Button>
    </p>
  );
}
