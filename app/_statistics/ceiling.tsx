"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Gauge } from "lucide-react";
import Link from "next/link";
import { formatInteger, formatShare } from "@/app/_lib/format";
import { useTRPC, type Leaderboard } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { ErrorState } from "@/app/_ui/states";
import { GLOSSARY } from "@/core/glossary/glossary";
import type { MethodName } from "@/contracts/records/episode";

interface Props {
  ceiling: Leaderboard["columns"][number]["ceiling"];
  /** The run whose settings the ceiling uses, and its questions. */
  launch: { like: string; questions: string; limit: number | null };
}

const GOLD: MethodName[] = ["gold"];

/**
 * What the generator answers from the gold documents alone; where that is not measured yet, a button that measures it.
 */
export function Ceiling({ ceiling, launch }: Props) {
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
        Ceiling: from the gold documents alone the generator answers{" "}
        <Link href={`/runs/${ceiling.runId}`} className="font-mono text-primary hover:underline">
          {formatShare(ceiling.mean)}
        </Link>{" "}
        ({formatShare(ceiling.low)} to {formatShare(ceiling.high)}) of{" "}
        {formatInteger(ceiling.scored)} questions
        {ceiling.scored < ceiling.expected
          ? `; ${formatInteger(ceiling.expected - ceiling.scored)} are still missing`
          : ""}
        .
      </p>
    );
  const under = measure.data ? [...measure.data.launched, ...measure.data.present][0] : undefined;
  return (
    <div className="space-y-2 text-xs text-muted-foreground" data-ceiling="none">
      {under ? (
        <p role="status">
          The ceiling is being measured:{" "}
          <Link href={`/runs/${under.runId}`} className="text-primary hover:underline">
            its run
          </Link>
          . It appears here by itself.
        </p>
      ) : (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Button
            size="sm"
            disabled={measure.isPending}
            onClick={() => measure.mutate({ methods: GOLD, ...launch })}
          >
            <Gauge /> Measure the ceiling
          </Button>
          {GLOSSARY.ceiling.text}
        </p>
      )}
      <ErrorState title="The ceiling cannot be measured" error={measure.error} />
    </div>
  );
}
