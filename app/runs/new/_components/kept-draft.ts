import { z } from "zod";
import { parseJson } from "@/app/_lib/config/parse-json";
import type { Draft } from "@/app/_settings/draft";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { discardDraft, readStoredDraft, storeDraft } from "./draft-storage";

/** Drafts of configurations, kept until they are launched or discarded. */

/** Older drafts are forgotten. */
const KEPT_MS = 30 * 24 * 3_600_000;
const storedSchema = z.object({ at: z.number(), draft: z.record(z.string(), z.unknown()) });

export interface KeptDraft {
  draft: Draft;
  /** When it was last changed, in milliseconds. */
  at: number;
}

/** The draft that was kept for a form; null where there is none. */
export function readDraft(key: string): KeptDraft | null {
  const stored = storedSchema.safeParse(parseJson(readStoredDraft(key) ?? "")).data;
  if (!stored || Date.now() - stored.at > KEPT_MS) return null;
  // Settings that were added since take their defaults.
  const { data } = runConfigSchema.safeParse(stored.draft);
  return { at: stored.at, draft: data ?? stored.draft };
}

/** Keeps a draft, unless it is what the form began with. */
export function keepDraft(key: string, draft: Draft, start: RunConfig): void {
  const text = JSON.stringify(draft);
  if (text === JSON.stringify(start)) discardDraft(key);
  else if (text !== JSON.stringify(readDraft(key)?.draft))
    storeDraft(key, JSON.stringify({ at: Date.now(), draft }));
}
