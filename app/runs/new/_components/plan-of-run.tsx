"use client";
import { IndexPlan } from "@/app/_retrieval/index-plan";
import { buildPlanRequest } from "@/app/_retrieval/plan-question";
import type { IndexConfig } from "@/contracts/run-config/index-config";

/** What the indexes of an index run will cost. */
export const PlanOfRun = ({ config }: { config: IndexConfig }) => (
  <IndexPlan question={buildPlanRequest(config)} />
);
