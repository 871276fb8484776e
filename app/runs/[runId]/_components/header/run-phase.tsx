"use client";
import { Hourglass } from "lucide-react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime, formatSeconds, formatWords } from "@/app/_lib/format/format";
import { computeProgressShare, formatProgress } from "@/app/_lib/run-view";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import type { TimeLeft } from "@/core/run/time-left";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { useTimeLeft } from "./use-time-left";

/** How far the run is, or why it does not go on. Its height is the same in every state, so that nothing below moves. */
export function RunPhase({ run }: { run: RunDetail }) {
  const t = useText();
  if (run.state === "failed")
    return (
      <ErrorState
        className="mt-3"
        title={
          run.attempt > 1
            ? t("Failed after {attempt, plural, one {# attempt} other {# attempts}}", {
                attempt: run.attempt,
              })
            : t("Failed")
        }
        error={{ message: run.error ?? t("No reason was recorded.") }}
      >
        <p className="mt-2 text-xs text-muted-foreground">
          {t(
            "Mend the cause, then resume: it goes on from the last checkpoint. The logs hold what happened before.",
          )}
        </p>
      </ErrorState>
    );
  if (run.state === "queued")
    return (
      <p className="mt-3 flex min-h-10 items-center gap-2 text-muted-foreground" role="status">
        <Hourglass className="size-4" aria-hidden />{" "}
        {run.waitingFor === null
          ? t("Waiting for a worker with a free slot.")
          : t.message(run.waitingFor)}
      </p>
    );
  return <PhaseBar run={run} />;
}

/** A bar over the whole run, with what is done at the moment and the time that is left. */
function PhaseBar({ run }: { run: RunDetail }) {
  const t = useText();
  const { done, left } = useTimeLeft(run);
  const total = run.config.kind === "train" ? run.config.rl.steps : null;
  const share =
    total === null ? computeProgressShare(run.progress) : done === null ? null : done / total;
  const ended = TERMINAL_STATES.has(run.state);
  // Whether a training has come out well is said by the line above, not by its having ended.
  const tone = !ended
    ? "primary"
    : run.state === "succeeded" && total === null
      ? "good"
      : "neutral";
  return (
    <div className="mt-3 min-h-10" data-run-progress>
      <Progress
        value={run.state === "succeeded" ? 1 : share}
        label={t("Progress of the run")}
        tone={tone}
      />
      <p className="mt-1.5 flex flex-wrap gap-x-3 text-xs text-muted-foreground">
        <span className={total === null ? "text-foreground" : undefined}>
          {describePhase(t, run)}
        </span>
        {total !== null && done !== null ? (
          <span className="text-foreground">{t("Step {done} of {total}", { done, total })}</span>
        ) : null}
        {ended ? null : <span>{t.message(run.progress?.detail ?? "")}</span>}
        {left === null ? null : (
          <span className="ml-auto" data-time-left>
            {formatTimeLeft(t, left)}
          </span>
        )}
      </p>
    </div>
  );
}

/** "about 8 m 20 s left, 7 m 10 s to 9 m 40 s (90%)". */
function formatTimeLeft(t: Text, { seconds, low, high, isPartial }: TimeLeft): string {
  return [
    t("about {time} left", { time: formatSeconds(seconds) }),
    low === null || high === null
      ? null
      : t("{low} to {high} (90%)", { low: formatSeconds(low), high: formatSeconds(high) }),
    isPartial ? t("without what was not measured yet") : null,
  ]
    .filter((part) => part !== null)
    .join(", ");
}

const capitalise = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function describePhase(t: Text, run: RunDetail): string {
  const progress = formatProgress(t, run.progress);
  if (run.state === "succeeded")
    return run.endedAt
      ? t("Finished {time}", { time: formatDateTime(t, run.endedAt) })
      : t("Finished");
  if (run.state === "cancelled")
    return progress ? t("Stopped while {progress}", { progress }) : t("Stopped before it began");
  return capitalise(progress || formatWords(t, run.state));
}
