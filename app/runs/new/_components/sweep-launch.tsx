"use client";
import { keepPreviousData, skipToken, useMutation, useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleX, Rocket } from "lucide-react";
import { useRouter } from "next/navigation";
import { useMemo } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { ErrorState } from "@/app/_ui/states";
import { describeRequirement } from "@/core/run/requirement-texts";
import { LaunchCard } from "./launch-card";
import type { ReadSweep } from "./sweep-draft";

const createKey = (_spec: string): string => crypto.randomUUID();

interface SweepLaunchProps {
  sweep: ReadSweep;
  preset: string | null;
  onLaunched: () => void;
}

/** How many runs the sweep makes, each by its name, before it is launched. */
export function SweepLaunch({ sweep, preset, onLaunched }: SweepLaunchProps) {
  const t = useText();
  const trpc = useTRPC();
  const router = useRouter();
  const first = sweep.ok ? sweep.runs[0]?.config : undefined;
  const check = useQuery(
    trpc.runs.check.queryOptions(first ? { config: first } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  const launch = useMutation(
    trpc.sweeps.launch.mutationOptions({
      onSuccess: ({ id }) => {
        onLaunched();
        router.push(`/sweeps/${id}`);
      },
    }),
  );
  const spec = sweep.ok ? JSON.stringify(sweep.spec) : "";
  // One key for one sweep: a second click, or a request that is sent again, makes no second sweep.
  const key = useMemo(() => createKey(spec), [spec]);
  const unmet = (check.data?.requirements ?? []).filter((requirement) => !requirement.ok);
  const busy = launch.isPending || launch.isSuccess;
  return (
    <LaunchCard
      isBlocked={!sweep.ok}
      buttons={
        <Button
          variant="primary"
          className="flex-1"
          disabled={!sweep.ok || busy}
          onClick={() => sweep.ok && launch.mutate({ spec: sweep.spec, preset, key })}
        >
          <Rocket />{" "}
          {busy
            ? t("Launching")
            : sweep.ok
              ? t("Launch {runs, plural, one {# run} other {# runs}}", { runs: sweep.runs.length })
              : t("Launch")}
        </Button>
      }
    >
      {sweep.ok ? (
        <>
          <p className="mt-2" data-sweep-runs={sweep.runs.length} aria-live="polite">
            {t("{runs, plural, one {# run} other {# runs}}", { runs: sweep.runs.length })}
          </p>
          <ol
            className="mt-2 max-h-80 list-decimal space-y-1 overflow-y-auto pl-6 text-xs text-muted-foreground"
            aria-label={t("Runs of the sweep")}
          >
            {sweep.runs.map((run) => (
              <li key={run.name} className="break-words">
                {run.name}
              </li>
            ))}
          </ol>
        </>
      ) : (
        <div className="mt-2" role="status">
          <p className="flex items-center gap-1.5 text-bad">
            <CircleX className="size-4" aria-hidden /> {t("Not yet a sweep")}
          </p>
          <ul className="mt-1 space-y-1 text-xs break-words">
            {sweep.problems.map((problem) => (
              <li key={problem}>{formatIssueMessage(t, problem)}</li>
            ))}
          </ul>
        </div>
      )}
      {unmet.length > 0 ? (
        <ul className="mt-3 space-y-1.5 text-xs" aria-label={t("What a worker must have")}>
          {unmet.map((requirement) => {
            const { name, detail } = describeRequirement(t, requirement);
            return (
              <li key={requirement.name} className="flex gap-2">
                <CircleAlert
                  className="mt-0.5 size-3.5 shrink-0 text-warn"
                  aria-label={t("not met")}
                />
                <span>
                  <span className="font-medium">{name}</span>{" "}
                  <span className="text-muted-foreground">
                    {t("{detail}; the runs wait for it", { detail })}
                  </span>
                </span>
              </li>
            );
          })}
        </ul>
      ) : null}
      <ErrorState className="mt-3" title={t("Nothing launched")} error={launch.error} />
    </LaunchCard>
  );
}
