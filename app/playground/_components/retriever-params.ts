import { z } from "zod";
import type { Text } from "@/app/_i18n/format-text";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";
import { parseJson } from "@/app/_lib/config/parse-json";
import { compactRetriever, RETRIEVER_PRESETS } from "@/app/_lib/config/retriever-presets";
import {
  retrieverSchema,
  searchesLocally,
  type RetrieverConfig,
} from "@/contracts/run-config/retriever";
import { MAX_COLUMNS } from "./playground-address";

/** The retrievers in the playground's address: loaded once its form answers, as their settings need schemas. */

export { RETRIEVER_PRESETS, searchesLocally };

export const DEFAULT_RETRIEVERS: readonly RetrieverConfig[] = RETRIEVER_PRESETS.slice(0, 2).map(
  (preset) => preset.config,
);

const compactListSchema = z.array(retrieverSchema).min(1).max(MAX_COLUMNS);

const compact = (retrievers: readonly RetrieverConfig[]): string =>
  JSON.stringify(retrievers.map(compactRetriever));

/** As the address holds them, by what differs from their defaults; null where they are those that stand there at first. */
export function writeRetrievers(retrievers: readonly RetrieverConfig[]): string | null {
  const text = compact(retrievers);
  return text === compact(DEFAULT_RETRIEVERS) ? null : text;
}

/** @param text of the address; null: none. Retrievers that cannot be read take the default, and `problems` says why. */
export function readRetrievers(
  t: Text,
  text: string | null,
): { retrievers: readonly RetrieverConfig[]; problems: string[] } {
  if (text === null) return { retrievers: DEFAULT_RETRIEVERS, problems: [] };
  const parsed = compactListSchema.safeParse(parseJson(text));
  if (parsed.success) return { retrievers: parsed.data, problems: [] };
  const reasons = parsed.error.issues
    .map((i) => [i.path.join("."), formatIssueMessage(t, i.message)].filter(Boolean).join(": "))
    .join("; ");
  return {
    retrievers: DEFAULT_RETRIEVERS,
    problems: [t("the retrievers (r) could not be read: {reasons}", { reasons })],
  };
}
