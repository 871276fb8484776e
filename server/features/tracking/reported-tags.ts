import { keepsRule, TAG } from "@/contracts/api/run-list-values";

/** Tags that mean something to MLflow's own clients and pages. */
export const NAME_TAG = "mlflow.runName";
export const NOTE_TAG = "mlflow.note.content";

/** A trainer's tags as the pages list them: "key: value". Those that clients set for themselves, and long ones, are not shown there. */
export const listShownTags = (tags: Readonly<Record<string, string>>): string[] =>
  Object.entries(tags).flatMap(([key, value]) => {
    const text = (value === "" ? key : `${key}: ${value}`).trim();
    return /^(?:mlflow|s3)\./.test(key) || text === "" || !keepsRule(text, TAG) ? [] : [text];
  });
