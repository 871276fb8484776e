import { z } from "zod";
import { formatContents, parseContents } from "./corpus";

/**
 * The /retrieve dialect of upstream's retrieval server (s3/search/retrieval_server.py): a batch of queries in, a ranked
 * list for each out. Upstream's server fails where `return_scores` is false; ours answers bare documents then.
 */

export const RETRIEVE_LIMITS = {
  /** Queries in one request. */
  queries: 512,
  /** Characters of a query; the encoder reads its first tokens only, but nothing shorter is cut silently. */
  queryCharacters: 200_000,
  topk: 1000,
} as const;

export const retrieveRequest = z.object({
  queries: z
    .array(z.string().max(RETRIEVE_LIMITS.queryCharacters, `a query has at most ${RETRIEVE_LIMITS.queryCharacters} characters`))
    .min(1, "needs at least one query")
    .max(RETRIEVE_LIMITS.queries, `at most ${RETRIEVE_LIMITS.queries} queries in one request`),
  topk: z.int().min(1).max(RETRIEVE_LIMITS.topk).nullish().transform((k) => k ?? 3),
  return_scores: z.boolean().default(false),
});
export type RetrieveRequest = z.output<typeof retrieveRequest>;

/** A document on the wire: title and text in one field, as upstream's corpora hold them. Other fields are ignored. */
export const wireDocument = z.object({ id: z.union([z.string(), z.int().transform(String)]), contents: z.string() });
export type WireDocument = z.output<typeof wireDocument>;

export const scoredWireDocument = z.object({ document: wireDocument, score: z.number() });

export const retrieveResponseWithScores = z.object({ result: z.array(z.array(scoredWireDocument)) });
export const retrieveResponse = z.object({ result: z.array(z.array(wireDocument)) });

export const retrieveError = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** GET /metrics. Times in milliseconds, over the latest requests; null before the first. */
export const retrieveMetrics = z.object({
  uptimeSeconds: z.number(),
  requests: z.int(),
  queries: z.int(),
  errors: z.int(),
  refused: z.int(),
  batches: z.int(),
  waitingQueries: z.int(),
  latencyMs: z.object({ p50: z.number().nullable(), p99: z.number().nullable() }),
});
export type RetrieveMetrics = z.output<typeof retrieveMetrics>;

export function toWireDocument({ id, title, text }: { id: string; title: string; text: string }): WireDocument {
  return { id, contents: formatContents({ title, text }) };
}

export function fromWireDocument({ id, contents }: WireDocument): { id: string; title: string; text: string } {
  return { id, ...parseContents(contents) };
}
