"use client";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes, formatInteger, formatNumber, formatSeconds } from "@/app/_lib/format/format";
import { useFollowingTask } from "@/app/_lib/live/use-task";
import { Badge } from "@/app/_ui/badge";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { WarningList } from "@/app/_ui/warning-list";
import { indexPlanResultSchema, type IndexPlanResult } from "@/contracts/worker-protocol/tasks";
import { listPlanWarnings, type PlanRequest } from "./plan-question";

/** What the indexes of a run will cost. A worker answers, after measuring its speed on a sample. */
export function IndexPlan({ question }: { question: PlanRequest | string }) {
  const t = useText();
  return (
    <section aria-label={t("Plan")} data-testid="index-plan">
      <h3 className="font-medium">{t("Plan")}</h3>
      {typeof question === "string" ? (
        <p className="mt-1 text-xs text-muted-foreground">{t(question)}</p>
      ) : (
        <RequestedPlan key={JSON.stringify(question)} question={question} />
      )}
    </section>
  );
}

/** Mounted again for each request. */
function RequestedPlan({ question }: { question: PlanRequest }) {
  const t = useText();
  const { task, failure, retry } = useFollowingTask({ kind: "index-plan", ...question });
  const result = task?.state === "succeeded" ? indexPlanResultSchema.safeParse(task.result) : null;
  return (
    <div aria-live="polite" className="mt-1">
      {failure ? (
        <ErrorState
          className="mt-2"
          title={t("There is no plan")}
          error={failure}
          onRetry={retry}
        />
      ) : result?.success ? (
        <Plan plan={result.data} worker={task?.worker.name ?? ""} />
      ) : result ? (
        <ErrorState
          className="mt-2"
          title={t("The worker's answer could not be read")}
          error={{ message: t("Worker and page are of different versions: restart both.") }}
        />
      ) : (
        <>
          <Progress value={task?.fraction ?? null} label={t("Plan")} />
          <p className="mt-1 text-xs text-muted-foreground">
            {t.message(task?.detail ?? "") || t("Asking a worker for its pace")}
          </p>
        </>
      )}
    </div>
  );
}

function Plan({ plan, worker }: { plan: IndexPlanResult; worker: string }) {
  const t = useText();
  return (
    <div className="text-xs">
      {plan.indexes.map((index) => (
        <IndexCost key={index.index} index={index} passages={plan.passages} />
      ))}
      <WarningList className="mt-3" warnings={listPlanWarnings(t, plan)} />
      <p className="mt-3 text-muted-foreground">
        {t("For {worker}: {memory} of memory, {disk} of disk free.", {
          worker,
          memory: formatBytes(plan.memoryBytes),
          disk: formatBytes(plan.freeDiskBytes),
        })}
        {plan.indexes.some(({ passagesPerSecond }) => passagesPerSecond !== null)
          ? ` ${t("The pace was measured just now; whatever else runs there slows it.")}`
          : ""}
      </p>
    </div>
  );
}

type IndexCostProps = { index: IndexPlanResult["indexes"][number]; passages: number };

function IndexCost({ index, passages }: IndexCostProps) {
  const t = useText();
  return (
    <div className="mt-2" data-index-plan={index.index}>
      <p className="flex flex-wrap items-center gap-x-2">
        <code className="font-mono font-medium">{index.index}</code>{" "}
        <span className="text-muted-foreground">
          {t("{passages} passages", { passages: formatInteger(passages) })}
        </span>
        {index.isThere ? <Badge tone="good">{t("is there already")}</Badge> : null}
      </p>
      <p className="text-muted-foreground">{t.message(index.reason)}</p>
      <FactList
        className="mt-1 grid-cols-[auto_1fr] gap-x-3 gap-y-0.5"
        valueClassName="text-right font-mono"
        facts={listIndexCosts(t, index)}
      />
    </div>
  );
}

/** What an index costs to build and to search; an index that exists only costs to search. */
function listIndexCosts(t: Text, index: IndexPlanResult["indexes"][number]): Fact[] {
  return index.isThere
    ? [[t("Memory to search"), formatBytes(index.searchBytes)]]
    : [
        [
          t("Time"),
          index.passagesPerSecond === null
            ? t("the vectors are there already")
            : t("{duration}, {pace} passages a second", {
                duration: formatSeconds(index.seconds),
                pace: formatNumber(index.passagesPerSecond),
              }),
        ],
        ...(index.trainingVectors > 0
          ? ([
              [
                t("Learns from"),
                t("{count, plural, one {# vector} other {# vectors}}, on top of that time", {
                  count: index.trainingVectors,
                }),
              ],
            ] satisfies Fact[])
          : []),
        [
          t("Memory to build"),
          index.buildBytes === 0 ? t("the encoder's only") : formatBytes(index.buildBytes),
        ],
        [t("Memory to search"), formatBytes(index.searchBytes)],
        [t("Index file"), formatBytes(index.fileBytes)],
        [t("Disk while building"), formatBytes(index.diskBytes)],
      ];
}
