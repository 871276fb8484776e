"use client";
import {
  formatBytes,
  formatInteger,
  formatNumber,
  formatSeconds,
  formatCount,
} from "@/app/_lib/format";
import { useFollowingTask } from "@/app/_lib/use-task";
import { Badge } from "@/app/_ui/badge";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { WarningList } from "@/app/_ui/warning-list";
import { indexPlanResultSchema, type IndexPlanResult } from "@/contracts/worker-protocol/tasks";
import { listPlanWarnings, type PlanRequest } from "./plan-question";

/** What the indexes of a run will cost. A worker answers, after measuring its speed on a sample. */
export function IndexPlan({ question }: { question: PlanRequest | string }) {
  return (
    <section aria-label="Plan" data-testid="index-plan">
      <h3 className="font-medium">Plan</h3>
      {typeof question === "string" ? (
        <p className="mt-1 text-xs text-muted-foreground">{question}</p>
      ) : (
        <RequestedPlan key={JSON.stringify(question)} question={question} />
      )}
    </section>
  );
}

/** Mounted again for each request. */
function RequestedPlan({ question }: { question: PlanRequest }) {
  const { task, failure, retry } = useFollowingTask({ kind: "index-plan", ...question });
  const result = task?.state === "succeeded" ? indexPlanResultSchema.safeParse(task.result) : null;
  return (
    <div aria-live="polite" className="mt-1">
      {failure ? (
        <ErrorState className="mt-2" title="There is no plan" error={failure} onRetry={retry} />
      ) : result?.success ? (
        <Plan plan={result.data} worker={task?.worker.name ?? ""} />
      ) : result ? (
        <ErrorState
          className="mt-2"
          title="The worker's answer could not be read"
          error={{ message: "Worker and page are of different versions: restart both." }}
        />
      ) : (
        <>
          <Progress value={task?.fraction ?? null} label="Plan" />
          <p className="mt-1 text-xs text-muted-foreground">
            {task?.detail || "Asking a worker for its pace"}
          </p>
        </>
      )}
    </div>
  );
}

function Plan({ plan, worker }: { plan: IndexPlanResult; worker: string }) {
  return (
    <div className="text-xs">
      {plan.indexes.map((index) => (
        <IndexCost key={index.index} index={index} passages={plan.passages} />
      ))}
      <WarningList className="mt-3" warnings={listPlanWarnings(plan)} />
      <p className="mt-3 text-muted-foreground">
        For {worker}: {formatBytes(plan.memoryBytes)} of memory, {formatBytes(plan.freeDiskBytes)}{" "}
        of disk free.
        {plan.indexes.some(({ passagesPerSecond }) => passagesPerSecond !== null)
          ? " The pace was measured just now; whatever else runs there slows it."
          : ""}
      </p>
    </div>
  );
}

type IndexCostProps = { index: IndexPlanResult["indexes"][number]; passages: number };

function IndexCost({ index, passages }: IndexCostProps) {
  return (
    <div className="mt-2" data-index-plan={index.index}>
      <p className="flex flex-wrap items-center gap-x-2">
        <code className="font-mono font-medium">{index.index}</code>{" "}
        <span className="text-muted-foreground">{formatInteger(passages)} passages</span>
        {index.isThere ? <Badge tone="good">is there already</Badge> : null}
      </p>
      <p className="text-muted-foreground">{index.reason}</p>
      <FactList
        className="mt-1 grid-cols-[auto_1fr] gap-x-3 gap-y-0.5"
        valueClassName="text-right font-mono"
        facts={listIndexCosts(index)}
      />
    </div>
  );
}

/** What an index costs to build and to search; an index that exists only costs to search. */
function listIndexCosts(index: IndexPlanResult["indexes"][number]): Fact[] {
  return index.isThere
    ? [["Memory to search", formatBytes(index.searchBytes)]]
    : [
        [
          "Time",
          index.passagesPerSecond === null
            ? "the vectors are there already"
            : `${formatSeconds(index.seconds)}, ${formatNumber(index.passagesPerSecond)} passages a second`,
        ],
        ...(index.trainingVectors > 0
          ? ([
              [
                "Learns from",
                `${formatCount(index.trainingVectors, "vector")}, on top of that time`,
              ],
            ] satisfies Fact[])
          : []),
        [
          "Memory to build",
          index.buildBytes === 0 ? "the encoder's only" : formatBytes(index.buildBytes),
        ],
        ["Memory to search", formatBytes(index.searchBytes)],
        ["Index file", formatBytes(index.fileBytes)],
        ["Disk while building", formatBytes(index.diskBytes)],
      ];
}
