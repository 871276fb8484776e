import { zodResolver } from "@hookform/resolvers/zod";
import type { z } from "zod";
import type { RunCheck } from "@/app/_lib/live/trpc";
import type { Draft } from "@/app/_settings/draft";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";

/** What the form needs the schemas of configurations for: `formRules` (rules.ts) loads it once the page answers. */

export {
  buildBranchConfig,
  buildPredictConfig,
  convertKind,
} from "@/app/_lib/config/config-conversion";
export { buildDefaultConfig } from "@/core/run/settings";
export { keepDraft, readDraft } from "./kept-draft";
export { runConfigSchema };

/** The schema parses anything; here its input is typed as what the form holds. */
export const resolveDraft = zodResolver(runConfigSchema as unknown as z.ZodType<RunConfig, Draft>);

/** What is wrong with a draft, each with the path of its setting. */
export function listProblems(draft: Draft): RunCheck["issues"] {
  const result = runConfigSchema.safeParse(draft);
  return result.success
    ? []
    : result.error.issues.map((i) => ({ path: i.path.join("."), message: i.message }));
}
