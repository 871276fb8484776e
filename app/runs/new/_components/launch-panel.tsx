"use client";
import { keepPreviousData, skipToken, useMutation, useQuery } from "@tanstack/react-query";
import { Check, CircleAlert, CircleX, Rocket } from "lucide-react";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { useFormContext } from "react-hook-form";
import { formatCount } from "@/app/_lib/format";
import { formatIssueMessage } from "@/app/_lib/config-text";
import { useTRPC, type RunCheck } from "@/app/_lib/trpc";
import { IndexPlan } from "@/app/_retrieval/index-plan";
import { buildPlanRequest } from "@/app/_retrieval/plan-question";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { ErrorState } from "@/app/_ui/states";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { DryRun } from "./dry-run";
import { MemoryPanel } from "./memory-panel";
import type { Draft } from "@/app/_settings/draft";

type Problem = RunCheck["issues"][number];

/** How long nothing must change before the server checks the configuration. */
const CHECK_DELAY_MS = 350;

function useDelayed<T>(value: T): T {
  const [delayed, setDelayed] = useState(value);
  useEffect(() => {
    const wait = setTimeout(() => setDelayed(value), CHECK_DELAY_MS);
    return () => clearTimeout(wait);
  }, [value]);
  return delayed;
}

type LaunchPanelProps = { config: RunConfig | null; preset: string | null; onShowForm: () => void };

/** What the configuration still needs, the dry run or the index plan, and the launch. */
export function LaunchPanel({ config, preset, onShowForm }: LaunchPanelProps) {
  const trpc = useTRPC();
  const router = useRouter();
  const { getValues } = useFormContext<Draft>();
  const checkedConfig = useDelayed(config);
  const check = useQuery(
    trpc.runs.check.queryOptions(checkedConfig ? { config: checkedConfig } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  const launch = useMutation(
    trpc.runs.launch.mutationOptions({ onSuccess: ({ id }) => router.push(`/runs/${id}`) }),
  );
  const problems = config ? (check.data?.issues ?? []) : listProblems(getValues());
  const requirements = config ? (check.data?.requirements ?? []) : [];
  const unmet = requirements.filter((r) => !r.ok);
  const startable = config !== null && problems.length === 0;
  return (
    <Card className="p-4 lg:sticky lg:top-5" aria-label="Launch">
      <h2 className="font-semibold">Launch</h2>
      <ProblemList problems={problems} onShowForm={onShowForm} />
      <ul className="mt-3 min-h-12 space-y-1.5 text-xs" aria-label="What a worker must have">
        {requirements.map((requirement) => (
          <RequirementItem key={requirement.name} {...requirement} />
        ))}
        {check.isError ? <li className="text-bad">{check.error.message}</li> : null}
      </ul>
      {config && check.data?.memory ? <MemoryPanel estimates={check.data.memory} /> : null}
      <Button
        variant="primary"
        className="mt-3 w-full"
        disabled={!startable || unmet.length > 0 || launch.isPending || launch.isSuccess}
        onClick={() => config && launch.mutate({ config, preset })}
      >
        <Rocket /> {launch.isPending || launch.isSuccess ? "Launching" : "Launch"}
      </Button>
      {startable && unmet.length > 0 ? (
        <div className="mt-2 text-xs text-muted-foreground">
          <p>
            No attached worker can run this now. Attach one under Workers, or let the run wait for
            it.
          </p>
          <Button
            size="sm"
            className="mt-2"
            disabled={launch.isPending || launch.isSuccess}
            onClick={() => launch.mutate({ config, preset })}
          >
            Queue anyway
          </Button>
        </div>
      ) : null}
      <ErrorState className="mt-3" title="Not launched" error={launch.error} />
      {config?.kind === "index" ? (
        <div className="mt-4 border-t pt-4">
          <IndexPlan
            question={buildPlanRequest(checkedConfig?.kind === "index" ? checkedConfig : config)}
          />
        </div>
      ) : config === null || config.kind === "train" ? (
        <DryRun config={startable ? config : null} />
      ) : null}
    </Card>
  );
}

type ProblemListProps = { problems: readonly Problem[]; onShowForm: () => void };

/** Settings to mend; each leads to its field in the form. */
function ProblemList({ problems, onShowForm }: ProblemListProps) {
  if (problems.length === 0) return null;
  return (
    <div className="mt-2" role="status">
      <p className="flex items-center gap-1.5 text-bad">
        <CircleX className="size-4" aria-hidden /> {formatCount(problems.length, "setting")} to mend
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
                    onShowForm();
                    requestAnimationFrame(() =>
                      document.getElementById(`setting-${p.path}`)?.focus(),
                    );
                  }}
                >
                  {p.path}
                </a>
                {": "}
              </>
            )}
            {formatIssueMessage(p.message)}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What a worker must have, and whether one has it. */
function RequirementItem({ name, ok, detail }: RunCheck["requirements"][number]) {
  return (
    <li className="flex gap-2">
      {ok ? (
        <Check className="mt-0.5 size-3.5 shrink-0 text-good" aria-label="met" />
      ) : (
        <CircleAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-label="not met" />
      )}
      <span>
        <span className="font-medium">{name}</span>{" "}
        <span className="text-muted-foreground">{detail}</span>
      </span>
    </li>
  );
}

function listProblems(draft: Draft): Problem[] {
  const result = runConfigSchema.safeParse(draft);
  return result.success
    ? []
    : result.error.issues.map((i) => ({ path: i.path.join("."), message: i.message }));
}
