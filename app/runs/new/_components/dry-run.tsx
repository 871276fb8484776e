"use client";
import { FlaskConical } from "lucide-react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatInteger,
  formatMegabytes,
  formatNumber,
  formatSeconds,
  formatShare,
  formatWords,
} from "@/app/_lib/format";
import type { useTask } from "@/app/_lib/use-task";
import { Button } from "@/app/_ui/button";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { WarningList } from "@/app/_ui/warning-list";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { dryRunResultSchema, type DryRunResult } from "@/contracts/worker-protocol/tasks";

type DryRunTask = ReturnType<typeof useTask>;

/** Starts a dry run: eight questions with the exact configuration. Null where there is none to try. */
export function DryRunButton({ config, dryRun }: { config: RunConfig | null; dryRun: DryRunTask }) {
  const t = useText();
  return (
    <Button
      className="flex-1"
      disabled={!config || dryRun.running}
      onClick={() => config && dryRun.start({ kind: "dry-run", config })}
    >
      <FlaskConical /> {t("Dry run")}
    </Button>
  );
}

/** What a dry run is for, how far it is, and what it found. */
export function DryRunPanel({ dryRun }: { dryRun: DryRunTask }) {
  const t = useText();
  const { task, running, cancel, error } = dryRun;
  const failure = error ?? task?.error ?? null;
  const result = task?.state === "succeeded" ? dryRunResultSchema.safeParse(task.result) : null;
  return (
    <section className="mt-4 border-t pt-3" aria-label={t("Dry run")}>
      <p className="text-xs text-muted-foreground">
        {t(
          "Dry run: eight questions with exactly this configuration, in under a minute: truncation, format errors, memory, projected time.",
        )}
      </p>
      <div aria-live="polite">
        {running ? (
          <div className="mt-3">
            <Progress value={task?.fraction ?? null} label={t("Dry run")} />
            <p className="mt-1 flex items-center justify-between gap-2 text-xs text-muted-foreground">
              {task?.detail || t("Asking a worker")}
              <Button size="sm" variant="ghost" onClick={cancel}>
                {t("Stop")}
              </Button>
            </p>
          </div>
        ) : null}
        {!running && failure ? (
          <ErrorState className="mt-3" title={t("The dry run failed")} error={failure} />
        ) : null}
        {!running && task?.state === "cancelled" ? (
          <p className="mt-3 text-xs text-muted-foreground">{t("Stopped.")}</p>
        ) : null}
        {result?.success ? <DryRunReport result={result.data} /> : null}
        {result && !result.success ? (
          <ErrorState
            className="mt-3"
            title={t("The worker's answer could not be read")}
            error={{ message: t("Worker and page are of different versions: restart both.") }}
          />
        ) : null}
      </div>
    </section>
  );
}

function DryRunReport({ result }: { result: DryRunResult }) {
  const t = useText();
  return (
    <div className="mt-3" data-testid="dry-run-report">
      <WarningList className="mb-3" warnings={result.warnings} />
      {result.warnings.length === 0 ? (
        <p className="mb-3 text-xs text-good">{t("Nothing to warn of.")}</p>
      ) : null}
      <FactList
        className="grid-cols-[auto_1fr] gap-x-3 gap-y-1 text-xs"
        valueClassName="text-right font-mono"
        facts={listDryRunFacts(t, result)}
      />
    </div>
  );
}

function listDryRunFacts(t: Text, result: DryRunResult): Fact[] {
  return [
    [t("Projected time"), formatSeconds(result.projectedSeconds)],
    [t("Per step"), formatSeconds(result.secondsPerStep)],
    [t("Peak memory"), formatMegabytes(result.peakMemoryMb)],
    [
      t("Episodes"),
      t("{episodes} for {questions} questions, {time}", {
        episodes: formatInteger(result.episodes),
        questions: formatInteger(result.questions),
        time: formatSeconds(result.seconds),
      }),
    ],
    [
      t("Cut by a token limit"),
      t("{part} of {total}", {
        part: formatInteger(result.truncated),
        total: formatInteger(result.episodes),
      }),
    ],
    [
      t("Longest episode"),
      t("{count} tokens", { count: formatInteger(result.longestEpisodeTokens) }),
    ],
    [
      t("Groups without variance"),
      t("{part} of {total}", {
        part: formatInteger(result.groupsWithoutVariance),
        total: formatInteger(result.groups),
      }),
    ],
    [t("Mean reward"), formatNumber(result.rewardMean)],
    ...(result.ragAccuracy === null
      ? []
      : [[t("Naive RAG"), formatShare(result.ragAccuracy)] satisfies Fact]),
    ...(result.ragStored
      ? [
          [
            t("Naive RAG known from runs"),
            t("{part} of {total}", {
              part: formatInteger(result.ragStored.held),
              total: formatInteger(result.ragStored.questions),
            }),
          ] satisfies Fact,
        ]
      : []),
    [
      t("Format errors"),
      result.formatErrors.length === 0
        ? t("none")
        : result.formatErrors.map((f) => `${f.count} × ${formatWords(t, f.error)}`).join(", "),
    ],
  ];
}
