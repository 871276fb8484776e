import type { ModelRole } from "@/contracts/worker-protocol/attach";
import type { WorkerRow } from "@/contracts/api/workers";

/** What a model is wanted for. */
export type ModelUse = "text" | ModelRole;

/**
 * Names of the workers' models that can be used so, each once. A critic begins with a critic or a language model. Workers
 * of older versions do not tell what their models are for: all are listed.
 */
export const listModels = (
  workers: readonly { capabilities: Pick<WorkerRow["capabilities"], "models" | "modelRoles"> }[],
  use: ModelUse,
): string[] => [
  ...new Set(
    workers.flatMap(({ capabilities: { models, modelRoles } }) =>
      models.filter((name) => {
        if (modelRoles === undefined) return use !== "encoder" && use !== "reranker";
        const role = modelRoles[name] ?? "text";
        return role === use || (use === "critic" && role === "text");
      }),
    ),
  ),
];
