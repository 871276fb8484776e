"use client";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatInteger,
  formatMegabytes,
  formatNumber,
  formatSeconds,
  formatShare,
  formatWords,
} from "@/app/_lib/format/format";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { ErrorState } from "@/app/_ui/states";
import { WarningList } from "@/app/_ui/warning-list";
import { dryRunResultSchema, type DryRunResult } from "@/contracts/worker-protocol/tasks";

/** What a dry run found, by the worker's answer. */
export function DryRunReport({ answer }: { answer: unknown }) {
  const t = useText();
  const { data: result } = dryRunResultSchema.safeParse(answer);
  if (result === undefined)
    return (
      <ErrorState
        className="mt-3"
        title={t("The worker's answer could not be read")}
        error={{ message: t("Worker and page are of different versions: restart both.") }}
      />
    );
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
