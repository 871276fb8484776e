"use client";
import { keepPreviousData, skipToken, useMutation, useQuery } from "@tanstack/react-query";
import { Check, CircleAlert, CircleX, Rocket } from "lucide-react";
import { useRouter } from "next/navigation";
import { useFormContext } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";
import { useTRPC, type RunCheck } from "@/app/_lib/live/trpc";
import { useDelayed } from "@/app/_lib/hooks/use-delayed";
import { useTask } from "@/app/_lib/live/use-task";
import { Button } from "@/app/_ui/button";
import { defer } from "@/app/_ui/deferred";
import { deferPart } from "@/app/_ui/optional-part";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import type { CheckedRequirement } from "@/contracts/records/requirement";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { describeRequirement } from "@/core/run/requirement-texts";
import { DryRunButton, DryRunPanel } from "./dry-run";
import { LaunchCard } from "./launch-card";
import { ProjectedTime } from "./projected-time";
import type { FormRules } from "./rules";
import type { Draft } from "@/app/_settings/draft";

/** Of a training alone, and only once the server has checked it. */
const memoryPanel = defer(() => import("./memory-panel"));
const PlanOfRun = deferPart(
  () => import("./plan-of-run").then((m) => m.PlanOfRun),
  () => <Skeleton className="h-24" />,
);

type Problem = RunCheck["issues"][number];

/** How long nothing must change before the server checks the configuration. */
const CHECK_DELAY_MS = 350;

interface LaunchPanelProps {
  config: RunConfig | null;
  /** Null while what validates the settings is loaded. */
  rules: FormRules | null;
  preset: string | null;
  onLaunched: () => void;
  onShowSetting: (path: string) => void;
}

