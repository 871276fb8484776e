"use client";
import { FlaskConical } from "lucide-react";
import {
  formatInteger,
  formatMegabytes,
  formatNumber,
  formatSeconds,
  formatShare,
  formatWords,
} from "@/app/_lib/format";
import { useTask } from "@/app/_lib/use-task";
import { Button } from "@/app/_ui/button";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { WarningList } from "@/app/_ui/warning-list";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { dryRunResultSchema, type DryRunResult } from "@/contracts/worker-protocol/tasks";

/** Runs eight questions with the exact configuration before the launch. */
export function DryRun({ config }: { config: RunConfig | null }) {
  const { task, start, cancel, running, error } = useTask();
  const failure = error ?? task?.error ?? null;
  const result = task?.state === "succeeded" ? dryRunResultSchema.safeParse(task.result) : null;
  return (
    <div className="mt-4 border-t pt-4">
      <div className="flex items-center justify-between gap-2">
        <Button
          disabled={!config || running}
          onClick={() => config && start({ kind: "dry-run", config })}
        >
          <FlaskConical /> Dry run
        </Button>
        {running ? (
          <Button size="sm" variant="ghost" onClick={cancel}>
            Stop
          </Button>
        ) : null}
      </div>
      <p className="mt-2 text-xs text-muted-foreground">
        Eight questions with exactly this configuration, in under a minute: truncation, format
        errors, memory, projected time.
      </p>
      <div aria-live="polite">
        {running ? (
          <div className="mt-3">
            <Progress value={task?.fraction ?? null} label="Dry run" />
            <p className="mt-1 text-xs text-muted-foreground">
              {task?.detail || "Asking a worker"}
            </p>
          </div>
        ) : null}
        {!running && failure ? (
          <ErrorState className="mt-3" title="The dry run failed" error={failure} />
        ) : null}
        {!running && task?.state === "cancelled" ? (
          <p className="mt-3 text-xs text-muted-foreground">Stopped.</p>
        ) : null}
        {result?.success ? <DryRunReport result={result.data} /> : null}
        {result && !result.success ? (
          <ErrorState
            className="mt-3"
            title="The worker's answer could not be read"
            error={{ message: "Worker and page are of different versions: restart both." }}
          />
        ) : null}
      </div>
    </div>
  );
}

function DryRunReport({ result }: { result: DryRunResult }) {
  return (
    <div className="mt-3" data-testid="dry-run-report">
      <WarningList className="mb-3" warnings={result.warnings} />
      {result.warnings.length === 0 ? (
        <p className="mb-3 text-xs text-good">Nothing to warn of.</p>
      ) : null}
      <FactList
        className="grid-cols-[auto_1fr] gap-x-3 gap-y-1 text-xs"
        valueClassName="text-right font-mono"
        facts={listDryRunFacts(result)}
      />
    </div>
  );
}

function listDryRunFacts(result: DryRunResult): Fact[] {
  return [
    ["Projected time", formatSeconds(result.projectedSeconds)],
    ["Per step", formatSeconds(result.secondsPerStep)],
    ["Peak memory", formatMegabytes(result.peakMemoryMb)],
    [
      "Episodes",
      `${formatInteger(result.episodes)} for ${formatInteger(result.questions)} questions, ${formatSeconds(result.seconds)}`,
    ],
    [
      "Cut by a token limit",
      `${formatInteger(result.truncated)} of ${formatInteger(result.episodes)}`,
    ],
    ["Longest episode", `${formatInteger(result.longestEpisodeTokens)} tokens`],
    [
      "Groups without variance",
      `${formatInteger(result.groupsWithoutVariance)} of ${formatInteger(result.groups)}`,
    ],
    ["Mean reward", formatNumber(result.rewardMean)],
    ["Naive RAG", formatShare(result.ragAccuracy)],
    [
      "Format errors",
      result.formatErrors.length === 0
        ? "none"
        : result.formatErrors.map((f) => `${f.count} × ${formatWords(f.error)}`).join(", "),
    ],
  ];
}