/** The launch and the dry run, in sight wherever one is in the form, with what the configuration still needs. */
export function LaunchPanel({
  config,
  rules,
  preset,
  onLaunched,
  onShowSetting,
}: LaunchPanelProps) {
  const t = useText();
  const trpc = useTRPC();
  const router = useRouter();
  const { getValues } = useFormContext<Draft>();
  const checkedConfig = useDelayed(config, CHECK_DELAY_MS);
  const check = useQuery(
    trpc.runs.check.queryOptions(checkedConfig ? { config: checkedConfig } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  const launch = useMutation(
    trpc.runs.launch.mutationOptions({
      onSuccess: ({ id }) => {
        onLaunched();
        router.push(`/runs/${id}`);
      },
    }),
  );
  const dryRun = useTask();
  const problems = config ? (check.data?.issues ?? []) : (rules?.listProblems(getValues()) ?? []);
  const requirements = config ? (check.data?.requirements ?? []) : [];
  const unmet = requirements.filter((r) => !r.ok);
  const startable = config !== null && problems.length === 0;
  const launching = launch.isPending || launch.isSuccess;
  // What the check brings comes at once: each part of it would push the next away.
  const isTraining = config?.kind === "train";
  // Without its script the run can be launched all the same.
  const memory = memoryPanel.useOptionalModule(isTraining);
  const isUnchecked = config !== null && check.isPending;
  const canDryRun = config === null || config.kind === "train";
  return (
    <LaunchCard
      isBlocked={problems.length > 0 || (startable && unmet.length > 0)}
      buttons={
        <>
          <Button
            variant="primary"
            className="flex-1"
            disabled={!startable || unmet.length > 0 || launching}
            onClick={() => config && launch.mutate({ config, preset })}
          >
            <Rocket /> {launching ? t("Launching") : t("Launch")}
          </Button>
          {canDryRun ? <DryRunButton config={startable ? config : null} dryRun={dryRun} /> : null}
        </>
      }
    >
      <p className="mt-2 text-xs text-muted-foreground">
        <ProjectedTime config={checkedConfig} />
      </p>
      {check.data?.baselines ? <KnownBaselines {...check.data.baselines} /> : null}
      <ProblemList problems={problems} onShowSetting={onShowSetting} />
      <ErrorState className="mt-3" title={t("Not launched")} error={launch.error} />
      {isUnchecked ? <Skeleton className="mt-3 h-60" /> : null}
      <ul
        className="mt-3 space-y-1.5 text-xs"
        hidden={isUnchecked}
        aria-label={t("What a worker must have")}
      >
        {requirements.map((requirement) => (
          <RequirementItem key={requirement.name} requirement={requirement} />
        ))}
        {check.isError ? <li className="text-bad">{t.message(check.error.message)}</li> : null}
      </ul>
      {startable && unmet.length > 0 ? (
        <div className="mt-2 text-xs text-muted-foreground">
          <p>
            {t(
              "No attached worker can run this now. Attach one under Workers, or let the run wait for it.",
            )}
          </p>
          <Button
            size="sm"
            className="mt-2"
            disabled={launching}
            onClick={() => launch.mutate({ config, preset })}
          >
            {t("Queue anyway")}
          </Button>
        </div>
      ) : null}
      {config?.kind === "train" && memory && !isUnchecked ? (
        <memory.MemoryPanel
          config={checkedConfig?.kind === "train" ? checkedConfig : config}
          estimates={check.data?.memory ?? []}
          unjoined={check.data?.unjoined ?? []}
        />
      ) : null}
      {config?.kind === "index" ? (
        <div className="mt-4 border-t pt-4">
          <PlanOfRun config={checkedConfig?.kind === "index" ? checkedConfig : config} />
        </div>
      ) : null}
      {canDryRun && !isUnchecked ? <DryRunPanel dryRun={dryRun} /> : null}
    </LaunchCard>
  );
}

/** What a training run need not retrieve for nor answer by naive RAG, as the runs of `rl.ragRuns` hold it. */
function KnownBaselines({ known, questions }: NonNullable<RunCheck["baselines"]>) {
  const t = useText();
  return (
    <p className={cn("mt-2 text-xs", known < questions ? "text-warn" : "text-muted-foreground")}>
      {t(
        "Naive RAG from runs: they hold {known} of {questions} training questions ({share}); the others are retrieved for and answered in the run.",
        {
          known: formatInteger(known),
          questions: formatInteger(questions),
          share: questions === 0 ? "0%" : formatShare(known / questions),
        },
      )}
    </p>
  );
}

type ProblemListProps = {
  problems: readonly Problem[];
  onShowSetting: (path: string) => void;
};

/** Settings to mend; each leads to its field in the form. */
function ProblemList({ problems, onShowSetting }: ProblemListProps) {
  const t = useText();
  if (problems.length === 0) return null;
  return (
    <div className="mt-2" role="status">
      <p className="flex items-center gap-1.5 text-bad">
        <CircleX className="size-4" aria-hidden />
        {t("{problems, plural, one {# setting} other {# settings}} to mend", {
          problems: problems.length,
        })}
      </p>
      <ul className="mt-1 space-y-1 text-xs">
        {problems.map((p) => (
          <li key={`${p.path} ${p.message}`}>
            {p.path === "" ? null : (
              <>
                <a
                  href={`#setting-${p.path}`}
                  className="font-mono font-medium underline decoration-dotted underline-offset-2"
                  onClick={(e) => {
                    e.preventDefault();
                    onShowSetting(p.path);
                  }}
                >
                  {p.path}
                </a>
                {": "}
              </>
            )}
            {formatIssueMessage(t, p.message)}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What a worker must have, and whether one has it. */
function RequirementItem({ requirement }: { requirement: CheckedRequirement }) {
  const t = useText();
  const { name, detail } = describeRequirement(t, requirement);
  return (
    <li className="flex gap-2">
      {requirement.ok ? (
        <Check className="mt-0.5 size-3.5 shrink-0 text-good" aria-label={t("met")} />
      ) : (
        <CircleAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-label={t("not met")} />
      )}
      <span>
        <span className="font-medium">{name}</span>{" "}
        <span className="text-muted-foreground">{detail}</span>
      </span>
    </li>
  );
}
